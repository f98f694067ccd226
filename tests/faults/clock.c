/* A clock that is wrong: FAULT_CLOCK holds milliseconds to add to the time of day, or names a file
 * that holds them, which is read at every look. The monotonic clock goes on. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define OURS __attribute__((visibility("default")))

static long long offset_ms(void) {
    const char *given = getenv("FAULT_CLOCK");
    char text[32] = "";
    if (!given) return 0;
    if (*given != '/') return strtoll(given, NULL, 10);
    long fd = syscall(SYS_openat, AT_FDCWD, given, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    (void)!syscall(SYS_read, fd, text, sizeof text - 1);
    (void)syscall(SYS_close, fd);
    return strtoll(text, NULL, 10);
}

OURS int clock_gettime(clockid_t which, struct timespec *out) {
    long rc = syscall(SYS_clock_gettime, which, out);
    if (rc != 0 || (which != CLOCK_REALTIME && which != CLOCK_REALTIME_COARSE)) return (int)rc;
    long long ms = offset_ms();
    out->tv_sec += ms / 1000;
    out->tv_nsec += ms % 1000 * 1000000;
    if (out->tv_nsec < 0) {
        out->tv_nsec += 1000000000;
        out->tv_sec--;
    } else if (out->tv_nsec >= 1000000000) {
        out->tv_nsec -= 1000000000;
        out->tv_sec++;
    }
    return 0;
}

OURS int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

OURS time_t time(time_t *out) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
