/* What doctor's checks share: each is a row of the table in doctor.c and a function in the file of
 * its subject. A check says what it found, and, unless all is well, why that matters and what to
 * type next. None changes anything. */
#ifndef TALLY_CLI_DOCTOR_H
#define TALLY_CLI_DOCTOR_H

#include <sys/types.h>

#include "team/device.h"

#define DOCTOR_TEXT_BYTES 1024u
#define DOCTOR_NEXT_BYTES 1536u /* a word of a command fills a text at the most */

typedef enum doctor_level {
    DOCTOR_OK,
    DOCTOR_NOTE,    /* worth knowing; nothing is lost */
    DOCTOR_WARNING, /* figures may be lost or wrong, now or later */
    DOCTOR_ERROR,   /* something does not work */
    DOCTOR_LEVELS
} doctor_level;

typedef struct doctor_finding {
    bool pending; /* to be printed before the next one */
    doctor_level level;
    char what[DOCTOR_TEXT_BYTES], why[DOCTOR_TEXT_BYTES], next[DOCTOR_NEXT_BYTES];
} doctor_finding;

typedef struct doctor {
    cli *run;
    const char *check; /* that is being made */
    cli_json json;
    unsigned found[DOCTOR_LEVELS];
    doctor_finding finding;
    char word[DOCTOR_TEXT_BYTES]; /* doctor_word's last */
    int64_t now_ms;
    /* For checks of the ledger: */
    bool opened;
    cli_reading reading;
    cli_devices devices;
} doctor;

/* One finding. A check that says none was not needed here. */
void doctor_say(doctor *doc, doctor_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Why the last finding matters, and the exact next step. */
void doctor_why(doctor *doc, const char *why);
void doctor_next(doctor *doc, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A path or name as a shell takes it, for one doctor_next: what that says is pasted. */
const char *doctor_word(doctor *doc, tally_span text);

typedef void doctor_check(doctor *doc);

/* doctor_machine.c */
doctor_check doctor_versions, doctor_clock, doctor_zones, doctor_disk, doctor_memory,
    doctor_terminal;
doctor_check doctor_pdf, doctor_daemon, doctor_unit, doctor_litter;
/* doctor_agents.c */
doctor_check doctor_agents, doctor_retention, doctor_hooks, doctor_hook_log;
/* doctor_ledger.c */
doctor_check doctor_folder, doctor_key, doctor_open, doctor_timezone, doctor_mark, doctor_time;
doctor_check doctor_capture, doctor_prices, doctor_price_age, doctor_unattributed, doctor_budgets;
doctor_check doctor_git, doctor_conflicts;
/* doctor_team.c */
doctor_check doctor_forks, doctor_members, doctor_peers, doctor_clocks, doctor_copies;
doctor_check doctor_witnesses, doctor_webhooks;

#endif
