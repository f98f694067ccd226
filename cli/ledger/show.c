/* tally show: one record with the signed checkpoint that covers it and the proof that it is in
 * there. The proof is checked here before it is shown. */
#include <inttypes.h>
#include <string.h>

#include <tally/blob.h>
#include <tally/ingest.h>

#include "audit/witness_out.h"
#include "commands.h"
#include "format/record_out.h"
#include "open.h"
#include "target.h"

typedef struct record_proof {
    uint32_t feed;
    uint64_t index;
    tally_feed owner;
    tally_span bytes;
    tally_hash leaf;
    tally_checkpoint checkpoint;
    tally_proof proof;
    tally_hash title; /* that the record refers to, if it was redacted */
    bool redacted;
    char note[TALLY_CHECKPOINT_MAX_BYTES + 1];
    const tally_hash *team;
    tally_witnessed seen;
    cli_sights sights; /* of whoever cosigned a checkpoint that covers it */
} record_proof;

typedef struct feed_records {
    tally_txn *txn;
    uint32_t feed;
} feed_records;

/* Hash of a perfect subtree, from its records. A proof asks for disjoint subtrees, so every record
 * is read once. */
static int subtree_hash(void *ctx, unsigned level, uint64_t index, tally_hash *out,
                        tally_error *err) {
    const feed_records *records = ctx;
    tally_range range;
    uint64_t first = index << level, end = (index + 1) << level;
    tally_range_init(&range);
    for (uint64_t i = first; i < end; i++) {
        tally_span bytes;
        tally_hash leaf;
        int code = tally_record_get(records->txn, records->feed, i, &bytes, err);
        if (code) return code;
        tally_leaf_hash(bytes, &leaf);
        tally_range_append(&range, &leaf, NULL, NULL);
    }
    tally_range_root(&range, out);
    return 0;
}

static void redaction_find(tally_txn *txn, record_proof *out) {
    tally_record record;
    const uint8_t *title;
    if (tally_record_parse(out->bytes, &record, NULL) || !tally_span_is(record.kind, "session") ||
        !tally_body_bin(&record, "title", TALLY_HASH_BYTES, &title))
        return;
    memcpy(out->title.b, title, sizeof out->title.b);
    out->redacted = tally_blob_redacted(txn, &out->title);
}

/* Those of another history prove nothing of this record. */
static bool of_this_history(void *ctx, const tally_cosignature *c) {
    tally_txn *txn = ctx;
    tally_hash root;
    uint32_t feed;
    return tally_feed_find(txn, &c->device, &feed) == 0 &&
           tally_feed_root(txn, feed, c->checkpoint.size, &root, NULL) == 0 &&
           tally_hash_eq(&root, &c->checkpoint.root);
}

static int witnesses_read(tally_txn *txn, record_proof *out, tally_error *err) {
    int code = tally_witness_of(txn, out->feed, out->index, &out->seen, err);
    return code ? code
                : cli_sights_read(txn, &out->owner.device, out->index + 1, of_this_history, txn,
                                  &out->sights, err);
}

static int proof_make(tally_ledger *ledger, tally_txn *txn, record_proof *out, tally_error *err) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    feed_records records = {txn, out->feed};
    int code = tally_feed_get(txn, out->feed, &out->owner, err);
    if (!code) code = tally_record_get(txn, out->feed, out->index, &out->bytes, err);
    if (!code) code = tally_checkpoint_get(txn, out->feed, out->index, &out->checkpoint, err);
    if (!code)
        code = tally_inclusion_prove(out->index, out->checkpoint.size, subtree_hash, &records,
                                     &out->proof, err);
    if (code) return code;
    redaction_find(txn, out);
    code = witnesses_read(txn, out, err);
    if (code) return code;
    out->team = tally_ledger_team(ledger);
    tally_leaf_hash(out->bytes, &out->leaf);
    tally_origin_format(tally_ledger_team(ledger), &out->owner.device, origin);
    size_t length =
        tally_checkpoint_format(&out->owner.device, origin, &out->checkpoint, out->note);
    out->note[length] = '\0';
    if (tally_checkpoint_verify(&out->owner.device, origin, &out->checkpoint))
        return tally_fail(err, TALLY_ECORRUPT,
                          "the checkpoint at size %" PRIu64
                          " has a wrong signature; run 'tally fsck'",
                          out->checkpoint.size);
    if (tally_inclusion_verify(out->index, out->checkpoint.size, &out->leaf, out->proof.hashes,
                               out->proof.count, &out->checkpoint.root))
        return tally_fail(err, TALLY_ECORRUPT,
                          "record %" PRIu64 " is not what was signed; run 'tally fsck'",
                          out->index);
    return 0;
}

static int proof_json(FILE *out, const record_proof *proof, tally_error *err) {
    cli_json json;
    cli_json_begin(&json, out);
    cli_json_open(&json, NULL, '{');
    int code = cli_record_json(&json, &proof->owner.device, proof->index, proof->bytes, err);
    cli_json_hex(&json, "record", proof->bytes);
    cli_json_string(&json, "checkpoint", proof->note);
    cli_json_open(&json, "inclusion", '{');
    cli_json_u64(&json, "leaf_index", proof->index);
    cli_json_u64(&json, "tree_size", proof->checkpoint.size);
    cli_json_hex(&json, "root", tally_span_of(proof->checkpoint.root.b, TALLY_HASH_BYTES));
    cli_json_open(&json, "hashes", '[');
    for (uint32_t i = 0; i < proof->proof.count; i++)
        cli_json_hex(&json, NULL, tally_span_of(proof->proof.hashes[i].b, TALLY_HASH_BYTES));
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_open(&json, "redacted", '[');
    if (proof->redacted)
        cli_json_hex(&json, NULL, tally_span_of(proof->title.b, sizeof proof->title.b));
    cli_json_close(&json, ']');
    if (proof->seen.quorum)
        cli_json_time(&json, "witnessed", proof->seen.time_s * 1000);
    else
        cli_json_null(&json, "witnessed");
    cli_sights_json(&json, "witnesses", &proof->sights, proof->team);
    cli_json_close(&json, '}');
    cli_json_end(&json);
    return code;
}

static int proof_text(FILE *out, const record_proof *proof, tally_error *err) {
    cli_json json;
    cli_json_begin(&json, out);
    json.pretty = true;
    cli_json_open(&json, NULL, '{');
    int code = cli_record_json(&json, &proof->owner.device, proof->index, proof->bytes, err);
    cli_json_close(&json, '}');
    cli_json_end(&json);
    fprintf(out,
            "\n%s\nRecord %" PRIu64 " is in the tree of %" PRIu64
            " records that this checkpoint signs: proved with %u hashes.\n",
            proof->note, proof->index, proof->checkpoint.size, proof->proof.count);
    if (proof->redacted)
        fprintf(out, "The title it refers to was redacted; the record and its proof stand.\n");
    if (proof->sights.count == 0)
        fprintf(out, "No teammate has cosigned it yet.\n");
    else
        fprintf(out, "Cosigned by teammates, first%s:\n",
                proof->seen.quorum ? "" : " (too few for the team's quorum)");
    cli_sights_text(out, &proof->sights);
    return code;
}

static int show_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    tally_txn *txn = NULL;
    record_proof proof = {.feed = 0};
    int code = cli_ledger_open(run, true, &ledger, &err);
    if (!code) code = tally_read_begin(ledger, &txn, &err);
    if (!code) code = cli_record_find(txn, run->arguments[0], &proof.feed, &proof.index, &err);
    if (!code) code = proof_make(ledger, txn, &proof, &err);
    if (!code)
        code = run->json ? proof_json(cli_out(run), &proof, &err)
                         : proof_text(cli_out_paged(run), &proof, &err);
    cli_sights_free(&proof.sights);
    if (txn) tally_read_end(txn);
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

const cli_command command_show = {.name = "show",
                                  .arguments = "RECORD|ENTRY",
                                  .summary = "one record, its signed checkpoint and the proof",
                                  .example = "tally show 1f0c2a9b77d0e3c4",
                                  .min_arguments = 1,
                                  .max_arguments = 1,
                                  .run = show_run};
