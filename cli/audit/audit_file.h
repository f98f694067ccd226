/* A pack's file: plain text, the page it is embedded in, or a directory that holds it. */
#ifndef TALLY_CLI_AUDIT_FILE_H
#define TALLY_CLI_AUDIT_FILE_H

#include <tally/audit.h>

#define CLI_PACK_FILE "pack.txt" /* in a directory */

/* Reads the pack's text. `*file` is the caller's to free(); `text` is within it. */
int cli_pack_read(const char *path, uint8_t **file, tally_span *text, tally_error *err);
/* A verdict's one line: "ok: ..." or "bad, line 17, record 3f2a91c0/17: its ...". */
void cli_pack_words(const tally_pack_verdict *verdict, char *out, size_t size);

#endif
