/* tally doctor: finds what would lose or falsify figures on this machine, says why, and what to do.
 * The checks are in doctor_machine.c, doctor_agents.c, doctor_ledger.c and doctor_team.c. */
#include "doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "shell.h"

#define WORD_COLUMNS  8
#define CHECK_COLUMNS 12

static const char *const level_words[] = {[DOCTOR_OK] = "ok",
                                          [DOCTOR_NOTE] = "note",
                                          [DOCTOR_WARNING] = "warning",
                                          [DOCTOR_ERROR] = "error"};

/* What a check needs. */
typedef enum doctor_need {
    NEEDS_NOTHING,
    NEEDS_FILES, /* of the ledger, which may be damaged */
    NEEDS_LEDGER /* open */
} doctor_need;

static const struct doctor_row {
    const char *name;
    doctor_check *check;
    doctor_need needs;
} rows[] = {
    {"versions", doctor_versions, NEEDS_NOTHING},
    {"clock", doctor_clock, NEEDS_NOTHING},
    {"zones", doctor_zones, NEEDS_NOTHING},
    {"disk", doctor_disk, NEEDS_NOTHING},
    {"memory", doctor_memory, NEEDS_NOTHING},
    {"terminal", doctor_terminal, NEEDS_NOTHING},
    {"pdf", doctor_pdf, NEEDS_NOTHING},
    {"folder", doctor_folder, NEEDS_NOTHING},
    {"litter", doctor_litter, NEEDS_NOTHING},
    {"daemon", doctor_daemon, NEEDS_NOTHING},
    {"unit", doctor_unit, NEEDS_NOTHING},
    {"agent", doctor_agents, NEEDS_NOTHING},
    {"retention", doctor_retention, NEEDS_NOTHING},
    {"hooks", doctor_hooks, NEEDS_NOTHING},
    {"hook log", doctor_hook_log, NEEDS_NOTHING},
    {"ledger", doctor_open, NEEDS_FILES},
    {"key", doctor_key, NEEDS_FILES},
    {"mark", doctor_mark, NEEDS_LEDGER},
    {"timezone", doctor_timezone, NEEDS_LEDGER},
    {"time", doctor_time, NEEDS_LEDGER},
    {"capture", doctor_capture, NEEDS_LEDGER},
    {"git", doctor_git, NEEDS_LEDGER},
    {"prices", doctor_prices, NEEDS_LEDGER},
    {"price age", doctor_price_age, NEEDS_LEDGER},
    {"whose", doctor_unattributed, NEEDS_LEDGER},
    {"conflicts", doctor_conflicts, NEEDS_LEDGER},
    {"budgets", doctor_budgets, NEEDS_LEDGER},
    {"forks", doctor_forks, NEEDS_LEDGER},
    {"members", doctor_members, NEEDS_LEDGER},
    {"peers", doctor_peers, NEEDS_LEDGER},
    {"clocks", doctor_clocks, NEEDS_LEDGER},
    {"copies", doctor_copies, NEEDS_LEDGER},
    {"witnesses", doctor_witnesses, NEEDS_LEDGER},
    {"webhooks", doctor_webhooks, NEEDS_LEDGER},
};

/* ---- telling ---- */

/* What is to be typed stays on one line, to be copied. */
static void finding_text(const doctor *doc) {
    const doctor_finding *finding = &doc->finding;
    char first[CLI_COLUMNS], rest[CLI_COLUMNS];
    FILE *out = cli_out(doc->run);
    snprintf(first, sizeof first, "%-*s %-*s ", WORD_COLUMNS, level_words[finding->level],
             CHECK_COLUMNS - 1, doc->check);
    snprintf(rest, sizeof rest, "%*s", WORD_COLUMNS + CHECK_COLUMNS + 1, "");
    cli_words_wrap(out, first, rest, finding->what);
    if (*finding->why) cli_words_wrap(out, rest, rest, finding->why);
    if (*finding->next) fprintf(out, "%snext: %s\n", rest, finding->next);
}

static void finding_json(doctor *doc) {
    const doctor_finding *finding = &doc->finding;
    cli_json_open(&doc->json, NULL, '{');
    cli_json_string(&doc->json, "check", doc->check);
    cli_json_string(&doc->json, "state", level_words[finding->level]);
    cli_json_string(&doc->json, "message", finding->what);
    cli_json_text_or_null(&doc->json, "why", tally_span_str(finding->why));
    cli_json_text_or_null(&doc->json, "next", tally_span_str(finding->next));
    cli_json_close(&doc->json, '}');
}

/* Flushed at once: a damaged store may end the process that reads it. */
static void finding_print(doctor *doc) {
    if (!doc->finding.pending) return;
    doc->finding.pending = false;
    doc->found[doc->finding.level]++;
    if (doc->run->json)
        finding_json(doc);
    else
        finding_text(doc);
    fflush(cli_out(doc->run));
}

void doctor_say(doctor *doc, doctor_level level, const char *format, ...) {
    va_list args;
    finding_print(doc);
    doc->finding = (doctor_finding){.pending = true, .level = level};
    va_start(args, format);
    vsnprintf(doc->finding.what, sizeof doc->finding.what, format, args);
    va_end(args);
    if (!doc->run->json) cli_text_one_line(doc->finding.what);
}

void doctor_why(doctor *doc, const char *why) {
    snprintf(doc->finding.why, sizeof doc->finding.why, "%s", why);
}

void doctor_next(doctor *doc, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(doc->finding.next, sizeof doc->finding.next, format, args);
    va_end(args);
    /* The beginning of a command may do something else. */
    if (n < 0 || (size_t)n >= sizeof doc->finding.next) doc->finding.next[0] = '\0';
    if (!doc->run->json) cli_text_one_line(doc->finding.next);
}

const char *doctor_word(doctor *doc, tally_span text) {
    return cli_shell_word(text, doc->word, sizeof doc->word) ? doc->word : "PATH";
}

/* ---- making the checks ---- */

static void row_check(doctor *doc, const struct doctor_row *row) {
    if (row->needs == NEEDS_LEDGER && !doc->opened) return;
    doc->check = row->name;
    row->check(doc);
    finding_print(doc);
}

static void rows_check(doctor *doc, bool files) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((rows[i].needs != NEEDS_NOTHING) == files) row_check(doc, &rows[i]);
}

/* In a process of its own: the pages of a damaged store can end whoever reads them. What it counts
 * and how far its document has come stands in memory that both share. */
static void files_check(doctor *doc) {
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        rows_check(doc, true);
        cli_devices_free(&doc->devices);
        cli_reading_close(&doc->reading);
        _exit(CLI_DONE);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == CLI_DONE) return;
    doc->finding.pending = false;
    doctor_say(doc, DOCTOR_ERROR, "the store cannot be read to its end");
    doctor_why(doc, "its pages are damaged or cut short; what teammates hold can be had again");
    doctor_next(doc, "tally fsck");
    finding_print(doc);
}

static void summary_print(const doctor *doc) {
    unsigned bad = doc->found[DOCTOR_WARNING] + doc->found[DOCTOR_ERROR];
    if (bad)
        cli_say("%u %s, %u %s; each says what to type next", doc->found[DOCTOR_ERROR],
                doc->found[DOCTOR_ERROR] == 1 ? "error" : "errors", doc->found[DOCTOR_WARNING],
                doc->found[DOCTOR_WARNING] == 1 ? "warning" : "warnings");
    else
        cli_say("nothing is wrong");
}

static int doctor_run(cli *run) {
    doctor *doc =
        mmap(NULL, sizeof *doc, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (doc == MAP_FAILED) return cli_fail(&(tally_error){TALLY_ENOMEM, "memory ran out"});
    doc->run = run;
    doc->now_ms = cli_now_ms();
    if (run->json) {
        cli_json_begin(&doc->json, cli_out(run));
        cli_json_open(&doc->json, NULL, '{');
        cli_json_open(&doc->json, "checks", '[');
    }
    rows_check(doc, false);
    files_check(doc);
    bool sound = doc->found[DOCTOR_WARNING] + doc->found[DOCTOR_ERROR] == 0;
    if (run->json) {
        cli_json_close(&doc->json, ']');
        cli_json_bool(&doc->json, "ok", sound);
        cli_json_close(&doc->json, '}');
        cli_json_end(&doc->json);
    } else {
        summary_print(doc);
    }
    (void)munmap(doc, sizeof *doc);
    return sound ? CLI_DONE : CLI_FAILED;
}

const cli_command command_doctor = {.name = "doctor",
                                    .arguments = "",
                                    .summary = "look for what would lose or falsify figures here",
                                    .example = "tally doctor",
                                    .run = doctor_run};
