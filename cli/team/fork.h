/* Forks as commands show and settle them: the heads that a frozen feed may go on to. */
#ifndef TALLY_CLI_FORK_H
#define TALLY_CLI_FORK_H

#include <tally/fork.h>

#include "audit/witness_out.h"

/* Two of the proof, one kept, those set aside. */
#define CLI_CHOICES_MAX (TALLY_FORK_MAX_BRANCHES + 3u)

/* A head that the feed may go on to. */
typedef struct cli_choice {
    uint64_t size;
    tally_hash root;
    uint64_t held; /* records past the place where the histories part, that are here */
    bool kept;
    bool began; /* first_ms holds the clock of the first record that differs */
    int64_t first_ms;
    cli_sights sights; /* who has cosigned what lies past that place */
} cli_choice;

typedef struct cli_fork {
    const tally_fork_state *state; /* borrowed */
    cli_choice choices[CLI_CHOICES_MAX];
    size_t count;
} cli_fork;

/* The caller frees with cli_fork_free. */
int cli_fork_read(tally_txn *txn, const tally_fork_state *state, cli_fork *out, tally_error *err);
void cli_fork_free(cli_fork *fork);

#endif
