/* The same bytes whatever surrounds the program; and the PDF: pages as a reader wants them, in the
 * words of poppler's tools. Most are made in a process of their own, as the program does. */
#include <locale.h>
#include <sys/wait.h>
#include <time.h>

#include "paper_made.h"

/* Formats are put together and handed on here. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

#define LONG_LINES    300
#define COMMAND_BYTES 256
#define CHILD_SKIP    77

typedef const tally_invoice *(*fixture_maker)(paper_fixture *fixture);

static const tally_invoice *long_invoice(paper_fixture *of) {
    return fixture_long(of, LONG_LINES);
}

/* Settings that people have, and that must not reach the paper. */
typedef struct surroundings {
    const char *locale, *zone, *language, *fonts;
} surroundings;

static void surround(const surroundings *by, const char *conf) {
    char xml[512];
    setenv("LC_ALL", by->locale, 1);
    setenv("LANG", by->locale, 1);
    setenv("TZ", by->zone, 1);
    setenv("PANGO_LANGUAGE", by->language, 1);
    setenv("FC_LANG", by->language, 1);
    setenv("HOME", "/nonexistent", 1);
    setenv("SOURCE_DATE_EPOCH", by->language[0] == 'j' ? "1" : "2000000000", 1);
    setlocale(LC_ALL, "");
    tzset();
    if (!by->fonts) return;
    int len =
        snprintf(xml, sizeof xml,
                 "<?xml version=\"1.0\"?><fontconfig><dir>/usr/share/fonts</dir><match>"
                 "<edit name=\"family\" mode=\"assign\" binding=\"strong\"><string>%s</string>"
                 "</edit></match></fontconfig>",
                 by->fonts);
    FILE *out = fopen(conf, "wb");
    if (!out || fwrite(xml, 1, (size_t)len, out) != (size_t)len || fclose(out) != 0) _exit(1);
    setenv("FONTCONFIG_FILE", conf, 1);
}

/* Makes paper in a child and returns its file; its error is printed. */
static void make_in_child(fixture_maker maker, paper_format format, const surroundings *by,
                          char *path) {
    char conf[FIXTURE_TEXT + sizeof ".conf"];
    snprintf(path, FIXTURE_TEXT, "/tmp/tally-pdf-XXXXXX");
    close(mkstemp(path));
    snprintf(conf, sizeof conf, "%s.conf", path);
    pid_t child = fork();
    if (child == 0) {
        if (by) surround(by, conf);
        paper_made made = make(maker(fixture), format);
        if (made.rc != 0) fprintf(stderr, "%s\n", made.err.text);
        FILE *out = made.rc == 0 ? fopen(path, "wb") : NULL;
        bool whole = out && fwrite(made.bytes, 1, made.len, out) == made.len && fclose(out) == 0;
        bool fonts = made.rc == TALLY_ENOTFOUND && strstr(made.err.text, "apt install");
        _exit(whole ? 0 : fonts ? CHILD_SKIP : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    unlink(conf);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_SKIP) skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static char *ask(const char *format, const char *path) {
    char command[COMMAND_BYTES];
    snprintf(command, sizeof command, format, path);
    return said(command);
}

static void surroundings_change_no_byte_in_any_format(void **state) {
    (void)state;
    static const surroundings here = {"C", "UTC", "en", NULL};
    static const surroundings there = {"de_DE.UTF-8", "Asia/Tokyo", "ja:zh", "DejaVu Serif"};
    for (int i = 0; i < PAPER_FORMATS; i++) {
        char one[FIXTURE_TEXT], other[FIXTURE_TEXT], command[3 * FIXTURE_TEXT];
        paper_format format = (paper_format)i;
        fixture_maker maker = format == PAPER_UBL ? fixture_reverse : fixture_scripts;
        make_in_child(maker, format, &here, one);
        if (format == PAPER_PDF) sleep(1); /* a clock that is read would show */
        make_in_child(maker, format, &there, other);
        snprintf(command, sizeof command, "cmp %s %s", one, other);
        char *words = said(command);
        assert_non_null(words);
        free(words);
        unlink(one);
        unlink(other);
    }
}

static void a_date_is_the_day_of_issue(void **state) {
    (void)state;
    char path[FIXTURE_TEXT];
    if (!have("pdfinfo")) skip();
    make_in_child(fixture_hourly, PAPER_PDF, NULL, path);
    char *words = ask("pdfinfo -isodates %s", path);
    assert_non_null(strstr(words, "2026-03-31T00:00:00Z"));
    assert_non_null(strstr(words, "Invoice AK-2026-0007"));
    assert_non_null(strstr(words, "letter"));
    free(words);
    unlink(path);
}

static void every_page_has_its_head_and_foot_and_every_line_stands_once(void **state) {
    (void)state;
    char path[FIXTURE_TEXT], what[COMMAND_BYTES];
    if (!have("pdftotext")) skip();
    make_in_child(long_invoice, PAPER_PDF, NULL, path);
    char *words = ask("pdftotext -layout %s -", path);
    size_t pages = times(words, "\f");
    assert_in_range(pages, 8, 20);
    assert_int_equal(times(words, "Amount (EUR)"), pages);
    assert_int_equal(times(words, "Engineering (continued)"), pages - 1);
    for (size_t page = 1; page <= pages; page++) {
        snprintf(what, sizeof what, " %zu / %zu\n", page, pages);
        assert_int_equal(times(words, what), 1);
    }
    for (int line = 1; line <= LONG_LINES; line++) {
        snprintf(what, sizeof what, "Entry %d:", line);
        if (times(words, what) != 1) fail_msg("%s stands %zu times", what, times(words, what));
    }
    /* 100 x (30 + 60 + 210) + 612 = 30,612.00; 19 % of it 5,816.28. */
    assert_int_equal(times(words, "30,000.00"), 1);
    assert_int_equal(times(words, "EUR 36,428.28"), 1);
    assert_int_equal(times(words, "eafe895eb8119e6e5d06463590b2ef81"), 1);
    free(words);
    unlink(path);
}

/* The last page of any length holds more than what ends a page: a line of work stands with its
 * subtotal and the sums. */
static void sums_never_stand_alone(void **state) {
    (void)state;
    char path[FIXTURE_TEXT];
    if (!have("pdftotext")) skip();
    paper_made first = make(fixture_long(fixture, 1), PAPER_PDF);
    if (first.rc == TALLY_ENOTFOUND && strstr(first.err.text, "apt install")) skip();
    assert_int_equal(first.rc, 0);
    made_free(&first);
    for (size_t lines = 12; lines < 28; lines++) {
        paper_made made = make(fixture_long(fixture, lines), PAPER_PDF);
        made_save(&made, path);
        made_free(&made);
        char *words = ask("pdftotext -layout %s -", path);
        char *page = words;
        for (char *end = strchr(page, '\f'); end; end = strchr(page, '\f')) {
            *end = '\0';
            bool sums = strstr(page, "Total due") != NULL;
            bool subtotal = strstr(page, "Subtotal compute") != NULL;
            bool line = strstr(page, "LLM inference") != NULL;
            bool title = strstr(page, "Compute and AI services\n") != NULL;
            assert_true(sums == subtotal && subtotal == line && line == title);
            page = end + 1;
        }
        free(words);
        unlink(path);
    }
}

static void text_of_all_scripts_can_be_copied(void **state) {
    (void)state;
    static const char *const words_there[] = {"\u017b\u00d3\u0141\u0106-2026-0010",
                                              "\u691c\u7d22",
                                              "\u05d4\u05d7\u05d9\u05e4\u05d5\u05e9",
                                              "\u0627\u0644\u0648\u062b\u0627\u0626\u0642",
                                              "\u0391\u03bd\u03ac\u03bb\u03c5\u03c3\u03b7",
                                              "DE89 3704 0044 0532 0130 00",
                                              "EUR 2,287.50"};
    char path[FIXTURE_TEXT];
    if (!have("pdftotext")) skip();
    make_in_child(fixture_scripts, PAPER_PDF, NULL, path);
    char *words = ask("pdftotext -layout %s -", path);
    for (size_t i = 0; i < sizeof words_there / sizeof *words_there; i++)
        if (!strstr(words, words_there[i])) fail_msg("no %s in %s", words_there[i], words);
    free(words);
    words = ask("pdffonts %s | tail -n +3 | grep -v ' yes yes yes ' | wc -l", path);
    assert_int_equal(atol(words), 0); /* all embedded, subset, with Unicode */
    free(words);
    unlink(path);
}

static void a_character_without_a_font_is_named(void **state) {
    (void)state;
    fixture_open(fixture, "AK-1", "EUR", 2);
    fixture_hours(fixture, "\u1c50 Ol Chiki", 100, 100);
    paper_made made = make(fixture_close(fixture), PAPER_PDF);
    assert_int_equal(made.rc, TALLY_ENOTFOUND);
    if (strstr(made.err.text, "apt install")) skip();
    assert_non_null(strstr(made.err.text, "U+1C50"));
    assert_non_null(strstr(made.err.text, "--format html"));
    assert_null(made.bytes);
}

static void a_description_longer_than_a_page_is_all_there(void **state) {
    (void)state;
    char path[FIXTURE_TEXT], text[8000] = "";
    if (!have("pdftotext")) skip();
    for (int i = 0; i < 900; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "w%d ", i);
    fixture_open(fixture, "AK-1", "EUR", 2);
    fixture_hours(fixture, text, 100, 100);
    paper_made made = make(fixture_close(fixture), PAPER_PDF);
    if (made.rc == TALLY_ENOTFOUND && strstr(made.err.text, "apt install")) skip();
    made_save(&made, path);
    made_free(&made);
    char *words = ask("pdftotext -layout %s - | grep -o 'w[0-9][0-9]*' | sort -u | wc -l", path);
    assert_int_equal(atol(words), 900);
    free(words);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(surroundings_change_no_byte_in_any_format),
        cmocka_unit_test(a_date_is_the_day_of_issue),
        cmocka_unit_test(every_page_has_its_head_and_foot_and_every_line_stands_once),
        cmocka_unit_test(text_of_all_scripts_can_be_copied),
        cmocka_unit_test(sums_never_stand_alone),
        cmocka_unit_test(a_character_without_a_font_is_named),
        cmocka_unit_test(a_description_longer_than_a_page_is_all_there)};
    return cmocka_run_group_tests(tests, make_fixture, free_fixture);
}
