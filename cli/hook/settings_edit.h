/* Editing agents' settings as text: what is not ours stays byte for byte. Pure: text in, text out.
 */
#ifndef TALLY_CLI_SETTINGS_EDIT_H
#define TALLY_CLI_SETTINGS_EDIT_H

#include <tally/bytes.h>
#include <tally/error.h>

#include "hook_event.h"

#define SETTINGS_MAX_BYTES (4u * 1024u * 1024u)
#define COMMAND_MAX_BYTES  8192u

/* What `tally hook install` puts there. Commands are as a shell reads them; ours are known by how
 * they end, whatever path and ledger they name. */
typedef struct settings_wanted {
    const hook_agent *agent;
    const char *command;
    const char *statusline; /* NULL: leave it alone */
} settings_wanted;

/* All give a new text, the caller's to free, with room for a NUL. An empty text is a file that is
 * not there. TALLY_EFORMAT says what could not be understood; nothing is to be written then. */
typedef struct settings_text {
    uint8_t *bytes;
    size_t len;
} settings_text;

/* A JSON file of hooks: adds what is missing, replaces commands of ours that differ. An existing
 * status line of somebody else stays. */
int settings_hooks_add(tally_span text, const settings_wanted *wanted, settings_text *out,
                       tally_error *err);
/* Removes every hook and status line of ours, and what they leave empty. */
int settings_hooks_remove(tally_span text, const hook_agent *agent, settings_text *out,
                          tally_error *err);

/* What of ours stands in a JSON file: how many events have our hook; the first command and status
 * line of ours (empty: none). `other_statusline`: somebody else's. */
typedef struct settings_found {
    unsigned events;
    char command[COMMAND_MAX_BYTES], statusline[COMMAND_MAX_BYTES];
    bool other_statusline;
} settings_found;
int settings_hooks_find(tally_span text, const hook_agent *agent, settings_found *out,
                        tally_error *err);

/* Codex's `notify`: one line at the file's start, which is at the top level whatever follows.
 * TALLY_EEXIST when something else is notified already. */
int settings_notify_add(tally_span text, const char *program, const char *ledger,
                        settings_text *out, tally_error *err);
int settings_notify_remove(tally_span text, settings_text *out, tally_error *err);
bool settings_notify_is_there(tally_span text);

#endif
