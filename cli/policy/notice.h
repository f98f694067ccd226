/* Notices: telling people, once, that a budget has reached its notify-at or stop-at. */
#ifndef TALLY_CLI_NOTICE_H
#define TALLY_CLI_NOTICE_H

#include <tally/ledger.h>

#include "budgets.h"

#define CLI_NOTIFY_COMMAND_MAX_BYTES 1024u
#define CLI_NOTIFY_COMMAND           "notify-send --app-name=tally" /* without a setting */

typedef struct cli_notice {
    char budget[TALLY_NAME_MAX_BYTES + 1];
    tally_budget_level level;
    char text[CLI_BUDGET_LINE_BYTES];
} cli_notice;

typedef struct cli_notices {
    cli_notice *list;
    size_t count;
    char command[CLI_NOTIFY_COMMAND_MAX_BYTES + 1]; /* the setting notify.command */
} cli_notices;

/* What has to be told now. It is remembered as told in the same transaction that decides it, a
 * budget's period, limit and level each once: what this gives, no other process and no later call
 * gives again. No snapshot of the ledger may be open. Zeros `out` first; the caller clears it, also
 * after an error. */
int cli_notices_take(tally_ledger *ledger, cli_notices *out, tally_error *err);
void cli_notices_clear(cli_notices *notices);

/* Hands each to the desktop (or to notify.command) and does not wait for it. */
void cli_notices_tell(const cli_notices *notices);
/* On stderr, for people. */
void cli_notices_say(const cli_notices *notices);
/* "notices": [{"budget","level","text"}] in the object that is open. */
void cli_notices_json(cli_json *json, const cli_notices *notices);

/* Whether a text can be notify.command: a program and its arguments separated by single spaces, or
 * "none". */
bool cli_notify_command_ok(tally_span text);

#endif
