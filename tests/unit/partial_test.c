/* Files that appear whole: their names, and what those leave who are killed while they make one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tally/partial.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 256u

typedef struct place {
    char dir[64], path[PATH_BYTES];
} place;

static int place_make(void **state) {
    place *at = calloc(1, sizeof *at);
    if (!at) return -1;
    (void)snprintf(at->dir, sizeof at->dir, "/tmp/tally-partial-test-XXXXXX");
    if (!mkdtemp(at->dir)) return -1;
    (void)snprintf(at->path, sizeof at->path, "%s/bill", at->dir);
    *state = at;
    return 0;
}

/* rmdir fails, and so the test, when anything but the file was left behind. */
static int place_remove(void **state) {
    place *at = *state;
    (void)unlink(at->path);
    int rc = rmdir(at->dir);
    free(at);
    return rc;
}

static void put(int fd, const char *text) {
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void assert_holds(const char *path, const char *text) {
    char bytes[64] = "";
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, bytes, sizeof bytes - 1), (ssize_t)strlen(text));
    (void)close(fd);
    assert_string_equal(bytes, text);
}

static void a_file_gets_its_name_when_it_is_whole_and_takes_no_other_files(void **state) {
    place *at = *state;
    char partial[PATH_BYTES];
    int fd = tally_partial_open(at->path, partial, sizeof partial);
    put(fd, "first");
    assert_int_equal(access(at->path, F_OK), -1);
    assert_int_equal(tally_partial_name(partial, at->path, 0), 0);
    (void)close(fd);
    assert_holds(at->path, "first");

    fd = tally_partial_open(at->path, partial, sizeof partial);
    put(fd, "second");
    assert_int_equal(tally_partial_name(partial, at->path, 0), -1);
    assert_int_equal(errno, EEXIST);
    assert_holds(at->path, "first");
    assert_int_equal(tally_partial_name(partial, at->path, 1), 0);
    (void)close(fd);
    assert_holds(at->path, "second");
}

static void what_the_killed_leave_goes_and_what_is_in_the_making_stays(void **state) {
    place *at = *state;
    char dead[PATH_BYTES], alive[PATH_BYTES], next[PATH_BYTES], other[PATH_BYTES + 32];
    /* Closing is what the end of a process does to its locks. */
    assert_int_equal(close(tally_partial_open(at->path, dead, sizeof dead)), 0);
    int first = tally_partial_open(at->path, alive, sizeof alive);
    assert_int_equal(access(dead, F_OK), -1);
    (void)snprintf(other, sizeof other, "%s.tally-partial-of-another", at->path);
    assert_int_equal(close(open(other, O_CREAT | O_WRONLY, 0600)), 0);
    int second = tally_partial_open(at->path, next, sizeof next);
    assert_true(first >= 0 && second >= 0);
    assert_int_equal(access(alive, F_OK), 0);
    (void)close(first);
    (void)close(second);
    tally_partial_sweep(at->path);
    assert_int_equal(access(alive, F_OK), -1);
    assert_int_equal(access(next, F_OK), -1);
    assert_int_equal(unlink(other), 0); /* whose name only looks alike */
}

static void a_persons_own_copy_beside_the_file_stays(void **state) {
    place *at = *state;
    static const char *const endings[] = {".partial-backup", ".partial-v2.txt",
                                          ".tally-partial-v2.txt"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char copy[PATH_BYTES + 32];
        (void)snprintf(copy, sizeof copy, "%s%s", at->path, endings[i]);
        assert_int_equal(close(open(copy, O_CREAT | O_WRONLY, 0600)), 0);
        tally_partial_sweep(at->path);
        assert_int_equal(unlink(copy), 0);
    }
}

static void a_link_in_the_place_of_one_leads_nowhere(void **state) {
    place *at = *state;
    char target[PATH_BYTES], link_path[PATH_BYTES + 32];
    (void)snprintf(target, sizeof target, "%s/precious", at->dir);
    (void)snprintf(link_path, sizeof link_path, "%s.tally-partial-abcdef", at->path);
    assert_int_equal(close(open(target, O_CREAT | O_WRONLY, 0600)), 0);
    assert_int_equal(symlink(target, link_path), 0);
    tally_partial_sweep(at->path);
    assert_int_equal(access(target, F_OK), 0);
    assert_int_equal(unlink(target), 0);
    assert_int_equal(unlink(link_path), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_file_gets_its_name_when_it_is_whole_and_takes_no_other_files, place_make,
            place_remove),
        cmocka_unit_test_setup_teardown(what_the_killed_leave_goes_and_what_is_in_the_making_stays,
                                        place_make, place_remove),
        cmocka_unit_test_setup_teardown(a_persons_own_copy_beside_the_file_stays, place_make,
                                        place_remove),
        cmocka_unit_test_setup_teardown(a_link_in_the_place_of_one_leads_nowhere, place_make,
                                        place_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
