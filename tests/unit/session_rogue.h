/* A peer that holds a team secret and a key and says whatever the test likes: the other end of a
 * session, made from noise.h and wire.h alone. Header only. */
#ifndef TESTS_SESSION_ROGUE_H
#define TESTS_SESSION_ROGUE_H

#include "session_pair.h"

#include <tally/noise.h>

#define ROGUE_INBOX_BYTES (16u * 1024u * 1024u)

typedef struct rogue {
    net *n;
    end *victim;
    tally_noise *noise;
    tally_noise_cipher *sending, *receiving;
    tally_hash handshake;
    tally_frame_reader packets, messages;
    tally_buffer plain;                 /* messages to be said */
    uint32_t heard[TALLY_WIRE_BYE + 1]; /* by type */
    uint32_t bye;                       /* its code */
    uint64_t heard_bytes;               /* of what counts against the window */
    tally_wire_trail trail;             /* the last one: its device only */
    tally_checkpoint head;              /* of the last commits */
    tally_device_id order[8];           /* whose commits came, each once */
    uint32_t order_count;
} rogue;

static inline void rogue_note_commits(rogue *r, const tally_wire_commits *commits) {
    r->head = commits->checkpoint;
    for (uint32_t i = 0; i < r->order_count; i++)
        if (memcmp(r->order[i].b, commits->device.b, sizeof commits->device.b) == 0) return;
    assert_true(r->order_count < 8);
    r->order[r->order_count++] = commits->device;
}

/* The victim's messages, counted. */
static inline void rogue_hear(rogue *r, tally_span frame) {
    tally_wire_message m;
    assert_int_equal(tally_wire_decode(frame, &m, NULL), 0); /* ours are always right */
    r->heard[m.type]++;
    if (m.type == TALLY_WIRE_BYE) r->bye = m.as.bye.code;
    if (m.type == TALLY_WIRE_COMMITS) rogue_note_commits(r, &m.as.commits);
    if (m.type == TALLY_WIRE_COMMITS || m.type == TALLY_WIRE_BLOB)
        r->heard_bytes += TALLY_MESSAGE_HEADER_BYTES + frame.len;
}

static inline void rogue_packet(rogue *r, tally_span packet) {
    static uint8_t opened[TALLY_PACKET_MAX_BYTES];
    size_t len;
    assert_int_equal(
        tally_noise_cipher_decrypt(r->receiving, packet, opened, sizeof opened, &len, NULL), 0);
    tally_span bytes = tally_span_of(opened, len), frame;
    while (tally_frame_next(&r->messages, &bytes, &frame, NULL) == 1)
        rogue_hear(r, frame);
}

/* Takes all that the victim has to say. */
static inline void rogue_listen(rogue *r) {
    tally_session *s = r->victim->session;
    tally_span out;
    tally_session_flush(s, r->n->now);
    while ((out = tally_session_output(s)).len > 0) {
        size_t len = out.len;
        tally_span packet;
        while (tally_frame_next(&r->packets, &out, &packet, NULL) == 1)
            rogue_packet(r, packet);
        tally_session_sent(s, len, r->n->now);
    }
}

static inline void rogue_raw(rogue *r, tally_span packet) {
    uint8_t header[TALLY_PACKET_HEADER_BYTES];
    tally_packet_header(header, packet.len);
    tally_session_receive(r->victim->session, tally_span_of(header, sizeof header), r->n->now);
    tally_session_receive(r->victim->session, packet, r->n->now);
}

/* Says bytes of the message stream, whatever they are. */
static inline void rogue_say_bytes(rogue *r, tally_span bytes) {
    static uint8_t packet[TALLY_PACKET_MAX_BYTES];
    while (bytes.len > 0 && !tally_session_ended(r->victim->session)) {
        size_t part = bytes.len < 60000 ? bytes.len : 60000, len;
        assert_int_equal(tally_noise_cipher_encrypt(r->sending, tally_span_of(bytes.ptr, part),
                                                    packet, sizeof packet, &len, NULL),
                         0);
        rogue_raw(r, tally_span_of(packet, len));
        bytes = tally_span_of(bytes.ptr + part, bytes.len - part);
    }
}

/* Says the messages that were put into r->plain. */
static inline void rogue_say(rogue *r) {
    rogue_say_bytes(r, tally_buffer_span(&r->plain));
    r->plain.len = 0;
}

static inline void rogue_hello(rogue *r, const tally_wire_head *heads, size_t count) {
    assert_int_equal(tally_wire_put_hello(&r->plain, r->n->now, NULL, 0, heads, count, NULL), 0);
    rogue_say(r);
}

/* Says the commit of `device` that begins at `from` in that ledger. */
static inline void rogue_commit(rogue *r, fixture *holder, const tally_device_id *device,
                                uint64_t from) {
    static commit c;
    fixture *f = holder;
    tally_wire_packer *packer;
    tally_buffer raw;
    assert_true(commit_read(holder, device, from, &c));
    tally_wire_commits commits = {.device = *device, .from = from, .checkpoint = c.cp};
    tally_buffer_init(&raw, TALLY_WIRE_RAW_MAX_BYTES);
    OK(tally_wire_packer_new(&packer, &f->err));
    for (size_t i = 0; i < c.count; i++)
        OK(tally_wire_add_record(&raw, c.records[i], &f->err));
    commits.count = (uint32_t)c.count;
    commits.raw_len = (uint32_t)raw.len;
    OK(tally_wire_pack(packer, tally_buffer_span(&raw), &commits.packed, &f->err));
    OK(tally_wire_put_commits(&r->plain, &commits, &f->err));
    tally_wire_packer_free(packer);
    tally_buffer_clear(&raw);
    rogue_say(r);
}

static inline void rogue_packet_out(rogue *r) {
    uint8_t packet[TALLY_NOISE_OVERHEAD_MAX_BYTES];
    size_t len;
    assert_int_equal(
        tally_noise_write_message(r->noise, (tally_span){0}, packet, sizeof packet, &len, NULL), 0);
    rogue_raw(r, tally_span_of(packet, len));
}

/* The handshake of an initiator with `key` and `secret`; false when the victim hangs up. */
static inline bool rogue_open(rogue *r, net *n, end *victim, const tally_key *key,
                              const uint8_t secret[TALLY_TEAM_SECRET_BYTES]) {
    uint8_t ephemeral[32] = {0x80, ++n->drawn}, payload[TALLY_PACKET_MAX_BYTES];
    tally_span psk = tally_span_of(secret, TALLY_TEAM_SECRET_BYTES);
    tally_noise_options options = {.protocol = text(TALLY_SESSION_PROTOCOL),
                                   .initiator = true,
                                   .prologue = text(TALLY_SESSION_PROLOGUE),
                                   .psks = &psk,
                                   .psk_count = 1};
    options.static_private = tally_span_of(tally_key_box_secret(key), 32);
    options.ephemeral_private = tally_span_of(ephemeral, 32);
    *r = (rogue){.n = n, .victim = victim, .bye = UINT32_MAX};
    tally_packet_reader_init(&r->packets);
    tally_message_reader_init(&r->messages, TALLY_MESSAGE_MAX_BYTES);
    tally_buffer_init(&r->plain, ROGUE_INBOX_BYTES);
    assert_int_equal(tally_noise_new(&options, &r->noise, NULL), 0);
    rogue_packet_out(r);
    tally_span out = tally_session_output(victim->session), packet;
    if (out.len == 0) return false;
    size_t len, had = out.len;
    assert_int_equal(tally_frame_next(&r->packets, &out, &packet, NULL), 1);
    assert_int_equal(
        tally_noise_read_message(r->noise, packet, payload, sizeof payload, &len, NULL), 0);
    tally_session_sent(victim->session, had, n->now);
    rogue_packet_out(r);
    assert_int_equal(tally_noise_split(r->noise, &r->sending, &r->receiving, NULL), 0);
    r->handshake = *tally_noise_handshake_hash(r->noise);
    rogue_listen(r);
    return true;
}

/* A teammate's session waits for a call, and gets one from somebody with `key`. */
static inline end *rogue_call(rogue *r, net *n, fixture *f, const tally_key *key) {
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
    tally_session_options options = {.kind = TALLY_SESSION_TEAM, .secrets = secrets};
    options.secret_count = secrets_of(f, secrets);
    end *victim = net_end(n, f);
    net_start(n, victim, &options);
    assert_true(rogue_open(r, n, victim, key, secrets[0].bytes));
    return victim;
}

static inline void rogue_close(rogue *r) {
    tally_noise_free(r->noise);
    tally_noise_cipher_free(r->sending);
    tally_noise_cipher_free(r->receiving);
    tally_frame_reader_clear(&r->packets);
    tally_frame_reader_clear(&r->messages);
    tally_buffer_clear(&r->plain);
}

/* A victim and the rogue who has its teammate's keys: the state of a test. */
typedef struct pair {
    fixture a, b;
    net n;
    rogue r;
} pair;

static inline int pair_setup(void **state) {
    pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    team_of_two(&p->a, &p->b);
    p->n.now = FIXTURE_NOW_MS;
    *state = p;
    return 0;
}

static inline int pair_teardown(void **state) {
    pair *p = *state;
    net_close(&p->n);
    rogue_close(&p->r);
    fixture_close(&p->a);
    fixture_close(&p->b);
    free(p);
    return 0;
}

/* b's device calls a, and has said hello. */
static inline end *called(pair *p) {
    end *victim = rogue_call(&p->r, &p->n, &p->a, p->b.key);
    rogue_hello(&p->r, NULL, 0);
    assert_int_equal(victim->seen[TALLY_SESSION_ESTABLISHED], 1);
    return victim;
}

static inline void assert_dropped(pair *p, const end *victim, tally_bye code) {
    rogue_listen(&p->r);
    if (!tally_session_ended(victim->session)) fail_msg("the session goes on");
    if (victim->bye != code) fail_msg("ended with %u, not %d: %s", victim->bye, code, victim->why);
    assert_false(victim->theirs);
    assert_int_equal(p->r.bye, code);
}

#endif
