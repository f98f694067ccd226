/* The log reader: every window size, long lines, files that change while they are read, zstd whole
 * and damaged. */
#include "capture/reader.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

#define LINES_MAX 64

typedef struct got {
    size_t count;
    char text[LINES_MAX][64];
    uint64_t number[LINES_MAX], offset[LINES_MAX];
    bool passed_over[LINES_MAX];
    int rc; /* of the call after the last line */
} got;

static int temp_file(const void *bytes, size_t len) {
    char path[] = "/tmp/tally-reader-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    return fd;
}

static void drain(capture_reader *reader, got *out) {
    capture_line line;
    tally_error err;
    *out = (got){0};
    while ((out->rc = capture_reader_next(reader, &line, &err)) == 1) {
        size_t i = out->count++;
        assert_true(i < LINES_MAX);
        assert_true(line.text.len < sizeof out->text[i]);
        if (line.text.len) memcpy(out->text[i], line.text.ptr, line.text.len);
        out->number[i] = line.number;
        out->offset[i] = line.offset;
        out->passed_over[i] = line.passed_over != NULL;
    }
}

static capture_reader *reader_of(size_t window, size_t line_max) {
    capture_reader *reader;
    tally_error err;
    assert_int_equal(capture_reader_new(window, line_max, &reader, &err), 0);
    return reader;
}

static void read_text(const char *text, size_t window, size_t line_max, got *out) {
    capture_reader *reader = reader_of(window, line_max);
    int fd = temp_file(text, strlen(text));
    capture_reader_start(reader, fd, 0, 0, strlen(text));
    drain(reader, out);
    capture_reader_free(reader);
    close(fd);
}

static void lines_are_the_same_whatever_the_window(void **state) {
    (void)state;
    const char *text = "a\nbb\n\nccc\r\ndddddddddddd\n\r\ne\n";
    const char *const want[] = {"a", "bb", "", "ccc", "dddddddddddd", "", "e"};
    const uint64_t offset[] = {0, 2, 5, 6, 11, 24, 26};
    for (size_t window = 1; window <= 40; window++) {
        got seen;
        read_text(text, window, 1000, &seen);
        assert_int_equal(seen.rc, 0);
        assert_int_equal(seen.count, 7);
        for (size_t i = 0; i < 7; i++) {
            assert_string_equal(seen.text[i], want[i]);
            assert_int_equal(seen.offset[i], offset[i]);
            assert_int_equal(seen.number[i], i + 1);
        }
    }
}

static void a_line_without_its_newline_is_left_for_later(void **state) {
    (void)state;
    for (size_t window = 1; window <= 10; window++) {
        capture_reader *reader = reader_of(window, 100);
        int fd = temp_file("one\ntwo", 7);
        got seen;
        capture_reader_start(reader, fd, 0, 0, 7);
        drain(reader, &seen);
        assert_int_equal(seen.count, 1);
        assert_int_equal(capture_reader_offset(reader), 4);
        assert_int_equal(capture_reader_lines(reader), 1);

        assert_int_equal(pwrite(fd, "!\nthree\n", 8, 7), 8);
        capture_reader_start(reader, fd, 4, 1, 15);
        drain(reader, &seen);
        assert_int_equal(seen.count, 2);
        assert_string_equal(seen.text[0], "two!");
        assert_int_equal(seen.number[0], 2);
        assert_int_equal(seen.offset[0], 4);
        assert_string_equal(seen.text[1], "three");
        assert_int_equal(capture_reader_taken(reader), 11);
        capture_reader_free(reader);
        close(fd);
    }
}

static void a_line_over_the_limit_is_passed_over_and_the_next_is_read(void **state) {
    (void)state;
    for (size_t window = 1; window <= 24; window++) {
        got seen;
        read_text("12345678\n123456789\n1\nxxxxxxxxxxxxxxxxxxxxxxxx\nend\n", window, 8, &seen);
        assert_int_equal(seen.rc, 0);
        assert_int_equal(seen.count, 5);
        assert_string_equal(seen.text[0], "12345678");
        assert_false(seen.passed_over[0]);
        assert_true(seen.passed_over[1]);
        assert_int_equal(seen.offset[1], 9);
        assert_string_equal(seen.text[2], "1");
        assert_true(seen.passed_over[3]);
        assert_int_equal(seen.number[3], 4);
        assert_int_equal(seen.offset[3], 21);
        assert_string_equal(seen.text[4], "end");
        assert_int_equal(seen.offset[4], 46);
    }
}

static void an_unfinished_line_over_the_limit_is_left_for_later(void **state) {
    (void)state;
    capture_reader *reader = reader_of(4, 8);
    int fd = temp_file("ok\nxxxxxxxxxxxxxxxx", 19);
    got seen;
    capture_reader_start(reader, fd, 0, 0, 19);
    drain(reader, &seen);
    assert_int_equal(seen.rc, 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(capture_reader_offset(reader), 3);
    capture_reader_free(reader);
    close(fd);
}

static void a_file_cut_short_while_it_is_read_just_ends(void **state) {
    (void)state;
    capture_reader *reader = reader_of(4, 100);
    int fd = temp_file("one\ntwo\nthree\n", 14);
    capture_line line;
    tally_error err;
    capture_reader_start(reader, fd, 0, 0, 14);
    assert_int_equal(capture_reader_next(reader, &line, &err), 1);
    assert_int_equal(ftruncate(fd, 2), 0);
    assert_int_equal(capture_reader_next(reader, &line, &err), 0);
    assert_int_equal(capture_reader_offset(reader), 4);
    capture_reader_free(reader);
    close(fd);
}

static void bytes_written_after_the_start_are_left_for_later(void **state) {
    (void)state;
    capture_reader *reader = reader_of(64, 100);
    int fd = temp_file("one\ntwo\n", 8);
    got seen;
    capture_reader_start(reader, fd, 0, 0, 4);
    drain(reader, &seen);
    assert_int_equal(seen.count, 1);
    assert_int_equal(capture_reader_offset(reader), 4);
    capture_reader_free(reader);
    close(fd);
}

static void reading_a_folder_is_an_error(void **state) {
    (void)state;
    capture_reader *reader = reader_of(64, 100);
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    capture_line line;
    tally_error err;
    capture_reader_start(reader, fd, 0, 0, 10);
    assert_int_equal(capture_reader_next(reader, &line, &err), TALLY_EIO);
    capture_reader_free(reader);
    close(fd);
}

/* One zstd frame; `log` is the window's size, 0 for the usual one. */
static size_t compress_frame(const char *text, size_t len, int log, uint8_t *out, size_t size) {
    ZSTD_CCtx *ctx = ZSTD_createCCtx();
    assert_non_null(ctx);
    if (log) {
        assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, log)));
        assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_contentSizeFlag, 0)));
    }
    ZSTD_inBuffer in = {text, len, 0};
    ZSTD_outBuffer frame = {out, size, 0};
    /* Without this call the size would be known and the window would shrink to it. */
    assert_false(ZSTD_isError(ZSTD_compressStream2(ctx, &frame, &in, ZSTD_e_continue)));
    while (ZSTD_compressStream2(ctx, &frame, &in, ZSTD_e_end) != 0)
        assert_true(frame.pos < frame.size);
    ZSTD_freeCCtx(ctx);
    return frame.pos;
}

static void read_zstd(const uint8_t *bytes, size_t len, size_t window, got *out) {
    capture_reader *reader = reader_of(window, 1000);
    tally_error err;
    int fd = temp_file(bytes, len);
    assert_int_equal(capture_reader_start_zstd(reader, fd, len, &err), 0);
    drain(reader, out);
    capture_reader_free(reader);
    close(fd);
}

static void zstd_frames_read_like_their_text(void **state) {
    (void)state;
    uint8_t bytes[512];
    size_t len = compress_frame("one\ntwo\nhal", 11, 0, bytes, sizeof bytes);
    len += compress_frame("f\nend\n", 6, 0, bytes + len, sizeof bytes - len);
    for (size_t window = 1; window <= 20; window++) {
        got seen;
        read_zstd(bytes, len, window, &seen);
        assert_int_equal(seen.rc, 0);
        assert_int_equal(seen.count, 4);
        assert_string_equal(seen.text[2], "half");
        assert_int_equal(seen.offset[2], 8);
        assert_string_equal(seen.text[3], "end");
    }
}

static void zstd_cut_anywhere_gives_no_wrong_line(void **state) {
    (void)state;
    uint8_t bytes[512];
    size_t len = compress_frame("one\ntwo\nthree\n", 14, 0, bytes, sizeof bytes);
    const char *const want[] = {"one", "two", "three"};
    for (size_t cut = 1; cut < len; cut++) {
        got seen;
        read_zstd(bytes, cut, 64, &seen);
        assert_int_equal(seen.rc, TALLY_EFORMAT);
        for (size_t i = 0; i < seen.count; i++)
            assert_string_equal(seen.text[i], want[i]);
    }
    got empty;
    read_zstd(bytes, 0, 64, &empty);
    assert_int_equal(empty.rc, 0);
    assert_int_equal(empty.count, 0);
}

static void damaged_zstd_is_an_error_after_the_good_frame(void **state) {
    (void)state;
    uint8_t bytes[512];
    size_t len = compress_frame("one\n", 4, 0, bytes, sizeof bytes);
    memcpy(bytes + len, "not zstd", 8);
    got seen;
    read_zstd(bytes, len + 8, 64, &seen);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.rc, TALLY_EFORMAT);
}

static void a_zstd_window_over_the_limit_is_refused(void **state) {
    (void)state;
    uint8_t bytes[512];
    got seen;
    size_t len = compress_frame("one\n", 4, CAPTURE_ZSTD_WINDOW_LOG, bytes, sizeof bytes);
    read_zstd(bytes, len, 64, &seen);
    assert_int_equal(seen.rc, 0);
    assert_int_equal(seen.count, 1);
    len = compress_frame("one\n", 4, CAPTURE_ZSTD_WINDOW_LOG + 1, bytes, sizeof bytes);
    read_zstd(bytes, len, 64, &seen);
    assert_int_equal(seen.rc, TALLY_ELIMIT);
    assert_int_equal(seen.count, 0);
}

static void a_reader_can_change_between_plain_and_zstd(void **state) {
    (void)state;
    uint8_t bytes[512];
    size_t len = compress_frame("zstd\n", 5, 0, bytes, sizeof bytes);
    int packed = temp_file(bytes, len), cut = temp_file(bytes, len - 3),
        plain = temp_file("p\n", 2);
    capture_reader *reader = reader_of(16, 100);
    tally_error err;
    got seen;
    for (int round = 0; round < 3; round++) {
        assert_int_equal(capture_reader_start_zstd(reader, cut, len - 3, &err), 0);
        drain(reader, &seen);
        assert_int_equal(seen.rc, TALLY_EFORMAT);
        capture_reader_start(reader, plain, 0, 0, 2);
        drain(reader, &seen);
        assert_int_equal(seen.count, 1);
        assert_string_equal(seen.text[0], "p");
        assert_int_equal(capture_reader_start_zstd(reader, packed, len, &err), 0);
        drain(reader, &seen);
        assert_int_equal(seen.rc, 0);
        assert_string_equal(seen.text[0], "zstd");
    }
    capture_reader_free(reader);
    close(packed);
    close(cut);
    close(plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_the_same_whatever_the_window),
        cmocka_unit_test(a_line_without_its_newline_is_left_for_later),
        cmocka_unit_test(a_line_over_the_limit_is_passed_over_and_the_next_is_read),
        cmocka_unit_test(an_unfinished_line_over_the_limit_is_left_for_later),
        cmocka_unit_test(a_file_cut_short_while_it_is_read_just_ends),
        cmocka_unit_test(bytes_written_after_the_start_are_left_for_later),
        cmocka_unit_test(reading_a_folder_is_an_error),
        cmocka_unit_test(zstd_frames_read_like_their_text),
        cmocka_unit_test(zstd_cut_anywhere_gives_no_wrong_line),
        cmocka_unit_test(damaged_zstd_is_an_error_after_the_good_frame),
        cmocka_unit_test(a_zstd_window_over_the_limit_is_refused),
        cmocka_unit_test(a_reader_can_change_between_plain_and_zstd),
    };
    return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
