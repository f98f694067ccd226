/* What the Claude Code adapter says of sessions: who typed, titles, places, and whose a subagent
 * is. Costs are in claude_adapter_test.c. */
#include "claude_lines.h"

static void a_queued_prompt_that_comes_again_is_one_stamp(void **state) {
    (void)state;
#define QUEUED(uuid, time, text)                                                                   \
    "{" HEAD(uuid, time) ",'type':'attachment','attachment':{'type':'queued_command','"            \
                         "commandMode':'prompt','prompt':'" text "'}}\n"
    const char *log =
        LOG(USER("u1", "00:00", "go"), QUEUED("q1", "01:00", "also the docs"),
            USER("u2", "03:00", "also the docs"), USER("u3", "04:00", "also the docs"),
            QUEUED("q2", "10:00", "again"), USER("u4", "15:01", "again"));
    for (size_t split = 0; split <= 6; split++) {
        world *w = world_of(log);
        read_file(w, &w->files[0], split);
        assert_int_equal(count_human(w), 5); /* all but u2 */
        assert_true(has_human_at(w, ms_of("2026-09-01T10:01:00Z")));
        assert_false(has_human_at(w, ms_of("2026-09-01T10:03:00Z")));
        assert_true(has_human_at(w, ms_of("2026-09-01T10:15:01Z")));
        free_world(w);
    }
}

static void only_positive_evidence_makes_a_human_stamp(void **state) {
    (void)state;
    static const struct {
        bool human;
        const char *fields; /* of a line that would otherwise be typed text */
    } cases[] = {
        {true, "'type':'user','message':{'content':'hello'}"},
        {true, "'type':'user','message':{'content':[{'type':'image','source':{}}]}"},
        {true, "'type':'user','message':{'content':'<bash-input>ls</bash-input>'}"},
        {true, "'type':'user','message':{'content':'<command-message>x</"
               "command-message>\\n<command-name>/x</command-name>'}"},
        {true, "'type':'user','message':{'content':'<system-reminder>a</"
               "system-reminder>\\n<ide_selection>b</ide_selection> why?'}"},
        {true, "'type':'user','promptSource':'queued','message':{'content':'[Request interrupted "
               "by user]'}"},
        {true, "'type':'user','origin':{'kind':'human'},'promptSource':'system','message':{'"
               "content':'x'}"},
        {true,
         "'type':'user','origin':{'kind':'human'},'entrypoint':'sdk-ts','message':{'content':'x'}"},
        {true, "'type':'user','origin':null,'promptSource':null,'toolUseResult':null,'message':{'"
               "content':'x'}"},
        {true, "'type':'user','promptSource':'new-kind','message':{'content':'x'}"},
        {true, "'type':'system','subtype':'local_command','content':'<command-name>/cost</"
               "command-name>'"},
        {true, "'type':'attachment','attachment':{'type':'queued_command','commandMode':'prompt','"
               "prompt':[{'type':'image'},{'type':'text','text':'see'}]}"},
        {false, "'type':'user','isSidechain':true,'message':{'content':'hello'}"},
        {false, "'type':'user','isMeta':true,'message':{'content':'hello'}"},
        {false,
         "'type':'user','isMeta':true,'origin':{'kind':'human'},'message':{'content':'hello'}"},
        {false, "'type':'user','isCompactSummary':true,'message':{'content':'hello'}"},
        {false, "'type':'user','isVisibleInTranscriptOnly':true,'message':{'content':'hello'}"},
        {false, "'type':'user','toolUseResult':{},'message':{'content':'hello'}"},
        {false, "'type':'user','sourceToolUseID':'t','message':{'content':'hello'}"},
        {false, "'type':'user','origin':{'kind':'channel'},'message':{'content':'hello'}"},
        {false, "'type':'user','origin':{'kind':'peer'},'promptSource':'typed','message':{'content'"
                ":'hello'}"},
        {false, "'type':'user','origin':{'kind':'unclassified'},'message':{'content':'hello'}"},
        {false, "'type':'user','promptSource':'system','message':{'content':'hello'}"},
        {false, "'type':'user','promptSource':'sdk','message':{'content':'hello'}"},
        {false, "'type':'user','entrypoint':'sdk-py','message':{'content':'hello'}"},
        {false, "'type':'user','message':{'content':[{'type':'tool_result','content':'hello'}]}"},
        {false, "'type':'user','message':{'content':''}"},
        {false, "'type':'user','message':{'content':'<system-reminder>never ends'}"},
        {false, "'type':'user','message':{'content':'<system-reminder>a</system-reminder>Stop hook "
                "feedback:\\n- x'}"},
        {false, "'type':'user','message':{'content':'This session is being continued from'}"},
        {false, "'type':'user','message':{'content':'Caveat: The messages below were'}"},
        {false,
         "'type':'user','message':{'content':'<local-command-stdout>x</local-command-stdout>'}"},
        {false, "'type':'user','message':{'content':'<command-stdout>x'}"},
        {false, "'type':'user','message':{'content':'<bash-stdout>x</bash-stdout>'}"},
        {false, "'type':'user','message':{'content':'<bash-stderr>x'}"},
        {false, "'type':'user','message':{'content':'<task-notification>x'}"},
        {false, "'type':'user','message':{'content':'<user-memory-input>x'}"},
        {false, "'type':'user','message':{'content':'[Request interrupted by user for tool use]'}"},
        {false, "'type':'user','message':{'content':'<tool_use_error>x'}"},
        {false, "'type':'system','subtype':'local_command','content':'<local-command-stdout>x</"
                "local-command-stdout>'"},
        {false, "'type':'system','subtype':'informational','content':'<command-name>/cost</"
                "command-name>'"},
        {false, "'type':'attachment','attachment':{'type':'queued_command','commandMode':'task-"
                "notification','prompt':'x'}"},
        {false, "'type':'attachment','origin':{'kind':'human'},'attachment':{'type':'queued_"
                "command','commandMode':'prompt','prompt':'<task-notification>x'}"},
        {false, "'type':'attachment','attachment':{'type':'hook_success','prompt':'x'}"},
        {false, "'type':'attachment','attachment':{'type':'queued_command','commandMode':'prompt','"
                "prompt':'x','origin':{'kind':'task-notification'}}"},
        {false, "'type':'queue-operation','operation':'enqueue','content':'hello'"},
        {false, "'type':'progress','data':{'type':'agent_progress'}"},
    };
    char log[2048];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(log, sizeof log, "%s{%s,%s}\n", USER("u0", "00:00", "first"),
                       HEAD("x", "00:30"), cases[i].fields);
        world *w = read_lines(log);
        if (has_human_at(w, ms_of("2026-09-01T10:00:30Z")) != cases[i].human)
            print_error("wrong: %s\n", cases[i].fields);
        assert_int_equal(count_human(w), 1 + (cases[i].human ? 1 : 0));
        assert_int_equal(w->act_count, 2);
        free_world(w);
    }
}

static void titles_follow_their_rank(void **state) {
    (void)state;
    static const char prompt[] = USER("u1", "00:00",
                                      "<system-reminder>x</system-reminder>\\nFix the "
                                      "\\u001b[31mbasket\\u001b[0m\\u202e   total\\nand more");
    const struct {
        const char *more, *title;
        uint32_t rank;
    } cases[] = {
        {"", "Fix the basket total", 1},
        {"{'type':'summary','summary':'Other','leafUuid':'elsewhere'}\n", "Fix the basket total",
         1},
        {"{'type':'summary','summary':'Mine','leafUuid':'u1'}\n", "Mine", 2},
        {LOG("{'type':'summary','summary':'Old','leafUuid':'u1'}\n",
             "{'type':'summary','summary':'New','leafUuid':'u1'}\n"),
         "New", 2},
        {LOG("{'type':'ai-title','aiTitle':'By AI','sessionId':'S'}\n",
             "{'type':'summary','summary':'Mine','leafUuid':'u1'}\n"),
         "By AI", 3},
        {LOG("{'type':'custom-title','customTitle':'Own','sessionId':'S'}\n",
             "{'type':'ai-title','aiTitle':'By AI','sessionId':'S'}\n"),
         "Own", 4},
    };
    char log[2048];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int before = 0; before < 2; before++) {
            (void)snprintf(log, sizeof log, "%s%s%s", before ? cases[i].more : prompt,
                           before ? prompt : cases[i].more, USER("u2", "00:09", "Second"));
            for (size_t split = 0; split <= 4; split++) {
                world *w = world_of(log);
                read_file(w, &w->files[0], split);
                assert_int_equal(w->session_count, 1);
                assert_string_equal(w->sessions[0].id, "S");
                assert_string_equal(w->sessions[0].title, cases[i].title);
                assert_int_equal(w->sessions[0].title_rank, cases[i].rank);
                free_world(w);
            }
        }
    }
}

static void a_prompt_title_is_cut_at_eighty_characters(void **state) {
    (void)state;
    char text[200], log[1024];
    for (size_t i = 0; i < 90; i++)
        memcpy(text + 2 * i, "\xc3\xa9", 2); /* e acute: 90 characters, 180 bytes */
    text[180] = '\0';
    (void)snprintf(log, sizeof log, "{%s,'type':'user','message':{'content':'%s'}}\n",
                   HEAD("u", "00:00"), text);
    world *w = read_lines(log);
    assert_int_equal(strlen(w->sessions[0].title), 160);
    free_world(w);
}

static void a_subagent_belongs_to_its_parents_session(void **state) {
    (void)state;
    static const char log[] =
        "{'isSidechain':true,'agentId':'a1','sessionId':'P','cwd':'/"
        "w','uuid':'x1','timestamp':'2026-09-01T10:00:00Z','type':'user','message':{'content':'"
        "Look'}}\n{'isSidechain':true,'uuid':'x2','timestamp':'2026-09-01T10:00:05Z','requestId':'"
        "r'," MESSAGE("m", "'end_turn'", "'output_tokens':5") "}\n";
    static const char *const paths[] = {"/c/P/subagents/agent-a1.jsonl",
                                        "/c/P/subagents/workflows/w/agent-a1.jsonl",
                                        "/c/agent-a1.jsonl"};
    for (size_t i = 0; i < 3; i++) {
        world *w = new_world(&capture_claude);
        write_log(w, paths[i], log);
        read_file(w, &w->files[0], SIZE_MAX);
        assert_int_equal(w->session_count, 1);
        assert_string_equal(w->sessions[0].id, "P");
        assert_string_equal(w->sessions[0].title, "");
        assert_int_equal(count_human(w), 0);
        assert_int_equal(w->cost_count, 1);
        assert_string_equal(w->costs[0].session, "P");
        assert_string_equal(w->costs[0].subagent, "a1");
        assert_true(w->costs[0].sidechain);
        free_world(w);
    }
}

static void the_first_place_and_the_last_branch_with_a_name_count(void **state) {
    (void)state;
    world *w = read_lines(LOG("{'uuid':'a','sessionId':'S','cwd':'/w/"
                              "one','gitBranch':'main','timestamp':'2026-09-01T10:00:00Z','type':'"
                              "user','message':{'content':'x'}}\n",
                              "{'uuid':'b','sessionId':'S','cwd':'/w/"
                              "two','gitBranch':'feature','timestamp':'2026-09-01T10:00:01Z','type'"
                              ":'user','message':{'content':'y'}}\n",
                              "{'uuid':'c','sessionId':'S','cwd':'/w/"
                              "two','gitBranch':'HEAD','timestamp':'2026-09-01T10:00:02Z','type':'"
                              "user','message':{'content':'y'}}\n",
                              "{'uuid':'d','sessionId':'S','gitBranch':'','timestamp':'2026-09-"
                              "01T10:00:03Z','type':'user','message':{'content':'y'}}\n"));
    assert_string_equal(w->sessions[0].cwd, "/w/one");
    assert_string_equal(w->sessions[0].branch, "feature");
    free_world(w);
    w = read_lines(LOG("{'type':'worktree-state','sessionId':'S','worktreeSession':{'originalCwd':'"
                       "/home/real','worktreePath':'/tmp/wt'}}\n",
                       USER("a", "00:00", "x")));
    assert_string_equal(w->sessions[0].cwd, "/home/real");
    free_world(w);
    w = read_lines(LOG("{'type':'relocated','sessionId':'S','relocatedCwd':'/home/moved'}\n",
                       USER("a", "00:00", "x")));
    assert_string_equal(w->sessions[0].cwd, "/home/moved");
    free_world(w);
}

static void looking_at_the_usage_is_no_session(void **state) {
    (void)state;
    const char *look =
        LOG("{" HEAD("a", "00:00") ",'type':'user','message':{'content':'<command-name>/usage</"
                                   "command-name>'}}\n",
            "{" HEAD("b", "00:01") ",'type':'system','subtype':'local_command','content':'<local-"
                                   "command-stdout>x</local-command-stdout>'}\n");
    world *w = read_lines(look);
    assert_int_equal(w->session_count + w->act_count, 0);
    free_world(w);
    w = read_lines("{'uuid':'a','sessionId':'S','cwd':'/x/"
                   "ClaudeProbe','timestamp':'2026-09-01T10:00:00Z','type':'user','message':{'"
                   "content':'hi'}}\n");
    assert_int_equal(w->session_count + w->act_count, 0);
    free_world(w);
    char log[1024];
    (void)snprintf(log, sizeof log, "%s%s", USER("u", "00:00", "go"), look);
    w = read_lines(log);
    assert_int_equal(w->session_count, 1);
    assert_int_equal(count_human(w), 2);
    free_world(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queued_prompt_that_comes_again_is_one_stamp),
        cmocka_unit_test(only_positive_evidence_makes_a_human_stamp),
        cmocka_unit_test(titles_follow_their_rank),
        cmocka_unit_test(a_prompt_title_is_cut_at_eighty_characters),
        cmocka_unit_test(a_subagent_belongs_to_its_parents_session),
        cmocka_unit_test(the_first_place_and_the_last_branch_with_a_name_count),
        cmocka_unit_test(looking_at_the_usage_is_no_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
