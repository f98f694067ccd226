/* The policy of engaged time: the team's row, and what a piece of time is when it is cut or split.
 * Where pieces come from is in engaged.c. */
#include <tally/engaged.h>
#include <tally/money.h>
#include <tally/policy.h>

#define MINUTE_MS INT64_C(60000)

static const char *const names[] = {[TALLY_OVERLAP_SPLIT] = "split",
                                    [TALLY_OVERLAP_FOCUS] = "focus",
                                    [TALLY_OVERLAP_PARALLEL] = "parallel"};

const char *tally_overlap_name(tally_overlap overlap) {
    return names[overlap];
}

static bool overlap_read(tally_span name, tally_overlap *out) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (tally_span_is(name, names[i])) {
            *out = (tally_overlap)i;
            return true;
        }
    return false;
}

void tally_engaged_policy_get(tally_txn *txn, tally_engaged_policy *out) {
    tally_policy_row row;
    tally_span name;
    int64_t minutes;
    *out = TALLY_ENGAGED_POLICY_DEFAULT;
    if (tally_policy_get(txn, TALLY_POLICY_ENGAGED, NULL, 0, &row) != 0) return;
    if (tally_body_i64(&row.record, "idle_minutes", &minutes)) out->idle_ms = minutes * MINUTE_MS;
    if (tally_body_i64(&row.record, "unattended_minutes", &minutes))
        out->unattended_ms = minutes * MINUTE_MS;
    if (tally_body_str(&row.record, "overlap", &name)) (void)overlap_read(name, &out->overlap);
}

/* How many milliseconds before `at` are those of `place` among `sharing`. */
static int64_t turns_before(int64_t at, uint32_t place, uint32_t sharing) {
    return sharing == 1 ? at : tally_floor_div(at - place + sharing - 1, sharing);
}

void tally_engaged_cut(const tally_engaged *piece, int64_t start_ms, int64_t end_ms,
                       tally_engaged *out) {
    *out = *piece;
    if (start_ms > out->start_ms) out->start_ms = start_ms;
    if (end_ms < out->end_ms) out->end_ms = end_ms;
    int64_t ms = turns_before(out->end_ms, piece->place, piece->sharing) -
                 turns_before(out->start_ms, piece->place, piece->sharing);
    if (piece->agent_ms > 0)
        out->agent_ms = ms;
    else
        out->engaged_ms = ms;
}

/* The session's milliseconds are numbered from 1970 on; the first x parts of `total` have floor(n x
 * / total) of the first n. So a part is a difference of two counts, and sums telescope. */
static int64_t part_before(int64_t turns, uint64_t below, uint64_t parts, uint64_t total) {
    tally_i128 n = turns;
    return (int64_t)(n * (below + parts) / total) - (int64_t)(n * below / total);
}

void tally_engaged_divide(const tally_engaged *piece, uint64_t below, uint64_t parts,
                          uint64_t total, tally_engaged *out) {
    int64_t first = turns_before(piece->start_ms, piece->place, piece->sharing),
            end = turns_before(piece->end_ms, piece->place, piece->sharing);
    int64_t ms = part_before(end, below, parts, total) - part_before(first, below, parts, total);
    *out = *piece;
    out->engaged_ms = piece->agent_ms > 0 ? 0 : ms;
    out->agent_ms = piece->agent_ms > 0 ? ms : 0;
}
