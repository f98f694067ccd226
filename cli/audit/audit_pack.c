/* tally audit pack, audit export: what is behind invoices, as one file for an outsider; or behind
 * all of a year's, for one's own auditor. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audit_file.h"
#include "commands.h"
#include "file.h"
#include "open.h"
#include "pack_page.h"

/* Days that a pack can be about: section 16. */
#define ALL_FIRST_DAY INT64_C(-1000000)
#define ALL_END_DAY   INT64_C(10000000)

static int zone_named(void *ctx, tally_span name, tally_zone **out, tally_error *err) {
    (void)ctx;
    return cli_zone_load(name, out, err);
}

static bool ends_in(const char *text, const char *end) {
    size_t len = strlen(text), tail = strlen(end);
    return len >= tail && strcmp(text + len - tail, end) == 0;
}

/* The file to write: within a directory that is there, or named with a final slash. */
static int path_of(const char *asked, char *out, size_t size, tally_error *err) {
    struct stat status;
    bool slash = ends_in(asked, "/");
    if (slash && mkdir(asked, 0777) != 0 && errno != EEXIST)
        return tally_fail(err, tally_errno_code(errno), "cannot make %s: %s; %s", asked,
                          strerror(errno), tally_errno_advice(errno));
    bool directory = stat(asked, &status) == 0 && S_ISDIR(status.st_mode);
    int put = snprintf(out, size, "%s%s%s", asked, directory && !slash ? "/" : "",
                       directory ? CLI_PACK_FILE : "");
    return put > 0 && (size_t)put < size
               ? 0
               : tally_fail(err, TALLY_EINVAL, "the file's name is too long");
}

static int pack_save(cli *run, tally_span pack, tally_error *err) {
    const char *asked = cli_value(run, "output");
    char path[4096];
    cli_replace file;
    if (!asked || strcmp(asked, "-") == 0)
        return fwrite(pack.ptr, 1, pack.len, cli_out(run)) == pack.len
                   ? 0
                   : tally_fail(err, TALLY_EIO, "cannot write the pack: %s; %s", strerror(errno),
                                tally_errno_advice(errno));
    int code = path_of(asked, path, sizeof path, err);
    if (!code) code = cli_replace_open(&file, path, err);
    if (code) return code;
    if (ends_in(path, ".html"))
        pack_page_write(file.out, pack);
    else
        (void)fwrite(pack.ptr, 1, pack.len, file.out);
    return cli_replace_close(&file, true, err);
}

static int period_read(tally_ledger *ledger, const char *text, tally_pack_options *out,
                       tally_error *err) {
    tally_txn *txn;
    tally_team team;
    tally_zone *zone = NULL;
    tally_period period = {.first_day = 0};
    int code = tally_read_begin(ledger, &txn, err);
    if (code) return code;
    code = tally_team_get(txn, &team, err);
    if (!code) code = cli_zone_load(team.timezone, &zone, err);
    if (!code) out->as_of_day = tally_zone_day(zone, cli_now_ms());
    if (!code && text)
        code = tally_period_parse(tally_span_str(text), zone, cli_now_ms(), &period, err);
    out->first_day = period.first_day > ALL_FIRST_DAY ? period.first_day : ALL_FIRST_DAY;
    out->end_day = period.end_day < ALL_END_DAY ? period.end_day : ALL_END_DAY;
    tally_zone_free(zone);
    tally_read_end(txn);
    return code;
}

static int write_run(cli *run, tally_pack_options options) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    tally_pack_verdict verdict;
    uint8_t *pack = NULL;
    char words[512];
    size_t len = 0;
    size_t left_out = 0;
    options.left_out = &left_out;
    options.withhold_blobs = cli_has(run, "withhold-descriptions");
    int code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = period_read(ledger, cli_value(run, "period"), &options, &err);
    if (!code) code = tally_pack_write(ledger, &options, zone_named, NULL, &pack, &len, &err);
    if (!code) code = tally_pack_verify(tally_span_of(pack, len), &verdict, &err);
    if (!code && !verdict.ok)
        code = tally_fail(
            &err, TALLY_ECORRUPT,
            "the pack does not hold: line %llu, %s: %s; 'tally verify --deep' and 'tally "
            "invoice list' show what is damaged or in conflict",
            (unsigned long long)verdict.line, verdict.subject, verdict.why);
    if (!code) code = pack_save(run, tally_span_of(pack, len), &err);
    if (!code) cli_pack_words(&verdict, words, sizeof words);
    if (!code) cli_say("%s", words);
    if (!code && left_out)
        cli_say("note: not in it: %zu void invoices that bill records which count no more",
                left_out);
    free(pack);
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

static int pack_run(cli *run) {
    tally_pack_options options = {.number = tally_span_str(cli_value(run, "invoice")),
                                  .client = tally_span_str(cli_value(run, "client"))};
    bool client = cli_has(run, "client") && cli_has(run, "period");
    if (cli_has(run, "invoice") == (cli_has(run, "client") || cli_has(run, "period")))
        return cli_usage(run, "a pack is of an --invoice, or of a --client and --period");
    if (!cli_has(run, "invoice") && !client)
        return cli_usage(run, "--client and --period belong together");
    return write_run(run, options);
}

static int export_run(cli *run) {
    tally_pack_options options = {.client = tally_span_str(cli_value(run, "client"))};
    if (!cli_has(run, "period")) return cli_usage(run, "--period is missing");
    return write_run(run, options);
}

#define PACK_OPTIONS                                                                               \
    {"withhold-descriptions", NULL, "leave descriptions and evidence out; their hashes stay"}, {   \
        "output", "FILE", "write to this file (.html: a page that checks itself)"                  \
    }

static const cli_option pack_options[] = {
    {"invoice", "NUMBER", "what is behind this invoice"},
    {"client", "NAME", "what is behind all invoices to this client that were issued in --period"},
    {"period", "P", "2026-03, 2026-Q1, 2026-03-01..2026-03-15, last-month"},
    PACK_OPTIONS,
    {NULL, NULL, NULL}};

static const cli_option export_options[] = {
    {"period", "P", "all invoices that were issued in it: 2026"},
    {"client", "NAME", "only to this client, and naming no other (default: all, nothing withheld)"},
    PACK_OPTIONS,
    {NULL, NULL, NULL}};

const cli_command command_audit_pack = {
    .name = "audit pack",
    .arguments = "",
    .summary = "an invoice with all that proves it, for an outsider",
    .example = "tally audit pack --invoice AK-2026-0007 -o AK-2026-0007.txt",
    .options = pack_options,
    .run = pack_run};
const cli_command command_audit_export = {.name = "audit export",
                                          .arguments = "",
                                          .summary = "a year's invoices with all that proves them",
                                          .example = "tally audit export --period 2026 -o 2026.txt",
                                          .options = export_options,
                                          .run = export_run};
