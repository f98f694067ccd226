/* Sessions: their life from the first byte to the last, and their timers. What is said in between
 * is in the other session_*.c. */
#include "session_state.h"

#include <tally/secret.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define WORDS_BYTES (TALLY_ERROR_TEXT_MAX_BYTES)

/* ---- making and ending ---- */

int64_t session_after(int64_t now, int64_t ms) {
    return now > INT64_MAX - ms ? INT64_MAX : now + ms;
}

static int copy_text(char *out, size_t size, tally_span text, const char *what, tally_error *err) {
    if (text.len >= size)
        return tally_fail(err, TALLY_EINVAL, "cannot start a session: the %s is too long", what);
    if (text.len > 0) memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return 0;
}

static int check_options(const tally_session_options *options, tally_error *err) {
    bool joins = options->kind == TALLY_SESSION_JOIN;
    size_t secrets = options->secret_count;
    if (!options->ledger || !options->key || !options->packer || !options->ephemeral)
        return tally_fail(err, TALLY_EINVAL, "cannot start a session: an option is missing");
    if (!options->secrets || secrets == 0 || secrets > TALLY_TEAM_MAX_SECRETS)
        return tally_fail(err, TALLY_EINVAL, "cannot start a session: 1 to %u secrets are needed",
                          TALLY_TEAM_MAX_SECRETS);
    if (options->kind != TALLY_SESSION_TEAM && (!options->invite || secrets != 1))
        return tally_fail(err, TALLY_EINVAL, "cannot start a session: it needs an invite");
    if (joins && (options->member.len == 0 || options->name.len == 0))
        return tally_fail(err, TALLY_EINVAL, "cannot join: the device or its owner has no name");
    return 0;
}

static int copy_options(tally_session *s, const tally_session_options *options, tally_error *err) {
    s->kind = options->kind;
    s->initiator = options->kind == TALLY_SESSION_JOIN ||
                   (options->kind == TALLY_SESSION_TEAM && options->initiator);
    s->ledger = options->ledger;
    s->key = options->key;
    s->packer = options->packer;
    s->event = options->event;
    s->ctx = options->ctx;
    s->role = options->role;
    s->listen_port = options->listen_port;
    if (options->invite) {
        memcpy(s->inviter, options->invite->inviter, sizeof s->inviter);
        s->expires_s = options->invite->expires_s;
    }
    void *memory;
    int rc = tally_secret_new(sizeof *s->secrets, &memory, err);
    if (rc != 0) return rc;
    s->secrets = memory;
    memcpy(s->secrets->ephemeral, options->ephemeral, sizeof s->secrets->ephemeral);
    memcpy(s->secrets->list, options->secrets, options->secret_count * sizeof *options->secrets);
    s->secrets->count = options->secret_count;
    rc = copy_text(s->address, sizeof s->address, options->address, "address", err);
    if (rc == 0) rc = copy_text(s->host, sizeof s->host, options->host, "host", err);
    if (rc == 0) rc = copy_text(s->member, sizeof s->member, options->member, "member name", err);
    if (rc == 0) rc = copy_text(s->name, sizeof s->name, options->name, "device name", err);
    return rc;
}

int tally_session_new(const tally_session_options *options, int64_t now_ms, tally_session **out,
                      tally_error *err) {
    *out = NULL;
    int rc = check_options(options, err);
    if (rc != 0) return rc;
    tally_session *s = sodium_init() < 0 ? NULL : calloc(1, sizeof *s);
    if (!s) return tally_fail(err, TALLY_ENOMEM, "no memory for a session");
    s->now = s->wall = s->heard_ms = s->spoke_ms = s->remembered_ms = now_ms;
    s->limit_ms = session_after(now_ms, TALLY_SESSION_HANDSHAKE_MS);
    s->asks_ms = INT64_MAX;
    s->credit = s->window = TALLY_SESSION_WINDOW_BYTES;
    tally_packet_reader_init(&s->packets);
    s->packets.max_frame_bytes = TALLY_SESSION_HANDSHAKE_PACKET_MAX_BYTES;
    tally_message_reader_init(&s->messages, TALLY_SESSION_FIRST_MESSAGE_MAX_BYTES);
    session_buffers_init(s);
    rc = copy_options(s, options, err);
    if (rc == 0) rc = session_handshake_begin(s, err);
    if (rc != 0) {
        tally_session_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

/* All but the output, which may hold a last word. */
static void clear(tally_session *s) {
    session_read_done(s);
    session_handshake_clear(s);
    tally_noise_cipher_free(s->sending);
    tally_noise_cipher_free(s->receiving);
    s->sending = s->receiving = NULL;
    tally_frame_reader_clear(&s->packets);
    tally_frame_reader_clear(&s->messages);
    tally_buffer_clear(&s->plain);
    tally_buffer_clear(&s->raw);
    tally_buffer_clear(&s->piece.bytes);
    session_ids_clear(&s->asked);
    session_ids_clear(&s->lacking);
    session_ids_clear(&s->wanted);
    session_ids_clear(&s->owed);
    free(s->opened);
    free(s->feeds);
    free(s->items);
    s->opened = NULL;
    s->feeds = NULL;
    s->items = NULL;
    s->feed_count = s->feed_room = s->item_count = s->item_room = 0;
}

void tally_session_free(tally_session *s) {
    if (!s) return;
    clear(s);
    tally_buffer_clear(&s->out);
    sodium_memzero(s, sizeof *s);
    free(s);
}

void session_tell(tally_session *s, tally_session_event *event) {
    if (s->event) s->event(s->ctx, event);
}

/* Words for the wire: printable, and cut between characters. */
static tally_span plain_words(const char *text, char out[TALLY_WIRE_WORDS_MAX_BYTES]) {
    size_t len = strlen(text);
    if (len > TALLY_WIRE_WORDS_MAX_BYTES) len = TALLY_WIRE_WORDS_MAX_BYTES;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];
        out[i] = c < 0x20 || c >= 0x7f ? '?' : text[i];
    }
    return tally_span_of(out, len);
}

static void say_bye(tally_session *s, tally_bye code, const char *words) {
    char plain[TALLY_WIRE_WORDS_MAX_BYTES];
    /* What the store complains about may name folders. */
    if (code == TALLY_BYE_TROUBLE) words = "this node has trouble with its store";
    if (tally_wire_put_bye(&s->plain, code, plain_words(words, plain), NULL) == 0)
        (void)session_seal(s);
}

bool session_end(tally_session *s, tally_bye code, bool theirs, bool say, const char *words) {
    char text[WORDS_BYTES];
    if (s->ending) return false;
    s->ending = true;
    session_read_done(s);
    (void)snprintf(text, sizeof text, "%s", words);
    if (code != TALLY_BYE_TROUBLE && s->stage == STAGE_OPEN) (void)session_remember(s);
    if (say && s->sending) say_bye(s, code, text);
    clear(s);
    s->stage = STAGE_ENDED;
    tally_session_event event = {.type = TALLY_SESSION_ENDED,
                                 .peer = s->peer,
                                 .code = code,
                                 .theirs = theirs,
                                 .text = tally_span_str(text)};
    session_tell(s, &event);
    return false;
}

bool session_trouble(tally_session *s, const tally_error *err) {
    return session_end(s, TALLY_BYE_TROUBLE, false, true, err->text);
}

bool session_refuse(tally_session *s, const tally_error *err) {
    switch (err->code) {
    case TALLY_EFORMAT: return session_end(s, TALLY_BYE_PROTOCOL, false, true, err->text);
    case TALLY_ELIMIT: return session_end(s, TALLY_BYE_LIMIT, false, true, err->text);
    case TALLY_EREFUSED: return session_end(s, TALLY_BYE_VERSION, false, true, err->text);
    default: return session_trouble(s, err);
    }
}

tally_txn *session_read(tally_session *s) {
    tally_error err = {0};
    if (s->ending) return NULL;
    if (!s->txn && tally_read_begin(s->ledger, &s->txn, &err) != 0) {
        s->txn = NULL;
        (void)session_trouble(s, &err);
    }
    return s->txn;
}

void session_read_done(tally_session *s) {
    tally_read_end(s->txn);
    s->txn = NULL;
}

/* ---- messages ---- */

static bool take_hello(tally_session *s, const tally_wire_message *m, size_t len) {
    (void)len;
    return session_hello_take(s, &m->as.hello);
}
static bool take_commits(tally_session *s, const tally_wire_message *m, size_t len) {
    return session_commits_take(s, &m->as.commits, len);
}
static bool take_have(tally_session *s, const tally_wire_message *m, size_t len) {
    (void)len;
    return session_have_take(s, &m->as.have);
}
static bool take_want_blob(tally_session *s, const tally_wire_message *m, size_t len) {
    (void)len;
    return session_wants_take(s, m->as.want_blob);
}
static bool take_blob(tally_session *s, const tally_wire_message *m, size_t len) {
    return session_blob_take(s, &m->as.blob, len);
}
static bool take_cosig(tally_session *s, const tally_wire_message *m, size_t len) {
    (void)len;
    return session_cosig_take(s, &m->as.cosig);
}
static bool take_cosigned(tally_session *s, const tally_wire_message *m, size_t len) {
    (void)len;
    return session_cosigned_take(s, m->as.cosigned);
}
static bool take_trail(tally_session *s, const tally_wire_message *m, size_t len) {
    (void)len;
    return session_trail_take(s, &m->as.trail);
}
static bool take_branch(tally_session *s, const tally_wire_message *m, size_t len) {
    (void)len;
    return session_branch_take(s, &m->as.branch);
}
static bool take_fork(tally_session *s, const tally_wire_message *m, size_t len) {
    (void)len;
    return session_fork_take(s, &m->as.fork);
}
static bool take_join(tally_session *s, const tally_wire_message *m, size_t len) {
    (void)len;
    return session_join_take(s, &m->as.join);
}

static bool take_credit(tally_session *s, const tally_wire_message *m, size_t len) {
    tally_error err = {0};
    uint64_t given = m->as.credit;
    (void)len;
    if (given > (uint64_t)INT64_MAX - s->credit) {
        (void)tally_fail(&err, TALLY_ELIMIT, "refused credit: it adds up to more than 2^63 bytes");
        return session_refuse(s, &err);
    }
    s->credit += given;
    s->lent -= given < s->lent ? given : s->lent;
    return true;
}

static bool take_bye(tally_session *s, const tally_wire_message *m, size_t len) {
    char words[TALLY_WIRE_WORDS_MAX_BYTES + 1];
    tally_span text = m->as.bye.words;
    (void)len;
    if (text.len > 0) memcpy(words, text.ptr, text.len);
    words[text.len] = '\0';
    return session_end(s, (tally_bye)m->as.bye.code, true, false, words);
}

/* Of no consequence: that something came is noted elsewhere. */
static bool take_nothing(tally_session *s, const tally_wire_message *m, size_t len) {
    (void)s, (void)m, (void)len;
    return true;
}

#define IN(stage)   (1u << (stage))
#define IN_ANY      0xffu
#define IN_OPEN     IN(STAGE_OPEN)
#define IN_GREETING (IN(STAGE_WAIT) | IN(STAGE_HELLO) | IN_OPEN)

/* By type: when a message may come, and who takes it. */
static const struct {
    unsigned stages;
    bool (*take)(tally_session *s, const tally_wire_message *message, size_t len);
} takers[] = {[TALLY_WIRE_UNKNOWN] = {IN_ANY, take_nothing},
              [TALLY_WIRE_HELLO] = {IN_GREETING, take_hello},
              [TALLY_WIRE_COMMITS] = {IN_OPEN, take_commits},
              [TALLY_WIRE_COSIG] = {IN_OPEN, take_cosig},
              [TALLY_WIRE_COSIGNED] = {IN_OPEN, take_cosigned},
              [TALLY_WIRE_HAVE] = {IN_OPEN, take_have},
              [TALLY_WIRE_WANT_BLOB] = {IN_OPEN, take_want_blob},
              [TALLY_WIRE_BLOB] = {IN_OPEN, take_blob},
              [TALLY_WIRE_TRAIL] = {IN_OPEN, take_trail},
              [TALLY_WIRE_BRANCH] = {IN_OPEN, take_branch},
              [TALLY_WIRE_FORK] = {IN_OPEN, take_fork},
              [TALLY_WIRE_CREDIT] = {IN_OPEN, take_credit},
              [TALLY_WIRE_PING] = {IN_ANY, take_nothing},
              [TALLY_WIRE_JOIN] = {IN(STAGE_JOIN), take_join},
              [TALLY_WIRE_BYE] = {IN_ANY, take_bye}};

static bool take_message(tally_session *s, tally_span bytes) {
    tally_wire_message message;
    tally_error err = {0};
    if (tally_wire_decode(bytes, &message, &err) != 0) return session_refuse(s, &err);
    if ((takers[message.type].stages & IN(s->stage)) == 0) {
        (void)tally_fail(&err, TALLY_EFORMAT, "refused a message '%.*s' out of turn",
                         (int)message.name.len, (const char *)message.name.ptr);
        return session_refuse(s, &err);
    }
    return takers[message.type].take(s, &message, TALLY_MESSAGE_HEADER_BYTES + bytes.len);
}

bool session_take_stream(tally_session *s, tally_span bytes) {
    tally_error err = {0};
    tally_span frame;
    int got;
    while ((got = tally_frame_next(&s->messages, &bytes, &frame, &err)) == 1)
        if (!take_message(s, frame)) return false;
    return got == 0 || session_refuse(s, &err);
}

static bool take_packet(tally_session *s, tally_span packet) {
    tally_error err = {0};
    size_t len;
    if (s->stage == STAGE_HANDSHAKE) return session_handshake_take(s, packet);
    if (tally_noise_cipher_decrypt(s->receiving, packet, s->opened, TALLY_PACKET_MAX_BYTES, &len,
                                   &err) != 0)
        return session_refuse(s, &err);
    s->heard_ms = s->now;
    return session_take_stream(s, tally_span_of(s->opened, len));
}

/* ---- the driver's calls ---- */

/* Timers do not run backwards when the clock does. */
static bool enter(tally_session *s, int64_t now_ms) {
    if (s->ending) return false;
    s->wall = now_ms;
    if (now_ms > s->now) s->now = now_ms;
    return true;
}

void session_settle(tally_session *s) {
    if (s->ending) return;
    if (s->stage == STAGE_OPEN && session_compare(s)) session_pump(s);
    session_read_done(s);
    if (s->ending) return;
    if (session_in_sync(s) && !session_cosign(s)) return;
    session_buffers_trim(s);
    bool in_sync = session_in_sync(s), news = in_sync && !s->was_in_sync;
    s->was_in_sync = in_sync;
    tally_session_event event = {.type = TALLY_SESSION_IN_SYNC, .peer = s->peer};
    if (news) session_tell(s, &event);
}

void tally_session_receive(tally_session *s, tally_span bytes, int64_t now_ms) {
    if (!enter(s, now_ms)) return;
    s->counts.bytes_in += bytes.len;
    while (!s->ending && bytes.len > 0) {
        tally_error err = {0};
        tally_span packet;
        int got = tally_frame_next(&s->packets, &bytes, &packet, &err);
        if (got < 0) (void)session_refuse(s, &err);
        if (got == 1) (void)take_packet(s, packet);
    }
    session_settle(s);
}

void tally_session_flush(tally_session *s, int64_t now_ms) {
    if (!enter(s, now_ms)) return;
    if (s->stage == STAGE_OPEN) (void)session_write(s);
    session_settle(s);
}

tally_span tally_session_output(const tally_session *s) {
    return tally_span_of(s->out.ptr ? s->out.ptr + s->out_at : NULL, s->out.len - s->out_at);
}

void tally_session_sent(tally_session *s, size_t len, int64_t now_ms) {
    session_out_drop(s, len);
    if (enter(s, now_ms)) session_settle(s);
}

void tally_session_wake(tally_session *s, int64_t now_ms) {
    if (!enter(s, now_ms)) return;
    if (s->stage == STAGE_OPEN) (void)session_refresh(s);
    session_settle(s);
}

/* ---- timers ---- */

static bool dies_of_silence(const tally_session *s) {
    /* An inviter pings while its person makes up their mind. A joiner's program may wait for its
     * own. */
    return s->stage == STAGE_WAIT || s->stage == STAGE_HELLO || s->stage == STAGE_OPEN;
}

static bool pings(const tally_session *s) {
    return s->sending && session_output_len(s) == 0;
}

static int64_t sooner(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t feeds_deadline(const tally_session *s) {
    int64_t at = INT64_MAX;
    for (size_t i = 0; i < s->feed_count; i++) {
        const session_feed *feed = &s->feeds[i];
        /* Those that are over have been tried, and wait for room. */
        if (feed->relay_ms > s->now && feed->sent < feed->ours) at = sooner(at, feed->relay_ms);
        at = sooner(at, session_compare_deadline(feed));
        if (feed->search == SEARCH_WAIT)
            at = sooner(at, session_after(feed->search_ms, TALLY_SESSION_TRAIL_MS));
    }
    return at;
}

int64_t tally_session_deadline(const tally_session *s) {
    if (s->ending) return INT64_MAX;
    int64_t at = s->stage == STAGE_OPEN ? feeds_deadline(s) : s->limit_ms;
    if (dies_of_silence(s)) at = sooner(at, session_after(s->heard_ms, TALLY_SESSION_DEAD_MS));
    if (pings(s)) at = sooner(at, session_after(s->spoke_ms, TALLY_SESSION_PING_MS));
    if (s->stage != STAGE_OPEN) return at;
    /* One that is over waits for both to be in sync. */
    if (s->cosign_ms > s->now) at = sooner(at, s->cosign_ms);
    if (s->remember_due && s->peer_known)
        at = sooner(at, session_after(s->remembered_ms, TALLY_SESSION_REMEMBER_MS));
    return sooner(at, s->asks_ms);
}

static bool limit_passed(tally_session *s) {
    if (s->stage == STAGE_HANDSHAKE)
        return session_end(s, TALLY_BYE_SILENT, false, false, "the handshake took too long");
    if (s->stage == STAGE_DECIDE)
        return session_end(s, TALLY_BYE_DECLINED, false, true, "nobody agreed in time");
    return session_end(s, TALLY_BYE_SILENT, false, true, "the next message took too long");
}

static bool searches_passed(tally_session *s) {
    for (size_t i = 0; i < s->feed_count; i++) {
        const session_feed *feed = &s->feeds[i];
        if (feed->search != SEARCH_WAIT) continue;
        if (s->now < session_after(feed->search_ms, TALLY_SESSION_TRAIL_MS)) continue;
        return session_end(s, TALLY_BYE_PROTOCOL, false, true,
                           "a history was announced that differs, and nothing followed that shows "
                           "where");
    }
    return true;
}

static bool ping(tally_session *s) {
    tally_error err = {0};
    if (!pings(s) || s->now < session_after(s->spoke_ms, TALLY_SESSION_PING_MS)) return true;
    return session_put(s, tally_wire_put_ping(&s->plain, &err), &err) && session_seal(s);
}

static bool tick(tally_session *s) {
    if (s->stage != STAGE_OPEN && s->now >= s->limit_ms) return limit_passed(s);
    if (dies_of_silence(s) && s->now >= session_after(s->heard_ms, TALLY_SESSION_DEAD_MS))
        return session_end(s, TALLY_BYE_SILENT, false, true, "nothing came for too long");
    if (!searches_passed(s)) return false;
    if (s->now >= s->asks_ms) {
        s->asks_ms = INT64_MAX;
        s->asks_due = true;
    }
    if (s->stage == STAGE_OPEN && s->remember_due &&
        s->now >= session_after(s->remembered_ms, TALLY_SESSION_REMEMBER_MS) &&
        !session_remember(s))
        return false;
    return ping(s);
}

void tally_session_tick(tally_session *s, int64_t now_ms) {
    if (!enter(s, now_ms)) return;
    (void)tick(s);
    session_settle(s);
}

/* ---- the end, and questions ---- */

void tally_session_end(tally_session *s, tally_bye code, const char *words, int64_t now_ms) {
    if (enter(s, now_ms)) (void)session_end(s, code, false, true, words ? words : "");
}

void tally_session_lost(tally_session *s, const char *words, int64_t now_ms) {
    if (enter(s, now_ms)) (void)session_end(s, TALLY_BYE_SILENT, false, false, words ? words : "");
}

bool tally_session_ended(const tally_session *s) {
    return s->ending;
}

bool tally_session_in_sync(const tally_session *s) {
    return !s->ending && session_in_sync(s);
}

void tally_session_count(const tally_session *s, tally_session_counts *out) {
    *out = s->counts;
}
