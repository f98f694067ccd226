/* tally verify and tally fsck. The check runs in a process of its own: a damaged page can crash
 * any reader of it, and that must come out as a finding. A pipe carries the findings back. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tally/cosign.h>
#include <tally/memory.h>

#include "commands.h"
#include "format/json_out.h"
#include "open.h"

#define PROGRESS_AFTER_MS 1000
#define CHECK_NO_MEMORY   12 /* exit code of the child */
#define LINE_MAX_BYTES    1024
#define FINDINGS_MAX      10000u /* shown; more are only counted */
#define DIGEST_TEXT_BYTES (2 * TALLY_HASH_BYTES + 1)

/* What a line says is its first character. */
enum line_kind { LINE_WITNESS = 'W', LINE_FINDING = 'F', LINE_COUNTS = 'C', LINE_ERROR = 'E' };

typedef struct check_words {
    FILE *pipe;
    bool terminal;
    int64_t started_ms;
} check_words;

static int found(void *ctx, const char *sentence) {
    check_words *words = ctx;
    fprintf(words->pipe, "%c%s\n", LINE_FINDING, sentence);
    fflush(words->pipe);
    return 0;
}

static void progress(void *ctx, uint64_t done, uint64_t total) {
    check_words *words = ctx;
    if (!words->terminal || cli_now_ms() - words->started_ms < PROGRESS_AFTER_MS) return;
    fprintf(stderr, "\rchecking: %" PRIu64 " of %" PRIu64 " records\033[K", done, total);
    if (done >= total) fputs("\r\033[K", stderr);
}

/* What all who hold the same records have in common, as text; empty when it cannot be read. */
static void digest_read(tally_ledger *ledger, char digest[DIGEST_TEXT_BYTES]) {
    tally_error err = {0};
    tally_txn *txn = NULL;
    tally_hash hash;
    if (tally_read_begin(ledger, &txn, &err)) return;
    if (!tally_view_digest(txn, &hash, &err))
        tally_hex(tally_span_of(hash.b, TALLY_HASH_BYTES), digest);
    tally_read_end(txn);
}

/* Who has seen what: of a ledger that is not damaged. */
static int witnesses_tell(tally_ledger *ledger, FILE *pipe, tally_error *err) {
    tally_txn *txn = NULL;
    tally_witness_counts counts;
    tally_audit_policy policy;
    int code = tally_read_begin(ledger, &txn, err);
    if (code) return code;
    tally_audit_policy_get(txn, &policy);
    code = tally_witness_count(txn, cli_now_ms(), &counts, err);
    tally_read_end(txn);
    if (!code)
        fprintf(pipe,
                "%c%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu32 " %" PRIu32
                "\n",
                LINE_WITNESS, counts.witnesses, counts.records, counts.never, counts.overdue,
                counts.late, policy.quorum, policy.backdate_hours);
    return code;
}

/* Else the parent would take it for damage. */
static void memory_ended(void) {
    _exit(CHECK_NO_MEMORY);
}

/* In the child. Only a whole last line says that it came to the end. */
static void check_in_child(cli *run, bool deep, int output) {
    tally_memory_on_loss(memory_ended);
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    char digest[DIGEST_TEXT_BYTES] = "";
    check_words words = {.pipe = fdopen(output, "w"),
                         .terminal = isatty(STDERR_FILENO) == 1,
                         .started_ms = cli_now_ms()};
    tally_check check = {.found = found, .progress = progress, .ctx = &words};
    if (!words.pipe) _exit(CHECK_NO_MEMORY);
    /* Only a writer can rebuild the views to compare them; it takes that back. */
    int code = cli_ledger_open(run, !deep, &ledger, &err);
    if (code == TALLY_EREADONLY) code = cli_ledger_open(run, true, &ledger, &err);
    if (!code) code = tally_verify(ledger, deep, &check, &err);
    if (!code && deep) digest_read(ledger, digest);
    if (!code && check.findings == 0) code = witnesses_tell(ledger, words.pipe, &err);
    if (code)
        fprintf(words.pipe, "%c%d %s\n", LINE_ERROR, code, err.text);
    else
        fprintf(words.pipe, "%c%" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", LINE_COUNTS, check.feeds,
                check.records, check.checkpoints, digest);
    fflush(words.pipe);
    tally_ledger_close(ledger);
    _exit(CLI_DONE);
}

typedef struct check_result {
    bool finished;
    uint64_t feeds, records, checkpoints, findings;
    char digest[DIGEST_TEXT_BYTES]; /* of the views; deep only */
    bool witnesses;                 /* the two below were read */
    tally_witness_counts seen;
    tally_audit_policy policy;
    char **sentences;
    size_t count;
    tally_error err;
} check_result;

static void finding_keep(check_result *result, const char *sentence) {
    result->findings++;
    if (result->count == FINDINGS_MAX) return;
    char **larger = realloc(result->sentences, (result->count + 1) * sizeof(char *));
    if (!larger) return;
    result->sentences = larger;
    result->sentences[result->count] = strdup(sentence);
    if (result->sentences[result->count]) result->count++;
}

static void witnesses_take(check_result *result, char *at) {
    tally_witness_counts *seen = &result->seen;
    uint64_t *const numbers[] = {&seen->witnesses, &seen->records, &seen->never, &seen->overdue,
                                 &seen->late};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i] = strtoull(at, &at, 10);
    result->policy.quorum = (uint32_t)strtoul(at, &at, 10);
    result->policy.backdate_hours = (uint32_t)strtoul(at, &at, 10);
    result->witnesses = seen->witnesses > 0;
}

static void line_take(check_result *result, char *line) {
    char *end = strchr(line, '\n');
    if (!end) return;
    *end = '\0';
    if (*line == LINE_FINDING) finding_keep(result, line + 1);
    if (*line == LINE_WITNESS) witnesses_take(result, line + 1);
    if (*line == LINE_COUNTS) {
        result->feeds = strtoull(line + 1, &end, 10);
        result->records = strtoull(end, &end, 10);
        result->checkpoints = strtoull(end, &end, 10);
        snprintf(result->digest, sizeof result->digest, "%s", *end ? end + 1 : end);
        result->finished = true;
    }
    if (*line == LINE_ERROR) {
        result->finished = true;
        result->err.code = (int)strtol(line + 1, &end, 10);
        snprintf(result->err.text, sizeof result->err.text, "%s", *end ? end + 1 : end);
    }
}

static int check_run(cli *run, bool deep, check_result *result) {
    int ends[2];
    char line[LINE_MAX_BYTES];
    if (pipe(ends) != 0)
        return tally_fail(&result->err, TALLY_EIO, "no pipe could be made: %s; %s", strerror(errno),
                          tally_errno_advice(errno));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        check_in_child(run, deep, ends[1]);
    }
    close(ends[1]);
    FILE *input = child > 0 ? fdopen(ends[0], "r") : NULL;
    if (!input) {
        close(ends[0]);
        return tally_fail(&result->err, TALLY_EIO, "the check could not be started: %s; %s",
                          strerror(errno), tally_errno_advice(errno));
    }
    while (fgets(line, sizeof line, input))
        line_take(result, line);
    fclose(input);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!result->finished && WIFEXITED(status) && WEXITSTATUS(status) == CHECK_NO_MEMORY)
        return tally_fail(&result->err, TALLY_ENOMEM, "memory ran out");
    if (!result->finished)
        finding_keep(result, "the store's pages are damaged: the check could not read past them; "
                             "restore a backup, or take the records from a teammate");
    return result->err.code;
}

/* Damage that keeps the ledger from opening is a finding like others. */
static void damage_to_finding(check_result *result) {
    if (result->err.code != TALLY_ECORRUPT && result->err.code != TALLY_EFORMAT) return;
    finding_keep(result, result->err.text);
    result->err.code = 0;
}

/* Nobody else is there to see anything where one person works alone. */
static void witnesses_text(FILE *out, const check_result *result) {
    const tally_witness_counts *seen = &result->seen;
    if (!result->witnesses) return;
    fprintf(out, "witnessed by %" PRIu32 " or more others: %" PRIu64 " of %" PRIu64 " records\n",
            result->policy.quorum, seen->records - seen->never, seen->records);
    if (seen->overdue)
        fprintf(out, "not witnessed in %" PRIu32 " hours: %" PRIu64 " records\n",
                result->policy.backdate_hours, seen->overdue);
    if (seen->late)
        fprintf(out,
                "witnessed more than %" PRIu32 " hours after the time they claim: %" PRIu64
                " records\n",
                result->policy.backdate_hours, seen->late);
}

static void witnesses_json(cli_json *json, const check_result *result) {
    const tally_witness_counts *seen = &result->seen;
    cli_json_open(json, "witnessed", '{');
    cli_json_u64(json, "possible_witnesses", seen->witnesses);
    cli_json_u64(json, "quorum", result->policy.quorum);
    cli_json_u64(json, "limit_hours", result->policy.backdate_hours);
    cli_json_u64(json, "records", seen->records);
    cli_json_u64(json, "never", seen->never);
    cli_json_u64(json, "overdue", seen->overdue);
    cli_json_u64(json, "late", seen->late);
    cli_json_close(json, '}');
}

static void result_print(cli *run, const check_result *result) {
    cli_json json;
    if (!run->json) {
        for (size_t i = 0; i < result->count; i++)
            fprintf(cli_out(run), "%s\n", result->sentences[i]);
        if (result->findings)
            cli_say("%" PRIu64 " finding%s", result->findings, result->findings == 1 ? "" : "s");
        else
            fprintf(cli_out(run),
                    "ok: %" PRIu64 " records, %" PRIu64 " checkpoints, %" PRIu64 " feed%s\n",
                    result->records, result->checkpoints, result->feeds,
                    result->feeds == 1 ? "" : "s");
        witnesses_text(cli_out(run), result);
        return;
    }
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_bool(&json, "ok", result->findings == 0);
    cli_json_u64(&json, "feeds", result->feeds);
    cli_json_u64(&json, "records", result->records);
    cli_json_u64(&json, "checkpoints", result->checkpoints);
    if (result->digest[0]) cli_json_string(&json, "view_digest", result->digest);
    if (result->witnesses) witnesses_json(&json, result);
    cli_json_open(&json, "findings", '[');
    for (size_t i = 0; i < result->count; i++)
        cli_json_string(&json, NULL, result->sentences[i]);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static int verify_with(cli *run, bool deep) {
    check_result result = {.finished = false};
    int code = check_run(run, deep, &result);
    damage_to_finding(&result);
    if (code && result.err.code)
        code = cli_fail(&result.err);
    else {
        result_print(run, &result);
        bool unseen = cli_has(run, "strict") && result.seen.overdue + result.seen.late > 0;
        code = result.findings ? CLI_DAMAGED : unseen ? CLI_FAILED : CLI_DONE;
    }
    for (size_t i = 0; i < result.count; i++)
        free(result.sentences[i]);
    free(result.sentences);
    return code;
}

static int verify_run(cli *run) {
    return verify_with(run, cli_has(run, "deep"));
}
static int fsck_run(cli *run) {
    return verify_with(run, true);
}

static const cli_option options[] = {
    {"deep", NULL, "also every signature, cached hash, blob and view"},
    {"strict", NULL, "fail when records were witnessed late, or not within the limit"},
    {NULL, NULL, NULL}};

const cli_command command_verify = {.name = "verify",
                                    .arguments = "",
                                    .summary = "recompute every hash and check the signed heads",
                                    .example = "tally verify --deep",
                                    .options = options,
                                    .run = verify_run};

const cli_command command_fsck = {.name = "fsck",
                                  .arguments = "",
                                  .summary = "check every stored byte and say what is bad",
                                  .example = "tally fsck --json",
                                  .run = fsck_run};
