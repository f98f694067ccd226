/* The gate that every call passes which may be made to fail: it counts, and says when it is the
 * one. Preloaded into tally and tallyd by tests/faults/ground.bash; which calls there are is said
 * in calls.c and memory.c. */
#ifndef TALLY_FAULT_GATE_H
#define TALLY_FAULT_GATE_H

#include <stdbool.h>

/* The environment says what is to happen, in a program called tally or tallyd, from its main() on:
 *   FAULT_CALLS  groups of calls, separated by commas: write sync name size map memory
 *   FAULT_AT     the first of them that is harmed, from 1; children of the process count on
 *   FAULT_STAY   when set, every later one too
 *   FAULT_DO     how
 *   FAULT_TOLD   a file that gets a line when it has happened */
typedef enum fault_deed {
    FAULT_NONE,  /* let it pass */
    FAULT_ERROR, /* fail with fault_errno */
    FAULT_SHORT, /* half of the bytes, and say so; what writes no bytes passes */
    FAULT_TORN,  /* half of the bytes, then SIGKILL; what writes no bytes is not done */
    FAULT_AFTER, /* SIGKILL when it is done */
} fault_deed;

typedef enum fault_group {
    FAULT_WRITE = 1,   /* write, pwrite, writev, pwritev, and what stdio writes to files */
    FAULT_SYNC = 2,    /* fsync, fdatasync, msync */
    FAULT_NAME = 4,    /* making, linking, renaming and removing names */
    FAULT_SIZE = 8,    /* ftruncate */
    FAULT_MAP = 16,    /* mapping a file */
    FAULT_MEMORY = 32, /* malloc and what is like it, anonymous maps */
} fault_group;

extern int fault_errno;

/* FAULT_DO=kill does not return. */
fault_deed fault_gate(fault_group group, const char *call);
void fault_kill(void) __attribute__((noreturn));
/* To be called when the deed was FAULT_TORN or FAULT_AFTER and the call is as far as it shall get.
 */
void fault_done(fault_deed deed);

#endif
