/* Git remotes: one spelling for the many of one repository. Private to ledger/. */
#ifndef LEDGER_REMOTE_H
#define LEDGER_REMOTE_H

#include <tally/bytes.h>

#define REMOTE_MAX_BYTES 512u

/* "git@github.com:acme/shop.git", "https://user@GitHub.com:443/acme/shop/" and
 * "ssh://github.com/acme/shop" all become "github.com/acme/shop": no scheme, user, port, final
 * ".git" or slash; the host in small letters. Returns the length; 0 for what is empty or longer
 * than REMOTE_MAX_BYTES. */
size_t remote_normalise(tally_span remote, char out[REMOTE_MAX_BYTES]);

#endif
