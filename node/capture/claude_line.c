/* Reads a Claude Code transcript line and the usage in it. Which of several lines counts is
 * claude_response.c's matter. */
#include "claude_line.h"

#include <tally/money.h>

static const capture_field line_fields[CLAUDE_FIELDS] = {
    [CLAUDE_TYPE] = CAPTURE_FIELD("type"),
    [CLAUDE_SUBTYPE] = CAPTURE_FIELD("subtype"),
    [CLAUDE_UUID] = CAPTURE_FIELD("uuid"),
    [CLAUDE_SESSION] = CAPTURE_FIELD("sessionId"),
    [CLAUDE_TIMESTAMP] = CAPTURE_FIELD("timestamp"),
    [CLAUDE_CWD] = CAPTURE_FIELD("cwd"),
    [CLAUDE_BRANCH] = CAPTURE_FIELD("gitBranch"),
    [CLAUDE_VERSION] = CAPTURE_FIELD("version"),
    [CLAUDE_ENTRYPOINT] = CAPTURE_FIELD("entrypoint"),
    [CLAUDE_SIDECHAIN] = CAPTURE_FIELD("isSidechain"),
    [CLAUDE_META] = CAPTURE_FIELD("isMeta"),
    [CLAUDE_COMPACT_SUMMARY] = CAPTURE_FIELD("isCompactSummary"),
    [CLAUDE_TRANSCRIPT_ONLY] = CAPTURE_FIELD("isVisibleInTranscriptOnly"),
    [CLAUDE_AGENT] = CAPTURE_FIELD("agentId"),
    [CLAUDE_PROMPT_SOURCE] = CAPTURE_FIELD("promptSource"),
    [CLAUDE_ORIGIN] = CAPTURE_FIELD("origin"),
    [CLAUDE_API_ERROR] = CAPTURE_FIELD("isApiErrorMessage"),
    [CLAUDE_REQUEST] = CAPTURE_FIELD("requestId"),
    [CLAUDE_BLOCK_INDEX] = CAPTURE_FIELD("apiBlockIndex"),
    [CLAUDE_COST_USD] = CAPTURE_FIELD("costUSD"),
    [CLAUDE_ADVISOR_MODEL] = CAPTURE_FIELD("advisorModel"),
    [CLAUDE_MESSAGE] = CAPTURE_FIELD("message"),
    [CLAUDE_TOOL_RESULT] = CAPTURE_FIELD("toolUseResult"),
    [CLAUDE_SOURCE_TOOL] = CAPTURE_FIELD("sourceToolUseID"),
    [CLAUDE_ATTACHMENT] = CAPTURE_FIELD("attachment"),
    [CLAUDE_CONTENT] = CAPTURE_FIELD("content"),
    [CLAUDE_AI_TITLE] = CAPTURE_FIELD("aiTitle"),
    [CLAUDE_CUSTOM_TITLE] = CAPTURE_FIELD("customTitle"),
    [CLAUDE_SUMMARY] = CAPTURE_FIELD("summary"),
    [CLAUDE_LEAF] = CAPTURE_FIELD("leafUuid"),
    [CLAUDE_RELOCATED_CWD] = CAPTURE_FIELD("relocatedCwd"),
    [CLAUDE_WORKTREE] = CAPTURE_FIELD("worktreeSession"),
};

int claude_line_read(tally_span text, uint64_t number, uint64_t offset, claude_line *out,
                     const char **why) {
    tally_json object;
    int rc = tally_json_parse_indexed(text, &out->index, &object);
    if (rc != 0) {
        *why = rc == TALLY_ELIMIT ? "nested too deeply" : "not JSON";
        return TALLY_EFORMAT;
    }
    if (object.type != TALLY_JSON_OBJECT) {
        *why = "not a JSON object";
        return TALLY_EFORMAT;
    }
    capture_pick(&object, line_fields, CLAUDE_FIELDS, out->field);
    out->number = number;
    out->offset = offset;
    out->time_ms = 0;
    out->has_time = capture_time(&out->field[CLAUDE_TIMESTAMP], &out->time_ms);
    out->sidechain = capture_is_true(&out->field[CLAUDE_SIDECHAIN]);
    return 0;
}

enum usage_field {
    USAGE_INPUT,
    USAGE_OUTPUT,
    USAGE_READ,
    USAGE_WRITE,
    USAGE_WRITE_BY_AGE,
    USAGE_OUTPUT_DETAILS,
    USAGE_SERVER_TOOLS,
    USAGE_TIER,
    USAGE_SPEED,
    USAGE_GEO,
    USAGE_ITERATIONS,
    USAGE_FIELDS
};

static const capture_field usage_fields[USAGE_FIELDS] = {
    [USAGE_INPUT] = CAPTURE_FIELD("input_tokens"),
    [USAGE_OUTPUT] = CAPTURE_FIELD("output_tokens"),
    [USAGE_READ] = CAPTURE_FIELD("cache_read_input_tokens"),
    [USAGE_WRITE] = CAPTURE_FIELD("cache_creation_input_tokens"),
    [USAGE_WRITE_BY_AGE] = CAPTURE_FIELD("cache_creation"),
    [USAGE_OUTPUT_DETAILS] = CAPTURE_FIELD("output_tokens_details"),
    [USAGE_SERVER_TOOLS] = CAPTURE_FIELD("server_tool_use"),
    [USAGE_TIER] = CAPTURE_FIELD("service_tier"),
    [USAGE_SPEED] = CAPTURE_FIELD("speed"),
    [USAGE_GEO] = CAPTURE_FIELD("inference_geo"),
    [USAGE_ITERATIONS] = CAPTURE_FIELD("iterations"),
};

static uint32_t read_tier(const tally_json *field) {
    uint32_t tier = 0;
    if (tally_json_string_is(&field[USAGE_SPEED], "fast")) tier |= TALLY_TIER_FAST;
    if (tally_json_string_is(&field[USAGE_GEO], "us")) tier |= TALLY_TIER_US;
    if (tally_json_string_is(&field[USAGE_TIER], "batch")) tier |= TALLY_TIER_BATCH;
    return tier;
}

/* Cache writes (agent-logs 3.6 rule 7): the breakdown by age wins, an unlabelled remainder is
 * 5-minute. */
static const char *read_writes(const tally_json *field, tally_usage *usage) {
    static const capture_field ages[] = {CAPTURE_FIELD("ephemeral_5m_input_tokens"),
                                         CAPTURE_FIELD("ephemeral_1h_input_tokens")};
    tally_json age[2];
    uint64_t flat;
    capture_pick(&field[USAGE_WRITE_BY_AGE], ages, 2, age);
    if (!capture_count(&field[USAGE_WRITE], &flat))
        return "cache_creation_input_tokens is not a count";
    if (!capture_count(&age[0], &usage->cache_write_5m))
        return "ephemeral_5m_input_tokens is not a count";
    if (!capture_count(&age[1], &usage->cache_write_1h))
        return "ephemeral_1h_input_tokens is not a count";
    uint64_t labelled = usage->cache_write_5m + usage->cache_write_1h; /* each is at most 2^53 */
    if (flat > labelled) usage->cache_write_5m += flat - labelled;
    return NULL;
}

/* The counters of a usage object or of one iteration; returns NULL or why they are not to be
 * trusted. */
static const char *read_usage(const tally_json *field, tally_usage *usage, uint64_t *reasoning) {
    static const capture_field thinking = CAPTURE_FIELD("thinking_tokens");
    static const capture_field searches = CAPTURE_FIELD("web_search_requests");
    tally_json value;
    memset(usage, 0, sizeof *usage);
    if (!capture_count(&field[USAGE_INPUT], &usage->input)) return "input_tokens is not a count";
    if (!capture_count(&field[USAGE_OUTPUT], &usage->output)) return "output_tokens is not a count";
    if (!capture_count(&field[USAGE_READ], &usage->cache_read))
        return "cache_read_input_tokens is not a count";
    capture_pick(&field[USAGE_SERVER_TOOLS], &searches, 1, &value);
    if (!capture_count(&value, &usage->web_searches)) return "web_search_requests is not a count";
    capture_pick(&field[USAGE_OUTPUT_DETAILS], &thinking, 1, &value);
    /* Reasoning is part of the output and moves no money: what cannot be is left out, the line
     * stays. */
    if (!capture_count(&value, reasoning) || *reasoning > usage->output) *reasoning = 0;
    usage->tier = read_tier(field);
    return read_writes(field, usage);
}

/* One iteration while it is decided whether it is part of the top-level counters. */
typedef struct iteration {
    tally_usage usage;
    uint64_t reasoning;
    tally_json model; /* null when it has none of its own */
    bool advisor;
} iteration;

static const char *read_iterations(const tally_json *list, iteration *out, size_t *count) {
    static const capture_field kinds[] = {CAPTURE_FIELD("type"), CAPTURE_FIELD("model")};
    tally_json_iter iter;
    tally_json item, kind[2], field[USAGE_FIELDS];
    *count = 0;
    if (list->type != TALLY_JSON_ARRAY) return NULL;
    tally_json_iter_init(&iter, list);
    while (tally_json_next(&iter, NULL, &item)) {
        if (*count == CLAUDE_ITERATIONS_MAX) return "too many iterations: only the usage is billed";
        iteration *at = &out[*count];
        capture_pick(&item, usage_fields, USAGE_FIELDS, field);
        capture_pick(&item, kinds, 2, kind);
        if (read_usage(field, &at->usage, &at->reasoning) != NULL)
            return "an iteration holds no counts: only the usage is billed";
        at->advisor = tally_json_string_is(&kind[0], "advisor_message");
        at->model = kind[1];
        (*count)++;
    }
    return NULL;
}

static bool has_own_model(const iteration *item, const capture_id *model) {
    capture_id own;
    return capture_id_take(&own, &item->model) &&
           !tally_span_eq(capture_id_span(&own), capture_id_span(model));
}

/* Whether the iterations that `part` marks add up to the top-level counters. At most 64 counters of
 * 2^54: no overflow. */
static bool adds_up(const iteration *items, const bool *part, size_t count,
                    const tally_usage *top) {
    uint64_t input = 0, output = 0, read = 0, write = 0;
    for (size_t i = 0; i < count; i++) {
        if (!part[i]) continue;
        input += items[i].usage.input;
        output += items[i].usage.output;
        read += items[i].usage.cache_read;
        write += items[i].usage.cache_write_5m + items[i].usage.cache_write_1h;
    }
    return input == top->input && output == top->output && read == top->cache_read &&
           write == top->cache_write_5m + top->cache_write_1h;
}

/* The iterations beside the top-level counters (agent-logs 3.3). Those without a model of their own
 * are normally the whole; an advisor may use the very same model, so its type is tried first. */
static const char *read_extras(const claude_line *line, const tally_json *list,
                               claude_block *block) {
    iteration items[CLAUDE_ITERATIONS_MAX];
    bool part[CLAUDE_ITERATIONS_MAX];
    size_t count = 0, outside = 0;
    const char *why = read_iterations(list, items, &count);
    if (why || count == 0) return why;
    for (size_t i = 0; i < count; i++) {
        part[i] = !items[i].advisor && !has_own_model(&items[i], &block->model);
        outside += !part[i];
    }
    if (outside > 0 && !adds_up(items, part, count, &block->usage)) {
        for (size_t i = 0; i < count; i++)
            part[i] = !has_own_model(&items[i], &block->model);
        if (!adds_up(items, part, count, &block->usage))
            return "iterations do not add up: only the usage is billed";
    }
    for (size_t i = 0; i < count; i++) {
        if (part[i]) continue;
        if (block->extra_count == CLAUDE_EXTRAS_MAX)
            return "too many extra iterations: some are not billed";
        claude_extra *extra = &block->extras[block->extra_count++];
        *extra = (claude_extra){.usage = items[i].usage, .reasoning = items[i].reasoning};
        /* Where and how it ran holds for the iteration too; fast is a property of the model asked.
         */
        extra->usage.tier |= block->usage.tier & ~(uint32_t)TALLY_TIER_FAST;
        if (!capture_id_take(&extra->model, &items[i].model) &&
            !capture_id_take(&extra->model, &line->field[CLAUDE_ADVISOR_MODEL]))
            extra->model = block->model;
    }
    return NULL;
}

enum message_field { MESSAGE_ID, MESSAGE_MODEL, MESSAGE_STOP, MESSAGE_USAGE, MESSAGE_FIELDS };

static const capture_field message_fields[MESSAGE_FIELDS] = {
    [MESSAGE_ID] = CAPTURE_FIELD("id"),
    [MESSAGE_MODEL] = CAPTURE_FIELD("model"),
    [MESSAGE_STOP] = CAPTURE_FIELD("stop_reason"),
    [MESSAGE_USAGE] = CAPTURE_FIELD("usage"),
};

/* Old versions state the cost of the response; 0 means that they did not know it. */
static void read_reported(const claude_line *line, claude_block *block) {
    const tally_json *cost = &line->field[CLAUDE_COST_USD];
    int64_t pico = 0;
    if (cost->type != TALLY_JSON_NUMBER) return;
    if (tally_pico_parse(cost->raw, true, &pico) != 0 || pico <= 0) return;
    block->has_reported = true;
    block->reported_pico = pico;
}

static const char *read_ids(const claude_line *line, const tally_json *message,
                            claude_block *block) {
    if (capture_id_is_long(&message[MESSAGE_ID]) ||
        capture_id_is_long(&line->field[CLAUDE_REQUEST]))
        return "message id or request id is too long";
    bool named = capture_id_take(&block->message, &message[MESSAGE_ID]);
    named |= capture_id_take(&block->request, &line->field[CLAUDE_REQUEST]);
    if (!named && !capture_id_take(&block->message, &line->field[CLAUDE_UUID]))
        return "usage without message id, request id or uuid";
    (void)capture_id_take(&block->model, &message[MESSAGE_MODEL]);
    (void)capture_id_take(&block->session, &line->field[CLAUDE_SESSION]);
    (void)capture_id_take(&block->agent, &line->field[CLAUDE_AGENT]);
    if (line->has_time) (void)capture_id_take(&block->time_text, &line->field[CLAUDE_TIMESTAMP]);
    return NULL;
}

/* Field by field: clearing the room for extras and texts would cost more than reading the line. */
static void clear(claude_block *block) {
    capture_id *const texts[] = {&block->message, &block->request, &block->session,
                                 &block->agent,   &block->model,   &block->time_text};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        texts[i]->len = 0;
    block->extra_count = 0;
    block->has_reported = false;
    block->reported_pico = 0;
}

int claude_block_read(const claude_line *line, claude_block *out, const char **why) {
    tally_json message[MESSAGE_FIELDS], usage[USAGE_FIELDS];
    *why = NULL;
    capture_pick(&line->field[CLAUDE_MESSAGE], message_fields, MESSAGE_FIELDS, message);
    if (message[MESSAGE_USAGE].type != TALLY_JSON_OBJECT) return 0;
    if (tally_json_string_is(&message[MESSAGE_MODEL], "<synthetic>")) return 0;
    if (capture_is_true(&line->field[CLAUDE_API_ERROR])) return 0;
    clear(out);
    *why = read_ids(line, message, out);
    if (*why) return TALLY_EFORMAT;
    capture_pick(&message[MESSAGE_USAGE], usage_fields, USAGE_FIELDS, usage);
    *why = read_usage(usage, &out->usage, &out->reasoning);
    if (*why) return TALLY_EFORMAT;
    if (!capture_count(&line->field[CLAUDE_BLOCK_INDEX], &out->index)) out->index = 0;
    out->stopped = message[MESSAGE_STOP].type != TALLY_JSON_NULL;
    out->sidechain = line->sidechain;
    out->time_ms = line->time_ms;
    out->number = line->number;
    out->offset = line->offset;
    read_reported(line, out);
    *why = read_extras(line, &usage[USAGE_ITERATIONS], out);
    return 1;
}
