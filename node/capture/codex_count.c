/* The counting rule: the last usage of each event once, never totals; whatever repeats, estimates
 * or resets is told apart by the totals that were seen before. */
#include "codex_count.h"

enum seen_seed { SEEN_TOTAL = 1, SEEN_RESPONSE = 2 };

void codex_counter_init(codex_counter *counter) {
    memset(counter, 0, sizeof *counter);
    capture_recent_init(&counter->seen, CODEX_SEEN_MAX);
}

void codex_counter_clear(codex_counter *counter) {
    capture_recent_clear(&counter->seen);
}

int codex_event_read(const tally_json *info, codex_event *out, const char **why) {
    static const capture_field fields[] = {CAPTURE_FIELD("total_token_usage"),
                                           CAPTURE_FIELD("last_token_usage"),
                                           CAPTURE_FIELD("prompt"), CAPTURE_FIELD("completion")};
    tally_json field[4];
    memset(out, 0, sizeof *out);
    if (info->type != TALLY_JSON_OBJECT) return 0;
    capture_pick(info, fields, 4, field);
    int total = codex_vector_read(&field[0], &out->total, why);
    int last = total < 0 ? total : codex_vector_read(&field[1], &out->last, why);
    if (last < 0) return last;
    out->has_total = total == 1;
    out->has_last = last == 1;
    if (out->has_total || out->has_last) return 1;
    if (field[2].type == TALLY_JSON_NULL && field[3].type == TALLY_JSON_NULL) return 0;
    *why = "uncountable token_count of an old version: prompt and completion only";
    return TALLY_EFORMAT;
}

void codex_counter_complete(const codex_counter *counter, codex_event *event) {
    if (event->has_total) return;
    bool again = counter->has_last && codex_vector_eq(&counter->last, &event->last);
    event->total = again ? counter->previous : codex_vector_sum(&counter->previous, &event->last);
    event->has_total = true;
}

bool codex_counter_is_repeat(const codex_counter *counter, const codex_event *event) {
    return counter->has_previous && codex_vector_eq(&counter->previous, &event->total);
}

static bool take_twin(codex_counter *counter, const codex_event *event) {
    for (size_t i = 0; event->has_last && i < counter->pending_count; i++) {
        if (!codex_vector_same_usage(&counter->pending[i], &event->last)) continue;
        counter->pending_count--;
        memmove(&counter->pending[i], &counter->pending[i + 1],
                (counter->pending_count - i) * sizeof counter->pending[0]);
        return true;
    }
    return false;
}

static int advance(codex_counter *counter, const codex_event *event, tally_error *err) {
    counter->previous = event->total;
    counter->has_previous = true;
    counter->last = event->last;
    counter->has_last = event->has_last;
    return capture_recent_add(&counter->seen, codex_vector_hash(SEEN_TOTAL, &event->total), err);
}

int codex_counter_pass(codex_counter *counter, const codex_event *event, tally_error *err) {
    (void)take_twin(counter, event);
    return advance(counter, event, err);
}

/* What an event without its last usage adds: the growth of the totals. The first one of a file
 * proves nothing, for resumed files begin with inherited totals; after a reset the totals are all
 * new. */
static bool spend_of_total(const codex_counter *counter, const codex_event *event,
                           codex_vector *spent, const char **why) {
    if (!counter->has_previous) {
        *why = "first token_count has totals only: what was spent before this file cannot be told";
        return false;
    }
    if (!codex_vector_delta(&event->total, &counter->previous, spent)) *spent = event->total;
    return true;
}

static void leave_unclaimed(codex_counter *counter, const codex_vector *spent, uint64_t turns) {
    if (counter->unclaimed_count == CODEX_PENDING_MAX) {
        counter->unclaimed_count--;
        memmove(&counter->unclaimed[0], &counter->unclaimed[1],
                counter->unclaimed_count * sizeof counter->unclaimed[0]);
    }
    counter->unclaimed[counter->unclaimed_count++] =
        (codex_unclaimed){.usage = *spent, .turns = turns};
}

int codex_counter_spend(codex_counter *counter, const codex_event *event, uint64_t turns,
                        codex_vector *spent, const char **why, tally_error *err) {
    *why = NULL;
    /* A twin, a repetition, or a late event that carries an older total. */
    bool spend = !take_twin(counter, event) && !codex_counter_is_repeat(counter, event) &&
                 !capture_recent_has(&counter->seen, codex_vector_hash(SEEN_TOTAL, &event->total));
    if (spend && event->has_last)
        *spent = event->last;
    else if (spend)
        spend = spend_of_total(counter, event, spent, why);
    /* After a compaction the context's size is estimated: no input, no output, no spend. */
    if (spend && spent->input == 0 && spent->output == 0) spend = false;
    if (spend) leave_unclaimed(counter, spent, turns);
    int rc = advance(counter, event, err);
    return rc != 0 ? rc : spend;
}

/* The counters of all events so far, and this response on top: no event has it. */
static bool goes_on(const codex_counter *counter, const codex_vector *usage,
                    const codex_vector *thread_usage) {
    if (!thread_usage || !counter->has_previous) return false;
    codex_vector sum = codex_vector_sum(&counter->previous, usage);
    return codex_vector_same_usage(&sum, thread_usage);
}

bool codex_counter_claim(codex_counter *counter, const codex_vector *usage,
                         const codex_vector *thread_usage, uint64_t turn) {
    if (goes_on(counter, usage, thread_usage)) return false;
    for (size_t i = 0; i < counter->unclaimed_count; i++) {
        const codex_unclaimed *event = &counter->unclaimed[i];
        if (turn > event->turns || !codex_vector_same_usage(&event->usage, usage)) continue;
        counter->unclaimed_count--;
        memmove(&counter->unclaimed[i], &counter->unclaimed[i + 1],
                (counter->unclaimed_count - i) * sizeof counter->unclaimed[0]);
        return true;
    }
    return false;
}

void codex_counter_expect_twin(codex_counter *counter, const codex_vector *usage) {
    if (counter->pending_count == CODEX_PENDING_MAX) {
        counter->pending_count--;
        memmove(&counter->pending[0], &counter->pending[1],
                counter->pending_count * sizeof counter->pending[0]);
    }
    counter->pending[counter->pending_count++] = *usage;
}

int codex_counter_is_first(codex_counter *counter, tally_span response, tally_error *err) {
    uint64_t hash = capture_hash(SEEN_RESPONSE, response);
    if (capture_recent_has(&counter->seen, hash)) return 0;
    int rc = capture_recent_add(&counter->seen, hash, err);
    return rc != 0 ? rc : 1;
}

void codex_counter_pack(const codex_counter *counter, capture_packer *packer) {
    capture_pack_u8(packer, (uint8_t)(counter->has_previous | counter->has_last << 1));
    codex_vector_pack(&counter->previous, packer);
    codex_vector_pack(&counter->last, packer);
    capture_pack_u8(packer, (uint8_t)counter->pending_count);
    for (size_t i = 0; i < counter->pending_count; i++)
        codex_vector_pack(&counter->pending[i], packer);
    capture_pack_u8(packer, (uint8_t)counter->unclaimed_count);
    for (size_t i = 0; i < counter->unclaimed_count; i++) {
        codex_vector_pack(&counter->unclaimed[i].usage, packer);
        capture_pack_u64(packer, counter->unclaimed[i].turns);
    }
    size_t room = capture_pack_room(packer) / 8;
    if (room > 0) room--; /* the count */
    uint32_t count = counter->seen.count < room ? counter->seen.count : (uint32_t)room;
    capture_pack_u64(packer, count);
    for (uint32_t age = 0; age < count; age++)
        capture_pack_u64(packer, capture_recent_newest(&counter->seen, age));
}

static size_t unpack_pending_count(capture_unpacker *unpacker) {
    uint8_t count = capture_unpack_u8(unpacker);
    if (count <= CODEX_PENDING_MAX) return count;
    unpacker->bad = true;
    return 0;
}

void codex_counter_unpack(codex_counter *counter, capture_unpacker *unpacker) {
    uint8_t flags = capture_unpack_u8(unpacker);
    counter->has_previous = (flags & 1) != 0;
    counter->has_last = (flags & 2) != 0;
    codex_vector_unpack(&counter->previous, unpacker);
    codex_vector_unpack(&counter->last, unpacker);
    counter->pending_count = unpack_pending_count(unpacker);
    for (size_t i = 0; i < counter->pending_count; i++)
        codex_vector_unpack(&counter->pending[i], unpacker);
    counter->unclaimed_count = unpack_pending_count(unpacker);
    for (size_t i = 0; i < counter->unclaimed_count; i++) {
        codex_vector_unpack(&counter->unclaimed[i].usage, unpacker);
        counter->unclaimed[i].turns = capture_unpack_u64(unpacker);
    }
    uint64_t count = capture_unpack_u64(unpacker);
    if (unpacker->bad || count > CODEX_SEEN_MAX || count * 8 > unpacker->left.len) {
        unpacker->bad = true;
        return;
    }
    /* Newest first in the text; oldest first into the set. */
    const uint8_t *text = unpacker->left.ptr;
    for (uint64_t i = count; i-- > 0;)
        if (capture_recent_add(&counter->seen, tally_get_be64(text + 8 * i), NULL) != 0)
            unpacker->bad = true;
    unpacker->left = tally_span_of(text + 8 * count, unpacker->left.len - 8 * (size_t)count);
}
