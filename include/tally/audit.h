/* Audit packs: one text that shows an outsider where every figure of an invoice came from, and that
 * is checked with nothing but its own bytes. PROTOCOL.md section 16. */
#ifndef TALLY_AUDIT_H
#define TALLY_AUDIT_H

#include <tally/invoice.h>
#include <tally/ledger.h>
#include <tally/team.h>

#define TALLY_PACK_MAX_BYTES     (64u * 1024u * 1024u)
#define TALLY_PACK_MAX_DEVICES   TALLY_TEAM_MAX_DEVICES
#define TALLY_PACK_SUBJECT_BYTES 160u
#define TALLY_PACK_WHY_BYTES     320u
#define TALLY_PACK_EVIDENCE_MAX_BYTES                                                              \
    (256u * 1024u) /* a larger file stays out of a pack; its id is in it */

/* ---- reading ---- */

/* What a check of a pack found. A pack that is bad is no error of the check. */
typedef struct tally_pack_verdict {
    bool ok;
    uint64_t line;                          /* of the pack, from 1; of the first that is bad */
    char subject[TALLY_PACK_SUBJECT_BYTES]; /* "record 3f2a91c0/17", "line 3 amount", "seal" */
    char why[TALLY_PACK_WHY_BYTES];         /* a clause */
    uint64_t devices, checkpoints, cosignatures, records, withheld, blobs, documents;
    uint64_t rows, rows_recomputed;   /* of traces */
    uint64_t lines, lines_recomputed; /* of invoices */
    uint64_t voided;                  /* documents that were made void since, by a record here */
    tally_hash team;
    tally_device_id sealed_by;
} tally_pack_verdict;

/* 0, also for a pack that is bad; TALLY_ENOMEM. */
int tally_pack_verify(tally_span pack, tally_pack_verdict *out, tally_error *err);

/* A pack that was read and found good. Spans and pointers are the pack's; the text is borrowed as
 * long as it lives. */
typedef struct tally_pack tally_pack;
/* `*out` is NULL when the verdict is not ok. Free with tally_pack_free. */
int tally_pack_read(tally_span text, tally_pack **out, tally_pack_verdict *verdict,
                    tally_error *err);
void tally_pack_free(tally_pack *pack);

/* A record, or (`withheld`) the hash of one. */
typedef struct tally_pack_item {
    tally_device_id device;
    uint64_t index;
    tally_hash leaf;
    tally_span bytes; /* empty: withheld */
} tally_pack_item;
size_t tally_pack_item_count(const tally_pack *pack);
void tally_pack_item_get(const tally_pack *pack, size_t i, tally_pack_item *out);
size_t tally_pack_document_count(const tally_pack *pack);
const tally_invoice *tally_pack_document(const tally_pack *pack, size_t i);

/* ---- writing ---- */

typedef struct tally_pack_options {
    tally_span number; /* an invoice; or, when empty: */
    tally_span client; /* of this client (empty: of all, which is for one's own auditor only) */
    int64_t first_day, end_day; /* all invoices issued in it */
    int64_t as_of_day;          /* an invoice's number is looked up as of this day */
    bool withhold_blobs; /* descriptions and evidence stay out; their hashes are in the records */
    size_t *left_out;    /* if not NULL: void invoices of the time that no records prove any more */
} tally_pack_options;

/* Zones by name, which only the caller can read. TALLY_ENOTFOUND. */
typedef int tally_pack_zone_fn(void *ctx, tally_span name, tally_zone **out, tally_error *err);

/* Packs what is behind the invoices and seals it with this device's key. Each is derived again from
 * the records it names: TALLY_ECORRUPT when that gives another. TALLY_ENOTFOUND when there is no
 * such invoice or its records are not here; TALLY_EREFUSED where it bills records that count no
 * more; TALLY_ELIMIT above TALLY_PACK_MAX_BYTES. `*out` is the caller's to free(). No snapshot may
 * be open. */
int tally_pack_write(tally_ledger *ledger, const tally_pack_options *options,
                     tally_pack_zone_fn *zones, void *zones_ctx, uint8_t **out, size_t *len,
                     tally_error *err);

/* ---- one record ---- */

/* A C2SP tlog-proof (c2sp.org/tlog-proof@v1) of one stored record: its index, the inclusion proof
 * and the signed checkpoint. `*out` is the caller's to free(). */
int tally_record_proof(tally_txn *txn, uint32_t feed, uint64_t index, char **out, size_t *len,
                       tally_error *err);

#endif
