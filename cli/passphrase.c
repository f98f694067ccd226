/* Passphrases: from a file the user names, or typed without echo. Never from the command line,
 * where others can see it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sodium.h>

#include "file.h"
#include "open.h"

static int read_from_file(const char *path, char *out, size_t size, size_t *len, tally_error *err) {
    uint8_t *bytes = NULL;
    size_t got = 0;
    int code = cli_file_read(path, CLI_PASSPHRASE_MAX_BYTES, &bytes, &got, err);
    if (code) return tally_fail_while(err, "the passphrase file of TALLY_PASSPHRASE_FILE");
    const uint8_t *newline = got ? memchr(bytes, '\n', got) : NULL;
    size_t length = newline ? (size_t)(newline - bytes) : got;
    if (length > size)
        code = tally_fail(err, TALLY_ELIMIT, "the passphrase is longer than %zu bytes", size);
    else if (!length)
        code = tally_fail(err, TALLY_EINVAL, "the first line of %s is empty", path);
    else {
        memcpy(out, bytes, length);
        *len = length;
    }
    sodium_memzero(bytes, got);
    free(bytes);
    return code;
}

/* Signals that would end the program and leave the terminal without echo. */
static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
#define ENDING_COUNT (sizeof ending / sizeof ending[0])

static volatile sig_atomic_t caught;

static void catch_signal(int number) {
    caught = number;
}

static void signals_hold(struct sigaction before[ENDING_COUNT]) {
    struct sigaction hold = {.sa_handler = catch_signal}; /* no SA_RESTART: read returns */
    caught = 0;
    for (size_t i = 0; i < ENDING_COUNT; i++)
        (void)sigaction(ending[i], &hold, &before[i]);
}

static void signals_release(const struct sigaction before[ENDING_COUNT]) {
    for (size_t i = 0; i < ENDING_COUNT; i++)
        (void)sigaction(ending[i], &before[i], NULL);
    if (caught) (void)raise(caught);
}

/* One line from the terminal, byte by byte so that no stream keeps a copy. */
static int line_read(int terminal, char *out, size_t size, size_t *len) {
    for (*len = 0;;) {
        char c;
        ssize_t got = read(terminal, &c, 1);
        if (caught) return -1;
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return -1;
        if (c == '\n') return 0;
        if (*len == size) return -1;
        out[(*len)++] = c;
    }
}

static int read_from_terminal(const char *prompt, char *out, size_t size, size_t *len,
                              tally_error *err) {
    struct termios before, quiet;
    struct sigaction signals[ENDING_COUNT];
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0 || tcgetattr(terminal, &before) != 0) {
        if (terminal >= 0) close(terminal);
        return tally_fail(err, TALLY_EREFUSED,
                          "a passphrase is needed and there is no terminal to ask on; name a file "
                          "that holds it in TALLY_PASSPHRASE_FILE");
    }
    signals_hold(signals);
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(terminal, TCSAFLUSH, &quiet);
    (void)!write(terminal, prompt, strlen(prompt));
    int got = line_read(terminal, out, size, len);
    (void)!write(terminal, "\n", 1);
    tcsetattr(terminal, TCSAFLUSH, &before);
    close(terminal);
    signals_release(signals);
    if (got || !*len) return tally_fail(err, TALLY_EREFUSED, "no passphrase was given");
    return 0;
}

int cli_passphrase_ask(void *ctx, char *out, size_t size, size_t *len, tally_error *err) {
    const char *path = getenv("TALLY_PASSPHRASE_FILE");
    (void)ctx;
    if (path && *path) return read_from_file(path, out, size, len, err);
    return read_from_terminal("Passphrase of this ledger's key: ", out, size, len, err);
}

int cli_passphrase_choose(void *ctx, char *out, size_t size, size_t *len, tally_error *err) {
    const char *path = getenv("TALLY_PASSPHRASE_FILE");
    char again[CLI_PASSPHRASE_MAX_BYTES];
    size_t again_len = 0;
    (void)ctx;
    if (path && *path) return read_from_file(path, out, size, len, err);
    int code = read_from_terminal("New passphrase: ", out, size, len, err);
    if (!code) code = read_from_terminal("The same again: ", again, sizeof again, &again_len, err);
    if (!code && !tally_span_eq(tally_span_of(out, *len), tally_span_of(again, again_len)))
        code = tally_fail(err, TALLY_EREFUSED, "the two passphrases differ; nothing was made");
    sodium_memzero(again, sizeof again);
    return code;
}
