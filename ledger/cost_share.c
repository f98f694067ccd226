/* Shares of one cost: its tokens and its price divided so that they add up to it exactly. */
#include "scan.h"

static uint64_t u64_of(tally_i128 piece) {
    return (uint64_t)piece; /* not larger than what was divided */
}

/* Reasoning is part of the output: it is divided by itself, so that no share has more of it than
 * output. */
void cost_divide(const scan_row *row, const tally_attribution *said, cost_pieces *out) {
    const tally_cost *cost = row->cost;
    const tally_usage *u = &cost->usage;
    uint64_t reasoning = cost->reasoning < u->output ? cost->reasoning : u->output;
    const struct {
        tally_i128 amount;
        tally_i128 *out;
    } each[] = {{u->input, out->input},
                {u->output - reasoning, out->plain_output},
                {reasoning, out->reasoning},
                {u->cache_read, out->cache_read},
                {u->cache_write_5m, out->write_5m},
                {u->cache_write_1h, out->write_1h},
                {row->priced.priced ? row->priced.pico : 0, out->pico},
                {row->paid ? row->paid_pico : 0, out->paid_pico}};
    for (size_t i = 0; i < sizeof each / sizeof *each; i++)
        tally_shares_divide(each[i].amount, said->shares, said->count, each[i].out);
}

void cost_take_piece(const cost_pieces *pieces, uint32_t i, tally_cost *cost, scan_row *row) {
    cost->usage.input = u64_of(pieces->input[i]);
    cost->usage.output = u64_of(pieces->plain_output[i] + pieces->reasoning[i]);
    cost->reasoning = u64_of(pieces->reasoning[i]);
    cost->usage.cache_read = u64_of(pieces->cache_read[i]);
    cost->usage.cache_write_5m = u64_of(pieces->write_5m[i]);
    cost->usage.cache_write_1h = u64_of(pieces->write_1h[i]);
    row->priced.pico = (int64_t)pieces->pico[i];
    row->paid_pico = (int64_t)pieces->paid_pico[i];
    row->cost = cost;
}
