/* Paper: what the texts, tables and documents say. Expected figures are those of the worked samples
 * or were worked out by hand in paper_fixture.h. */
#include <tally/json.h>

#include "paper/columns.h"
#include "paper_made.h"

#define PAGE_COLUMNS  80
#define RANDOM_SEED   20261121u
#define RANDOM_ROUNDS 60
#define CSV_COLUMNS   20
#define RANDOM_LINES  40
#define HOSTILE_TEXTS 9

static void says(const tally_invoice *invoice, paper_format format, const char *what) {
    paper_made made = make(invoice, format);
    assert_int_equal(made.rc, 0);
    if (!strstr(made.bytes, what)) fail_msg("no '%s' in:\n%s", what, made.bytes);
    made_free(&made);
}

static void every_text_shows_the_sum_of_each_sample(void **state) {
    (void)state;
    static const paper_format formats[] = {PAPER_TEXT, PAPER_MARKDOWN, PAPER_HTML};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        says(fixture_hourly(fixture), formats[i], "USD 3,467.00");
        says(fixture_hourly(fixture), formats[i], "3,237.50");
        says(fixture_milestone(fixture), formats[i], "USD 9,725.00");
        says(fixture_milestone(fixture), formats[i], "13,225.00");
        says(fixture_retainer(fixture), formats[i], "USD 11,105.00");
        says(fixture_yen(fixture), formats[i], "JPY 112,035");
        says(fixture_dinar(fixture), formats[i], "KWD 56.406");
    }
}

static void a_draft_says_so_and_an_invoice_says_its_number(void **state) {
    (void)state;
    static const paper_format formats[] = {PAPER_TEXT, PAPER_MARKDOWN, PAPER_HTML};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        says(fixture_retainer(fixture), formats[i], "DRAFT");
        paper_made made = make(fixture_hourly(fixture), formats[i]);
        assert_null(strstr(made.bytes, "DRAFT"));
        assert_non_null(strstr(made.bytes, "2026"));
        made_free(&made);
    }
}

static void a_credit_note_says_what_the_client_has_and_asks_for_nothing(void **state) {
    (void)state;
    static const paper_format formats[] = {PAPER_TEXT, PAPER_MARKDOWN, PAPER_HTML};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        paper_made made = make(fixture_credit_note(fixture), formats[i]);
        assert_non_null(strstr(made.bytes, "Credit note"));
        assert_non_null(strstr(made.bytes, "Total in your favour"));
        assert_non_null(strstr(made.bytes, "EUR -238.00")); /* (100 - 300) x 1.19 */
        assert_null(strstr(made.bytes, "Due date"));
        assert_null(strstr(made.bytes, "Net 15"));
        made_free(&made);
    }
    says(fixture_credit_note(fixture), PAPER_JSON, "\"kind\": \"credit_note\"");
    says(fixture_hourly(fixture), PAPER_JSON, "\"kind\": \"invoice\"");
    says(fixture_hourly(fixture), PAPER_TEXT, "Due date");
}

static void text_keeps_to_80_columns(void **state) {
    (void)state;
    const tally_invoice *invoices[] = {fixture_long(fixture, 300), NULL};
    for (int round = 0; round < 2; round++) {
        paper_made made = make(round ? fixture_scripts(fixture) : invoices[0], PAPER_TEXT);
        for (char *line = strtok(made.bytes, "\n"); line; line = strtok(NULL, "\n"))
            if (columns_of(line) > PAGE_COLUMNS) fail_msg("too long: %s", line);
        made_free(&made);
    }
}

static void widths_are_those_of_unicode(void **state) {
    (void)state;
    assert_int_equal(columns_of("abc"), 3);
    assert_int_equal(columns_of("\u691c\u7d22"), 4); /* two ideographs */
    assert_int_equal(columns_of("e\u0301"), 1);      /* e, combining acute */
    assert_int_equal(columns_of("\u05e9\u05c1"), 1); /* shin, shin dot */
    assert_int_equal(columns_of("\uff21\uff22"), 4); /* fullwidth A B */
    assert_int_equal(columns_of("\U0001F680"), 2);   /* rocket */
    const char *rest = "aaa bbb \u691c\u7d22";
    columns_line line;
    assert_int_equal(columns_next(&rest, 8, &line), 1);
    assert_int_equal(line.bytes, 7); /* the ideograph would be column 9 */
    assert_int_equal(columns_next(&rest, 8, &line), 1);
    assert_int_equal(line.columns, 4);
    assert_int_equal(columns_next(&rest, 8, &line), 0);
}

static void what_steers_a_terminal_reaches_no_paper(void **state) {
    (void)state;
    static const paper_format formats[] = {PAPER_TEXT, PAPER_MARKDOWN, PAPER_HTML, PAPER_UBL};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        fixture_open(fixture, "AK-1", "USD", 2);
        fixture_hours(fixture,
                      "red \x1b[31m up\u202eside\xc2\x85 \xff <script>alert(1)</script> | `x`", 100,
                      100);
        paper_made made = make(fixture_close(fixture), formats[i]);
        assert_int_equal(made.rc, 0);
        assert_null(strchr(made.bytes, '\x1b'));
        assert_null(strstr(made.bytes, "\u202e"));
        assert_null(strchr(made.bytes, '\xff'));
        if (formats[i] != PAPER_TEXT) assert_null(strstr(made.bytes, "<script"));
        made_free(&made);
    }
}

static void markdown_takes_no_text_for_markup(void **state) {
    (void)state;
    fixture_open(fixture, "AK-1", "USD", 2);
    fixture_hours(fixture, "a|b `c` <b>d</b> *e* [f](https://g)", 100, 100);
    says(fixture_close(fixture), PAPER_MARKDOWN,
         "| a\\|b \\`c\\` &lt;b\\>d&lt;/b\\> \\*e\\* \\[f\\](https&#58;//g) | 1.00 h | 1.00 | 1.00 "
         "|");
}

static void csv_is_one_row_a_line_and_runs_no_formula(void **state) {
    (void)state;
    fixture_open(fixture, "AK-1", "EUR", 2);
    fixture_hours(fixture, "=HYPERLINK(\"x\"), done", 450, 18500);
    fixture_one(fixture, TALLY_BLOCK_CREDITS, TALLY_LINE_DEPOSIT, "Deposit", "", -350000);
    paper_made made = make(fixture_close(fixture), PAPER_CSV);
    const char *rows = strchr(made.bytes, '\n') + 1;
    assert_string_equal(
        rows, "AK-1,rag-mvp,acme,2026-03-01,2026-03-31,1,engineering,hours,,"
              "\"'=HYPERLINK(\"\"x\"\"), done\",,4.50,hour,185.00,832.50,EUR,O,0,false,0\n"
              "AK-1,rag-mvp,acme,2026-03-01,2026-03-31,2,credits,deposit,,Deposit,,1.00,unit,"
              "-3500.00,-3500.00,EUR,O,0,false,0\n");
    made_free(&made);
}

static tally_json member(const tally_json *of, const char *name) {
    tally_json value;
    if (!tally_json_get(of, name, &value)) fail_msg("no member '%s'", name);
    return value;
}

static void json_holds_figures_trace_and_frontier(void **state) {
    (void)state;
    paper_made made = make(fixture_mixed_tax(fixture), PAPER_JSON);
    tally_json root, first, value;
    tally_json_iter iter;
    assert_int_equal(tally_json_parse(tally_span_of(made.bytes, made.len), &root), 0);
    value = member(&root, "net");
    assert_true(tally_json_string_is(&value, "1533.33"));
    value = member(&root, "tax");
    assert_true(tally_json_string_is(&value, "192.33"));
    value = member(&root, "due");
    assert_true(tally_json_string_is(&value, "1525.66"));
    value = member(&root, "period_end");
    assert_true(tally_json_string_is(&value, "2026-03-31"));
    value = member(&root, "trace");
    tally_json_iter_init(&iter, &value);
    assert_true(tally_json_next(&iter, NULL, &first));
    value = member(&first, "entry");
    assert_true(tally_json_string_is(&value, "a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0"));
    assert_true(tally_json_next(&iter, NULL, &first));
    value = member(&first, "cost");
    assert_true(tally_json_string_is(&value, "187.40"));
    value = member(&root, "trace_digest"); /* printf trace | sha256sum */
    assert_true(tally_json_string_is(
        &value, "eafe895eb8119e6e5d06463590b2ef81b3651c157d5c8e18f1889186c7fd0ac0"));
    value = member(&root, "frontier");
    tally_json_iter_init(&iter, &value);
    assert_true(tally_json_next(&iter, NULL, &first));
    value = member(&first, "size");
    uint64_t size;
    assert_true(tally_json_u64(&value, &size));
    assert_int_equal(size, 1041);
    made_free(&made);
}

static void html_asks_for_nothing_beside_itself(void **state) {
    (void)state;
    paper_made made = make(fixture_milestone(fixture), PAPER_HTML);
    assert_non_null(strstr(made.bytes, "default-src 'none'; style-src 'sha256-"));
    assert_null(strstr(made.bytes, "http://"));
    assert_null(strstr(made.bytes, "https://"));
    assert_null(strstr(made.bytes, "<script"));
    assert_null(strstr(made.bytes, " style="));
    made_free(&made);
}

static uint32_t roll(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Lines and parties of hostile and ordinary texts, figures of every size and sign. */
static const tally_invoice *random_invoice(uint32_t *seed) {
    static const char *const texts[HOSTILE_TEXTS] = {
        "tests",
        "a,b;\"c\"\n d",
        "<i>&amp;]]></i>",
        "=1+1",
        "\u05e9\u05dc\u05d5\u05dd | \\",
        "\xf0\x9f\x9a",
        "   ",
        "\u691c\u7d22\u691c\u7d22\u691c\u7d22 \x01\x7f",
        "word-without-any-end-word-without-any-end-word-without-any-end-word-without-any-end-word"};
    static const int64_t prices[] = {0, 1, -1, 18500, -350000, 99999999999};
    fixture_open(fixture, roll(seed) % 4 ? texts[roll(seed) % HOSTILE_TEXTS] : "AK-1", "EUR",
                 (int)(roll(seed) % 3));
    fixture->invoice.seller.name = TEXT(texts[roll(seed) % HOSTILE_TEXTS]);
    fixture->invoice.buyer.city = TEXT(texts[roll(seed) % HOSTILE_TEXTS]);
    fixture->invoice.title = TEXT(texts[roll(seed) % HOSTILE_TEXTS]);
    fixture->invoice.seller.iban = TEXT(texts[roll(seed) % HOSTILE_TEXTS]);
    for (int block = 0; block < TALLY_BLOCK_COUNT; block++)
        for (uint32_t lines = roll(seed) % (RANDOM_LINES / 3); lines; lines--)
            fixture_line(fixture, (tally_line_block)block, (tally_line_kind)(roll(seed) % 9),
                         texts[roll(seed) % HOSTILE_TEXTS], texts[roll(seed) % HOSTILE_TEXTS],
                         roll(seed) % 100000, roll(seed) % 2 ? "hour" : "unit",
                         prices[roll(seed) % (sizeof prices / sizeof *prices)]);
    fixture_clause(fixture, texts[roll(seed) % HOSTILE_TEXTS]);
    return fixture_close(fixture);
}

/* Rows with the right number of cells, quotes minded. */
static size_t csv_rows(const char *text) {
    size_t rows = 0, cells = 1;
    bool quoted = false;
    for (; *text; text++) {
        if (*text == '"') quoted = !quoted;
        if (quoted) continue;
        if (*text == ',') cells++;
        if (*text != '\n') continue;
        assert_int_equal(cells, CSV_COLUMNS);
        cells = 1;
        rows++;
    }
    assert_false(quoted);
    return rows;
}

static void well_formed(const tally_invoice *invoice, FILE *list) {
    char path[FIXTURE_TEXT];
    tally_json root;
    paper_made made = make(invoice, PAPER_JSON);
    assert_int_equal(tally_json_parse(tally_span_of(made.bytes, made.len), &root), 0);
    made_free(&made);
    made = make(invoice, PAPER_CSV);
    assert_int_equal(csv_rows(made.bytes), invoice->line_count + 1);
    made_free(&made);
    made = make(invoice, PAPER_HTML);
    assert_int_equal(times(made.bytes, "<tr"), times(made.bytes, "</tr>"));
    assert_int_equal(times(made.bytes, "<td"), times(made.bytes, "</td>"));
    made_free(&made);
    made = make(invoice, PAPER_TEXT);
    for (char *line = strtok(made.bytes, "\n"); line; line = strtok(NULL, "\n"))
        if (columns_of(line) > PAGE_COLUMNS + 40) fail_msg("too long: %s", line);
    made_free(&made);
    made = make(invoice, PAPER_MARKDOWN);
    assert_int_equal(made.rc, 0);
    made_free(&made);
    made = make(invoice, PAPER_UBL);
    if (made.rc == 0) {
        made_save(&made, path);
        fprintf(list, " %s", path);
    } else {
        assert_int_equal(made.rc, TALLY_EREFUSED);
    }
    made_free(&made);
}

static void any_invoice_is_well_formed_in_every_format(void **state) {
    (void)state;
    char *command = NULL;
    size_t len = 0;
    uint32_t seed = RANDOM_SEED;
    FILE *list = open_memstream(&command, &len);
    print_message("seed %u\n", seed);
    fputs("set --", list);
    for (int round = 0; round < RANDOM_ROUNDS; round++)
        well_formed(random_invoice(&seed), list);
    fputs("; test $# -gt 9 && xmllint --noout \"$@\"; code=$?; rm -f \"$@\"; exit $code", list);
    fclose(list);
    char *words = have("xmllint") ? said(command) : NULL;
    if (have("xmllint")) assert_non_null(words);
    free(words);
    free(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_shows_the_sum_of_each_sample),
        cmocka_unit_test(a_draft_says_so_and_an_invoice_says_its_number),
        cmocka_unit_test(a_credit_note_says_what_the_client_has_and_asks_for_nothing),
        cmocka_unit_test(text_keeps_to_80_columns),
        cmocka_unit_test(widths_are_those_of_unicode),
        cmocka_unit_test(what_steers_a_terminal_reaches_no_paper),
        cmocka_unit_test(markdown_takes_no_text_for_markup),
        cmocka_unit_test(csv_is_one_row_a_line_and_runs_no_formula),
        cmocka_unit_test(json_holds_figures_trace_and_frontier),
        cmocka_unit_test(html_asks_for_nothing_beside_itself),
        cmocka_unit_test(any_invoice_is_well_formed_in_every_format)};
    return cmocka_run_group_tests(tests, make_fixture, free_fixture);
}
