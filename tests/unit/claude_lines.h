/* Logs of Claude Code as its tests write them, line by line. */
#ifndef TALLY_TESTS_CLAUDE_LINES_H
#define TALLY_TESTS_CLAUDE_LINES_H

#include "adapter_harness.h"

/* Logs written here: session S in /p/S.jsonl, one response a REPLY line. */
#define HEAD(uuid, time)                                                                           \
    "'uuid':'" uuid "','sessionId':'S','cwd':'/w','timestamp':'2026-09-01T10:" time "Z'"
#define LINE(uuid, time, more) "{" HEAD(uuid, time) "," more "}\n"
#define USER(uuid, time, text)                                                                     \
    "{" HEAD(uuid, time) ",'type':'user','message':{'role':'user','content':'" text "'}}\n"
#define MESSAGE(id, stop, usage)                                                                   \
    "'type':'assistant','message':{'id':'" id "','model':'m','stop_reason':" stop                  \
    ",'usage':{" usage "}}"
#define REPLY(uuid, time, id, request, stop, usage)                                                \
    "{" HEAD(uuid, time) ",'requestId':'" request "'," MESSAGE(id, stop, usage) "}\n"
#define SIDE(uuid, time, id, request, usage)                                                       \
    "{" HEAD(uuid, time) ",'isSidechain':true,'requestId':'" request                               \
                         "'," MESSAGE(id, "'end_turn'", usage) "}\n"
#define ANONYMOUS(uuid, time, id, stop, usage)                                                     \
    "{" HEAD(uuid, time) "," MESSAGE(id, stop, usage) "}\n"

static inline world *world_of(const char *lines) {
    world *w = new_world(&capture_claude);
    write_log(w, "/p/S.jsonl", lines);
    return w;
}

/* Reads what `lines` say, whole; the ledger's own rules are left out. */
static inline world *read_lines(const char *lines) {
    world *w = world_of(lines);
    read_file(w, &w->files[0], SIZE_MAX);
    assert_int_equal(w->orphans, 0);
    return w;
}

#endif
