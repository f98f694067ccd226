/* An audit pack while it is read: its lines as they come, and what they have told so far. Private
 * to ledger/audit. PROTOCOL.md section 16. */
#ifndef LEDGER_AUDIT_PACK_H
#define LEDGER_AUDIT_PACK_H

#include <tally/audit.h>

#include "../intern.h"

#define PACK_NAME      "tally-audit-pack/1"
#define PACK_NUMBER    ((uint64_t)INT64_MAX)
#define PACK_NONE      UINT64_MAX /* a ref that names nothing */
#define PACK_NOT_SAID  INT64_C(-1)
#define PACK_DAY_FIRST INT64_C(-1000000)
#define PACK_DAY_LAST  INT64_C(10000000)
#define PACK_LIST_MAX  TALLY_PROOF_MAX_HASHES

typedef struct pack_device {
    tally_device_id key;
    bool admitted;
    tally_role role;
    tally_span member;
    uint64_t limit;   /* records of its feed that count */
    uint64_t reached; /* its items lie below this index */
    bool has_checkpoint;
    size_t checkpoint; /* its last */
    char name[9];      /* 8 hex digits */
} pack_device;

typedef struct pack_checkpoint {
    size_t device;
    tally_checkpoint cp;
} pack_checkpoint;

typedef struct pack_item {
    size_t device;
    uint64_t index;
    tally_hash leaf;
    tally_span bytes; /* empty: withheld */
    tally_record record;
} pack_item;

typedef struct pack_blob {
    tally_hash id;
    tally_span salted;
} pack_blob;

typedef struct pack_document {
    tally_invoice *invoice;
    size_t issue, contract;
    uint64_t engaged; /* or PACK_NONE */
    bool voided;
} pack_document;

typedef struct pack_activity {
    uint64_t session; /* tally_session_ref */
    size_t item;
} pack_activity;

/* What an invoice holds of a session's day. */
typedef struct pack_lock {
    tally_hash issue;
    tally_entry_id entry;
    int64_t day;
    uint64_t part, parts;
    int64_t ms;
    size_t n; /* as they came */
    int64_t after_ms;
} pack_lock;

/* How much of something is billed so far. */
typedef struct pack_parts {
    tally_u128 billed; /* of PACK_WHOLE, each share rounded down */
    uint64_t parts;    /* of the first share */
} pack_parts;
#define PACK_WHOLE ((tally_u128)1 << 64)

typedef struct pack_day {
    int64_t day, start_ms, end_ms;
} pack_day;

/* One line: what is left of it, and what it is called. */
typedef struct pack_line {
    tally_pack *pack;
    const uint8_t *at, *end;
    uint64_t number;
    bool whole; /* it ends in a line feed */
    char subject[TALLY_PACK_SUBJECT_BYTES];
} pack_line;

struct tally_pack {
    tally_span text;
    tally_pack_verdict *verdict; /* while it is read */
    bool no_memory;
    uint8_t *bytes; /* what base64 stood for, as it came */
    size_t bytes_used, bytes_room;
    tally_hash team;
    pack_device *devices;
    tally_hash *nodes;
    pack_checkpoint *checkpoints;
    pack_item *items;
    pack_blob *blobs;
    pack_document *documents;
    pack_day *days; /* of the last document */
    size_t device_count, device_room, node_count, node_room, checkpoint_count, checkpoint_room;
    size_t cosignature_count, item_count, item_room, blob_count, blob_room;
    size_t document_count, document_room, day_count, day_room;
    /* Where the last document stands. */
    size_t row, rows_end, line;
    bool rows_begun, line_recomputed;
    uint64_t *rates; /* refs of the line's rows */
    size_t rate_count, rate_room;
    pack_activity *activity; /* by session, when activity_known */
    size_t activity_count, activity_room;
    bool activity_known;
    pack_lock *locks; /* in their order, when locks_known */
    size_t lock_count, lock_room;
    bool locks_known;
    index_map billed; /* of the last document: to parts */
    pack_parts *parts;
    size_t parts_count, parts_room;
    index_map held, by_contract; /* of all living ones: to shares, and to the document that did */
    pack_parts *shares;
    size_t share_count, share_room;
};

/* Ends the check: always false. */
bool pack_bad(pack_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
#if defined(__clang_analyzer__) || defined(TALLY_ANALYZER)
#define pack_bad(line, ...) ((pack_bad)(line, __VA_ARGS__) && false) /* as tally_fail */
#endif
bool pack_out_of_memory(pack_line *line);
void pack_subject(pack_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for one more item of a growing array. */
bool pack_grow(pack_line *line, void **items, size_t *room, size_t count, size_t size);

/* ---- fields, from left to right: false when one breaks its form, and the pack is bad ---- */

bool pack_kind(pack_line *line, tally_span *out);
bool pack_number(pack_line *line, bool last, const char *what, uint64_t *out);
bool pack_signed(pack_line *line, bool last, const char *what, int64_t *out);
/* The number of this line among those of its kind. */
bool pack_next(pack_line *line, const char *what, size_t count);
/* The number of a line that has come. */
bool pack_given(pack_line *line, bool last, const char *what, size_t count, size_t *out);
/* The same, or `-`. */
bool pack_ref(pack_line *line, bool last, const char *what, size_t count, uint64_t *out);
typedef struct pack_list {
    size_t count, items[PACK_LIST_MAX];
} pack_list;
bool pack_list_of(pack_line *line, bool last, const char *what, size_t count, pack_list *out);
bool pack_hex(pack_line *line, bool last, const char *what, uint8_t *out, size_t len);
/* `len` bytes; any number, and `out` spans them, when `len` is 0. */
bool pack_base64(pack_line *line, bool last, const char *what, size_t len, uint8_t *bytes,
                 tally_span *out);
bool pack_word(pack_line *line, bool last, const char *what);

/* ---- lines ---- */

bool pack_item_line(pack_line *line, bool withheld);
bool pack_document_line(pack_line *line);
bool pack_day_line(pack_line *line);
bool pack_trace_line(pack_line *line);
bool pack_invoice_line(pack_line *line);
/* All rows and lines of the last document have come. */
bool pack_document_done(const tally_pack *pack);

/* What a seal signs; `origin` gets its key name. Returns its length. */
size_t pack_seal_text(const tally_hash *team, const tally_device_id *device, size_t before,
                      const tally_hash *hash, char origin[TALLY_ORIGIN_MAX_BYTES],
                      char out[TALLY_CHECKPOINT_MAX_BYTES]);

/* Withheld: only its hash is known. */
static inline bool pack_is_leaf(const pack_item *item) {
    return item->bytes.len == 0;
}
bool pack_is_kind(const pack_item *item, const char *kind);
/* A text of its body; empty when there is none. */
tally_span pack_text_of(const pack_item *item, const char *key);
/* What the row's figure is by what stands in the pack: false and bad when it is another. */
bool pack_row_figure(pack_line *line, const pack_document *document, const tally_trace *row,
                     const pack_item *item, const pack_item *rate, bool *recomputed);
/* Of a session's day the time before the row's that other invoices have; PACK_NOT_SAID when no
 * invoice.entries of the pack has the row. False when memory ran out. */
bool pack_time_before(pack_line *line, const pack_document *document, const tally_trace *row,
                      int64_t *out);
/* False and bad when the document's rows bill more than the whole of what the row bills. */
bool pack_row_once(pack_line *line, const tally_trace *row, const pack_item *item);
/* Among the living documents so far: none of the same contract bills it, and all together no more
 * than the whole. */
bool pack_row_alone(pack_line *line, const pack_document *document, const tally_trace *row,
                    const pack_item *item);
/* The price and quantity of an invoice's line; `item` (may be NULL) is the record it names. */
bool pack_line_figure(pack_line *line, const pack_document *document, size_t n,
                      const pack_item *item, bool *recomputed);

#endif
