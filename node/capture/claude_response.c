/* Groups the lines of a response, keeps the one whole line that counts, and emits it once it is
 * final. */
#include "claude_response.h"

#include <stdio.h>
#include <stdlib.h>

#define SAVED_ANONYMOUS_MAX 8u
#define KEY_MAX_BYTES       (3 * CAPTURE_ID_MAX_BYTES + 32)

struct claude_response {
    claude_block best;
    uint64_t group, chain;
    uint64_t first_number, last_number; /* lines of the response, earlier passes included */
    uint64_t open_number, open_offset;  /* its first line in this pass */
    capture_id first_time;
    int64_t last_ms;
    bool stopped;  /* some line has a stop reason */
    bool complete; /* a later response of the same chain was seen */
};

void claude_responses_init(claude_responses *set, const capture_sink *sink, bool hold_sidechains) {
    memset(set, 0, sizeof *set);
    set->sink = sink;
    set->hold_sidechains = hold_sidechains;
    capture_recent_init(&set->main_ids, CLAUDE_MAIN_IDS_MAX);
}

void claude_responses_clear(claude_responses *set) {
    for (size_t i = 0; i < set->count; i++)
        free(set->open[i]);
    set->count = 0;
    capture_recent_clear(&set->main_ids);
}

static bool is_anonymous(const claude_block *block) {
    return block->request.len == 0;
}

/* A sidechain's replay of a main line is a group of its own, so that it can be dropped without the
 * line it repeats. */
static uint64_t group_of(const claude_block *block) {
    bool anonymous = is_anonymous(block);
    uint64_t kind = (uint64_t)anonymous * 2 + block->sidechain;
    uint64_t seed = capture_hash(kind, capture_id_span(&block->message));
    return capture_hash(seed, capture_id_span(anonymous ? &block->session : &block->request));
}

static uint64_t chain_of(const claude_block *block) {
    uint64_t seed = capture_hash(block->sidechain, capture_id_span(&block->session));
    return capture_hash(seed, capture_id_span(&block->agent));
}

static uint64_t main_id_of(const claude_block *block) {
    return capture_hash(capture_hash(0, capture_id_span(&block->session)),
                        capture_id_span(&block->message));
}

/* The prompt's counters are equal on all lines of one response; its output grows. */
static uint64_t prompt_of(const tally_usage *usage) {
    uint8_t bytes[32];
    tally_put_be64(bytes, usage->input);
    tally_put_be64(bytes + 8, usage->cache_read);
    tally_put_be64(bytes + 16, usage->cache_write_5m);
    tally_put_be64(bytes + 24, usage->cache_write_1h);
    return capture_hash(0, tally_span_of(bytes, sizeof bytes));
}

/* Remembers an anonymous response's first time for lines that may come later. */
static void remember(claude_responses *set, const claude_response *response) {
    size_t at = 0;
    while (at < set->anonymous_count &&
           !(set->anonymous[at].group == response->group &&
             set->anonymous[at].first_number == response->first_number))
        at++;
    if (at == CLAUDE_ANONYMOUS_MAX) {
        memmove(&set->anonymous[0], &set->anonymous[1],
                (CLAUDE_ANONYMOUS_MAX - 1) * sizeof set->anonymous[0]);
        at--;
    } else if (at == set->anonymous_count) {
        set->anonymous_count++;
    }
    set->anonymous[at] = (claude_anonymous){.group = response->group,
                                            .prompt = prompt_of(&response->best.usage),
                                            .first_number = response->first_number,
                                            .last_number = response->last_number,
                                            .first_time = response->first_time,
                                            .stopped = response->stopped};
}

/* The remembered response that a line belongs to: the one it was read into before, or the latest
 * one that it can continue. A finished response is not continued by other prompt counters: that is
 * a reused id. */
static const claude_anonymous *recall(const claude_responses *set, uint64_t group,
                                      const claude_block *block) {
    const claude_anonymous *latest = NULL;
    for (size_t i = 0; i < set->anonymous_count; i++) {
        const claude_anonymous *at = &set->anonymous[i];
        if (at->group != group || at->first_number > block->number) continue;
        if (block->number <= at->last_number) return at;
        if (!latest || at->first_number > latest->first_number) latest = at;
    }
    if (latest && latest->stopped && latest->prompt != prompt_of(&block->usage)) return NULL;
    return latest;
}

static size_t make_key(const claude_response *response, char *key) {
    const claude_block *best = &response->best;
    int len;
    if (is_anonymous(best))
        len = snprintf(key, KEY_MAX_BYTES, "%.*s|%.*s|%.*s", (int)best->message.len,
                       best->message.text, (int)best->model.len, best->model.text,
                       (int)response->first_time.len, response->first_time.text);
    else
        len = snprintf(key, KEY_MAX_BYTES, "%.*s|%.*s", (int)best->message.len, best->message.text,
                       (int)best->request.len, best->request.text);
    return len < 0 ? 0 : (size_t)len;
}

static int emit_extras(const claude_responses *set, const claude_response *response,
                       const capture_cost *main, tally_error *err) {
    char key[KEY_MAX_BYTES];
    for (size_t i = 0; i < response->best.extra_count; i++) {
        const claude_extra *extra = &response->best.extras[i];
        int len = snprintf(key, sizeof key, "%.*s|advisor:%zu", (int)main->key.len,
                           (const char *)main->key.ptr, i + 1);
        capture_cost cost = *main;
        cost.key = tally_span_of(key, len < 0 ? 0 : (size_t)len);
        cost.model = capture_id_span(&extra->model);
        cost.usage = extra->usage;
        cost.reasoning = extra->reasoning;
        cost.has_reported = false;
        cost.reported_pico = 0;
        int rc = set->sink->cost(set->sink->ctx, &cost, err);
        if (rc != 0) return rc;
    }
    return 0;
}

/* A sidechain that repeats a main line is a replay, not a second response (agent-logs 3.6 rule 2).
 */
static bool is_replay(const claude_responses *set, const claude_response *response) {
    return response->best.sidechain &&
           capture_recent_has(&set->main_ids, main_id_of(&response->best));
}

static int emit(claude_responses *set, const claude_response *response, tally_error *err) {
    const claude_block *best = &response->best;
    char key[KEY_MAX_BYTES];
    if (is_anonymous(best)) remember(set, response);
    if (is_replay(set, response)) return 0;
    capture_cost cost = {
        .session = capture_id_span(&best->session),
        .key = tally_span_of(key, make_key(response, key)),
        .time_ms = best->time_ms,
        .model = capture_id_span(&best->model),
        .usage = best->usage,
        .reasoning = best->reasoning,
        .has_reported = best->has_reported,
        .reported_pico = best->reported_pico,
        .subagent = capture_id_span(&best->agent),
        .sidechain = best->sidechain,
        .message = capture_id_span(&best->message),
    };
    int rc = set->sink->cost(set->sink->ctx, &cost, err);
    return rc != 0 ? rc : emit_extras(set, response, &cost, err);
}

/* Emits open[at] and lets it go. */
static int finish(claude_responses *set, size_t at, tally_error *err) {
    claude_response *response = set->open[at];
    int rc = emit(set, response, err);
    if (rc != 0) return rc;
    memmove(&set->open[at], &set->open[at + 1], (set->count - at - 1) * sizeof set->open[0]);
    set->count--;
    free(response);
    return 0;
}

/* Sidechains beside main lines wait for the end of the pass: the main line that they repeat may
 * still come. */
static bool is_held(const claude_responses *set, const claude_response *response) {
    return response->best.sidechain && set->hold_sidechains;
}

/* A later message of the same chain proves the earlier ones final. */
static int finish_chain(claude_responses *set, uint64_t chain, uint64_t group, tally_error *err) {
    for (size_t i = 0; i < set->count;) {
        claude_response *response = set->open[i];
        if (response->chain != chain || response->group == group) {
            i++;
            continue;
        }
        response->complete = true;
        if (is_held(set, response)) {
            i++;
            continue;
        }
        int rc = finish(set, i, err);
        if (rc != 0) return rc;
    }
    return 0;
}

/* The open response this block continues; NULL when there is none. A reused id closes the older
 * one. */
static int find_open(claude_responses *set, uint64_t group, const claude_block *block,
                     claude_response **out, tally_error *err) {
    *out = NULL;
    for (size_t i = set->count; i-- > 0;) {
        claude_response *response = set->open[i];
        if (response->group != group) continue;
        bool reused = is_anonymous(block) && response->stopped &&
                      prompt_of(&response->best.usage) != prompt_of(&block->usage);
        if (!reused) {
            *out = response;
            return 0;
        }
        response->complete = true;
        return is_held(set, response) ? 0 : finish(set, i, err);
    }
    return 0;
}

static int open_new(claude_responses *set, uint64_t group, const claude_block *block,
                    claude_response **out, tally_error *err) {
    if (set->count == CLAUDE_OPEN_MAX) {
        int rc = finish(set, 0, err);
        if (rc != 0) return rc;
    }
    claude_response *response = calloc(1, sizeof *response);
    if (!response) return tally_fail(err, TALLY_ENOMEM, "cannot read a response: out of memory");
    const claude_anonymous *known = is_anonymous(block) ? recall(set, group, block) : NULL;
    response->best = *block;
    response->group = group;
    response->chain = chain_of(block);
    response->first_number = known ? known->first_number : block->number;
    response->open_number = block->number;
    response->open_offset = block->offset;
    response->first_time = known ? known->first_time : block->time_text;
    set->open[set->count++] = response;
    *out = response;
    return 0;
}

/* One whole line counts: most output, then the later block, then the later line. */
static bool is_better(const claude_block *block, const claude_block *best) {
    if (block->usage.output != best->usage.output) return block->usage.output > best->usage.output;
    return block->index >= best->index;
}

int claude_responses_add(claude_responses *set, const claude_block *block, tally_error *err) {
    uint64_t group = group_of(block);
    claude_response *response;
    int rc = block->sidechain ? 0 : capture_recent_add(&set->main_ids, main_id_of(block), err);
    if (rc != 0) return rc;
    rc = finish_chain(set, chain_of(block), group, err);
    if (rc != 0) return rc;
    rc = find_open(set, group, block, &response, err);
    if (rc != 0) return rc;
    if (!response) rc = open_new(set, group, block, &response, err);
    if (rc != 0) return rc;
    if (is_better(block, &response->best)) response->best = *block;
    response->stopped |= block->stopped;
    response->last_number = block->number;
    response->last_ms = block->time_ms;
    return 0;
}

int claude_responses_end(claude_responses *set, int64_t now_ms, bool idle, tally_error *err) {
    for (size_t i = 0; i < set->count;) {
        const claude_response *response = set->open[i];
        bool quiet = response->last_ms < now_ms - CLAUDE_IDLE_MS;
        if (!idle && !quiet && !response->complete && !response->stopped) {
            i++;
            continue;
        }
        int rc = finish(set, i, err);
        if (rc != 0) return rc;
    }
    return 0;
}

bool claude_responses_pending(const claude_responses *set, uint64_t *offset, uint64_t *number) {
    if (set->count == 0) return false;
    const claude_response *first = set->open[0];
    for (size_t i = 1; i < set->count; i++)
        if (set->open[i]->open_offset < first->open_offset) first = set->open[i];
    *offset = first->open_offset;
    *number = first->open_number;
    return true;
}

void claude_responses_pack(const claude_responses *set, capture_packer *packer) {
    size_t count = set->anonymous_count;
    size_t first = count > SAVED_ANONYMOUS_MAX ? count - SAVED_ANONYMOUS_MAX : 0;
    capture_pack_u8(packer, (uint8_t)(count - first));
    for (size_t i = first; i < count; i++) {
        const claude_anonymous *at = &set->anonymous[i];
        capture_pack_u64(packer, at->group);
        capture_pack_u64(packer, at->prompt);
        capture_pack_u64(packer, at->first_number);
        capture_pack_u64(packer, at->last_number);
        capture_pack_u8(packer, at->stopped);
        capture_pack_text(packer, capture_id_span(&at->first_time));
    }
}

void claude_responses_unpack(claude_responses *set, capture_unpacker *unpacker) {
    size_t count = capture_unpack_u8(unpacker);
    if (count > SAVED_ANONYMOUS_MAX) {
        unpacker->bad = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        claude_anonymous *at = &set->anonymous[i];
        at->group = capture_unpack_u64(unpacker);
        at->prompt = capture_unpack_u64(unpacker);
        at->first_number = capture_unpack_u64(unpacker);
        at->last_number = capture_unpack_u64(unpacker);
        at->stopped = capture_unpack_u8(unpacker) != 0;
        capture_unpack_text(unpacker, at->first_time.text, sizeof at->first_time.text,
                            &at->first_time.len);
    }
    set->anonymous_count = count;
}
