/* Doctor's look at the ledger: its folder and key, whether it opens, what is captured, and what its
 * figures lack. */
#include "doctor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tally/budget.h>
#include <tally/price.h>

#include "billing/invoices.h"
#include "costs/cost_row.h"
#include "file.h"
#include "git.h"
#include "sessions/describe_jobs.h"

#define DAY_MS          (24LL * 3600 * 1000)
#define CLOCK_SLACK_MS  DAY_MS
#define CAPTURE_DAYS    7 /* Claude Code may be told to keep logs for so long */
#define PRICE_AGE_DAYS  120
#define GIT_ANSWER_ROOM 256u

void doctor_folder(doctor *doc) {
    struct stat dir;
    const char *path = doc->run->dir;
    if (stat(path, &dir) != 0) return; /* the check of the ledger says so */
    if (dir.st_uid != geteuid()) {
        doctor_say(doc, DOCTOR_WARNING, "%s belongs to another user", path);
        doctor_why(doc, "that user can replace the ledger and its key");
        doctor_next(doc, "sudo chown -R \"$(id -un)\" %s", doctor_word(doc, tally_span_str(path)));
    } else if (dir.st_mode & 077) {
        doctor_say(doc, DOCTOR_WARNING, "%s is open to others (mode %03o)", path,
                   dir.st_mode & 0777u);
        doctor_why(doc, "whoever gets in reads what you work on and what it costs");
        doctor_next(doc, "chmod 700 %s", doctor_word(doc, tally_span_str(path)));
    } else if (access(path, W_OK) != 0) {
        doctor_say(doc, DOCTOR_WARNING, "%s cannot be written", path);
        doctor_why(doc, "nothing can be recorded");
        doctor_next(doc, "chmod u+w %s, or mount it for writing",
                    doctor_word(doc, tally_span_str(path)));
    } else {
        doctor_say(doc, DOCTOR_OK, "%s is yours alone", path);
    }
}

void doctor_open(doctor *doc) {
    tally_error err = {0};
    int code = cli_reading_open(doc->run, &doc->reading, &err);
    if (!code) code = cli_devices_read(doc->reading.ledger, doc->reading.txn, &doc->devices, &err);
    doc->opened = code == 0;
    if (doc->opened) {
        doctor_say(doc, DOCTOR_OK, "%s opens: %" PRIu64 " records of %zu devices", doc->run->dir,
                   doc->devices.records, doc->devices.count);
        return;
    }
    doctor_say(doc, DOCTOR_ERROR, "%s", err.text);
    if (code == TALLY_ENOTFOUND)
        doctor_next(doc, "tally init, or 'tally team join' with a teammate's invite");
    else if (code == TALLY_ECORRUPT)
        doctor_next(doc, "tally fsck");
    else if (code == TALLY_EFORMAT)
        doctor_next(doc, "tally rebuild");
}

/* ---- the key ---- */

static void key_bad(doctor *doc, const char *next) {
    doctor_why(doc, "nothing can be recorded");
    doctor_next(doc, "%s", next);
}

static void key_content(doctor *doc, const char *path) {
    tally_error err = {0};
    tally_key *key = NULL;
    int code = tally_key_read_file(path, NULL, NULL, &key, &err);
    if (code == TALLY_EREFUSED) {
        doctor_say(doc, DOCTOR_OK, "%s is yours alone and sealed with a passphrase", path);
    } else if (code) {
        doctor_say(doc, DOCTOR_ERROR, "%s", err.text);
        key_bad(doc, "put the key file back from where you keep it");
    } else if (doc->opened && memcmp(tally_ledger_device(doc->reading.ledger)->b,
                                     tally_key_device(key)->b, TALLY_PUBLIC_KEY_BYTES) != 0) {
        doctor_say(doc, DOCTOR_ERROR, "%s is the key of another device", path);
        key_bad(doc, "put this ledger's back");
    } else {
        doctor_say(doc, DOCTOR_OK, "%s is yours alone", path);
    }
    tally_key_free(key);
}

void doctor_key(doctor *doc) {
    char path[PATH_MAX + 16];
    struct stat key, dir;
    snprintf(path, sizeof path, "%s/" TALLY_KEY_FILE, doc->run->dir);
    if (stat(doc->run->dir, &dir) != 0) return;
    if (stat(path, &key) != 0) {
        doctor_say(doc, DOCTOR_ERROR, "%s is missing", path);
        key_bad(doc, "put the key file back from where you keep it");
    } else if (key.st_mode & 077) {
        doctor_say(doc, DOCTOR_ERROR, "%s is open to others (mode %03o)", path,
                   key.st_mode & 0777u);
        doctor_why(doc, "who reads it can sign in your name");
        doctor_next(doc, "chmod 600 %s", doctor_word(doc, tally_span_str(path)));
    } else if (!S_ISREG(key.st_mode)) {
        doctor_say(doc, DOCTOR_ERROR, "%s is not a file", path);
        key_bad(doc, "put the key file there from where you keep it");
    } else {
        key_content(doc, path);
    }
}

void doctor_mark(doctor *doc) {
    tally_feed own;
    uint64_t size, lost;
    if (tally_feed_get(doc->reading.txn, 0, &own, NULL)) return;
    if (tally_mark_lost(doc->reading.ledger, &size, &lost, NULL)) {
        if (!own.size) return;
        doctor_say(doc, DOCTOR_NOTE,
                   "%s/" TALLY_MARK_FILE " is missing or torn; the next record makes it anew",
                   doc->run->dir);
        doctor_why(doc, "until then, a store brought back from a backup is not recognised");
    } else if (lost) {
        doctor_say(doc, DOCTOR_ERROR,
                   "this device has signed %" PRIu64 " records, and the store holds %" PRIu64, size,
                   size - lost);
        doctor_why(doc, "it was brought back from a backup; going on would make two histories");
        doctor_next(doc, "tally sync now, which fetches what teammates hold of it");
    } else {
        doctor_say(doc, DOCTOR_OK, "the store holds all that this device has signed");
    }
}

/* ---- time ---- */

void doctor_timezone(doctor *doc) {
    const tally_span *name = &doc->reading.team.timezone;
    doctor_say(doc, DOCTOR_OK, "%.*s is known", (int)name->len, (const char *)name->ptr);
}

void doctor_time(doctor *doc) {
    tally_feed own;
    char last[TALLY_TIME_TEXT_BYTES];
    if (tally_feed_get(doc->reading.txn, 0, &own, NULL) ||
        tally_hlc_ms(own.last_hlc) <= doc->now_ms + CLOCK_SLACK_MS)
        return;
    tally_time_format(tally_hlc_ms(own.last_hlc), last);
    doctor_say(doc, DOCTOR_WARNING,
               "the last record says %s, which is more than a day ahead of the clock", last);
    doctor_why(doc, "the clock jumped; settings made until then are taken for the newest");
    doctor_next(doc, "timedatectl set-ntp true");
}

void doctor_capture(doctor *doc) {
    char path[PATH_MAX + sizeof CLI_CAPTURE_MARK];
    struct stat mark;
    snprintf(path, sizeof path, "%s" CLI_CAPTURE_MARK, doc->run->dir);
    if (stat(path, &mark) != 0) {
        doctor_say(doc, DOCTOR_NOTE, "nothing was captured yet");
        doctor_next(doc, "tally capture");
        return;
    }
    int64_t days = (doc->now_ms - (int64_t)mark.st_mtim.tv_sec * 1000) / DAY_MS;
    doctor_say(doc, days < CAPTURE_DAYS ? DOCTOR_OK : DOCTOR_WARNING,
               "the last capture was %" PRId64 " %s ago", days, days == 1 ? "day" : "days");
    if (days < CAPTURE_DAYS) return;
    doctor_why(doc, "agents delete old logs; what is not captured by then is lost");
    doctor_next(doc, "tally capture; 'tally hook install' or tallyd do it by themselves");
}

void doctor_git(doctor *doc) {
    static const char *const version[] = {"version", NULL};
    static char command[CLI_COMMAND_MAX_BYTES + 1];
    char answer[GIT_ANSWER_ROOM];
    bool commits = false;
    cli_describe_settings(doc->reading.txn, &commits, command);
    if (!commits) return;
    if (cli_git_line(".", version, answer, sizeof answer)) {
        doctor_say(doc, DOCTOR_OK, "git answers");
        return;
    }
    doctor_say(doc, DOCTOR_WARNING, "git is not there or does not answer");
    doctor_why(doc, "sessions are described by the commits made in them: their lines stay vague");
    doctor_next(doc, "apt-get install git, or 'tally config set " CLI_SETTING_COMMITS " no'");
}

/* ---- figures ---- */

void doctor_prices(doctor *doc) {
    static const tally_report_key key = TALLY_BY_MODEL;
    tally_filter filter = {.unpriced = true};
    tally_report *report = NULL;
    tally_error err = {0};
    if (tally_report_run(doc->reading.txn, &filter, &key, 1, doc->reading.zone, &report, &err)) {
        doctor_say(doc, DOCTOR_ERROR, "%s", err.text);
        return;
    }
    for (size_t i = 0; i < tally_report_count(report); i++) {
        const tally_report_row *row = tally_report_at(report, i);
        doctor_say(doc, DOCTOR_WARNING, "%" PRIu64 " requests of model '%.*s' have no price",
                   row->sums.requests, (int)row->keys[0].len, (const char *)row->keys[0].ptr);
        doctor_why(doc, "they are in no total, and on no invoice");
        doctor_next(doc,
                    "tally prices set %s --input USD --output USD (a million tokens); what was "
                    "imported needs its cost in the import",
                    doctor_word(doc, row->keys[0]));
    }
    if (!tally_report_count(report)) doctor_say(doc, DOCTOR_OK, "every request is priced");
    tally_report_free(report);
}

/* The newest day from which a price holds. */
static int price_newest(void *ctx, const tally_price *price, const tally_hash *leaf) {
    int64_t *day = ctx;
    (void)leaf;
    if (price->from_day > *day) *day = price->from_day;
    return 0;
}

void doctor_price_age(doctor *doc) {
    int64_t newest = INT64_MIN, today = doc->now_ms / DAY_MS;
    if (tally_price_each(doc->reading.txn, price_newest, &newest) || newest == INT64_MIN ||
        today - newest <= PRICE_AGE_DAYS)
        return;
    doctor_say(doc, DOCTOR_NOTE, "the newest price here is %" PRId64 " days old", today - newest);
    doctor_why(doc, "vendors may have changed theirs; Tally fetches none by itself");
    doctor_next(doc, "tally prices import FILE (LiteLLM's JSON), or 'tally prices set'");
}

void doctor_unattributed(doctor *doc) {
    tally_filter filter = {.unattributed = true};
    char cost[TALLY_MONEY_TEXT_BYTES];
    tally_sums sums;
    tally_error err = {0};
    if (cli_total(&doc->reading, &filter, &sums, &err)) {
        doctor_say(doc, DOCTOR_ERROR, "%s", err.text);
    } else if (!sums.requests) {
        doctor_say(doc, DOCTOR_OK, "every request is somebody's");
    } else {
        tally_pico_format_rounded(sums.pico, 2, false, cost);
        doctor_say(doc, DOCTOR_NOTE,
                   "%" PRIu64 " requests (%s " TALLY_COST_CURRENCY ") are nobody's", sums.requests,
                   cost);
        doctor_why(doc, "they are on no invoice");
        doctor_next(doc, "tally report --unattributed --by project; then 'tally rule set'");
    }
}

static int rules_take(void *ctx, const tally_conflict *conflict) {
    doctor *doc = ctx;
    doctor_say(doc, DOCTOR_WARNING, "rules %.*s and %.*s disagree on %" PRIu64 " sessions",
               (int)conflict->rule.len, (const char *)conflict->rule.ptr, (int)conflict->other.len,
               (const char *)conflict->other.ptr, conflict->sessions);
    doctor_why(doc, "these are nobody's until a person decides");
    doctor_next(doc, "tally rule set %s --priority N, or 'tally assign'",
                doctor_word(doc, conflict->rule));
    return 0;
}

static int invoices_take(void *ctx, const tally_invoice_conflict *conflict, tally_error *err) {
    doctor *doc = ctx;
    char words[DOCTOR_TEXT_BYTES];
    (void)err;
    cli_invoice_conflict_words(conflict, words, sizeof words);
    doctor_say(doc, DOCTOR_WARNING, "%s", words);
    doctor_why(doc, "a client would pay for the same work twice");
    doctor_next(doc, "tally invoice void NUMBER, one of the two");
    return 0;
}

/* What two people decided apart, and only people can settle. */
void doctor_conflicts(doctor *doc) {
    tally_gaps gaps;
    tally_error err = {0};
    if (tally_gaps_count(doc->reading.txn, &gaps, rules_take, doc, &err) ||
        tally_invoice_conflicts(doc->reading.txn, invoices_take, doc, &err))
        doctor_say(doc, DOCTOR_ERROR, "%s", err.text);
}

static int budget_take(void *ctx, const tally_budget *budget, tally_error *err) {
    doctor *doc = ctx;
    (void)err;
    if (!budget->unpriced_requests) return 0;
    doctor_say(doc, DOCTOR_WARNING, "budget %.*s lacks %" PRIu64 " requests without a price",
               (int)budget->budget.len, (const char *)budget->budget.ptr,
               budget->unpriced_requests);
    doctor_why(doc, "it warns and stops too late");
    doctor_next(doc, "tally prices set MODEL --input USD --output USD (a million tokens)");
    return 0;
}

void doctor_budgets(doctor *doc) {
    tally_error err = {0};
    if (tally_budgets_each(doc->reading.txn, doc->reading.zone, doc->now_ms, NULL, budget_take, doc,
                           &err))
        doctor_say(doc, DOCTOR_ERROR, "%s", err.text);
}
