/* tally hook: called by an agent at each of its events. Has the logs captured by a process of its
 * own and refuses a prompt or a tool when a budget is spent. Must never be in the agent's way: it
 * is over in two seconds, whatever happens, and trouble of ours is a line in a log. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include <capture/capture.h>

#include "commands.h"
#include "file.h"
#include "hook_budget.h"
#include "hook_event.h"
#include "hook_log.h"
#include "policy/notice.h"

#define HOOK_MAX_MS     2000
#define CAPTURE_MAX_S   600u /* of the process that captures */
#define INPUT_MAX_BYTES (32u * 1024u * 1024u)
#define PROMPT_WAIT_MS  1000 /* for what was spent until now to be captured */
#define TOOL_WAIT_MS    300

/* ---- bounds ---- */

/* Nothing was printed before: the agent takes it for consent. */
static void give_up(int sig) {
    (void)sig;
    _exit(CLI_DONE);
}

/* Also for pages of the store that cannot be read: main's words about them are not for agents. The
 * stack that main made for it serves here, too. */
static void bounds_set(void) {
    static const int fatal[] = {SIGALRM, SIGBUS, SIGSEGV, SIGABRT, SIGTERM};
    const struct itimerval most = {.it_value = {HOOK_MAX_MS / 1000, HOOK_MAX_MS % 1000 * 1000}};
    struct sigaction action = {.sa_handler = give_up, .sa_flags = SA_ONSTACK};
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        sigaction(fatal[i], &action, NULL);
    setitimer(ITIMER_REAL, &most, NULL);
}

/* ---- capturing beside ---- */

static void capture_do(cli *run, const hook_agent *agent) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    capture_result result;
    cli_notices notices = {.count = 0};
    char home[PATH_MAX];
    const capture_options options = {.home = home,
                                     .use_environment = true,
                                     .agent = agent->name,
                                     .may_leave = true,
                                     .now_ms = cli_now_ms};
    if (!cli_home() || !realpath(cli_home(), home)) return;
    int code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = capture_run(ledger, &options, &result, &err);
    if (!code) code = cli_notices_take(ledger, &notices, &err);
    if (!code) cli_notices_tell(&notices);
    cli_notices_clear(&notices);
    tally_ledger_close(ledger);
    if (code && code != TALLY_ENOTFOUND) hook_log_put(run, agent->name, "capture", &err);
}

/* What the agent holds open of ours must not keep it waiting, nor its end end the capture. */
static void process_detach(int done) {
    int null = open("/dev/null", O_RDWR);
    (void)setsid();
    for (int fd = 0; fd <= 2 && null >= 0; fd++)
        (void)dup2(null, fd);
    (void)dup2(done, 3);
    (void)close_range(4, ~0u, 0);
    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, sig == SIGPIPE ? SIG_IGN : SIG_DFL);
    (void)alarm(CAPTURE_MAX_S);
}

/* The reading end of a pipe that closes when the capture is over; -1: there is none. */
static int capture_start(cli *run, const hook_agent *agent) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        process_detach(ends[1]);
        capture_do(run, agent);
        _exit(CLI_DONE);
    }
    (void)close(ends[1]);
    if (pid > 0) return ends[0];
    (void)close(ends[0]);
    return -1;
}

static void capture_wait(int done, int most_ms) {
    struct pollfd waits = {.fd = done, .events = POLLIN};
    if (done < 0) return;
    (void)poll(&waits, 1, most_ms);
    (void)close(done);
}

/* ---- the verdict ---- */

static void verdict_give(cli *run, const hook_agent *agent, const hook_event *event) {
    tally_error err = {0};
    cli_reading reading = {0};
    tally_budget_level level = TALLY_BUDGET_FINE;
    char sentence[HOOK_SENTENCE_MAX_BYTES] = "";
    cli_work *work = calloc(1, sizeof *work);
    int code = work ? cli_reading_open(run, &reading, &err)
                    : tally_fail(&err, TALLY_ENOMEM, "memory ran out");
    if (!code) {
        cli_work_find(reading.txn, agent->name, event->session, event->cwd, work);
        code = hook_budget_ask(&reading, work, &level, sentence, &err);
    }
    cli_reading_close(&reading);
    free(work);
    if (code && code != TALLY_ENOTFOUND) hook_log_put(run, agent->name, event->name, &err);
    if (code || level == TALLY_BUDGET_FINE) return;
    if (event->moment == HOOK_START)
        hook_tell(cli_out(run), sentence);
    else if (level == TALLY_BUDGET_STOP)
        hook_refuse(cli_out(run), agent, event, sentence);
}

static int event_take(cli *run, const hook_agent *agent, tally_span text) {
    static const int waits_ms[] = {
        [HOOK_START] = TOOL_WAIT_MS, [HOOK_PROMPT] = PROMPT_WAIT_MS, [HOOK_TOOL] = TOOL_WAIT_MS};
    hook_event event;
    if (!hook_event_read(agent, text, &event)) {
        const tally_error err = {.code = TALLY_EFORMAT,
                                 .text = "what the agent sent is no JSON object"};
        hook_log_put(run, agent->name, "event", &err);
        return CLI_DONE;
    }
    int done = capture_start(run, agent);
    if (event.moment != HOOK_OTHER) {
        capture_wait(done, waits_ms[event.moment]);
        verdict_give(run, agent, &event);
    }
    return CLI_DONE;
}

static int hook_run(cli *run) {
    tally_error err = {0};
    const hook_agent *agent = hook_agent_find(run->arguments[0]);
    const char *given = run->argument_count > 1 ? run->arguments[1] : NULL;
    uint8_t *bytes = NULL;
    size_t len = 0;
    if (!agent)
        return cli_usage(run, "no agent '%s' has hooks; there are claude-code, codex, gemini-cli",
                         run->arguments[0]);
    if (!given && isatty(STDIN_FILENO) == 1)
        return cli_usage(run, "an agent calls this with an event on standard input; 'tally hook "
                              "install' has it do so");
    bounds_set();
    if (given) return event_take(run, agent, tally_span_str(given));
    if (cli_file_read("-", INPUT_MAX_BYTES, &bytes, &len, &err)) {
        hook_log_put(run, agent->name, "event", &err);
        return CLI_DONE;
    }
    int code = event_take(run, agent, tally_span_of(bytes, len));
    free(bytes);
    return code;
}

const cli_command command_hook = {.name = "hook",
                                  .arguments = "AGENT [EVENT]",
                                  .summary = "called by an agent at its events; see hook install",
                                  .example = "tally hook claude-code <event.json",
                                  .min_arguments = 1,
                                  .max_arguments = 2,
                                  .inside_agent = true,
                                  .run = hook_run};
