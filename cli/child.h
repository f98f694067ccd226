/* Other programs: run without a shell and without a terminal, bounded in what they may say and how
 * long they may take. */
#ifndef TALLY_CLI_CHILD_H
#define TALLY_CLI_CHILD_H

#include <tally/bytes.h>

#include "command.h"

typedef enum cli_child_end {
    CLI_CHILD_DONE,   /* it ended with 0 */
    CLI_CHILD_FAILED, /* or otherwise */
    CLI_CHILD_LATE,   /* it was killed: the time was over */
    CLI_CHILD_CUT,    /* it was killed: it said too much */
    CLI_CHILD_MISSING /* there is no such program, or it cannot be run */
} cli_child_end;

typedef struct cli_child {
    char *const *arguments;   /* the first is looked up in $PATH; ends with NULL */
    char *const *environment; /* NULL: this process's own */
    tally_span input;         /* for its standard input; empty: /dev/null */
    int timeout_ms;
    uint8_t *out; /* what it says, `size` bytes at most; standard error goes to /dev/null */
    size_t size, len;
} cli_child;

/* Waits for its end. A child that is killed is killed with all that it started. */
cli_child_end cli_child_run(cli_child *child);

#endif
