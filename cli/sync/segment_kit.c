/* Segments in and out of the ledger. Files and their names are in segment_file.c. */
#include "segment_kit.h"

#include <tally/secret.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

int cli_segment_kit_open(tally_ledger *ledger, cli_segment_kit *out, tally_error *err) {
    tally_txn *txn = NULL;
    memset(out, 0, sizeof *out);
    out->ledger = ledger;
    out->heads = calloc(TALLY_WIRE_MAX_HEADS, sizeof *out->heads);
    out->spans = calloc(TALLY_WIRE_MAX_HEADS, sizeof *out->spans);
    int code = out->heads && out->spans ? tally_wire_packer_new(&out->packer, err)
                                        : tally_fail(err, TALLY_ENOMEM, "memory ran out");
    void *secrets = NULL;
    if (!code)
        code = tally_secret_new(TALLY_TEAM_MAX_SECRETS * sizeof *out->secrets, &secrets, err);
    out->secrets = secrets;
    if (!code) code = tally_read_begin(ledger, &txn, err);
    if (!code) code = tally_team_secrets(txn, out->secrets, &out->secret_count, err);
    if (txn) tally_read_end(txn);
    return code;
}

void cli_segment_kit_close(cli_segment_kit *kit) {
    tally_secret_free(kit->secrets);
    tally_wire_packer_free(kit->packer);
    free(kit->spans);
    free(kit->heads);
    memset(kit, 0, sizeof *kit);
}

typedef struct taking {
    tally_segment_read *segment;
    int fd;
    cli_segment_then_fn *then;
    void *ctx;
} taking;

/* May run again when the store's map grows: from the beginning of the file each time. */
static int take_all(void *ctx, tally_txn *txn, tally_error *err) {
    taking *from = ctx;
    int code = cli_segment_rewind(from->fd, err);
    if (!code) code = tally_segment_take(from->segment, txn, err);
    if (!code) code = tally_cosign(txn, false, NULL, err);
    if (!code && from->then) code = from->then(from->ctx, txn, from->segment, err);
    return code;
}

int cli_segment_take(cli_segment_kit *kit, int fd, cli_segment_then_fn *then, void *ctx,
                     tally_segment_read *out, tally_error *err) {
    taking from = {.segment = out, .fd = fd, .then = then, .ctx = ctx};
    *out = (tally_segment_read){.secrets = kit->secrets,
                                .secret_count = kit->secret_count,
                                .packer = kit->packer,
                                .source = cli_segment_source,
                                .ctx = &from.fd,
                                .heads = kit->heads,
                                .spans = kit->spans};
    int code = cli_segment_rewind(fd, err);
    if (!code) code = tally_segment_check(out, err);
    if (!code) code = tally_ledger_write(kit->ledger, cli_now_ms(), take_all, &from, err);
    out->ctx = NULL;
    return code;
}

int cli_segment_put(cli_segment_kit *kit, const tally_wire_head *heads, size_t head_count,
                    cli_segment_new *file, tally_segment_write *out, tally_error *err) {
    tally_txn *txn = NULL;
    *out = (tally_segment_write){.secret = kit->secrets,
                                 .packer = kit->packer,
                                 .heads = heads,
                                 .head_count = head_count,
                                 .now_ms = cli_now_ms(),
                                 .sink = cli_segment_sink,
                                 .ctx = file,
                                 .spans = kit->spans};
    int code = tally_read_begin(kit->ledger, &txn, err);
    out->txn = txn;
    if (!code) code = tally_segment_write_to(out, err);
    if (txn) tally_read_end(txn);
    int finished = cli_segment_finish(file, code == 0, err);
    out->txn = NULL;
    out->ctx = NULL;
    return code ? code : finished;
}

void cli_amount_text(uint64_t records, uint64_t blobs, char out[CLI_AMOUNT_TEXT_BYTES]) {
    int used = snprintf(out, CLI_AMOUNT_TEXT_BYTES, "%" PRIu64 " record%s", records,
                        records == 1 ? "" : "s");
    if (blobs && used > 0)
        snprintf(out + used, CLI_AMOUNT_TEXT_BYTES - (size_t)used, " and %" PRIu64 " blob%s", blobs,
                 blobs == 1 ? "" : "s");
}
