/* tallyd: the daemon's command line. What it does is node/net's; what it says goes through log.c.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tally/program.h>
#include <tally/secret.h>

#define EXIT_USAGE   2
#define EXIT_DAMAGED 3
#define EXIT_REFUSED 4

static const char usage[] =
    "usage: tallyd [options]\n"
    "\n"
    "Serves one ledger: listens for teammates and calls them, finds them on the local network,\n"
    "and captures the agents' logs as they grow. Runs in the foreground; logs to standard error.\n"
    "\n"
    "  --ledger DIR        default: $TALLY_HOME, else $XDG_DATA_HOME/tally\n"
    "  --listen HOST:PORT  where to listen; 'none': nowhere (default: setting node.listen)\n"
    "  --no-beacon         neither send nor hear beacons on the local network\n"
    "  --no-capture        do not capture\n"
    "  --tally PATH        the tally command (default: beside this program)\n"
    "  --log json|text     how to log (default: text)\n"
    "  --version, --help\n"
    "\n"
    "A key under a passphrase: name a file that holds it in TALLY_PASSPHRASE_FILE.\n"
    "Signals: TERM and INT end it in good order, HUP reads the settings again.\n"
    "\n"
    "example: tallyd --listen '*:7117' --log json\n";

typedef struct daemon_options {
    char dir[PATH_MAX], tally[PATH_MAX];
    const char *listen;
    bool beacon, capture;
    node_log log;
} daemon_options;

static bool path_set(char out[PATH_MAX], const char *base, const char *rest) {
    int n = snprintf(out, PATH_MAX, "%s%s", base, rest);
    return n > 0 && n < PATH_MAX;
}

/* As the tally command finds it. */
static bool dir_default(char out[PATH_MAX]) {
    const char *own = getenv("TALLY_HOME"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (own && *own) return path_set(out, own, "");
    if (data && *data == '/') return path_set(out, data, "/tally");
    const struct passwd *user = home && *home ? NULL : getpwuid(geteuid());
    if (user) home = user->pw_dir;
    return home && *home && path_set(out, home, "/.local/share/tally");
}

/* The command of the same installation or build, else whatever PATH finds. */
static void tally_default(char out[PATH_MAX]) {
    int folder = tally_program_path(out, PATH_MAX - sizeof "/tally");
    if (folder >= 0) memcpy(out + folder, "/tally", sizeof "/tally");
    if (folder < 0 || access(out, X_OK) != 0) (void)path_set(out, "tally", "");
}

static int wrong(const char *words, const char *what) {
    fprintf(stderr, "tallyd: %s%s; 'tallyd --help' lists the options\n", words, what);
    return EXIT_USAGE;
}

/* -1: go on; else the exit code. */
static int options_read(int argc, char **argv, daemon_options *out) {
    enum { LEDGER = 1, LISTEN, NO_BEACON, NO_CAPTURE, TALLY, LOG, VERSION, HELP };
    static const struct option known[] = {{"ledger", required_argument, NULL, LEDGER},
                                          {"listen", required_argument, NULL, LISTEN},
                                          {"no-beacon", no_argument, NULL, NO_BEACON},
                                          {"no-capture", no_argument, NULL, NO_CAPTURE},
                                          {"tally", required_argument, NULL, TALLY},
                                          {"log", required_argument, NULL, LOG},
                                          {"version", no_argument, NULL, VERSION},
                                          {"help", no_argument, NULL, HELP},
                                          {NULL, 0, NULL, 0}};
    *out = (daemon_options){.beacon = true, .capture = true};
    tally_default(out->tally);
    bool dir = dir_default(out->dir);
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case LEDGER: dir = path_set(out->dir, optarg, ""); break;
        case LISTEN: out->listen = optarg; break;
        case NO_BEACON: out->beacon = false; break;
        case NO_CAPTURE: out->capture = false; break;
        case TALLY:
            if (!path_set(out->tally, optarg, "")) return wrong("no such path: ", optarg);
            break;
        case LOG:
            out->log.json = strcmp(optarg, "json") == 0;
            if (!out->log.json && strcmp(optarg, "text") != 0)
                return wrong("--log is json or text, not ", optarg);
            break;
        case VERSION: puts("tallyd " TALLY_VERSION); return EXIT_SUCCESS;
        case HELP: fputs(usage, stdout); return EXIT_SUCCESS;
        default: return EXIT_USAGE;
        }
    }
    if (optind < argc) return wrong("it takes no arguments: ", argv[optind]);
    return dir ? -1 : wrong("no ledger is known; name it with --ledger", "");
}

/* A daemon has no terminal to ask on. */
static int passphrase_read(void *ctx, char *out, size_t size, size_t *len, tally_error *err) {
    const char *path = getenv("TALLY_PASSPHRASE_FILE");
    char line[TALLY_PASSPHRASE_MAX_BYTES + 1];
    (void)ctx;
    if (!path || !*path)
        return tally_fail(err, TALLY_EREFUSED,
                          "the key is under a passphrase; name a file that holds it in "
                          "TALLY_PASSPHRASE_FILE");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t got = fd >= 0 ? read(fd, line, sizeof line) : -1;
    int cause = errno;
    if (fd >= 0) (void)close(fd);
    if (got < 0) return tally_fail(err, TALLY_EIO, "cannot read %s: %s", path, strerror(cause));
    const char *newline = memchr(line, '\n', (size_t)got);
    *len = newline ? (size_t)(newline - line) : (size_t)got;
    int rc = 0;
    if (*len > size || *len > TALLY_PASSPHRASE_MAX_BYTES)
        rc = tally_fail(err, TALLY_ELIMIT, "the passphrase in %s is too long", path);
    else
        memcpy(out, line, *len);
    sodium_memzero(line, sizeof line);
    return rc;
}

static int exit_code(int rc) {
    switch (rc) {
    case 0: return EXIT_SUCCESS;
    case TALLY_EINVAL: return EXIT_USAGE;
    case TALLY_ECORRUPT:
    case TALLY_EFORMAT: return EXIT_DAMAGED;
    case TALLY_EREFUSED:
    case TALLY_EEXIST: return EXIT_REFUSED;
    default: return EXIT_FAILURE;
    }
}

int main(int argc, char **argv) {
    static daemon_options options;
    tally_ledger *ledger = NULL;
    tally_error err = {0};
    int code = options_read(argc, argv, &options);
    if (code >= 0) return code;
    tally_secret_no_dumps();
    const tally_ledger_options open_options = {.dir = options.dir, .ask = passphrase_read};
    int rc = tally_ledger_open(&open_options, &ledger, &err);
    if (rc == 0) {
        const net_serve_options serve = {.ledger = ledger,
                                         .listen = options.listen,
                                         .beacon = options.beacon,
                                         .capture = options.capture,
                                         .tally = options.tally,
                                         .news = node_log_news,
                                         .ctx = &options.log};
        rc = net_serve(&serve, &err);
    }
    tally_ledger_close(ledger);
    if (rc != 0)
        node_log_news(
            &options.log,
            &(net_news){.level = NET_ERROR, .what = "failed", .code = INT64_MIN, .text = err.text});
    (void)fflush(stdout);
    /* Not exit(): a name that is still being looked up would hold the process until its resolver
       gives up. Nothing is left to be done at the end. */
    _exit(exit_code(rc));
}
