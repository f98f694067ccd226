/* Finds the session a person means by its id or the beginning of it. */
#include "sessions.h"

#include <string.h>

typedef struct session_search {
    tally_span text;
    tally_agent_session *out;
    bool exact;
    uint64_t matches;
} session_search;

static int session_match(void *ctx, const tally_agent_session *session) {
    session_search *search = ctx;
    if (session->id.len < search->text.len ||
        memcmp(session->id.ptr, search->text.ptr, search->text.len) != 0)
        return 0;
    bool exact = session->id.len == search->text.len;
    if (search->exact && !exact) return 0;
    if (exact && !search->exact) search->matches = 0;
    search->exact = exact;
    search->matches++;
    *search->out = *session;
    return 0;
}

int cli_session_find(tally_txn *txn, const char *text, tally_agent_session *out, tally_error *err) {
    session_search search = {.text = tally_span_str(text), .out = out};
    if (!*text) return tally_fail(err, TALLY_EINVAL, "a session's id is empty");
    int code = tally_agent_session_each(txn, session_match, &search);
    if (code) return tally_fail(err, code, "the sessions cannot be read; run 'tally fsck'");
    if (!search.matches)
        return tally_fail(err, TALLY_ENOTFOUND,
                          "no session begins with '%s'; 'tally sessions' lists them", text);
    if (search.matches > 1)
        return tally_fail(err, TALLY_EINVAL, "%llu sessions begin with '%s'; give more of the id",
                          (unsigned long long)search.matches, text);
    return 0;
}
