/* A session, inside: its state and what its parts do for each other. Private to sync/; the fuzzer
 * enters here below the cipher.
 *
 * What is to be said is kept as state (rows, flags, counters) and becomes bytes only while there is
 * room for output: whatever the other side does, no queue grows. Functions that return false have
 * ended the session; their caller returns. */
#ifndef SYNC_SESSION_STATE_H
#define SYNC_SESSION_STATE_H

#include <tally/blob.h>
#include <tally/fork.h>
#include <tally/ingest.h>
#include <tally/noise.h>
#include <tally/peer.h>
#include <tally/session.h>

#define SESSION_NO_NUMBER    UINT32_MAX
#define SESSION_TRAIL_MARKS  16u /* in a trail of ours: each costs a root */
#define SESSION_PLAIN_BYTES  (TALLY_PACKET_MAX_BYTES - TALLY_NOISE_TAG_BYTES) /* in one packet */
#define SESSION_NAME_BYTES   TALLY_WIRE_JOIN_NAME_MAX_BYTES
#define SESSION_CREDIT_BYTES (TALLY_SESSION_WINDOW_BYTES / 2) /* used up: write, give it back */

typedef enum session_stage {
    STAGE_HANDSHAKE,
    STAGE_JOIN,   /* inviter: the join has not come */
    STAGE_DECIDE, /* inviter: its person has not decided */
    STAGE_WAIT,   /* joiner: the inviter's hello has not come */
    STAGE_HELLO,  /* ours is said, theirs has not come */
    STAGE_OPEN,
    STAGE_ENDED
} session_stage;

typedef enum session_skip {
    SKIP_NONE,
    SKIP_STRANGER, /* nobody has added the device here */
    SKIP_FROZEN,   /* the feed ends here */
    SKIP_GAP       /* records before are missing; a hello asks for them */
} session_skip;

typedef enum session_search {
    SEARCH_NONE,
    SEARCH_DUE, /* it is for us to say something */
    SEARCH_WAIT /* for them */
} session_search;

/* One feed that either side knows of. */
typedef struct session_feed {
    tally_device_id device;
    uint32_t number; /* in the ledger, or SESSION_NO_NUMBER */
    uint8_t rank;    /* lower ones are sent first: those that say who else is in the team */
    uint64_t ours;   /* records in the ledger */
    uint64_t held;   /* that the peer is known to hold; */
    tally_hash held_root;
    uint64_t sent;      /* that it holds when all that was sent has been taken: at least `held` */
    uint64_t agreed;    /* up to here both histories are one */
    bool unchecked;     /* the peer's root at `held` has not been compared, */
    int64_t compare_ms; /* and is not to be before */
    bool tell;          /* a `have` is due */
    bool stuck;         /* nothing stored signs what the peer lacks */
    int64_t relay_ms;   /* not to be sent before */
    session_skip skip;
    bool asked_again; /* a hello was said because of a gap, and nothing came since */

    session_search search;  /* for the place where two histories part: */
    uint64_t agree, differ; /* it lies between these sizes */
    int64_t search_ms;      /* when it began to wait */

    uint64_t fork_ours, fork_theirs; /* common + 1 of the proof known here, there; 0: none */
    uint64_t cosig_from, cosig_to;   /* cosignatures of these sizes go to the peer */
    bool fork_missed; /* of a fork nothing was kept, for nobody had added the device here */
    uint32_t proofs;  /* that the peer sent and that made it end earlier */
} session_feed;

typedef enum session_what { ITEM_COMMITS, ITEM_BLOB, ITEM_COSIG } session_what;

/* What waits for the write; a commit's or blob's bytes are in `raw`. */
typedef struct session_item {
    session_what what;
    tally_device_id device;
    uint64_t from;
    uint32_t count;
    tally_checkpoint checkpoint;
    tally_hash id;
    tally_device_id witness; /* of a cosignature, with device and checkpoint: */
    int64_t time_s;
    uint8_t signature[TALLY_SIGNATURE_BYTES];
    size_t at, len;
    /* what came of it */
    int rc;
    bool left_out; /* part of a fork: not tried again */
    session_skip skip;
    uint64_t fresh; /* records that are new */
    uint64_t size;  /* of the feed then */
} session_item;

/* Ids of blobs, a few. */
typedef struct session_ids {
    tally_hash *list; /* room for `room` */
    uint32_t count, room;
} session_ids;

/* A blob that arrives in pieces. */
typedef struct session_piece {
    bool open;
    tally_hash id;
    uint32_t total;
    tally_buffer bytes;
} session_piece;

/* What the handshake needs, in locked memory, and gone after it. */
typedef struct session_secrets {
    uint8_t ephemeral[TALLY_NOISE_KEY_BYTES];
    tally_team_secret list[TALLY_TEAM_MAX_SECRETS];
    size_t count;
} session_secrets;

struct tally_session {
    tally_session_kind kind;
    bool initiator;
    tally_ledger *ledger;
    const tally_key *key;
    tally_wire_packer *packer;
    tally_session_event_fn *event;
    void *ctx;
    tally_role role;
    uint8_t inviter[TALLY_INVITE_KEY_BYTES];
    int64_t expires_s;
    uint16_t listen_port;
    char address[TALLY_PEER_ADDRESS_MAX_BYTES + 1], host[TALLY_PEER_ADDRESS_MAX_BYTES + 1];
    char member[SESSION_NAME_BYTES + 1], name[SESSION_NAME_BYTES + 1]; /* the joiner's */

    session_stage stage;
    bool ending, established, was_in_sync, peer_known;
    int64_t now;  /* never goes back */
    int64_t wall; /* as given */
    int64_t limit_ms, heard_ms, spoke_ms;

    session_secrets *secrets;
    tally_noise *noise;
    tally_noise_cipher *sending, *receiving;
    tally_hash handshake;
    uint8_t remote[TALLY_NOISE_KEY_BYTES];
    tally_device_id peer;

    /* bytes */
    tally_frame_reader packets, messages;
    uint8_t *opened;    /* one packet's plaintext */
    tally_buffer plain; /* messages that are not sealed yet */
    tally_buffer out;
    size_t out_at; /* sent of it */
    tally_session_counts counts;
    uint64_t credit, lent; /* we may send; of the window that came with it, used and not back */
    size_t push_bytes;     /* credit that the next commits need; 0: not known */
    uint64_t window;       /* they may send; of what they sent: */
    uint64_t spent, credit_due; /* not dealt with; dealt with and not given back */

    /* the ledger */
    tally_txn *txn; /* during one call */
    uint64_t version;
    session_feed *feeds; /* ascending by device */
    size_t feed_count, feed_room;
    tally_buffer raw;
    session_item *items;
    size_t item_count, item_room;
    bool hello_due, remember_due;
    bool claimed; /* the peer has said what is to be compared */
    int64_t remembered_ms;
    uint32_t hellos_in, hellos_out, trails, rounds;
    uint64_t forks; /* digest of those known here */
    int64_t clock_off_ms;
    uint16_t peer_port;

    /* cosignatures: in a round each side says what it has, sends what the other lacks, and says
     * that this was all; after it what is new goes out as it comes */
    bool cosigs_spoken;              /* the peer takes them */
    bool round;                      /* one is on, in which */
    bool summary_due, summary_heard; /* ours is to be said, theirs came; */
    bool end_due, end_said, end_heard;
    uint64_t cosigs_came; /* in the ledger; */
    uint64_t cosigs_told; /* of those that came so many need not be told */
    bool cosigs_digested; /* the digest is that of when so many had come: */
    uint64_t cosigs_digest_came, cosigs_digest;
    bool cosigs_again;       /* a hello amid a round asks for another one */
    uint64_t cosigs_refused; /* one of a stranger came while this was the team; 0: none did */
    int64_t cosign_ms, cosigned_ms; /* when to look for heads to cosign, and when that was */

    /* blobs */
    session_ids asked;   /* by us, not answered */
    session_ids lacking; /* asked for in vain: the peer may have them later */
    session_ids wanted;  /* by the peer, to be answered */
    session_ids owed;    /* answered with no */
    uint32_t answered;   /* bytes of the first of `wanted` that were sent */
    bool asks_due;
    tally_hash ask_after; /* ids up to here were asked for, */
    bool ask_on;          /* when this is set */
    int64_t asks_ms;      /* when to ask this peer for what another has not given */
    session_piece piece;
};

/* session.c */
int64_t session_after(int64_t now, int64_t ms);
void session_tell(tally_session *s, tally_session_event *event);
/* Ends: writes what waits, says `code` to the peer when `say` and there is a cipher, tells the
 * driver `words`. False, always. */
bool session_end(tally_session *s, tally_bye code, bool theirs, bool say, const char *words);
/* Because of what the peer did, and because of what the store did. */
bool session_refuse(tally_session *s, const tally_error *err);
bool session_trouble(tally_session *s, const tally_error *err);
/* A snapshot that lives until session_read_done; NULL when the session has ended over it. */
tally_txn *session_read(tally_session *s);
void session_read_done(tally_session *s);
/* A plaintext of the peer's message stream: what comes out of the cipher. */
bool session_take_stream(tally_session *s, tally_span bytes);
void session_settle(tally_session *s); /* says what is due, tells the driver what has come about */

/* session_handshake.c */
int session_handshake_begin(tally_session *s, tally_error *err);
bool session_handshake_take(tally_session *s, tally_span packet);
void session_handshake_clear(tally_session *s);
/* Who owns the static key that the handshake has proven. 0, TALLY_ENOTFOUND, or another error. */
int session_peer_find(tally_session *s, tally_txn *txn, tally_team_device *out);

/* session_join.c */
bool session_join_begin(tally_session *s);
bool session_join_take(tally_session *s, const tally_wire_join *join);

/* session_out.c */
void session_buffers_init(tally_session *s);
void session_buffers_trim(tally_session *s);
size_t session_output_len(const tally_session *s);
/* After each tally_wire_put… into s->plain: seals whole packets. */
bool session_put(tally_session *s, int rc, const tally_error *err);
bool session_seal(tally_session *s);
bool session_out_add(tally_session *s, tally_span packet);
void session_out_drop(tally_session *s, size_t len);
void session_pump(tally_session *s);

/* session_feeds.c */
session_feed *session_feed_find(tally_session *s, const tally_device_id *device);
/* NULL when the session has ended: over TALLY_SESSION_MAX_FEEDS, or out of memory. */
session_feed *session_feed_need(tally_session *s, const tally_device_id *device);
/* Reads the sizes of all feeds anew, when the ledger has changed, and notes what follows. */
bool session_refresh(tally_session *s);
/* The peer says that its feed has `size` records with this root: it is compared when all is heard.
 */
void session_claim(tally_session *s, session_feed *feed, uint64_t size, const tally_hash *root);
bool session_compare(tally_session *s);
/* When it can be; INT64_MAX: not before something happens. */
int64_t session_compare_deadline(const session_feed *feed);
/* The root of ours at a size that ours has. */
int session_root(tally_txn *txn, const session_feed *feed, uint64_t size, tally_hash *root,
                 tally_error *err);
/* A hello is due that makes the peer send a feed once more; at most one until something of it came.
 */
void session_ask_again(tally_session *s, session_feed *feed);
bool session_in_sync(const tally_session *s);
/* Nobody has added the device here. */
bool session_is_stranger(tally_txn *txn, const session_feed *feed);
/* The peer holds another history of a stranger's feed: nothing of it is sent, and both are compared
 * again when somebody has added the device. */
void session_difference_waits(session_feed *feed);

/* session_hello.c */
bool session_hello_say(tally_session *s);
bool session_hello_take(tally_session *s, const tally_wire_hello *hello);
bool session_have_take(tally_session *s, const tally_wire_head *have);
bool session_have_say(tally_session *s, session_feed *feed);
bool session_greet(tally_session *s); /* tells that the peer is known, once */
int session_remember_in(tally_session *s, tally_txn *txn, tally_error *err);

/* session_push.c: true when something was said, false when there is nothing or the end has come */
bool session_push(tally_session *s);
/* A message that counts against the window was put. */
void session_count_out(tally_session *s, size_t len);

/* session_take.c */
bool session_commits_take(tally_session *s, const tally_wire_commits *commits, size_t len);
/* Makes room for an item of `len` bytes in `raw`. NULL when the session has ended. */
session_item *session_item_add(tally_session *s, size_t len, uint8_t **at);
/* A message that counts against the window: whether it may come; and that it was taken in, after
 * what waits may be written. */
bool session_window_holds(tally_session *s, size_t len);
bool session_count_in(tally_session *s, size_t len);
/* Writes all that waits, in one transaction, and gives credit back. */
bool session_write(tally_session *s);
/* The same, and what is known of the peer, if that is news. */
bool session_remember(tally_session *s);

/* session_fork.c */
void session_search_begin(tally_session *s, session_feed *feed, uint64_t agree, uint64_t differ);
bool session_search_say(tally_session *s, session_feed *feed);
bool session_trail_take(tally_session *s, const tally_wire_trail *trail);
bool session_branch_take(tally_session *s, const tally_wire_branch *branch);
bool session_fork_take(tally_session *s, const tally_wire_fork *fork);
bool session_forks_read(tally_session *s, tally_txn *txn);
bool session_fork_say(tally_session *s, session_feed *feed);

/* session_cosig.c */
bool session_cosig_take(tally_session *s, const tally_cosignature *c);
bool session_cosigned_take(tally_session *s, tally_wire_list marks);
bool session_cosigs_read(tally_session *s, tally_txn *txn);
/* Brings the digest up to date, for a hello: goes through all that is held when any came. */
bool session_cosigs_digest(tally_session *s);
/* The peer's hello has this digest. */
bool session_cosigs_compare(tally_session *s, uint64_t theirs);
bool session_cosig_say(tally_session *s); /* as session_push */
/* One was refused because nobody has added a device of it. */
bool session_cosig_refused(tally_session *s);
bool session_cosigs_in_sync(const tally_session *s);
/* Cosigns what it is time for; records have come that may be cosigned. */
bool session_cosign(tally_session *s);
void session_cosign_soon(tally_session *s);

/* session_blob.c */
bool session_wants_take(tally_session *s, tally_wire_list ids);
bool session_blob_take(tally_session *s, const tally_wire_blob *blob, size_t len);
bool session_asks_say(tally_session *s);
bool session_owed_look(tally_session *s, tally_txn *txn);
bool session_blob_say(tally_session *s); /* as session_push */
void session_ids_clear(session_ids *ids);

#endif
