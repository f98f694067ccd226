/* tally log: every record, one a line. */
#include <inttypes.h>
#include <string.h>

#include "commands.h"
#include "format/record_out.h"
#include "open.h"

#define SHOWN_HASH_BYTES   8u
#define SHOWN_DEVICE_BYTES 4u

static int line_json(FILE *out, const tally_feed *feed, uint64_t index, tally_span bytes,
                     tally_error *err) {
    cli_json json;
    cli_json_begin(&json, out);
    json.pretty = false; /* one line a record, on terminals too */
    cli_json_open(&json, NULL, '{');
    int code = cli_record_json(&json, &feed->device, index, bytes, err);
    cli_json_close(&json, '}');
    cli_json_end(&json);
    return code;
}

static int line_text(FILE *out, const tally_feed *feed, uint64_t index, tally_span bytes,
                     tally_error *err) {
    tally_record record;
    tally_hash leaf;
    char time[TALLY_TIME_TEXT_BYTES], hash[2 * SHOWN_HASH_BYTES + 1];
    char device[2 * SHOWN_DEVICE_BYTES + 1];
    if (tally_record_parse(bytes, &record, err)) {
        tally_fail_while(err, "record %" PRIu64 " is damaged; run 'tally fsck'", index);
        if (err) err->code = TALLY_ECORRUPT;
        return TALLY_ECORRUPT;
    }
    tally_leaf_hash(bytes, &leaf);
    tally_hex(tally_span_of(leaf.b, SHOWN_HASH_BYTES), hash);
    tally_hex(tally_span_of(feed->device.b, SHOWN_DEVICE_BYTES), device);
    tally_time_format(tally_hlc_ms(record.hlc), time);
    fprintf(out, "%s  %s %6" PRIu64 "  %s  ", hash, device, index, time);
    for (size_t i = 0; i < record.kind.len; i++)
        fputc(record.kind.ptr[i] < 0x20 || record.kind.ptr[i] == 0x7f ? '?' : record.kind.ptr[i],
              out);
    fputc('\n', out);
    return 0;
}

static bool kind_wanted(const cli *run, tally_span bytes) {
    const char *kind = cli_value(run, "kind");
    tally_record record;
    if (!kind || tally_record_parse(bytes, &record, NULL)) return true;
    return tally_span_is(record.kind, kind);
}

static int feed_log(cli *run, tally_txn *txn, uint32_t number, FILE *out, tally_error *err) {
    tally_feed feed;
    tally_span bytes;
    int code = tally_feed_get(txn, number, &feed, err);
    /* A reader that left (head) ends the listing. */
    for (uint64_t i = 0; !code && i < feed.size && !ferror(out); i++) {
        code = tally_record_get(txn, number, i, &bytes, err);
        if (code || !kind_wanted(run, bytes)) continue;
        code =
            run->json ? line_json(out, &feed, i, bytes, err) : line_text(out, &feed, i, bytes, err);
    }
    return code;
}

static int log_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    tally_txn *txn = NULL;
    FILE *out = cli_out_paged(run);
    int code = cli_ledger_open(run, true, &ledger, &err);
    if (!code) code = tally_read_begin(ledger, &txn, &err);
    uint32_t feeds = code ? 0 : tally_feed_count(txn);
    for (uint32_t i = 0; !code && i < feeds; i++)
        code = feed_log(run, txn, i, out, &err);
    if (txn) tally_read_end(txn);
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {{"kind", "KIND", "only records of this kind, like cost"},
                                     {NULL, NULL, NULL}};

const cli_command command_log = {.name = "log",
                                 .arguments = "",
                                 .summary = "every record, one a line",
                                 .example = "tally log --json | jq 'select(.kind == \"cost\")'",
                                 .options = options,
                                 .run = log_run};
