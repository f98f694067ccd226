/* tally audit verify, audit diff: packs read without any ledger, checked, and held against each
 * other. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "audit_file.h"
#include "commands.h"
#include "format/json_out.h"

static void verdict_json(cli *run, const tally_pack_verdict *v) {
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_bool(&json, "ok", v->ok);
    if (v->ok) {
        cli_json_null(&json, "line");
        cli_json_null(&json, "subject");
        cli_json_null(&json, "why");
        cli_json_hex(&json, "team", tally_span_of(v->team.b, sizeof v->team.b));
        cli_json_hex(&json, "sealed_by", tally_span_of(v->sealed_by.b, sizeof v->sealed_by.b));
    } else {
        cli_json_u64(&json, "line", v->line);
        cli_json_string(&json, "subject", v->subject);
        cli_json_string(&json, "why", v->why);
    }
    cli_json_u64(&json, "devices", v->devices);
    cli_json_u64(&json, "checkpoints", v->checkpoints);
    cli_json_u64(&json, "cosignatures", v->cosignatures);
    cli_json_u64(&json, "records", v->records);
    cli_json_u64(&json, "withheld", v->withheld);
    cli_json_u64(&json, "blobs", v->blobs);
    cli_json_u64(&json, "invoices", v->documents);
    cli_json_u64(&json, "voided", v->voided);
    cli_json_u64(&json, "rows", v->rows);
    cli_json_u64(&json, "rows_recomputed", v->rows_recomputed);
    cli_json_u64(&json, "lines", v->lines);
    cli_json_u64(&json, "lines_recomputed", v->lines_recomputed);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static int verify_run(cli *run) {
    tally_error err = {0};
    tally_pack_verdict verdict = {.ok = false};
    uint8_t *file = NULL;
    tally_span text = {0};
    char words[768];
    int code = cli_pack_read(run->arguments[0], &file, &text, &err);
    if (!code) code = tally_pack_verify(text, &verdict, &err);
    free(file);
    if (code) return cli_fail(&err);
    cli_pack_words(&verdict, words, sizeof words);
    cli_text_one_line(words);
    if (run->json)
        verdict_json(run, &verdict);
    else
        fprintf(cli_out(run), "%s\n", words);
    return verdict.ok ? CLI_DONE : CLI_FAILED;
}

/* ---- two packs ---- */

typedef struct opened_pack {
    const char *path;
    uint8_t *file;
    tally_pack *pack;
    tally_pack_item *items; /* by device, then index */
    size_t count;
} opened_pack;

static int item_order(const void *a, const void *b) {
    const tally_pack_item *x = a, *y = b;
    int order = memcmp(x->device.b, y->device.b, sizeof x->device.b);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static int pack_open(const char *path, opened_pack *out, tally_error *err) {
    tally_pack_verdict verdict;
    tally_span text;
    *out = (opened_pack){.path = path};
    int code = cli_pack_read(path, &out->file, &text, err);
    if (!code) code = tally_pack_read(text, &out->pack, &verdict, err);
    if (!code && !out->pack)
        code = tally_fail(err, TALLY_EFORMAT, "%s is bad: line %" PRIu64 ", %s: %s", path,
                          verdict.line, verdict.subject, verdict.why);
    if (code) return code;
    out->count = tally_pack_item_count(out->pack);
    out->items = calloc(out->count + 1, sizeof *out->items);
    if (!out->items) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    for (size_t i = 0; i < out->count; i++)
        tally_pack_item_get(out->pack, i, &out->items[i]);
    qsort(out->items, out->count, sizeof *out->items, item_order);
    return 0;
}

static void pack_close(opened_pack *opened) {
    tally_pack_free(opened->pack);
    free(opened->items);
    free(opened->file);
}

typedef struct difference {
    FILE *out;
    cli_json *json; /* NULL: words */
    uint64_t found;
} difference;

static void say(difference *d, const char *what, const char *subject, const char *words) {
    d->found++;
    if (!d->json) {
        fprintf(d->out, "%s: %s\n", subject, words);
        return;
    }
    cli_json_open(d->json, NULL, '{');
    cli_json_string(d->json, "what", what);
    cli_json_string(d->json, "subject", subject);
    cli_json_string(d->json, "words", words);
    cli_json_close(d->json, '}');
}

static void say_item(difference *d, const tally_pack_item *item, const char *format,
                     const char *path) {
    char hex[9], subject[64], words[512];
    tally_hex(tally_span_of(item->device.b, 4), hex);
    snprintf(subject, sizeof subject, "record %s/%" PRIu64, hex, item->index);
    snprintf(words, sizeof words, "%s %s", format, path);
    say(d, "record", subject, words);
}

static void items_differ(difference *d, const opened_pack *a, const opened_pack *b) {
    size_t i = 0, j = 0;
    while (i < a->count || j < b->count) {
        int order = i == a->count ? 1 : j == b->count ? -1 : item_order(&a->items[i], &b->items[j]);
        if (order < 0) say_item(d, &a->items[i], "only in", a->path);
        if (order > 0) say_item(d, &b->items[j], "only in", b->path);
        if (order == 0 && !tally_hash_eq(&a->items[i].leaf, &b->items[j].leaf))
            say_item(d, &b->items[j], "another one in", b->path);
        if (order == 0 && !a->items[i].bytes.len != !b->items[j].bytes.len)
            say_item(d, &a->items[i], "withheld in", a->items[i].bytes.len ? b->path : a->path);
        i += order <= 0;
        j += order >= 0;
    }
}

static const tally_invoice *numbered(const opened_pack *in, tally_span number) {
    for (size_t i = 0; i < tally_pack_document_count(in->pack); i++)
        if (tally_span_eq(tally_pack_document(in->pack, i)->number, number))
            return tally_pack_document(in->pack, i);
    return NULL;
}

/* As if the one were what was signed. */
static bool invoices_same(const tally_invoice *one, const tally_invoice *other,
                          char words[TALLY_DIFFERENCE_BYTES]) {
    tally_issued issued = {.number = one->number};
    uint8_t *bytes = NULL;
    size_t len = 0;
    if (tally_invoice_encode(one, &bytes, &len, NULL) == 0)
        tally_sha256(tally_span_of(bytes, len), &issued.document_hash);
    free(bytes);
    return tally_invoice_same(&issued, one, other, words);
}

static void invoices_differ(difference *d, const opened_pack *a, const opened_pack *b, bool both) {
    for (size_t i = 0; i < tally_pack_document_count(a->pack); i++) {
        const tally_invoice *one = tally_pack_document(a->pack, i);
        const tally_invoice *other = numbered(b, one->number);
        char subject[128], words[TALLY_DIFFERENCE_BYTES + 64];
        snprintf(subject, sizeof subject, "invoice %.*s", (int)one->number.len,
                 (const char *)one->number.ptr);
        if (!other) {
            snprintf(words, sizeof words, "only in %.500s", a->path);
            say(d, "invoice", subject, words);
        } else if (both && !invoices_same(one, other, words)) {
            say(d, "invoice", subject, words);
        }
    }
}

static int diff_run(cli *run) {
    tally_error err = {0};
    opened_pack a = {.path = NULL}, b = {.path = NULL};
    cli_json json;
    difference d = {.out = cli_out(run), .json = run->json ? &json : NULL};
    int code = pack_open(run->arguments[0], &a, &err);
    if (!code) code = pack_open(run->arguments[1], &b, &err);
    if (!code) {
        if (d.json) cli_json_begin(&json, d.out);
        if (d.json) cli_json_open(&json, NULL, '[');
        invoices_differ(&d, &a, &b, true);
        invoices_differ(&d, &b, &a, false);
        items_differ(&d, &a, &b);
        if (d.json) cli_json_close(&json, ']');
        if (d.json) cli_json_end(&json);
    }
    pack_close(&a);
    pack_close(&b);
    if (code) return cli_fail(&err);
    return d.found ? CLI_FAILED : CLI_DONE;
}

const cli_command command_audit_verify = {.name = "audit verify",
                                          .arguments = "FILE|DIRECTORY",
                                          .summary = "check a pack with nothing but its own bytes",
                                          .example = "tally audit verify AK-2026-0007.txt",
                                          .min_arguments = 1,
                                          .max_arguments = 1,
                                          .run = verify_run};
const cli_command command_audit_diff = {
    .name = "audit diff",
    .arguments = "FILE FILE",
    .summary = "records, lines and amounts that two packs do not share",
    .example = "tally audit diff sent.txt today.txt",
    .min_arguments = 2,
    .max_arguments = 2,
    .run = diff_run};
