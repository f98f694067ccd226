/* Rollouts of Codex as its tests write them, line by line. */
#ifndef TALLY_TESTS_CODEX_LINES_H
#define TALLY_TESTS_CODEX_LINES_H

#include "adapter_harness.h"

/* Rollouts written here. Times are 2026-09-11T10:MM:SS. */
#define AT(time, type, payload)                                                                    \
    "{'timestamp':'2026-09-11T10:" time "Z','type':'" type "','payload':{" payload "}}\n"
#define META(time, id, more)                                                                       \
    AT(time, "session_meta", "'id':'" id "','cwd':'/w','cli_version':'0.150.0','source':'cli'" more)
#define TURN(time, id, name) AT(time, "turn_context", "'turn_id':'" id "','model':'" name "'")
#define OLD_TURN(time, name) AT(time, "turn_context", "'model':'" name "'")
#define PROMPT(time, text)                                                                         \
    AT(time, "event_msg", "'type':'user_message','message':'" text "','images':[]")
#define TOKENS(input, cached, output, reasoning, total)                                            \
    "{'input_tokens':" #input ",'cached_input_tokens':" #cached ",'output_tokens':" #output        \
    ",'reasoning_output_tokens':" #reasoning ",'total_tokens':" #total "}"
#define COUNT(time, total, last)                                                                   \
    AT(time, "event_msg",                                                                          \
       "'type':'token_count','info':{'total_token_usage':" total ",'last_token_usage':" last "}")
#define RECORD(time, thread, turn, response, usage)                                                \
    AT(time, "token_usage_record",                                                                 \
       "'thread_id':'" thread "','turn_id':'" turn "','response_id':'" response                    \
       "','usage':" usage)

#define FIRST  TOKENS(1000, 600, 50, 10, 1050)
#define SECOND TOKENS(2000, 1500, 70, 20, 2070)
#define THIRD  TOKENS(4000, 3000, 90, 30, 4090)
#define TWO    TOKENS(3000, 2100, 120, 30, 3120)
#define THREE  TOKENS(7000, 5100, 210, 60, 7210)

#define PARENT "/s/rollout-2026-09-11T10-00-00-parent.jsonl"
#define CHILD  "/s/rollout-2026-09-11T11-00-00-child.jsonl"

static inline world *read_lines(const char *lines) {
    world *w = new_world(&capture_codex);
    write_log(w, PARENT, lines);
    read_file(w, &w->files[0], SIZE_MAX);
    assert_int_equal(w->orphans, 0);
    return w;
}

#endif
