/* Wire messages: what two nodes say to each other inside the Noise transport, as bytes. Pure: no
 * session state, no signature checks, no store.
 *
 * A message is one msgpack array whose first element is its name, a string of 1..32 bytes of
 * a-z 0-9 _, in the canonical form of records (PROTOCOL.md section 1: shortest integers and
 * lengths, no floats, no extension types, valid UTF-8, depth at most 8), in a frame (frame.h).
 * Known names have exactly the elements below. Unknown names may have any; they are skipped.
 *
 *   ["hello", version, clock, features, frontier]
 *       version   1
 *       clock     Unix milliseconds, 0..2^63-1
 *       features  array of 0..32 strings of 1..32 bytes
 *       frontier  array of 0..1024 [device bin 32, size, root bin 32], ascending by device, each
 *                 once; size 1..2^63-1: a feed without records is left out
 *   ["commits", device bin 32, from, count, raw, packed, size, root bin 32, signature bin 64]
 *       the `count` (1..4096) records from index `from` on; size = from + count is that of the
 *       checkpoint they end at, 1..2^63-1
 *       raw       length of the records' bytes: each record is u32 big-endian length (1..65536) ||
 *                 record, all joined; 5 * count..2 MiB
 *       packed    bin of 1..2105344 bytes: those bytes as one zstd frame (RFC 8878) and nothing
 *                 after it: no dictionary id field, a window of at most 2^21 bytes, a content size
 *                 (where there is one) equal to `raw`, exactly `raw` bytes inside
 *   ["cosig", device bin 32, size, root bin 32, signature bin 64, witness bin 32, time,
 *    cosignature bin 64]
 *       a checkpoint of `device` with its own signature, and what `witness` put to it; size
 *       1..2^63-1; time in Unix seconds, 0..2^63-1 (cosign.h)
 *   ["cosigned", marks]
 *       what the sender holds of cosignatures: array of 0..16384 [device bin 32, size, digest],
 *       ascending by device, then size; the digest (0..2^64-1) is the XOR of the marks (PROTOCOL.md
 *       section 21) of those with sizes from `size` (1..2^63-1) to below the next mark of that
 *       device. None at all: all that the other side lacked has been sent
 *   ["have", device bin 32, size, root bin 32]
 *       size 1..2^63-1
 *   ["want_blob", ids]
 *       array of 1..64 bin 32
 *   ["blob", id bin 32, total, offset, bytes]
 *       a piece of salt || content; total 16..16 MiB + 16; bytes: bin of 1..256 KiB, inside total.
 *       A total of 0, with offset 0 and no bytes: the sender does not hold this blob
 *   ["trail", device bin 32, marks]
 *       looking for the place where two histories part: marks is an array of 1..64
 *       [size, root bin 32], sizes 1..2^63-1, ascending; the sender's roots at these sizes
 *   ["branch", device bin 32, common, base bin 32, side]
 *       the place is found: the sender's side. common 0..2^63-2; base is the root at that size
 *       side      [size, root bin 32, signature bin 64, next bin 32, to_common, to_next] as in
 *                 tally_fork_branch: size is above common; each proof an array of 0..64 bin 32
 *   ["fork", device bin 32, common, base bin 32, side, side]
 *       proof of a fork (fork.h): the side with the smaller `next`, bytewise, first
 *   ["credit", bytes]
 *       1..2^63-1 more bytes of messages, headers included, that the other side may send
 *   ["ping"]
 *       the sender is there; nothing else
 *   ["join", device bin 32, signature bin 64, member, name]
 *       a joiner's first message (session.h); two strings of 1..128 bytes without control
 *       characters
 *   ["bye", code, words]
 *       code 0..2^32-1; words: string of 0..200 bytes without control characters */
#ifndef TALLY_WIRE_H
#define TALLY_WIRE_H

#include <tally/checkpoint.h>
#include <tally/cosign.h>
#include <tally/fork.h>
#include <tally/frame.h>
#include <tally/ledger.h>

#define TALLY_WIRE_VERSION              1u
#define TALLY_WIRE_NAME_MAX_BYTES       32u
#define TALLY_WIRE_MAX_DEPTH            8u
#define TALLY_WIRE_MAX_FEATURES         32u
#define TALLY_WIRE_FEATURE_MAX_BYTES    32u
#define TALLY_WIRE_MAX_HEADS            1024u
#define TALLY_WIRE_RAW_MAX_BYTES        (2u * 1024u * 1024u)
#define TALLY_WIRE_PACKED_MAX_BYTES     (TALLY_WIRE_RAW_MAX_BYTES + 8192u) /* zstd's worst case */
#define TALLY_WIRE_RECORD_HEADER_BYTES  4u
#define TALLY_WIRE_MAX_BLOB_IDS         64u
#define TALLY_WIRE_BLOB_MAX_BYTES       (TALLY_BLOB_MAX_BYTES + TALLY_BLOB_SALT_BYTES)
#define TALLY_WIRE_BLOB_PIECE_MAX_BYTES (256u * 1024u)
#define TALLY_WIRE_MAX_MARKS            64u
#define TALLY_WIRE_MAX_COSIGNED         16384u
#define TALLY_WIRE_JOIN_NAME_MAX_BYTES  128u
#define TALLY_WIRE_WORDS_MAX_BYTES      200u
#define TALLY_WIRE_ZSTD_LEVEL           3
#define TALLY_WIRE_ZSTD_WINDOW_LOG      21u

/* The elements of an array in a decoded message, already checked; borrowed. A copy starts over. */
typedef struct tally_wire_list {
    tally_cursor at;
    uint32_t count; /* of all elements */
} tally_wire_list;

typedef struct tally_wire_head {
    tally_device_id device;
    uint64_t size;
    tally_hash root;
} tally_wire_head;

typedef struct tally_wire_hello {
    int64_t clock_ms;
    tally_wire_list features; /* tally_wire_next_text */
    tally_wire_list frontier; /* tally_wire_next_head */
} tally_wire_hello;

typedef struct tally_wire_commits {
    tally_device_id device;
    uint64_t from;
    uint32_t count;
    uint32_t raw_len;
    tally_span packed;
    tally_checkpoint checkpoint; /* size is from + count */
} tally_wire_commits;

/* A summary of the cosignatures of a device's checkpoints with sizes from `size` on. */
typedef struct tally_wire_cosigned {
    tally_device_id device;
    uint64_t size;
    uint64_t digest;
} tally_wire_cosigned;

typedef struct tally_wire_blob {
    tally_hash id;
    uint32_t total, offset;
    tally_span bytes;
} tally_wire_blob;

typedef struct tally_wire_mark {
    uint64_t size;
    tally_hash root;
} tally_wire_mark;

typedef struct tally_wire_trail {
    tally_device_id device;
    tally_wire_list marks; /* tally_wire_next_mark */
} tally_wire_trail;

/* A tally_fork_branch as it came; tally_wire_side_get makes one of it. */
typedef struct tally_wire_side {
    tally_checkpoint checkpoint;
    tally_hash next;
    tally_wire_list to_common, to_next; /* tally_wire_next_hash */
} tally_wire_side;

typedef struct tally_wire_branch {
    tally_device_id device;
    uint64_t common;
    tally_hash base;
    tally_wire_side side;
} tally_wire_branch;

typedef struct tally_wire_fork {
    tally_device_id device;
    uint64_t common;
    tally_hash base;
    tally_wire_side sides[2];
} tally_wire_fork;

typedef struct tally_wire_join {
    tally_device_id device;
    uint8_t signature[TALLY_SIGNATURE_BYTES];
    tally_span member, name;
} tally_wire_join;

typedef struct tally_wire_bye {
    uint32_t code;
    tally_span words;
} tally_wire_bye;

typedef enum tally_wire_type {
    TALLY_WIRE_UNKNOWN,
    TALLY_WIRE_HELLO,
    TALLY_WIRE_COMMITS,
    TALLY_WIRE_COSIG,
    TALLY_WIRE_COSIGNED,
    TALLY_WIRE_HAVE,
    TALLY_WIRE_WANT_BLOB,
    TALLY_WIRE_BLOB,
    TALLY_WIRE_TRAIL,
    TALLY_WIRE_BRANCH,
    TALLY_WIRE_FORK,
    TALLY_WIRE_CREDIT,
    TALLY_WIRE_PING, /* nothing in it */
    TALLY_WIRE_JOIN,
    TALLY_WIRE_BYE
} tally_wire_type;

/* One decoded message; every span and list borrows from its bytes. */
typedef struct tally_wire_message {
    tally_wire_type type;
    tally_span name; /* printable ASCII, also of an unknown message */
    union {
        tally_wire_hello hello;
        tally_wire_commits commits;
        tally_cosignature cosig;
        tally_wire_list cosigned; /* tally_wire_next_cosigned */
        tally_wire_head have;
        tally_wire_list want_blob; /* tally_wire_next_hash */
        tally_wire_blob blob;
        tally_wire_trail trail;
        tally_wire_branch branch;
        tally_wire_fork fork;
        uint64_t credit;
        tally_wire_join join;
        tally_wire_bye bye;
    } as;
} tally_wire_message;

/* Decodes one message, without its frame; checks every byte and allocates nothing. TALLY_EFORMAT
 * when it breaks the rules above, TALLY_ELIMIT when a number, length or count is above its limit,
 * TALLY_EREFUSED for a hello of another version. The error names message and element. */
int tally_wire_decode(tally_span bytes, tally_wire_message *out, tally_error *err);

/* The next element of a list; false at its end. */
bool tally_wire_next_text(tally_wire_list *list, tally_span *out);
bool tally_wire_next_head(tally_wire_list *list, tally_wire_head *out);
bool tally_wire_next_hash(tally_wire_list *list, tally_hash *out);
bool tally_wire_next_mark(tally_wire_list *list, tally_wire_mark *out);
bool tally_wire_next_cosigned(tally_wire_list *list, tally_wire_cosigned *out);
/* Copies a decoded side. Whether it proves anything is for tally_fork_branch_check. */
void tally_wire_side_get(const tally_wire_side *side, tally_fork_branch *out);

/* Each appends one whole frame, header and message, to `out`. What tally_wire_decode would refuse
 * is refused here with the same code. TALLY_ELIMIT also when it goes over the buffer's limit, and
 * TALLY_ENOMEM; after an error the buffer is as it was. */
int tally_wire_put_hello(tally_buffer *out, int64_t clock_ms, const tally_span *features,
                         size_t feature_count, const tally_wire_head *heads, size_t head_count,
                         tally_error *err);
int tally_wire_put_commits(tally_buffer *out, const tally_wire_commits *commits, tally_error *err);
int tally_wire_put_cosig(tally_buffer *out, const tally_cosignature *cosig, tally_error *err);
int tally_wire_put_cosigned(tally_buffer *out, const tally_wire_cosigned *marks, size_t count,
                            tally_error *err);
int tally_wire_put_have(tally_buffer *out, const tally_wire_head *have, tally_error *err);
int tally_wire_put_want_blob(tally_buffer *out, const tally_hash *ids, size_t count,
                             tally_error *err);
int tally_wire_put_blob(tally_buffer *out, const tally_wire_blob *blob, tally_error *err);
int tally_wire_put_trail(tally_buffer *out, const tally_device_id *device,
                         const tally_wire_mark *marks, size_t count, tally_error *err);
int tally_wire_put_branch(tally_buffer *out, const tally_device_id *device, uint64_t common,
                          const tally_hash *base, const tally_fork_branch *branch,
                          tally_error *err);
int tally_wire_put_fork(tally_buffer *out, const tally_fork *fork, tally_error *err);
int tally_wire_put_credit(tally_buffer *out, uint64_t bytes, tally_error *err);
int tally_wire_put_ping(tally_buffer *out, tally_error *err);
int tally_wire_put_join(tally_buffer *out, const tally_device_id *device,
                        const uint8_t signature[TALLY_SIGNATURE_BYTES], tally_span member,
                        tally_span name, tally_error *err);
int tally_wire_put_bye(tally_buffer *out, uint32_t code, tally_span words, tally_error *err);

/* Records to raw bytes: appends u32 length || record. TALLY_ELIMIT for an empty record, one above
 * TALLY_RECORD_MAX_BYTES and at the buffer's limit (TALLY_WIRE_RAW_MAX_BYTES is the one to give).
 */
int tally_wire_add_record(tally_buffer *raw, tally_span record, tally_error *err);
/* Raw bytes that tally_wire_unpack has checked to records: takes the next one off the front of
 * `raw`; false at its end. */
bool tally_wire_next_record(tally_span *raw, tally_span *record);

/* zstd's working memory, made when first used and then reused: about 4 MiB to pack, 100 KiB to
 * unpack. For one thread at a time. */
typedef struct tally_wire_packer tally_wire_packer;
/* The caller frees with tally_wire_packer_free (NULL is allowed). TALLY_ENOMEM. */
int tally_wire_packer_new(tally_wire_packer **out, tally_error *err);
void tally_wire_packer_free(tally_wire_packer *packer);
/* Compresses `raw` (1..TALLY_WIRE_RAW_MAX_BYTES, else TALLY_ELIMIT) for commits->packed. The span
 * is the packer's until its next use. */
int tally_wire_pack(tally_wire_packer *packer, tally_span raw, tally_span *packed,
                    tally_error *err);
/* Decompresses `commits->packed` into `raw`, which holds the commits->raw_len bytes that decoding
 * has checked, and checks that it is exactly commits->count records. No memory and no work beyond
 * that, whatever the frame claims. The records' own bytes are not looked at. TALLY_EFORMAT,
 * TALLY_ENOMEM. */
int tally_wire_unpack(tally_wire_packer *packer, const tally_wire_commits *commits, uint8_t *raw,
                      tally_error *err);

#endif
