/* Where output goes: data on stdout (through a pager where people read long text), words on stderr,
 * and whether all of it arrived. The shapes of data are in json_out.c and table_out.c. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"

#define SAY_MAX_BYTES 1024

static int exit_of(int code) {
    switch (code) {
    case TALLY_OK: return CLI_DONE;
    case TALLY_EINVAL: return CLI_USAGE;
    case TALLY_ENOTFOUND:
    case TALLY_EEXIST: return CLI_FAILED;
    case TALLY_EREFUSED:
    case TALLY_EOVERFLOW: return CLI_REFUSED; /* nothing is damaged: only exact figures are given */
    default: return CLI_DAMAGED;
    }
}

/* C1 controls, line separators, bidirectional and invisible marks: Unicode 15, Cc, Zl, Zp and Cf.
 */
size_t cli_steering_bytes(const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    if (at[0] == 0xc2) return (at[1] >= 0x80 && at[1] < 0xa0) || at[1] == 0xad ? 2 : 0;
    if (at[0] == 0xd8) return at[1] == 0x9c ? 2 : 0; /* U+061C */
    if (at[0] == 0xef) return at[1] == 0xbb && at[2] == 0xbf ? 3 : 0;
    if (at[0] != 0xe2) return 0;
    bool marks = at[1] == 0x80 && ((at[2] >= 0x8b && at[2] <= 0x8f) || /* U+200B to U+200F */
                                   (at[2] >= 0xa8 && at[2] <= 0xae));  /* U+2028 to U+202E */
    return marks || (at[1] == 0x81 && at[2] >= 0xa0 && at[2] <= 0xaf) ? 3 : 0; /* U+2060 on */
}

void cli_text_calm(char *text) {
    char *to = text;
    for (const char *at = text; *at;) {
        size_t bytes = cli_steering_bytes(at);
        *to++ = bytes ? '?' : *at;
        at += bytes ? bytes : 1;
    }
    *to = '\0';
}

void cli_text_one_line(char *text) {
    cli_text_calm(text);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = '?';
}

/* Names in a message may come from outside: no byte of them may steer the terminal. */
static void line_write(const char *prefix, char *text) {
    cli_text_one_line(text);
    fprintf(stderr, "%s%s\n", prefix, text);
}

int cli_fail(const tally_error *err) {
    char text[SAY_MAX_BYTES];
    bool memory = err->code == TALLY_ENOMEM && !strchr(err->text, ';');
    snprintf(text, sizeof text, "%s%s%s", err->text[0] ? err->text : "failed without a reason",
             memory ? "; " : "", memory ? tally_errno_advice(ENOMEM) : "");
    line_write("tally: ", text);
    return exit_of(err->code);
}

int cli_usage(const cli *run, const char *format, ...) {
    char text[SAY_MAX_BYTES];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t used = length < 0 ? 0 : (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    snprintf(text + used, sizeof text - used, "; see 'tally help%s%s'", run ? " " : "",
             run ? run->command->name : "");
    line_write("tally: ", text);
    return CLI_USAGE;
}

void cli_say(const char *format, ...) {
    char text[SAY_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    line_write("", text);
}

void cli_words_wrap(FILE *out, const char *first, const char *rest, const char *words) {
    const char *before = first;
    do {
        size_t room = CLI_COLUMNS - strlen(before), cut = strlen(words);
        if (cut > room) {
            for (cut = room; cut > 0 && words[cut] != ' ';)
                cut--;
            if (cut == 0) cut = strcspn(words, " ");
        }
        fprintf(out, "%s%.*s\n", before, (int)cut, words);
        words += cut + strspn(words + cut, " ");
        before = rest;
    } while (*words);
}

int64_t cli_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

FILE *cli_out(cli *run) {
    return run->pager ? run->pager : stdout;
}

static void pager_exec(const char *pager, int input) {
    dup2(input, STDIN_FILENO);
    signal(SIGPIPE, SIG_DFL);
    setenv("LESS", "FRSX", 0);
    execl("/bin/sh", "sh", "-c", pager, (char *)NULL);
    _exit(127);
}

FILE *cli_out_paged(cli *run) {
    const char *pager = getenv("PAGER");
    int ends[2];
    if (run->pager || run->json || !isatty(STDOUT_FILENO)) return cli_out(run);
    /* Without less the text itself must still come out, so cat stands in. */
    if (!pager) pager = "less 2>/dev/null || cat";
    if (!*pager || strcmp(pager, "cat") == 0 || pipe(ends) != 0) return cli_out(run);
    fflush(NULL);
    run->pager_pid = fork();
    if (run->pager_pid == 0) {
        close(ends[1]);
        pager_exec(pager, ends[0]);
    }
    close(ends[0]);
    run->pager = run->pager_pid > 0 ? fdopen(ends[1], "w") : NULL;
    if (!run->pager) close(ends[1]);
    return cli_out(run);
}

/* A reader that had enough (head, a pager that was left) is no failure. */
static bool reader_left(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) > 0 && (out.revents & POLLERR);
}

int cli_out_finish(cli *run, int code) {
    errno = 0;
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    int cause = errno;
    if (run->pager) {
        fclose(run->pager);
        run->pager = NULL;
        while (waitpid(run->pager_pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    if (!failed || reader_left()) return code;
    cli_say("tally: cannot write to standard output: %s",
            cause ? strerror(cause) : "not all of it was taken");
    return CLI_DAMAGED;
}
