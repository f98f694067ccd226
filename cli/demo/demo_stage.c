/* Where the demo plays: a folder with two homes, and the programs that run in them. Whatever ends
 * the demo ends them too. What is run is not decided here. */
#include "demo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <tally/json.h>
#include <tally/program.h>

#include "file.h"

#define PROGRAM_MS       60000 /* no step of the story takes a tenth of it */
#define DAEMON_START_MS  20000
#define DAEMON_LOOK_MS   20
#define ROWS             50
#define REMOVE_FILES     16 /* open at once */
#define TAMPER_MAX_BYTES (64u * 1024u * 1024u)

/* How a program is started. */
typedef struct start_plan {
    demo_who who;
    char *const *words;
    int in, out; /* descriptors it gets; in -1: nothing to read */
} start_plan;

static volatile sig_atomic_t stopped;

int demo_stopped(void) {
    return stopped;
}

static void on_stop(int sig) {
    stopped = sig;
}

static int64_t steady_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *demo_who_name(demo_who who) {
    static const char *const names[] = {[DEMO_ADA] = "ada", [DEMO_BEN] = "ben"};
    return names[who];
}

/* ---- the folder ---- */

static int folder_make(const char *path, bool may_be_empty, tally_error *err) {
    if (mkdir(path, 0700) == 0) return 0;
    if (errno != EEXIST || !may_be_empty)
        return tally_fail(err, TALLY_EIO, "cannot make %s: %s", path, strerror(errno));
    DIR *dir = opendir(path);
    size_t entries = 0;
    while (dir && readdir(dir))
        entries++;
    bool empty = dir && entries <= 2;
    if (dir) closedir(dir);
    return empty ? 0
                 : tally_fail(err, TALLY_EREFUSED, "%s is not an empty folder; name another", path);
}

static int root_make(demo_stage *stage, const char *keep, tally_error *err) {
    const char *base = getenv("TMPDIR");
    if (!base || *base != '/') base = "/tmp";
    if (keep && folder_make(keep, true, err)) return err->code;
    if (keep) {
        char whole[PATH_MAX];
        if (!realpath(keep, whole) || strlen(whole) >= sizeof stage->root)
            return tally_fail(err, TALLY_EIO, "cannot use %s", keep);
        memcpy(stage->root, whole, strlen(whole) + 1);
        return 0;
    }
    int n = snprintf(stage->root, sizeof stage->root, "%s/tally-demo.XXXXXX", base);
    if (n < 0 || (size_t)n >= sizeof stage->root || !mkdtemp(stage->root)) {
        stage->root[0] = '\0';
        return tally_fail(err, TALLY_EIO, "cannot make a folder in %s: %s; set TMPDIR", base,
                          strerror(errno));
    }
    return 0;
}

static int entry_remove(const char *path, const struct stat *at, int kind, struct FTW *walk) {
    (void)at;
    (void)kind;
    (void)walk;
    (void)remove(path); /* what cannot be removed must not keep the rest */
    return 0;
}

/* ---- the programs ---- */

static int programs_find(demo_stage *stage, tally_error *err) {
    int folder = tally_program_path(stage->tally, sizeof stage->tally - sizeof "/tallyd");
    if (folder < 0) return tally_fail(err, TALLY_EIO, "cannot tell where this program is");
    snprintf(stage->tallyd, sizeof stage->tallyd, "%.*s/tallyd", folder, stage->tally);
    if (access(stage->tallyd, X_OK) != 0)
        return tally_fail(err, TALLY_ENOTFOUND, "%s is missing; install it beside tally",
                          stage->tallyd);
    return 0;
}

/* Only these of the user's own variables: none that leads to a ledger, to agents or to settings. */
static int environment_make(demo_stage *stage, demo_who who, tally_error *err) {
    static const char *const taken[] = {
        "PATH",         "TERM",          "LANG",        "LC_ALL",
        "LC_CTYPE",     "NO_COLOR",      "TMPDIR",      "LD_LIBRARY_PATH",
        "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"};
    char **environment = stage->environments[who];
    size_t count = 0;
    bool made = asprintf(&environment[count++], "HOME=%s", stage->homes[who]) > 0;
    made = made && asprintf(&environment[count++], "PAGER=cat") > 0;
    made = made && asprintf(&environment[count++], "TZ=UTC") > 0;
    for (size_t i = 0; made && i < sizeof taken / sizeof *taken; i++) {
        const char *value = getenv(taken[i]);
        if (value) made = asprintf(&environment[count++], "%s=%s", taken[i], value) > 0;
    }
    if (made) return 0;
    environment[count - 1] = NULL;
    return tally_fail(err, TALLY_ENOMEM, "memory ran out");
}

/* In the child: never returns. A group of its own, so that it can be ended with all it started. */
static void become(const demo_stage *stage, const start_plan *plan) {
    const char *program = plan->words[0];
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int in = plan->in >= 0 ? plan->in : open("/dev/null", O_RDONLY);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    if (strcmp(program, "tally") == 0) program = stage->tally;
    if (strcmp(program, "tallyd") == 0) program = stage->tallyd;
    if (in >= 0 && dup2(in, STDIN_FILENO) >= 0 && dup2(plan->out, STDOUT_FILENO) >= 0 &&
        dup2(plan->out, STDERR_FILENO) >= 0 && chdir(stage->homes[plan->who]) == 0)
        (void)execvpe(program, plan->words, stage->environments[plan->who]);
    _exit(127);
}

static pid_t start(const demo_stage *stage, const start_plan *plan, tally_error *err) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) become(stage, plan);
    if (pid < 0) tally_fail(err, TALLY_EIO, "cannot start %s: %s", plan->words[0], strerror(errno));
    if (pid > 0) (void)setpgid(pid, pid);
    return pid;
}

static void end_hard(pid_t *pid) {
    if (*pid <= 0) return;
    (void)kill(-*pid, SIGKILL);
    while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    *pid = 0;
}

/* Waits for its end; -1 when a signal ended it, or the clock. */
static int end_wait(pid_t *pid, int64_t until_ms) {
    const struct timespec pause = {.tv_nsec = 2000000};
    int status = 0;
    pid_t got;
    while ((got = waitpid(*pid, &status, WNOHANG)) == 0 || (got < 0 && errno == EINTR)) {
        if (stopped || steady_ms() > until_ms) {
            end_hard(pid);
            return -1;
        }
        (void)nanosleep(&pause, NULL);
    }
    *pid = 0;
    return got > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Takes what comes until the end of it, or of its first line. False when time is over, somebody
 * stopped the demo, or there was more than there is room for. */
static bool listen_to(int fd, demo_output *out, bool line, int64_t until_ms) {
    for (;;) {
        int64_t left = until_ms - steady_ms();
        struct pollfd ready = {fd, POLLIN, 0};
        if (stopped || left <= 0 || out->len + 1 >= DEMO_OUTPUT_BYTES) return false;
        if (line && memchr(out->text, '\n', out->len)) return true;
        if (poll(&ready, 1, (int)left) <= 0) continue;
        ssize_t got = read(fd, out->text + out->len, DEMO_OUTPUT_BYTES - 1 - out->len);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return !line; /* the other end of a terminal gives an error at its end */
        for (ssize_t i = 0, end = (ssize_t)out->len; i < got; i++)
            if (out->text[end + i] != '\r') out->text[out->len++] = out->text[end + i];
        out->text[out->len] = '\0';
    }
}

static void output_begin(demo_output *out) {
    out->len = 0;
    out->text[0] = '\0';
    out->exit = -1;
}

/* A terminal for the program, where there are any; else a pipe. */
static bool ends_make(const demo_stage *stage, int ends[2]) {
    const struct winsize size = {.ws_row = ROWS, .ws_col = CLI_COLUMNS};
    int master = stage->terminal ? posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
    const char *name =
        master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0 ? ptsname(master) : NULL;
    int slave = name ? open(name, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
    if (slave >= 0) {
        (void)ioctl(slave, TIOCSWINSZ, &size);
        ends[0] = master;
        ends[1] = slave;
        return true;
    }
    if (master >= 0) close(master);
    return pipe2(ends, O_CLOEXEC) == 0;
}

static int run_with(demo_stage *stage, const start_plan *given, demo_output *out,
                    tally_error *err) {
    start_plan plan = *given;
    int ends[2];
    int64_t until_ms = steady_ms() + PROGRAM_MS;
    output_begin(out);
    if (!ends_make(stage, ends)) return tally_fail(err, TALLY_EIO, "cannot make a pipe");
    plan.out = ends[1];
    stage->running = start(stage, &plan, err);
    close(ends[1]);
    bool heard = stage->running > 0 && listen_to(ends[0], out, false, until_ms);
    close(ends[0]);
    if (stage->running < 0) return err->code;
    if (heard)
        out->exit = end_wait(&stage->running, until_ms);
    else
        end_hard(&stage->running);
    return out->exit >= 0 ? 0
                          : tally_fail(err, TALLY_EIO, "'%s %s' did not come to its end",
                                       plan.words[0], plan.words[1] ? plan.words[1] : "");
}

int demo_run(demo_stage *stage, demo_who who, char *const *words, demo_output *out,
             tally_error *err) {
    return run_with(stage, &(start_plan){.who = who, .words = words, .in = -1}, out, err);
}

/* ---- joining ---- */

int demo_invite(demo_stage *stage, demo_who who, char *const *words, demo_output *out,
                tally_error *err) {
    int ends[2];
    output_begin(out);
    if (pipe2(ends, O_CLOEXEC) != 0) return tally_fail(err, TALLY_EIO, "cannot make a pipe");
    stage->inviting =
        start(stage, &(start_plan){.who = who, .words = words, .in = -1, .out = ends[1]}, err);
    close(ends[1]);
    stage->invite = ends[0];
    if (stage->inviting < 0) return err->code;
    if (!listen_to(ends[0], out, true, steady_ms() + PROGRAM_MS))
        return tally_fail(err, TALLY_EIO, "no invite came");
    out->exit = 0;
    return 0;
}

int demo_join(demo_stage *stage, demo_who who, char *const *words, demo_output *out,
              tally_error *err) {
    int ends[2];
    char *end = strchr(out->text, '\n');
    size_t len = end ? (size_t)(end - out->text) + 1 : 0;
    if (!len || pipe2(ends, O_CLOEXEC) != 0) return tally_fail(err, TALLY_EIO, "no invite came");
    bool put = write(ends[1], out->text, len) == (ssize_t)len; /* a line fits into a pipe */
    close(ends[1]);
    int code = run_with(stage, &(start_plan){.who = who, .words = words, .in = ends[0]}, out, err);
    close(ends[0]);
    if (!put || code) return code ? code : tally_fail(err, TALLY_EIO, "the invite was lost");
    int64_t until_ms = steady_ms() + PROGRAM_MS;
    (void)listen_to(stage->invite, out, false, until_ms);
    close(stage->invite);
    stage->invite = -1;
    if (end_wait(&stage->inviting, until_ms) != 0) out->exit = -1;
    return 0;
}

/* ---- the daemon ---- */

/* The address in the document of 'tally node status --json'. */
static bool address_take(demo_stage *stage, const demo_output *out) {
    tally_json root, listen;
    size_t len = 0;
    if (out->exit != 0 || tally_json_parse(tally_span_str(out->text), &root) != 0 ||
        !tally_json_get(&root, "listen", &listen) || listen.type != TALLY_JSON_STRING)
        return false;
    tally_json_text(&listen, stage->address, sizeof stage->address - 1, &len);
    stage->address[len] = '\0';
    return len > 0;
}

/* What the daemon logged, for one that did not come up. */
static void log_take(const char *path, demo_output *out) {
    uint8_t *text = NULL;
    size_t len = 0;
    if (cli_file_read(path, DEMO_OUTPUT_BYTES - 1, &text, &len, NULL)) return;
    memcpy(out->text, text, len);
    out->text[out->len = len] = '\0';
    free(text);
}

int demo_daemon_start(demo_stage *stage, demo_who who, char *const *words, demo_output *out,
                      tally_error *err) {
    char *ask[] = {(char[]){"tally"}, (char[]){"node"}, (char[]){"status"}, (char[]){"--json"},
                   NULL};
    const struct timespec pause = {.tv_nsec = DAEMON_LOOK_MS * 1000000L};
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/tallyd.log", stage->root);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0) return tally_fail(err, TALLY_EIO, "cannot make %s: %s", path, strerror(errno));
    stage->daemon =
        start(stage, &(start_plan){.who = who, .words = words, .in = -1, .out = log}, err);
    close(log);
    if (stage->daemon < 0) return err->code;
    int64_t until_ms = steady_ms() + DAEMON_START_MS;
    bool terminal = stage->terminal, found = false;
    tally_error unheard;     /* that nobody answers yet is no news */
    stage->terminal = false; /* JSON as programs read it */
    while (!found && !stopped && steady_ms() < until_ms &&
           waitpid(stage->daemon, NULL, WNOHANG) == 0) {
        found = demo_run(stage, who, ask, out, &unheard) == 0 && address_take(stage, out);
        if (!found) (void)nanosleep(&pause, NULL);
    }
    stage->terminal = terminal;
    output_begin(out);
    if (!found) {
        log_take(path, out);
        return tally_fail(err, TALLY_EIO, "tallyd does not answer");
    }
    out->len =
        (size_t)snprintf(out->text, DEMO_OUTPUT_BYTES, "tallyd listens at %s\n", stage->address);
    out->exit = 0;
    return 0;
}

int demo_daemon_stop(demo_stage *stage, tally_error *err) {
    if (stage->daemon <= 0) return 0;
    (void)kill(stage->daemon, SIGTERM);
    return end_wait(&stage->daemon, steady_ms() + PROGRAM_MS) == 0
               ? 0
               : tally_fail(err, TALLY_EIO, "tallyd did not end well");
}

/* ---- tampering ---- */

int demo_tamper(demo_stage *stage, demo_who who, const char *file, const char *mark, ptrdiff_t skip,
                tally_error *err) {
    char path[2 * PATH_MAX];
    uint8_t *bytes = NULL;
    size_t len = 0;
    snprintf(path, sizeof path, "%s/%s", stage->homes[who], file);
    if (cli_file_read(path, TAMPER_MAX_BYTES, &bytes, &len, err)) return err->code;
    const uint8_t *found = memmem(bytes, len, mark, strlen(mark));
    ptrdiff_t at = found ? found - bytes + skip : -1;
    int fd = at >= 0 && at < (ptrdiff_t)len ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    uint8_t other = fd >= 0 && bytes[at] == '7' ? '3' : '7'; /* text stays text */
    bool done = fd >= 0 && pwrite(fd, &other, 1, (off_t)at) == 1;
    if (fd >= 0) close(fd);
    free(bytes);
    return done ? 0 : tally_fail(err, TALLY_EIO, "cannot change a byte of %s", path);
}

/* ---- opening and closing ---- */

static void stops_handle(void (*handler)(int)) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = handler}; /* no SA_RESTART: waiting ends */
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}

int demo_stage_open(demo_stage *stage, const char *keep, tally_error *err) {
    *stage = (demo_stage){.kept = keep != NULL, .invite = -1, .address = "127.0.0.1:0"};
    stage->terminal = isatty(STDOUT_FILENO) == 1;
    int code = programs_find(stage, err);
    if (!code) stops_handle(on_stop);
    if (!code) code = root_make(stage, keep, err);
    for (unsigned who = 0; !code && who < DEMO_PEOPLE; who++) {
        snprintf(stage->homes[who], sizeof stage->homes[who], "%s/%s", stage->root,
                 demo_who_name(who));
        code = folder_make(stage->homes[who], false, err);
        if (!code) code = environment_make(stage, who, err);
    }
    return code;
}

void demo_stage_close(demo_stage *stage) {
    end_hard(&stage->running);
    end_hard(&stage->inviting);
    end_hard(&stage->daemon);
    if (stage->invite >= 0) close(stage->invite);
    for (unsigned who = 0; who < DEMO_PEOPLE; who++)
        for (char **one = stage->environments[who]; *one; one++)
            free(*one);
    if (stage->root[0] && !stage->kept)
        (void)nftw(stage->root, entry_remove, REMOVE_FILES, FTW_DEPTH | FTW_PHYS);
    stops_handle(SIG_DFL);
}
