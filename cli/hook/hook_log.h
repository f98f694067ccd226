/* The log of hooks, in the ledger's directory: agents show nothing of what goes wrong in one. */
#ifndef TALLY_CLI_HOOK_LOG_H
#define TALLY_CLI_HOOK_LOG_H

#include "command.h"

#define HOOK_LOG_FILE      "/hook.log" /* in the ledger's directory */
#define HOOK_LOG_MAX_BYTES 65536       /* then it begins anew */

/* One line; what fails here is passed over. Nothing of a prompt may stand in `err`. */
void hook_log_put(const cli *run, const char *agent, const char *doing, const tally_error *err);
/* The last line without its end, or an empty text. */
void hook_log_last(const cli *run, char *out, size_t size);

#endif
