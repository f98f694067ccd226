/* Sums over scanned rows: tokens, costs and time, each addition checked. */
#include "scan.h"

static int too_large(tally_error *err) {
    return tally_fail(err, TALLY_EOVERFLOW, "a sum of tokens or costs is too large to be exact");
}

/* Tokens are checked together: two numbers below 2^63 have a sum. */
static bool add_tokens(tally_sums *sums, const tally_cost *cost) {
    const tally_usage *u = &cost->usage;
    uint64_t all = sums->input | sums->output | sums->reasoning | sums->cache_read |
                   sums->cache_write_5m | sums->cache_write_1h | u->input | u->output |
                   cost->reasoning | u->cache_read | u->cache_write_5m | u->cache_write_1h;
    if (all > INT64_MAX) return false;
    sums->input += u->input;
    sums->output += u->output;
    sums->reasoning += cost->reasoning;
    sums->cache_read += u->cache_read;
    sums->cache_write_5m += u->cache_write_5m;
    sums->cache_write_1h += u->cache_write_1h;
    return true;
}

int sums_add(tally_sums *sums, const scan_row *row, bool again, tally_error *err) {
    const bool priced = row->priced.priced;
    int over = !add_tokens(sums, row->cost);
    sums->requests += !again;
    sums->unpriced_requests += !priced && !again;
    sums->unpaid_requests += !row->paid && !again;
    if (priced) over |= tally_add_i128(sums->pico, row->priced.pico, &sums->pico);
    if (row->paid) {
        over |= tally_add_i128(sums->paid_pico, row->paid_pico, &sums->paid_pico);
        over |= tally_add_i128(sums->covered_pico, row->priced.pico, &sums->covered_pico);
    }
    return over ? too_large(err) : 0;
}

int sums_join(tally_sums *sums, const tally_sums *other, tally_error *err) {
    int over = 0;
    const struct {
        uint64_t *to;
        uint64_t from;
    } counts[] = {{&sums->requests, other->requests},
                  {&sums->unpriced_requests, other->unpriced_requests},
                  {&sums->unpaid_requests, other->unpaid_requests},
                  {&sums->input, other->input},
                  {&sums->output, other->output},
                  {&sums->reasoning, other->reasoning},
                  {&sums->cache_read, other->cache_read},
                  {&sums->cache_write_5m, other->cache_write_5m},
                  {&sums->cache_write_1h, other->cache_write_1h}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        over |= tally_add_u64(*counts[i].to, counts[i].from, counts[i].to);
    over |= tally_add_i128(sums->pico, other->pico, &sums->pico);
    over |= tally_add_i128(sums->paid_pico, other->paid_pico, &sums->paid_pico);
    over |= tally_add_i128(sums->covered_pico, other->covered_pico, &sums->covered_pico);
    return over ? too_large(err) : 0;
}

int sums_add_time(tally_sums *sums, const tally_engaged *piece, tally_error *err) {
    int over = tally_add_u64(sums->engaged_ms, (uint64_t)piece->engaged_ms, &sums->engaged_ms);
    over |= tally_add_u64(sums->agent_ms, (uint64_t)piece->agent_ms, &sums->agent_ms);
    if (over) return tally_fail(err, TALLY_EOVERFLOW, "a sum of time is too large to be exact");
    return 0;
}
