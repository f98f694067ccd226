/* The log of hooks: a small file that begins anew when it is full. */
#include "hook_log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tally/time.h>

#define LINE_MAX_BYTES 1024

static int log_open(const cli *run, int flags) {
    char path[PATH_MAX + sizeof HOOK_LOG_FILE];
    struct stat there;
    snprintf(path, sizeof path, "%s%s", run->dir, HOOK_LOG_FILE);
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd >= 0 && fstat(fd, &there) == 0 && S_ISREG(there.st_mode)) return fd;
    if (fd >= 0) (void)close(fd);
    return -1;
}

void hook_log_put(const cli *run, const char *agent, const char *doing, const tally_error *err) {
    char line[LINE_MAX_BYTES], time[TALLY_TIME_TEXT_BYTES];
    struct stat now;
    int fd = log_open(run, O_WRONLY | O_CREAT | O_APPEND);
    if (fd < 0) return;
    tally_time_format(cli_now_ms(), time);
    int length = snprintf(line, sizeof line - 1, "%s %s %s: %s", time, agent, doing, err->text);
    cli_text_one_line(line);
    size_t used = length > 0 ? strlen(line) : 0;
    line[used++] = '\n';
    if (fstat(fd, &now) == 0 && now.st_size > HOOK_LOG_MAX_BYTES) (void)!ftruncate(fd, 0);
    (void)!write(fd, line, used);
    (void)close(fd);
}

void hook_log_last(const cli *run, char *out, size_t size) {
    char tail[LINE_MAX_BYTES + 1];
    int fd = log_open(run, O_RDONLY);
    out[0] = '\0';
    if (fd < 0) return;
    off_t end = lseek(fd, 0, SEEK_END), from = end > LINE_MAX_BYTES ? end - LINE_MAX_BYTES : 0;
    ssize_t got = end > 0 ? pread(fd, tail, LINE_MAX_BYTES, from) : 0;
    (void)close(fd);
    if (got <= 0) return;
    tail[got - (tail[got - 1] == '\n')] = '\0';
    const char *newline = strrchr(tail, '\n');
    snprintf(out, size, "%s", newline ? newline + 1 : tail);
    cli_text_one_line(out);
}
