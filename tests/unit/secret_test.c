/* Where secrets are in this process: looked for in all of its memory, as somebody with a dump or
 * the swap would. */
#include "ledger_case.h"

#include <tally/secret.h>
#include <tally/team.h>

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define REGION_MAX_BYTES (UINT64_C(1) << 30) /* sanitizers reserve terabytes */
#define PIECE_BYTES      (1u << 20)
/* AddressSanitizer and ThreadSanitizer have mlock do nothing. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define LOCKS false
#else
#define LOCKS tally_secret_locks()
#endif
#define PASSPHRASE "a passphrase of 37 bytes, to be found"

/* ---- looking through memory ---- */

/* What is looked for must not lie about itself: each byte is kept turned over. */
typedef struct needle {
    uint8_t turned[64];
    size_t len;
} needle;

static needle needle_of(const void *bytes, size_t len) {
    needle n = {.len = len};
    assert_true(len <= sizeof n.turned);
    for (size_t i = 0; i < len; i++)
        n.turned[i] = (uint8_t) ~((const uint8_t *)bytes)[i];
    return n;
}

static size_t count_in(const needle *n, const uint8_t *piece, size_t len) {
    size_t count = 0;
    uint8_t first = n->turned[0] ^ 0xff;
    for (const uint8_t *at = piece; len >= n->len;) {
        const uint8_t *hit = memchr(at, first, len - n->len + 1);
        if (!hit) break;
        size_t same = 1;
        while (same < n->len && (hit[same] ^ n->turned[same]) == 0xff)
            same++;
        count += same == n->len;
        len -= (size_t)(hit + 1 - at);
        at = hit + 1;
    }
    return count;
}

typedef struct places {
    size_t locked, open;
} places;

static void look_in(int memory, uint64_t from, uint64_t to, bool locked, const needle *n,
                    uint8_t *piece, places *out) {
    for (uint64_t at = from; at < to; at += PIECE_BYTES - n->len) {
        size_t want = to - at < PIECE_BYTES ? (size_t)(to - at) : PIECE_BYTES;
        ssize_t got = pread(memory, piece, want, (off_t)at);
        if (got <= 0) return;
        *(locked ? &out->locked : &out->open) += count_in(n, piece, (size_t)got);
        memset(piece, 0, want);
        if (want < PIECE_BYTES) return;
    }
}

/* How often the needle is in memory that may be swapped out, and in memory that may not. */
static places look(const needle *n) {
    places found = {0, 0};
    char line[512];
    uint64_t from = 0, to = 0;
    bool writable = false;
    FILE *maps = fopen("/proc/self/smaps", "re");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    uint8_t *piece =
        mmap(NULL, PIECE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(piece != MAP_FAILED);
    if (!maps || memory < 0) skip();
    while (fgets(line, sizeof line, maps)) {
        char *end;
        uint64_t start = strtoull(line, &end, 16);
        if (*end == '-') {
            from = start;
            to = strtoull(end + 1, &end, 16);
            writable = end[1] == 'r' && end[4] == 'p' && strstr(end, "/") == NULL;
        }
        if (strncmp(line, "VmFlags:", 8) != 0 || !writable || to - from > REGION_MAX_BYTES)
            continue;
        if ((uintptr_t)piece >= from && (uintptr_t)piece < to) continue;
        look_in(memory, from, to, strstr(line, " lo ") != NULL, n, piece, &found);
    }
    (void)munmap(piece, PIECE_BYTES);
    (void)close(memory);
    (void)fclose(maps);
    return found;
}

/* ---- tests ---- */

static void a_search_finds_what_is_there(void **state) {
    uint8_t draw[32];
    (void)state;
    randombytes_buf(draw, sizeof draw);
    needle n = needle_of(draw, sizeof draw);
    uint8_t *copy = malloc(sizeof draw);
    assert_non_null(copy);
    memcpy(copy, draw, sizeof draw);
    assert_true(look(&n).open >= 2);
    sodium_memzero(copy, sizeof draw);
    sodium_memzero(draw, sizeof draw);
    assert_int_equal(look(&n).open, 0);
    free(copy);
}

static void secret_memory_is_zeros_and_locked_where_the_system_lets_us(void **state) {
    void *memory;
    uint8_t draw[32];
    (void)state;
    OK(tally_secret_new(sizeof draw, &memory, &f->err));
    assert_true(sodium_is_zero(memory, sizeof draw));
    randombytes_buf(memory, sizeof draw);
    needle n = needle_of(memory, sizeof draw);
    places found = look(&n);
    assert_int_equal(found.locked + found.open, 1);
    if (LOCKS) assert_int_equal(found.locked, 1);
    tally_secret_free(memory);
    found = look(&n);
    assert_int_equal(found.locked + found.open, 0);
    tally_secret_free(NULL);
}

static void writing_past_a_secret_ends_the_process(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        void *memory = NULL;
        tally_error err = {0};
        signal(SIGSEGV, SIG_DFL);
        if (tally_secret_new(32, &memory, &err) != 0) _exit(1);
        *(volatile uint8_t *)((uint8_t *)memory + 32) = 1;
        _exit(0);
    }
    int status = 0;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
}

static int give(void *ctx, char *out, size_t size, size_t *len, tally_error *err) {
    (void)ctx;
    (void)err;
    assert_true(size >= sizeof PASSPHRASE - 1);
    memcpy(out, PASSPHRASE, sizeof PASSPHRASE - 1); /* read-only memory of the program's file */
    *len = sizeof PASSPHRASE - 1;
    return 0;
}

static void a_key_file_leaves_nothing_but_the_key_in_locked_memory(void **state) {
    char path[] = "/tmp/tally-secret-XXXXXX", file[64];
    tally_key *key, *again;
    (void)state;
    assert_non_null(mkdtemp(path));
    (void)snprintf(file, sizeof file, "%s/key", path);
    OK(tally_key_generate(&key, &f->err));
    OK(tally_key_write_file(key, tally_span_str(PASSPHRASE), file, &f->err));
    OK(tally_key_read_file(file, give, NULL, &again, &f->err));
    needle box = needle_of(tally_key_box_secret(key), 32);
    needle words = needle_of(PASSPHRASE, sizeof PASSPHRASE - 1);
    places found = look(&words);
    assert_int_equal(found.locked + found.open, 0);
    found = look(&box);
    assert_int_equal(found.locked + found.open, 2);
    if (LOCKS) assert_int_equal(found.open, 0);
    tally_key_free(again);
    tally_key_free(key);
    found = look(&box);
    assert_int_equal(found.locked + found.open, 0);
    (void)unlink(file);
    (void)rmdir(path);
}

static void a_teams_secret_is_gone_when_its_holder_has_wiped_it(void **state) {
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
    tally_txn *txn;
    size_t count;
    (void)state;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_team_secrets(txn, secrets, &count, &f->err));
    tally_read_end(txn);
    assert_int_equal(count, 1);
    needle n = needle_of(secrets[0].bytes, sizeof secrets[0].bytes);
    assert_int_equal(look(&n).open, 1);
    sodium_memzero(secrets, sizeof secrets);
    assert_int_equal(look(&n).open, 0);
}

static void an_optimised_build_cannot_be_dumped(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        tally_secret_no_dumps();
        _exit(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    }
    int status = 0;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
#ifdef TALLY_NO_DUMPS
    assert_int_equal(WEXITSTATUS(status), 0);
#else
    assert_int_equal(WEXITSTATUS(status), prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(a_search_finds_what_is_there),
        LEDGER(secret_memory_is_zeros_and_locked_where_the_system_lets_us),
        LEDGER(writing_past_a_secret_ends_the_process),
        LEDGER(a_key_file_leaves_nothing_but_the_key_in_locked_memory),
        LEDGER(a_teams_secret_is_gone_when_its_holder_has_wiped_it),
        LEDGER(an_optimised_build_cannot_be_dumped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
