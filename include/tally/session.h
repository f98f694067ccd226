/* Sessions: one connection between two nodes, from the first handshake byte to the last. Sans-I/O:
 * bytes and a clock go in, bytes and events come out; randomness comes as an argument; what is
 * agreed is read from and written to the ledger.
 *
 * Outer stream: packets (frame.h). The first three carry Noise XXpsk0_25519_ChaChaPoly_SHA256
 * (noise.h) with the prologue TALLY_SESSION_PROLOGUE and empty payloads; the psk is a team secret
 * or an invite's. The others carry the message stream (wire.h), the initiator's direction first in
 * Noise's split.
 *
 * Teammates: both sides look the other's static key up among the team's devices; a revoked device
 * and one that nobody has added get `bye`. Then both send `hello`, and each pushes what the other
 * lacks.
 *
 * Invites: the psk is the invite's secret and the joiner accepts no other static key than the
 * invite names. The joiner's first message is `join`: its device key, its names, and that key's
 * Ed25519 signature over "tally join" || handshake hash. Both show the short code of the handshake
 * (invite.h); when the inviter's person agrees, the inviter appends device.add and sends `hello`;
 * then both go on as teammates.
 *
 * Features of `hello`: "port N" (decimal, 1..65535) says where the sender listens; "forks H" (16
 * hex digits of tally_fork_digest) says which forks it knows, and is left out when it knows none.
 *
 * Window: only `commits` and `blob` count, headers included: the other messages have limits of
 * their own. Credit is given back when the commits are stored, so that a sender whose whole window
 * has come back knows that everything was dealt with. */
#ifndef TALLY_SESSION_H
#define TALLY_SESSION_H

#include <tally/invite.h>
#include <tally/ledger.h>
#include <tally/team.h>
#include <tally/wire.h>

#define TALLY_SESSION_PROTOCOL "Noise_XXpsk0_25519_ChaChaPoly_SHA256"
#define TALLY_SESSION_PROLOGUE "tally/1"

/* Time. */
#define TALLY_SESSION_HANDSHAKE_MS 10000            /* from the first byte to the handshake's end */
#define TALLY_SESSION_HELLO_MS     20000            /* from there to the hello of a teammate */
#define TALLY_SESSION_JOIN_MS      (16 * 60 * 1000) /* from there to a person's yes or no */
#define TALLY_SESSION_PING_MS      30000            /* of silence of ours, then a ping */
#define TALLY_SESSION_DEAD_MS      90000 /* of silence of theirs: the connection is half-open */
#define TALLY_SESSION_RELAY_MS     300   /* news of others wait: the peer may have them by then */
#define TALLY_SESSION_COMPARE_MS                                                                   \
    300 /* between roots that claims about one feed make us work out                               \
         */
#define TALLY_SESSION_TRAIL_MS    60000 /* for the next step of looking for a fork */
#define TALLY_SESSION_COSIGN_MS   60000 /* between looking for heads to cosign */
#define TALLY_SESSION_REMEMBER_MS 60000 /* the peer's frontier is stored so often at most */

/* Space: packets before the peer is known; hello and join, before any other message; what a peer
 * may send before it is given credit; output above which nothing more is made; what waits for one
 * write. */
#define TALLY_SESSION_HANDSHAKE_PACKET_MAX_BYTES 128u
#define TALLY_SESSION_FIRST_MESSAGE_MAX_BYTES    (128u * 1024u)
#define TALLY_SESSION_WINDOW_BYTES               (8u * 1024u * 1024u)
#define TALLY_SESSION_OUTPUT_BYTES               (256u * 1024u)
#define TALLY_SESSION_PENDING_BYTES              (8u * 1024u * 1024u)
#define TALLY_SESSION_PENDING_COMMITS            4096u /* and blobs */

/* Numbers, in one session. */
#define TALLY_SESSION_MAX_TRAILS  64u   /* that came: steps of looking for forks */
#define TALLY_SESSION_MAX_PROOFS  8u    /* of forks of one feed, each parting before the last */
#define TALLY_SESSION_MAX_HELLOS  256u  /* of one side */
#define TALLY_SESSION_MAX_FEEDS   2048u /* that either side speaks of */
#define TALLY_SESSION_MAX_ASKED   64u   /* blobs that were asked for and not answered */
#define TALLY_SESSION_MAX_LACKING 256u  /* blobs that were asked for in vain, each way */

/* Codes of `bye`. */
typedef enum tally_bye {
    TALLY_BYE_DONE = 0,    /* nothing is wrong */
    TALLY_BYE_VERSION = 1, /* the hello is of another version */
    TALLY_BYE_UNKNOWN = 2, /* nobody has added this device, as far as this node knows */
    TALLY_BYE_REVOKED = 3,
    TALLY_BYE_PROTOCOL = 4, /* a message that breaks the rules; a handshake with another secret */
    TALLY_BYE_LIMIT = 5,    /* a named limit was exceeded */
    TALLY_BYE_DECLINED = 6, /* a person said no, or the device cannot be added */
    TALLY_BYE_EXPIRED = 7,  /* the invite is late */
    TALLY_BYE_SPENT = 8,    /* the invite was used already */
    TALLY_BYE_SILENT = 9,   /* nothing came for too long, or the connection went away */
    TALLY_BYE_ITSELF = 10,  /* both ends are the same device */
    TALLY_BYE_BUSY = 11,    /* too many connections, or another one of the same two */
    TALLY_BYE_TROUBLE = 12, /* this node's own store failed */
    TALLY_BYE_STOPPING = 13 /* this node is being stopped */
} tally_bye;

typedef struct tally_session tally_session;

typedef enum tally_session_kind {
    TALLY_SESSION_TEAM,   /* two teammates; either side may be initiator */
    TALLY_SESSION_INVITE, /* the inviter's side, responder */
    TALLY_SESSION_JOIN    /* the joiner's side, initiator, on a ledger created with `join` */
} tally_session_kind;

/* What a session tells its driver, during the calls below. Spans live as long as the call. During
 * an event other sessions may be called, and of this one tally_session_decide and
 * tally_session_end; it must not be freed. */
typedef enum tally_session_event_type {
    TALLY_SESSION_ESTABLISHED, /* teammates: the peer is known (`peer`) and both hellos are through;
                                  a joiner knows it as soon as the record has come that added it */
    TALLY_SESSION_CODE, /* join and invite: show `text`, the short code; on the inviter's side
                           `peer`, `member` and `name` say who asks, and tally_session_decide must
                           follow */
    TALLY_SESSION_TOOK, /* the ledger has new records or blobs (`count`, of `peer`'s sending), or a
                           new fork (0): wake the other sessions */
    TALLY_SESSION_IN_SYNC, /* all that either lacked has been sent and taken; comes again after more
                              went through */
    TALLY_SESSION_SKIPPED, /* something lawful was not taken (`text` says what and why); the session
                              goes on */
    TALLY_SESSION_FORKED,  /* proof of a fork of `peer`'s feed came or was made and is stored;
                              `text`; TOOK follows */
    TALLY_SESSION_ENDED    /* last event: `code` is a tally_bye, `theirs` who said it, `text` why */
} tally_session_event_type;

typedef struct tally_session_event {
    tally_session_event_type type;
    tally_device_id peer;
    uint64_t count;
    tally_span text, member, name;
    uint32_t code;
    bool theirs;
} tally_session_event;
typedef void tally_session_event_fn(void *ctx, const tally_session_event *event);

typedef struct tally_session_options {
    tally_session_kind kind;
    bool initiator;       /* for TALLY_SESSION_TEAM */
    tally_ledger *ledger; /* open for writing; outlives the session; no snapshot of it may be open
                             during a call */
    const tally_key *key; /* of ledger's device; outlives the session */
    tally_wire_packer *packer; /* may be shared by sessions of one thread; outlives them */
    /* Secrets, copied. An initiator uses the first; a responder accepts any. At most
     * TALLY_TEAM_MAX_SECRETS. For invites: the one secret. */
    const tally_team_secret *secrets;
    size_t secret_count;
    const tally_invite *invite; /* join: inviter's key and expiry; invite: expiry. Copied */
    tally_span member, name;    /* join: what to call this device; copied, at most 128 bytes each */
    tally_role role;            /* invite: what the new device becomes */
    const uint8_t *ephemeral; /* 32 fresh random bytes for the handshake, copied: draw them anew for
                                 every session */
    uint16_t listen_port; /* said in hello, so that the peer can call back; 0: this node does not
                             listen */
    tally_span
        address; /* the peer's, to be remembered ("host:port", where it can be called), or empty */
    tally_span
        host; /* the peer's host alone, to be remembered with the port that its hello names */
    tally_session_event_fn *event;
    void *ctx;
} tally_session_options;

/* The caller frees with tally_session_free. TALLY_EINVAL, TALLY_ENOMEM. An initiator has output at
 * once. */
int tally_session_new(const tally_session_options *options, int64_t now_ms, tally_session **out,
                      tally_error *err);
/* Wipes and frees; NULL is allowed. Commits that wait are dropped: tally_session_flush first, if
 * the end is peaceful. */
void tally_session_free(tally_session *session);

/* Takes bytes that came from the peer, any number of them. Commits are gathered until
 * TALLY_SESSION_PENDING_BYTES wait or tally_session_flush is called, and then written in one
 * transaction; the driver flushes when no more bytes are at hand. After the end of the session
 * bytes are ignored. What goes wrong ends the session (event ENDED); nothing is returned. */
void tally_session_receive(tally_session *session, tally_span bytes, int64_t now_ms);
void tally_session_flush(tally_session *session, int64_t now_ms);

/* Bytes for the peer, borrowed until the next call; `tally_session_sent` drops the first `len` of
 * them, after which more may have been made. An ended session's last bytes (its `bye`) are sent
 * like others. */
tally_span tally_session_output(const tally_session *session);
void tally_session_sent(tally_session *session, size_t len, int64_t now_ms);

/* The ledger has changed (by this process or another): pushes what the peer lacks now. */
void tally_session_wake(tally_session *session, int64_t now_ms);
/* When tally_session_tick is due next; INT64_MAX: never. */
int64_t tally_session_deadline(const tally_session *session);
void tally_session_tick(tally_session *session, int64_t now_ms);

/* The inviter's person has compared the codes. Yes appends device.add. */
void tally_session_decide(tally_session *session, bool yes, int64_t now_ms);
/* Says bye and ends: once; later calls do nothing. */
void tally_session_end(tally_session *session, tally_bye code, const char *words, int64_t now_ms);
/* The connection is gone: ends without saying anything. What had come whole is written. */
void tally_session_lost(tally_session *session, const char *words, int64_t now_ms);

bool tally_session_ended(const tally_session *session);
/* True when neither side lacks anything, as far as this side knows. */
bool tally_session_in_sync(const tally_session *session);

typedef struct tally_session_counts {
    uint64_t bytes_in, bytes_out;     /* of the outer stream */
    uint64_t records_in, records_out; /* taken; sent */
} tally_session_counts;
void tally_session_count(const tally_session *session, tally_session_counts *out);

#endif
