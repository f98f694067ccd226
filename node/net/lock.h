/* One daemon a ledger: an advisory lock that ends with its process. Private to node/net. */
#ifndef NET_LOCK_H
#define NET_LOCK_H

#include <stdbool.h>
#include <tally/error.h>

/* The caller closes *fd. TALLY_EEXIST when another process holds it. */
int net_lock_take(const char *dir, int *fd, tally_error *err);
bool net_lock_held(const char *dir);

#endif
