/* tally_sim: plays seeds, in several processes at once, and says which one failed first. */
#include "sim.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_JOBS       64u
#define SHOWN_FAILURES 10u

typedef struct arguments {
    uint64_t seed, runs, jobs;
    bool trace, twice;
} arguments;

/* What a job tells of one seed, when it begins and when it is done, through its pipe: smaller than
 * what a pipe takes whole. */
typedef struct line {
    uint64_t job, seed, records, events;
    bool begun, done, passed;
    char failure[512];
} line;

static void usage(FILE *to) {
    (void)fputs(
        "usage: tally_sim [--seed S] [--runs N] [--jobs J] [--trace] [--twice]\n"
        "  plays seeds S to S + N - 1; --trace shows one seed's events and the hash that a\n"
        "  replay must have again; --twice plays each seed twice and compares\n",
        to);
}

static bool number(const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *out = value;
    return errno == 0 && end != text && *end == '\0' && *text != '-';
}

static bool parse(int argc, char **argv, arguments *out) {
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'}, {"runs", required_argument, NULL, 'r'},
        {"jobs", required_argument, NULL, 'j'}, {"trace", no_argument, NULL, 't'},
        {"twice", no_argument, NULL, '2'},      {NULL, 0, NULL, 0}};
    *out = (arguments){.seed = 1, .runs = 1};
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        bool good = true;
        if (c == 's') good = number(optarg, &out->seed);
        if (c == 'r') good = number(optarg, &out->runs);
        if (c == 'j') good = number(optarg, &out->jobs) && out->jobs > 0;
        if (c == 't') out->trace = true;
        if (c == '2') out->twice = true;
        if (!good || c == '?') return false;
    }
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (out->jobs == 0) out->jobs = out->trace || processors < 1 ? 1 : (uint64_t)processors;
    if (out->jobs > MAX_JOBS) out->jobs = MAX_JOBS;
    if (out->jobs > out->runs) out->jobs = out->runs;
    return optind == argc && out->runs > 0;
}

static void play_seed(const arguments *a, const char *base, uint64_t seed,
                      tally_wire_packer *packer, line *out) {
    run_result result, again;
    plan_run(base, seed, a->trace, packer, &result);
    *out = (line){
        .seed = seed, .records = result.records, .events = result.events, .passed = result.passed};
    (void)snprintf(out->failure, sizeof out->failure, "%.500s", result.failure);
    if (a->trace)
        printf("seed %" PRIu64 ": trace %016" PRIx64 ", %" PRIu64 " events, %" PRIu64
               " records, %s\n",
               seed, result.trace_hash, result.events, result.records,
               result.passed ? "passed" : result.failure);
    if (!a->twice) return;
    plan_run(base, seed, false, packer, &again);
    if (again.trace_hash == result.trace_hash) return;
    out->passed = false;
    (void)snprintf(out->failure, sizeof out->failure, "a replay took another way");
}

/* Every job takes each jobs-th seed, from its `first` on. */
static int work(const arguments *a, const char *base, uint64_t job, uint64_t first, int out) {
    tally_wire_packer *packer;
    tally_error err;
    if (tally_wire_packer_new(&packer, &err) != 0) return 1;
    for (uint64_t i = first; i < a->runs; i += a->jobs) {
        line l = {.job = job, .seed = a->seed + i, .begun = true};
        if (write(out, &l, sizeof l) != (ssize_t)sizeof l) return 1;
        play_seed(a, base, a->seed + i, packer, &l);
        l.job = job;
        l.begun = l.done = true;
        (void)fflush(stdout);
        if (write(out, &l, sizeof l) != (ssize_t)sizeof l) return 1;
    }
    tally_wire_packer_free(packer);
    return 0;
}

typedef struct tally_of_runs {
    uint64_t passed, failed, records, events;
    line first;              /* failure by seed */
    uint64_t next[MAX_JOBS]; /* the seed, counted from 0, that a job plays next */
} tally_of_runs;

static void count_line(const line *l, tally_of_runs *sum) {
    sum->records += l->records;
    sum->events += l->events;
    if (l->passed) {
        sum->passed++;
        return;
    }
    if (++sum->failed <= SHOWN_FAILURES) printf("seed %" PRIu64 ": %s\n", l->seed, l->failure);
    if (sum->failed == 1 || l->seed < sum->first.seed) sum->first = *l;
}

static bool start_job(const arguments *a, const char *base, uint64_t job, uint64_t first,
                      const int ends[2]) {
    (void)fflush(stdout);
    pid_t child = fork();
    if (child != 0) return child > 0;
    (void)close(ends[0]);
    int rc = work(a, base, job, first, ends[1]);
    (void)fflush(stdout);
    _exit(rc);
}

/* Plays until every job is done or dead. A seed that killed its process has failed; the job goes on
 * behind it. True when nothing is left to play. */
static bool play_some(const arguments *a, const char *base, tally_of_runs *sum) {
    int ends[2];
    line l, begun[MAX_JOBS] = {0};
    bool whole = true, good = pipe(ends) == 0;
    for (uint64_t job = 0; good && job < a->jobs; job++)
        if (sum->next[job] < a->runs) good = start_job(a, base, job, sum->next[job], ends);
    (void)close(ends[1]);
    while (read(ends[0], &l, sizeof l) == (ssize_t)sizeof l) {
        begun[l.job] = l;
        sum->next[l.job] = l.seed - a->seed + a->jobs;
        if (l.done) count_line(&l, sum);
    }
    (void)close(ends[0]);
    while (wait(NULL) > 0)
        continue;
    for (uint64_t job = 0; job < a->jobs; job++) {
        if (begun[job].begun && !begun[job].done) {
            (void)snprintf(begun[job].failure, sizeof begun[job].failure, "the process died");
            count_line(&begun[job], sum);
        }
        whole = whole && sum->next[job] >= a->runs;
    }
    return whole || !good;
}

/* Memory first: nothing here needs to outlive the machine. */
static bool make_base(char out[128]) {
    const char *chosen = getenv("TMPDIR");
    const char *folders[] = {chosen, "/dev/shm", "/tmp"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (!folders[i]) continue;
        (void)snprintf(out, 128, "%.90s/tally-sim-XXXXXX", folders[i]);
        if (mkdtemp(out)) return true;
    }
    return false;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

int main(int argc, char **argv) {
    arguments a;
    tally_of_runs sum = {0};
    char base[128];
    if (!parse(argc, argv, &a)) {
        usage(stderr);
        return 2;
    }
    dice_install();
    if (sodium_init() < 0 || !make_base(base)) {
        (void)fputs("tally_sim: cannot make a folder for the ledgers\n", stderr);
        return 1;
    }
    for (uint64_t job = 0; job < a.jobs; job++)
        sum.next[job] = job;
    while (!play_some(&a, base, &sum))
        continue;
    (void)nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS); /* of runs that died */
    if (sum.failed > 0)
        printf("first failing seed: %" PRIu64 " (%s)\n", sum.first.seed, sum.first.failure);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", sum.passed, sum.failed);
    return sum.failed > 0 ? 1 : 0;
}
