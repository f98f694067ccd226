/* Invites: what a joiner says of itself, and what the inviter's person makes of it. */
#include "session_state.h"

#define PROOF_TEXT       "tally join"
#define PROOF_TEXT_BYTES (sizeof PROOF_TEXT - 1)
#define PROOF_BYTES      (PROOF_TEXT_BYTES + TALLY_HASH_BYTES)

/* What a joiner signs: that it is the one in this very handshake. */
static void proof_of(const tally_session *s, uint8_t out[PROOF_BYTES]) {
    memcpy(out, PROOF_TEXT, PROOF_TEXT_BYTES);
    memcpy(out + PROOF_TEXT_BYTES, s->handshake.b, sizeof s->handshake.b);
}

static void show_code(tally_session *s) {
    char code[TALLY_SHORT_CODE_BYTES];
    tally_short_code(&s->handshake, code);
    tally_session_event event = {.type = TALLY_SESSION_CODE,
                                 .peer = s->peer,
                                 .text = tally_span_str(code),
                                 .member = tally_span_str(s->member),
                                 .name = tally_span_str(s->name)};
    session_tell(s, &event);
}

static bool say_join(tally_session *s) {
    uint8_t proof[PROOF_BYTES], signature[TALLY_SIGNATURE_BYTES];
    tally_error err = {0};
    proof_of(s, proof);
    tally_key_sign(s->key, tally_span_of(proof, sizeof proof), signature);
    int rc = tally_wire_put_join(&s->plain, tally_key_device(s->key), signature,
                                 tally_span_str(s->member), tally_span_str(s->name), &err);
    return session_put(s, rc, &err) && session_seal(s);
}

bool session_join_begin(tally_session *s) {
    if (s->wall / 1000 >= s->expires_s)
        return session_end(s, TALLY_BYE_EXPIRED, false, true, "the invite has expired");
    if (s->kind == TALLY_SESSION_INVITE) {
        s->stage = STAGE_JOIN;
        return true;
    }
    s->stage = STAGE_WAIT;
    s->limit_ms = session_after(s->now, TALLY_SESSION_JOIN_MS);
    if (!say_join(s)) return false;
    show_code(s);
    return !s->ending;
}

bool session_join_take(tally_session *s, const tally_wire_join *join) {
    uint8_t proof[PROOF_BYTES];
    tally_error err = {0};
    proof_of(s, proof);
    if (tally_signature_verify(&join->device, tally_span_of(proof, sizeof proof),
                               join->signature) != 0) {
        (void)tally_fail(&err, TALLY_EFORMAT, "refused a join: its signature is not valid");
        return session_refuse(s, &err);
    }
    s->peer = join->device;
    s->peer_known = true;
    memcpy(s->member, join->member.ptr, join->member.len);
    s->member[join->member.len] = '\0';
    memcpy(s->name, join->name.ptr, join->name.len);
    s->name[join->name.len] = '\0';
    s->stage = STAGE_DECIDE;
    s->limit_ms = session_after(s->now, TALLY_SESSION_JOIN_MS);
    show_code(s);
    return !s->ending;
}

/* The connection broke after the inviter had written, and the joiner has nothing yet: it asks
 * again.
 */
static bool added_before(const tally_session *s, tally_txn *txn) {
    tally_team_device known;
    return tally_team_device_get(txn, &s->peer, &known) == 0 && known.limit == UINT64_MAX &&
           memcmp(known.box_key, s->remote, sizeof known.box_key) == 0;
}

static int add_device(void *ctx, tally_txn *txn, tally_error *err) {
    const tally_session *s = ctx;
    tally_team_add add = {.device = s->peer,
                          .role = s->role,
                          .member = tally_span_str(s->member),
                          .name = tally_span_str(s->name)};
    memcpy(add.box_key, s->remote, sizeof add.box_key);
    return added_before(s, txn) ? 0 : tally_team_device_add(txn, &add, err);
}

/* Errors that say that this device is not to be added, rather than that the store failed. */
static bool is_verdict(int code) {
    return code == TALLY_EREFUSED || code == TALLY_EEXIST || code == TALLY_EINVAL ||
           code == TALLY_ELIMIT;
}

static void decide(tally_session *s, bool yes) {
    tally_error err = {0};
    if (!yes) {
        (void)session_end(s, TALLY_BYE_DECLINED, false, true,
                          "the person at the other screen said no");
        return;
    }
    int rc = tally_ledger_write(s->ledger, s->wall, add_device, s, &err);
    if (rc != 0) {
        (void)(is_verdict(rc) ? session_end(s, TALLY_BYE_DECLINED, false, true, err.text)
                              : session_trouble(s, &err));
        return;
    }
    s->stage = STAGE_HELLO;
    s->heard_ms = s->now; /* the joiner had to wait for us */
    s->limit_ms = session_after(s->now, TALLY_SESSION_HELLO_MS);
    (void)(session_hello_say(s) && session_seal(s));
}

void tally_session_decide(tally_session *s, bool yes, int64_t now_ms) {
    if (s->ending || s->stage != STAGE_DECIDE) return;
    s->wall = now_ms;
    if (now_ms > s->now) s->now = now_ms;
    decide(s, yes);
    session_settle(s);
}
