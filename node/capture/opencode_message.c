/* Reads OpenCode's messages and parts. */
#include "opencode_message.h"
#include "recent.h"

static bool read_tokens(const tally_json *value, opencode_tokens *out) {
    static const capture_field fields[] = {CAPTURE_FIELD("input"), CAPTURE_FIELD("output"),
                                           CAPTURE_FIELD("reasoning"), CAPTURE_FIELD("total"),
                                           CAPTURE_FIELD("cache")};
    static const capture_field cache_fields[] = {CAPTURE_FIELD("read"), CAPTURE_FIELD("write")};
    tally_json field[5], cache[2];
    capture_pick(value, fields, 5, field);
    capture_pick(&field[4], cache_fields, 2, cache);
    out->has_total = field[3].type == TALLY_JSON_NUMBER;
    return capture_count(&field[0], &out->input) && capture_count(&field[1], &out->output) &&
           capture_count(&field[2], &out->reasoning) && capture_count(&field[3], &out->total) &&
           capture_count(&cache[0], &out->cache_read) &&
           capture_count(&cache[1], &out->cache_write);
}

static int read_object(tally_span json, tally_json_index *index, tally_json *out,
                       const char **why) {
    int rc = json.len ? tally_json_parse_indexed(json, index, out) : TALLY_EFORMAT;
    *why = rc == TALLY_ELIMIT ? "nested too deeply" : rc ? "not JSON" : "not a JSON object";
    return !rc && out->type == TALLY_JSON_OBJECT ? 0 : TALLY_EFORMAT;
}

/* The model stands in the message; some versions put it into an object of its own. */
static void read_model(const tally_json *provider, const tally_json *model,
                       const tally_json *object, opencode_message *out) {
    static const capture_field fields[] = {CAPTURE_FIELD("providerID"), CAPTURE_FIELD("modelID")};
    tally_json inner[2];
    capture_pick(object, fields, 2, inner);
    if (!capture_id_take(&out->provider, provider))
        (void)capture_id_take(&out->provider, &inner[0]);
    if (!capture_id_take(&out->model, model)) (void)capture_id_take(&out->model, &inner[1]);
}

static bool read_time(const tally_json *value, int64_t *ms) {
    uint64_t count;
    *ms = 0;
    if (value->type == TALLY_JSON_NULL) return true;
    if (!tally_json_u64(value, &count)) return false;
    *ms = (int64_t)count;
    return true;
}

int opencode_message_read(tally_span json, opencode_message *out, const char **why) {
    static const capture_field fields[] = {CAPTURE_FIELD("role"),       CAPTURE_FIELD("time"),
                                           CAPTURE_FIELD("providerID"), CAPTURE_FIELD("modelID"),
                                           CAPTURE_FIELD("model"),      CAPTURE_FIELD("tokens")};
    static const capture_field time_fields[] = {CAPTURE_FIELD("created"),
                                                CAPTURE_FIELD("completed")};
    tally_json_index index;
    tally_json message, field[6], time[2];
    *out = (opencode_message){.role = OPENCODE_OTHER};
    int rc = read_object(json, &index, &message, why);
    if (rc) return rc;
    capture_pick(&message, fields, 6, field);
    capture_pick(&field[1], time_fields, 2, time);
    if (tally_json_string_is(&field[0], "user")) out->role = OPENCODE_USER;
    if (tally_json_string_is(&field[0], "assistant")) out->role = OPENCODE_ASSISTANT;
    read_model(&field[2], &field[3], &field[4], out);
    *why = "a message without a usable time";
    if (!read_time(&time[0], &out->created_ms) || !read_time(&time[1], &out->completed_ms))
        return TALLY_EFORMAT;
    out->has_tokens = field[5].type == TALLY_JSON_OBJECT;
    *why = "a token count that is no count";
    return !out->has_tokens || read_tokens(&field[5], &out->tokens) ? 0 : TALLY_EFORMAT;
}

int opencode_part_read(tally_span json, opencode_part *out, const char **why) {
    static const capture_field fields[] = {CAPTURE_FIELD("type"), CAPTURE_FIELD("text"),
                                           CAPTURE_FIELD("synthetic"), CAPTURE_FIELD("ignored"),
                                           CAPTURE_FIELD("tokens")};
    tally_json_index index;
    tally_json part, field[5];
    *out = (opencode_part){.kind = OPENCODE_PART};
    int rc = read_object(json, &index, &part, why);
    if (rc) return rc;
    capture_pick(&part, fields, 5, field);
    if (tally_json_string_is(&field[0], "text") && field[1].type == TALLY_JSON_STRING &&
        !capture_is_true(&field[2]) && !capture_is_true(&field[3])) {
        out->kind = OPENCODE_TEXT;
        out->text_hash = capture_hash(0, field[1].raw);
        return 0;
    }
    if (!tally_json_string_is(&field[0], "step-finish")) return 0;
    out->kind = OPENCODE_STEP;
    out->has_tokens = field[4].type == TALLY_JSON_OBJECT;
    *why = "a token count that is no count";
    return !out->has_tokens || read_tokens(&field[4], &out->tokens) ? 0 : TALLY_EFORMAT;
}

/* The number before the first dot, and the one after it. */
static void read_version(tally_span version, uint64_t number[2]) {
    size_t part = 0;
    number[0] = number[1] = 0;
    for (size_t i = 0; i < version.len && part < 2; i++) {
        uint8_t c = version.ptr[i];
        if (c == '.')
            part++;
        else if (c >= '0' && c <= '9' && number[part] < 1000000)
            number[part] = number[part] * 10 + (uint64_t)(c - '0');
        else
            break;
    }
}

/* Since about 1.1 the output does not hold the reasoning (UNCONFIRMED: which version exactly); a
 * total says which it is. */
static bool holds_reasoning(const opencode_tokens *tokens, tally_span version) {
    uint64_t number[2];
    uint64_t rest = tokens->input + tokens->output + tokens->cache_read + tokens->cache_write;
    if (tokens->has_total && tokens->total == rest + tokens->reasoning) return false;
    if (tokens->has_total && tokens->total == rest) return true;
    read_version(version, number);
    return version.len > 0 && (number[0] == 0 || (number[0] == 1 && number[1] == 0));
}

bool opencode_usage(const opencode_tokens *tokens, tally_span version, tally_usage *usage,
                    uint64_t *reasoning) {
    bool inside = holds_reasoning(tokens, version);
    *usage = (tally_usage){
        .input = tokens->input,
        .output = tokens->output + (inside ? 0 : tokens->reasoning),
        .cache_read = tokens->cache_read,
        .cache_write_5m = tokens->cache_write,
    };
    *reasoning = tokens->reasoning < usage->output ? tokens->reasoning : usage->output;
    return usage->input + usage->output + usage->cache_read + usage->cache_write_5m > 0;
}
