/* Reads a fork: the branches that its proof names, that were set aside and that was kept. Printing
 * is in team_fork.c, settling in team_resolve.c. */
#include "fork.h"

static cli_choice *choice_of(cli_fork *facts, uint64_t size, const tally_hash *root) {
    for (size_t i = 0; i < facts->count; i++)
        if (facts->choices[i].size == size && tally_hash_eq(&facts->choices[i].root, root))
            return &facts->choices[i];
    if (facts->count == CLI_CHOICES_MAX) return NULL;
    cli_choice *next = &facts->choices[facts->count++];
    *next = (cli_choice){.size = size, .root = *root};
    return next;
}

typedef struct reading {
    tally_txn *txn;
    cli_fork *out;
} reading;

/* The first record in which a branch differs tells when it began. */
static int began_note(cli_choice *row, tally_span bytes, tally_error *err) {
    tally_record record;
    int code = tally_record_parse(bytes, &record, err);
    if (code) return code;
    row->began = true;
    row->first_ms = tally_hlc_ms(record.hlc);
    return 0;
}

static int branch_note(void *ctx, const tally_branch *branch, tally_error *err) {
    const reading *from = ctx;
    uint64_t common = from->out->state->proof.common;
    cli_choice *row = choice_of(from->out, branch->size, &branch->tip.root);
    tally_span bytes;
    if (!row || branch->size <= common) return 0;
    row->held = branch->size - (branch->from > common ? branch->from : common);
    if (branch->from > common) return 0;
    int code = tally_branch_record_get(from->txn, branch, common, &bytes, err);
    return code ? code : began_note(row, bytes, err);
}

/* The branch that was kept lies in the feed itself. */
static int kept_note(const reading *from, tally_error *err) {
    const tally_fork_state *state = from->out->state;
    tally_span bytes;
    uint32_t number;
    if (!state->resolved || state->size == state->proof.common) return 0;
    cli_choice *row = choice_of(from->out, state->size, &state->root);
    if (!row) return 0;
    row->kept = true;
    if (state->held <= state->proof.common) return 0;
    row->held = state->held - state->proof.common;
    int code = tally_feed_find(from->txn, &state->proof.device, &number);
    if (!code) code = tally_record_get(from->txn, number, state->proof.common, &bytes, err);
    return code ? code : began_note(row, bytes, err);
}

typedef struct side {
    tally_txn *txn;
    const cli_choice *row;
} side;

static bool on_side(void *ctx, const tally_cosignature *c) {
    const side *of = ctx;
    tally_checkpoint head;
    return tally_cosignature_history(of->txn, c, &head, NULL) == 0 && head.size == of->row->size &&
           tally_hash_eq(&head.root, &of->row->root);
}

static int sights_note(const reading *from, tally_error *err) {
    const tally_fork *proof = &from->out->state->proof;
    int code = 0;
    for (size_t i = 0; !code && i < from->out->count; i++) {
        side of = {from->txn, &from->out->choices[i]};
        code = cli_sights_read(from->txn, &proof->device, proof->common + 1, on_side, &of,
                               &from->out->choices[i].sights, err);
    }
    return code;
}

void cli_fork_free(cli_fork *fork) {
    for (size_t i = 0; i < fork->count; i++)
        cli_sights_free(&fork->choices[i].sights);
    fork->count = 0;
}

int cli_fork_read(tally_txn *txn, const tally_fork_state *state, cli_fork *out, tally_error *err) {
    reading from = {txn, out};
    *out = (cli_fork){.state = state};
    for (size_t i = 0; i < 2; i++)
        (void)choice_of(out, state->proof.branches[i].checkpoint.size,
                        &state->proof.branches[i].checkpoint.root);
    int code = tally_branch_each(txn, &state->proof.device, branch_note, &from, err);
    if (!code) code = kept_note(&from, err);
    if (!code) code = sights_note(&from, err);
    if (code) cli_fork_free(out);
    return code;
}
