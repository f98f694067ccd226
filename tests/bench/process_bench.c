/* process_bench RUNS COMMAND...: starts the command RUNS times with its output thrown away and
 * prints "microseconds KiB microseconds": the median wall time of the whole process, its largest
 * resident size, its median processor time. It reads the file that BENCH_INPUT names, else nothing.
 */
#include "bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNS_MAX 1000u

static void become(char **command) {
    const char *input = getenv("BENCH_INPUT");
    int in = open(input ? input : "/dev/null", O_RDONLY), out = open("/dev/null", O_WRONLY);
    if (in < 0 || out < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0) _exit(126);
    execvp(command[0], command);
    _exit(127);
}

static uint64_t time_us(const struct timeval *time) {
    return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

/* 0 and the figures, or the status of a command that failed. */
static int run_once(char **command, uint64_t *us, uint64_t *kib, uint64_t *cpu_us) {
    struct rusage usage;
    int status = 0;
    uint64_t start = bench_now_ns();
    pid_t child = vfork();
    if (child == 0) become(command);
    if (child < 0 || wait4(child, &status, 0, &usage) != child) return -1;
    *us = (bench_now_ns() - start) / 1000;
    *cpu_us = time_us(&usage.ru_utime) + time_us(&usage.ru_stime);
    if ((uint64_t)usage.ru_maxrss > *kib) *kib = (uint64_t)usage.ru_maxrss;
    return status;
}

int main(int argc, char **argv) {
    static uint64_t us[RUNS_MAX], cpu_us[RUNS_MAX];
    uint64_t kib = 0, runs = argc > 2 ? bench_number(argv[1], RUNS_MAX) : 0;
    if (runs == 0) {
        fputs("usage: process_bench RUNS COMMAND...\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < runs; i++) {
        if (run_once(argv + 2, &us[i], &kib, &cpu_us[i]) == 0) continue;
        fprintf(stderr, "process_bench: %s failed\n", argv[2]);
        return 1;
    }
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", bench_median(us, runs), kib,
           bench_median(cpu_us, runs));
    return 0;
}
