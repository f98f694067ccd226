/* Sums over scanned rows: tokens, costs and time, each addition checked. */
#include "scan.h"

static int too_large(tally_error *err) {
    return tally_inexact("a sum of tokens or costs", err);
}

/* Once a cost: a chain that ends at the first overflow, whose sums nobody will see. */
static bool add_tokens(tally_sums *sums, const tally_cost *cost) {
    const tally_usage *u = &cost->usage;
    return !__builtin_add_overflow(sums->input, u->input, &sums->input) &&
           !__builtin_add_overflow(sums->output, u->output, &sums->output) &&
           !__builtin_add_overflow(sums->reasoning, cost->reasoning, &sums->reasoning) &&
           !__builtin_add_overflow(sums->cache_read, u->cache_read, &sums->cache_read) &&
           !__builtin_add_overflow(sums->cache_write_5m, u->cache_write_5m,
                                   &sums->cache_write_5m) &&
           !__builtin_add_overflow(sums->cache_write_1h, u->cache_write_1h, &sums->cache_write_1h);
}

int sums_add(tally_sums *sums, const scan_row *row, bool again, tally_error *err) {
    if (!add_tokens(sums, row->cost)) return too_large(err);
    sums->requests += !again;
    if (!row->priced.priced)
        sums->unpriced_requests += !again;
    else if (tally_add_i128(sums->pico, row->priced.pico, &sums->pico) != 0)
        return too_large(err);
    if (!row->paid)
        sums->unpaid_requests += !again;
    else if (tally_add_i128(sums->paid_pico, row->paid_pico, &sums->paid_pico) != 0 ||
             tally_add_i128(sums->covered_pico, row->priced.pico, &sums->covered_pico) != 0)
        return too_large(err);
    return 0;
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
    if (over) return tally_inexact("a sum of time", err);
    return 0;
}
