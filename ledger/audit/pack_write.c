/* Writing a pack: what stands behind its invoices (pack_derive.c) is chosen and proved, and all of
 * it becomes lines under a seal. */
#include "packing.h"
#include "sheaf.h"

#include "pack.h"

#include <tally/blob.h>
#include <tally/view.h>

#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- text ---- */

static uint8_t *text_room(pack_text *t, size_t more) {
    if (t->failed || more > TALLY_PACK_MAX_BYTES || t->len > TALLY_PACK_MAX_BYTES) {
        t->failed = true;
        return NULL;
    }
    if (t->room - t->len < more) {
        size_t wanted = (t->room + more) * 2;
        uint8_t *grown = realloc(t->bytes, wanted);
        if (!grown) {
            t->failed = true;
            return NULL;
        }
        t->bytes = grown;
        t->room = wanted;
    }
    return t->bytes + t->len;
}

static void put(pack_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(pack_text *t, const char *format, ...) {
    char words[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(words, sizeof words, format, args);
    va_end(args);
    uint8_t *at = text_room(t, (size_t)len);
    if (!at || (size_t)len >= sizeof words) return;
    memcpy(at, words, (size_t)len);
    t->len += (size_t)len;
}

static void put_base64(pack_text *t, tally_span bytes) {
    size_t room = sodium_base64_ENCODED_LEN(bytes.len, sodium_base64_VARIANT_ORIGINAL);
    uint8_t *at = text_room(t, room);
    if (!at) return;
    (void)sodium_bin2base64((char *)at, room, bytes.ptr, bytes.len, sodium_base64_VARIANT_ORIGINAL);
    t->len += room - 1;
}

static void put_word(pack_text *t, tally_span text) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     (c != 0 && strchr("._:/-", c));
        put(t, plain ? "%c" : "%%%02X", c);
    }
}

static void put_list(pack_text *t, const uint32_t *numbers, size_t count) {
    if (count == 0) put(t, "-");
    for (size_t i = 0; i < count; i++)
        put(t, "%s%u", i ? "," : "", numbers[i]);
}

/* ---- lines ---- */

static void write_head(packing *p, tally_txn *txn, const choice *c) {
    const tally_pack_options *o = p->options;
    char hex[2 * TALLY_HASH_BYTES + 1];
    int64_t first = o->first_day, end = o->end_day;
    (void)txn;
    if (o->number.len) {
        first = p->invoices[0].derived->first_day;
        end = p->invoices[0].derived->end_day;
    }
    tally_hex(tally_span_of(tally_ledger_team(p->ledger)->b, TALLY_HASH_BYTES), hex);
    put(&p->text, PACK_NAME "\nteam %s\nabout %s ", hex,
        o->number.len   ? "invoice"
        : o->client.len ? "client"
                        : "all");
    put_word(&p->text, o->number.len   ? p->invoices[0].derived->number
                       : o->client.len ? o->client
                                       : tally_span_str("all"));
    put(&p->text, " %" PRId64 " %" PRId64 "\n", first, end);
    for (size_t i = 0; i < c->device_count; i++) {
        tally_hex(tally_span_of(c->devices[i].b, sizeof c->devices[i].b), hex);
        put(&p->text, "device %zu %s\n", i, hex);
    }
}

static void write_trees(pack_text *t, const sheaf *s) {
    for (size_t i = 0; i < s->node_count; i++) {
        put(t, "node %zu ", i);
        put_base64(t, tally_span_of(s->nodes[i].b, TALLY_HASH_BYTES));
        put(t, "\n");
    }
    for (size_t i = 0; i < s->checkpoint_count; i++) {
        const sheaf_checkpoint *row = &s->checkpoints[i];
        put(t, "checkpoint %zu %zu %" PRIu64 " ", i, row->device, row->cp.size);
        put_base64(t, tally_span_of(row->cp.root.b, TALLY_HASH_BYTES));
        put(t, " ");
        put_base64(t, tally_span_of(row->cp.signature, sizeof row->cp.signature));
        put(t, " ");
        put_list(t, s->refs + row->consistency_at, row->consistency.count);
        put(t, "\n");
    }
}

static void write_cosignatures(pack_text *t, const sheaf *s) {
    for (size_t i = 0; i < s->choice->cosignature_count; i++) {
        const tally_cosignature *row = &s->choice->cosignatures[i];
        size_t device = choice_device_number(s->choice, &row->device), n = 0;
        while (s->checkpoints[n].device != device ||
               s->checkpoints[n].cp.size != row->checkpoint.size)
            n++;
        put(t, "cosignature %zu %zu %zu %" PRId64 " ", i, n,
            choice_device_number(s->choice, &row->witness), row->time_s);
        put_base64(t, tally_span_of(row->signature, sizeof row->signature));
        put(t, "\n");
    }
}

static int write_item(packing *p, tally_txn *txn, const sheaf *s, size_t i, tally_error *err) {
    const choice_item *item = &s->choice->items[i];
    pack_text *t = &p->text;
    tally_span bytes = tally_span_of(item->leaf.b, sizeof item->leaf.b);
    int rc = item->withheld
                 ? 0
                 : tally_record_get(txn, item->place.feed, item->place.index, &bytes, err);
    if (rc != 0) return rc;
    put(t, "%s %u %zu %" PRIu64 " %zu ", item->withheld ? "leaf" : "record", item->number,
        s->checkpoints[s->proofs[i].checkpoint].device, item->place.index, s->proofs[i].checkpoint);
    put_list(t, s->refs + s->proofs[i].at, s->proofs[i].count);
    put(t, " ");
    put_base64(t, bytes);
    put(t, "\n");
    return 0;
}

static int write_items(packing *p, tally_txn *txn, const sheaf *s, tally_error *err) {
    const choice *c = s->choice;
    size_t *order = calloc(c->count + 1, sizeof *order);
    int rc = order ? 0 : shelf_no_memory(err);
    for (size_t i = 0; order && i < c->count; i++)
        order[c->items[i].number] = i;
    for (size_t i = 0; i < c->count && rc == 0; i++)
        rc = write_item(p, txn, s, order[i], err);
    free(order);
    return rc;
}

static int write_blobs(packing *p, tally_txn *txn, const choice *c, tally_error *err) {
    char hex[2 * TALLY_HASH_BYTES + 1];
    for (size_t i = 0; i < c->blob_count; i++) {
        tally_span salted;
        int rc = tally_blob_stored(txn, &c->blobs[i], &salted);
        if (rc != 0) return tally_fail(err, rc, "a document is not here; run 'tally sync now'");
        tally_hex(tally_span_of(c->blobs[i].b, TALLY_HASH_BYTES), hex);
        put(&p->text, "blob %zu %s ", i, hex);
        put_base64(&p->text, salted);
        put(&p->text, "\n");
    }
    return 0;
}

static void put_ref(pack_text *t, const choice *c, size_t item) {
    if (item == CHOICE_NONE)
        put(t, "-");
    else
        put(t, "%u", c->items[item].number);
}

static void write_days(pack_text *t, const choice_invoice *invoice) {
    for (int64_t day = invoice->derived->first_day; day < invoice->derived->end_day; day++) {
        bool used = false;
        for (size_t i = 0; i < invoice->derived->trace_count && !used; i++)
            used = invoice->derived->trace[i].day == day &&
                   tally_span_is(invoice->derived->trace[i].what, "session");
        if (used)
            put(t, "day %" PRId64 " %" PRId64 " %" PRId64 "\n", day,
                tally_zone_day_start(invoice->zone, day),
                tally_zone_day_start(invoice->zone, day + 1));
    }
}

static void write_row(pack_text *t, const choice *c, size_t row, const choice_row *refs) {
    uint32_t sessions[CHOICE_CHAIN_MAX];
    for (size_t i = 0; i < refs->session_count; i++)
        sessions[i] = c->items[refs->sessions[i]].number;
    put(t, "trace %zu ", row);
    put_ref(t, c, refs->item);
    put(t, " ");
    put_ref(t, c, refs->decided);
    put(t, " ");
    put_list(t, sessions, refs->session_count);
    put(t, " ");
    put_ref(t, c, refs->rate);
    put(t, "\n");
}

static size_t blob_number(const choice *c, const tally_hash *id) {
    size_t i = 0;
    while (i < c->blob_count && !tally_hash_eq(&c->blobs[i], id))
        i++;
    return i;
}

static void write_documents(packing *p, const choice *c) {
    const choice_row *row = c->rows;
    const size_t *agreed = c->agreed;
    pack_text *t = &p->text;
    for (size_t n = 0; n < p->count; n++) {
        const tally_invoice *invoice = p->invoices[n].derived;
        put(t, "document %zu %zu ", n, blob_number(c, &p->invoices[n].blob));
        put_ref(t, c, c->issues[n]);
        put(t, " ");
        put_ref(t, c, c->contracts[n]);
        put(t, " ");
        put_ref(t, c, c->engaged[n]);
        put(t, "\n");
        write_days(t, &p->invoices[n]);
        for (size_t l = 0, r = 0; l < invoice->line_count; l++) {
            for (size_t i = 0; i < invoice->lines[l].trace_count; i++, r++)
                write_row(t, c, r, row++);
            put(t, "line %zu ", l + 1);
            put_ref(t, c, *agreed++);
            put(t, "\n");
        }
    }
}

static int write_seal(packing *p, const choice *c, tally_error *err) {
    const tally_key *key;
    const tally_device_id *own = tally_ledger_device(p->ledger);
    char origin[TALLY_ORIGIN_MAX_BYTES], text[TALLY_CHECKPOINT_MAX_BYTES];
    uint8_t signature[TALLY_SIGNATURE_BYTES];
    tally_hash hash;
    int rc = tally_ledger_key(p->ledger, &key, err);
    if (rc != 0) return rc;
    tally_sha256(tally_span_of(p->text.bytes, p->text.len), &hash);
    size_t len =
        pack_seal_text(tally_ledger_team(p->ledger), own, p->text.len, &hash, origin, text);
    tally_key_sign(key, tally_span_of(text, len), signature);
    put(&p->text, "seal %zu ", choice_device_number(c, own));
    put_base64(&p->text, tally_span_of(signature, sizeof signature));
    put(&p->text, "\n");
    return 0;
}

static int write_all(packing *p, tally_txn *txn, const choice *c, tally_error *err) {
    sheaf s;
    int rc = sheaf_make(&s, txn, c, err);
    if (rc == 0) {
        write_head(p, txn, c);
        write_trees(&p->text, &s);
        write_cosignatures(&p->text, &s);
        rc = write_items(p, txn, &s, err);
    }
    if (rc == 0) rc = write_blobs(p, txn, c, err);
    if (rc == 0) write_documents(p, c);
    if (rc == 0) rc = write_seal(p, c, err);
    if (rc == 0 && (p->text.failed || p->text.len > TALLY_PACK_MAX_BYTES))
        rc = tally_fail(err, TALLY_ELIMIT, "the pack would be over %u MiB; pack a shorter period",
                        TALLY_PACK_MAX_BYTES >> 20);
    sheaf_clear(&s);
    return rc;
}

/* ---- the whole ---- */

static int want_all(const packing *p, shelf *s, tally_error *err) {
    int rc = 0;
    for (size_t n = 0; n < p->count && rc == 0; n++) {
        const tally_invoice *invoice = p->invoices[n].derived;
        rc = shelf_want(s, &p->invoices[n].issue, err);
        if (rc == 0) rc = shelf_want(s, &invoice->contract_leaf, err);
        for (size_t i = 0; i < invoice->trace_count && rc == 0; i++) {
            rc = shelf_want(s, &invoice->trace[i].leaf, err);
            if (rc == 0) rc = shelf_want(s, &invoice->trace[i].decided, err);
            if (rc == 0) rc = shelf_want(s, &invoice->trace[i].rate, err);
        }
        for (size_t i = 0; i < invoice->line_count && rc == 0; i++)
            rc = shelf_want(s, &invoice->lines[i].agreed, err);
    }
    return rc;
}

/* Whose pack it is: nobody else may be named in it. */
static tally_span client_of(const packing *p) {
    return p->options->number.len ? p->invoices[0].derived->client : p->options->client;
}

static int pack_in(packing *p, tally_txn *txn, tally_error *err) {
    shelf s = {.txn = NULL};
    choice c = {.shelf = NULL};
    int rc = shelf_init(&s, txn, client_of(p), err);
    if (rc == 0) rc = want_all(p, &s, err);
    if (rc == 0) rc = shelf_fill(&s, err);
    if (rc == 0) rc = choice_init(&c, &s, p->invoices, p->count, err);
    if (rc == 0) rc = choice_make(&c, p->options->withhold_blobs, err);
    if (rc == 0) rc = choice_device(&c, tally_ledger_device(p->ledger), err);
    if (rc == 0) rc = choice_settle(&c, err);
    if (rc == 0) rc = write_all(p, txn, &c, err);
    choice_clear(&c);
    shelf_clear(&s);
    return rc;
}

int tally_pack_write(tally_ledger *ledger, const tally_pack_options *options,
                     tally_pack_zone_fn *zones, void *zones_ctx, uint8_t **out, size_t *len,
                     tally_error *err) {
    packing p = {.ledger = ledger, .options = options, .zones = zones, .zones_ctx = zones_ctx};
    tally_txn *txn = NULL;
    *out = NULL;
    int rc = packing_derive(&p, err);
    if (rc == 0) rc = tally_read_begin(ledger, &txn, err);
    if (rc == 0) rc = pack_in(&p, txn, err);
    if (txn) tally_read_end(txn);
    packing_clear(&p);
    if (rc == 0) {
        *out = p.text.bytes;
        *len = p.text.len;
    } else {
        free(p.text.bytes);
    }
    return rc;
}
