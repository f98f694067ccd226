/* Tags: what one is, and the records that add and remove it. */
#ifndef TALLY_CLI_TAGS_H
#define TALLY_CLI_TAGS_H

#include <tally/view.h>

#define CLI_TAG_MAX_BYTES 64u

/* What a tag is on: a session (agent and id), or one entry. */
typedef struct cli_tag_target {
    tally_span agent, session;
    const tally_entry_id *entry; /* NULL for a session */
} cli_tag_target;

/* True for a tag as people may set it: 1..64 bytes of UTF-8 without control characters, comma or
 * semicolon. */
bool cli_tag_ok(tally_span tag);
/* Takes the next tag off `tags`, a list with ';' between; false when none is left. */
bool cli_tag_next(tally_span *tags, tally_span *tag);

bool cli_tag_has(tally_txn *txn, const cli_tag_target *target, tally_span tag);
/* Inside a write: appends tag.add, unless the target carries the tag already. */
int cli_tag_add(tally_txn *txn, tally_writer *writer, const cli_tag_target *target, tally_span tag,
                bool *added, tally_error *err);
/* Inside a write: appends tag.remove for every add seen here. `*removed` stays false when the tag
 * is not there. */
int cli_tag_remove(tally_txn *txn, tally_writer *writer, const cli_tag_target *target,
                   tally_span tag, bool *removed, tally_error *err);

#endif
