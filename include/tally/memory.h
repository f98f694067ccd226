/* Memory that ran out. Whoever asks for some handles its lack where it stands; but one lack that is
 * taken for something else ("no such row", "no price") would be a wrong figure. So every lack is
 * also noted here: a write in which there was one is never committed, and a program can choose to
 * end at once. */
#ifndef TALLY_MEMORY_H
#define TALLY_MEMORY_H

#include <stdint.h>

/* Notes a lack, and calls what was set for it. The programs' allocations do it by themselves
 * (node/memory/wrap.c), and the store for those of LMDB. */
void tally_memory_lost(void);

/* So many have been noted. */
uint64_t tally_memory_losses(void);

/* What is called at each, from any thread and inside of an allocation; NULL for nothing. */
typedef void tally_memory_fn(void);
void tally_memory_on_loss(tally_memory_fn *fn);

#endif
