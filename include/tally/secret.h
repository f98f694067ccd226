/* Memory for secrets: between guard pages, kept out of swap where the system lets us, wiped when it
 * is freed. What is held longer than a call belongs here; copies in passing are wiped where they
 * are made. */
#ifndef TALLY_SECRET_H
#define TALLY_SECRET_H

#include <tally/error.h>

#include <stdbool.h>
#include <stddef.h>

/* `size` bytes of zeros, that end where a guard page begins: a type with an alignment needs a size
 * that is a multiple of it. Free with tally_secret_free, which wipes (NULL is fine). */
int tally_secret_new(size_t size, void **out, tally_error *err);
void tally_secret_free(void *secret);

/* Whether such memory stays out of swap here: the system may allow none to be locked, or so little
 * (RLIMIT_MEMLOCK) that it is used up. */
bool tally_secret_locks(void);

/* From here on nothing of this process can be written to a dump, nor read through a debugger by
 * others of the same user. Only in optimised builds: the others are for debuggers. */
void tally_secret_no_dumps(void);

#endif
