/* Characters as they may reach paper and files that are shown on terminals. */
#ifndef TALLY_CLI_PRINTABLE_H
#define TALLY_CLI_PRINTABLE_H

#include <tally/bytes.h>

#define CLI_PRINTABLE_MAX_BYTES 3u /* that one byte of a text can become: U+FFFD */

/* The next character of `rest`, which is not empty, as it may be printed: line breaks and tabs are
 * spaces; what steers terminals, reorders or hides text, or is not UTF-8, is U+FFFD. */
uint32_t cli_printable(tally_span *rest);
/* UTF-8 of a character into `out` of at least 4 bytes; how many there are. */
size_t cli_utf8(uint32_t character, char *out);

#endif
