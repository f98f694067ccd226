/* tally audit proof: one record's proof, as other tools read it. */
#include <stdlib.h>
#include <string.h>

#include <tally/audit.h>

#include "commands.h"
#include "file.h"
#include "open.h"
#include "target.h"

static int proof_save(cli *run, const char *text, size_t len, tally_error *err) {
    const char *path = cli_value(run, "output");
    cli_replace file;
    FILE *out = cli_out(run);
    if (!path) {
        (void)fwrite(text, 1, len, out); /* cli_out_finish tells what failed */
        return 0;
    }
    int code = cli_replace_open(&file, path, err);
    if (code) return code;
    (void)fwrite(text, 1, len, file.out); /* closing tells what failed */
    return cli_replace_close(&file, true, err);
}

static int proof_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    tally_txn *txn = NULL;
    char *text = NULL;
    size_t len = 0;
    uint32_t feed = 0;
    uint64_t index = 0;
    int code = cli_ledger_open(run, true, &ledger, &err);
    if (!code) code = tally_read_begin(ledger, &txn, &err);
    if (!code) code = cli_record_find(txn, run->arguments[0], &feed, &index, &err);
    if (!code) code = tally_record_proof(txn, feed, index, &text, &len, &err);
    if (!code) code = proof_save(run, text, len, &err);
    free(text);
    if (txn) tally_read_end(txn);
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {
    {"output", "FILE", "write to this file (default: standard output)"}, {NULL, NULL, NULL}};

const cli_command command_audit_proof = {
    .name = "audit proof",
    .arguments = "RECORD|ENTRY",
    .summary = "a record's proof in the log, as C2SP tlog-proof",
    .example = "tally audit proof 1f0c2a9b77d0e3c4 -o record.tlog-proof",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = proof_run};
