/* What an authenticated teammate may say: the plaintext of its message stream, from its hello on,
 * into a session of a small real ledger; as bytes, or sound messages as the input says
 * (session_peer.h). Nothing breaks, output stays bounded, and what the ledger holds afterwards
 * still verifies. */
#include "session_peer.h"

#include <unistd.h>

#define NOW_MS      FUZZ_NOW_MS
#define HEADROOM    (2u * TALLY_MESSAGE_MAX_BYTES)
#define LEDGER_COPY "template.mdb"
#define SOUND       0xfeu /* an input's first byte: the others say what a sound teammate does */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Team secrets come from here: a corpus means the same on every machine. */
static uint32_t fixed_random(void) {
    static uint32_t state = 1;
    return state = state * 1664525u + 1013904223u;
}

static void fixed_bytes(void *const out, const size_t len) {
    uint8_t *at = out;
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(fixed_random() >> 24);
}

static const char *fixed_name(void) {
    return "fixed";
}

static randombytes_implementation fixed = {
    .implementation_name = fixed_name, .random = fixed_random, .buf = fixed_bytes};

/* Two teammates. The peer's ledger is there for whoever makes seeds. */
typedef struct fuzz_node {
    char dir[256];
    tally_key *key;
    tally_ledger *ledger;
} fuzz_node;

static fuzz_node self, peer;
static tally_wire_packer *packer;
static tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
static size_t secret_count;

static void path_of(const fuzz_node *node, const char *name, char out[512]) {
    (void)snprintf(out, 512, "%s/%s", node->dir, name);
}

static void node_open(fuzz_node *node) {
    tally_ledger_options options = {.dir = node->dir};
    must(tally_ledger_open(&options, &node->ledger, NULL) == 0);
    must(mdb_env_set_flags(node->ledger->env, MDB_NOSYNC, 1) == 0);
}

static void node_make(fuzz_node *node, uint8_t seed, const tally_hash *team) {
    const char *base = getenv("TMPDIR");
    uint8_t bytes[32] = {seed};
    char path[512];
    (void)snprintf(node->dir, sizeof node->dir, "%s/tally-fuzz-XXXXXX", base ? base : "/tmp");
    must(mkdtemp(node->dir) != NULL);
    must(tally_key_from_seed(bytes, &node->key, NULL) == 0);
    path_of(node, STORE_KEY_FILE, path);
    must(tally_key_write_file(node->key, (tally_span){0}, path, NULL) == 0);
    tally_ledger_init init = {.dir = node->dir,
                              .team = tally_span_str("Acme"),
                              .member = tally_span_str("ada"),
                              .device = tally_span_str("laptop"),
                              .timezone = tally_span_str("UTC"),
                              .currency = tally_span_str("USD"),
                              .join = team,
                              .now_ms = NOW_MS};
    must(tally_ledger_create(&init, NULL) == 0);
    node_open(node);
}

/* The peer is admitted; a session has a title, so that there is a blob. */
static int write_first(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t salt[TALLY_BLOB_SALT_BYTES] = {1};
    tally_team_add add = {.device = *tally_key_device(peer.key),
                          .role = TALLY_ROLE_ADMIN,
                          .member = tally_span_str("bob"),
                          .name = tally_span_str("desk")};
    tally_writer *writer = ctx;
    tally_hash title;
    memcpy(add.box_key, tally_key_box_public(peer.key), sizeof add.box_key);
    int rc = tally_team_device_add(txn, &add, err);
    if (rc == 0) rc = tally_blob_put(txn, salt, tally_span_str("title"), &title, err);
    if (rc != 0) return rc;
    tally_writer_begin(writer);
    tally_put_str(writer, "agent", tally_span_str("codex"));
    tally_put_str(writer, "id", tally_span_str("s1"));
    tally_put_bin(writer, "title", tally_span_of(title.b, sizeof title.b));
    return tally_append(txn, "session", writer, NULL, err);
}

/* The heads of its own feed, which are signed already. */
static void read_heads(tally_txn *txn, peer_feed *feed) {
    tally_feed own;
    must(tally_feed_get(txn, 0, &own, NULL) == 0);
    for (uint64_t at = 0; at < own.size; at = feed->heads[feed->count++].size)
        must(tally_checkpoint_get(txn, 0, at, &feed->heads[feed->count], NULL) == 0);
    feed->range = own.range;
}

/* The peer has seen them. */
static int cosign_heads(void *ctx, tally_txn *txn, tally_error *err) {
    const peer_feed *feed = ctx;
    tally_cosignature c = {.device = *tally_key_device(self.key)};
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_origin_format(tally_ledger_team(self.ledger), &c.device, origin);
    for (size_t i = 0; i < feed->count; i++) {
        c.checkpoint = feed->heads[i];
        c.time_s = NOW_MS / 1000 + (int64_t)i;
        tally_cosignature_sign(peer.key, origin, &c);
        must(tally_cosignature_take(txn, &c, err) == 0);
    }
    return 0;
}

static void forget_all(void) {
    fuzz_node *nodes[] = {&self, &peer};
    for (int i = 0; i < 2; i++) {
        static const char *const names[] = {STORE_FILE, STORE_FILE "-lock", STORE_KEY_FILE,
                                            TALLY_MARK_FILE, LEDGER_COPY};
        char path[512];
        tally_ledger_close(nodes[i]->ledger);
        for (size_t j = 0; j < sizeof names / sizeof *names; j++) {
            path_of(nodes[i], names[j], path);
            (void)unlink(path);
        }
        (void)rmdir(nodes[i]->dir);
        tally_key_free(nodes[i]->key);
    }
    tally_wire_packer_free(packer);
}

static peer_side sound; /* as it is before it has said anything */

static void set_up_sound(tally_txn *txn, tally_writer *writer) {
    const uint8_t seed[32] = {5};
    tally_key *added;
    must(tally_key_from_seed(seed, &added, NULL) == 0);
    sound = (peer_side){.team = *tally_ledger_team(self.ledger),
                        .packer = packer,
                        .writer = writer,
                        .feeds = {{.key = self.key}, {.key = peer.key}, {.key = added}},
                        .now_ms = NOW_MS};
    for (unsigned i = 1; i < PEER_FEEDS; i++) {
        tally_range_init(&sound.feeds[i].range);
        sound.feeds[i].clock = tally_hlc_next(0, NOW_MS);
    }
    read_heads(txn, &sound.feeds[0]);
}

static void set_up(void) {
    tally_writer *writer = NULL;
    tally_txn *txn;
    char path[512];
    if (packer) return;
    must(randombytes_set_implementation(&fixed) == 0 && sodium_init() >= 0);
    must(tally_wire_packer_new(&packer, NULL) == 0 && tally_writer_new(&writer, NULL) == 0);
    node_make(&self, 1, NULL);
    node_make(&peer, 2, tally_ledger_team(self.ledger));
    must(tally_ledger_write(self.ledger, NOW_MS, write_first, writer, NULL) == 0);
    must(tally_read_begin(self.ledger, &txn, NULL) == 0);
    must(tally_team_secrets(txn, secrets, &secret_count, NULL) == 0);
    set_up_sound(txn, writer);
    tally_read_end(txn);
    must(tally_ledger_write(self.ledger, NOW_MS, cosign_heads, &sound.feeds[0], NULL) == 0);
    path_of(&self, LEDGER_COPY, path);
    must(tally_backup(self.ledger, path, NULL) == 0);
    (void)atexit(forget_all);
}

/* What a peer's words may change for good: sizes, forks and cosignatures. */
static uint64_t state_of(tally_ledger *ledger) {
    tally_txn *txn;
    uint64_t forks, came, digest, sum = 0;
    must(tally_read_begin(ledger, &txn, NULL) == 0);
    must(tally_fork_digest(txn, &forks, NULL) == 0);
    must(tally_cosignature_state(txn, &came, &digest, NULL) == 0);
    for (uint32_t i = 0; i < tally_feed_count(txn); i++) {
        tally_feed feed;
        must(tally_feed_get(txn, i, &feed, NULL) == 0);
        sum = 31 * sum + feed.size;
    }
    tally_read_end(txn);
    return forks ^ sum ^ digest;
}

static void copy_file(const char *from, const char *to) {
    uint8_t bytes[65536];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    size_t len;
    must(in && out);
    while ((len = fread(bytes, 1, sizeof bytes, in)) > 0)
        must(fwrite(bytes, 1, len, out) == len);
    must(fclose(in) == 0 && fclose(out) == 0);
}

/* That a device signed what is not here is to be found: it is what cosignatures are for. */
static int only_other_histories(void *ctx, const char *sentence) {
    (void)ctx;
    must(strstr(sentence, "its device signed other first") != NULL);
    return 0;
}

static void restore(void) {
    char from[512], to[512];
    tally_check check = {.found = only_other_histories};
    must(tally_verify(self.ledger, true, &check, NULL) == 0);
    tally_ledger_close(self.ledger);
    path_of(&self, LEDGER_COPY, from);
    path_of(&self, STORE_FILE, to);
    must(unlink(to) == 0);
    copy_file(from, to);
    node_open(&self);
}

static tally_session *session_of(const fuzz_node *node, bool initiator) {
    uint8_t ephemeral[32] = {initiator ? 3 : 4};
    tally_session_options options = {.initiator = initiator,
                                     .ledger = node->ledger,
                                     .key = node->key,
                                     .packer = packer,
                                     .secrets = secrets,
                                     .secret_count = secret_count,
                                     .ephemeral = ephemeral};
    tally_session *s;
    must(tally_session_new(&options, NOW_MS, &s, NULL) == 0);
    return s;
}

/* One packet from one to the other. */
static void pass_packet(tally_session *from, tally_session *to) {
    tally_span out = tally_session_output(from);
    must(out.len > 2);
    size_t len = 2 + ((size_t)out.ptr[0] << 8) + out.ptr[1];
    must(len <= out.len);
    tally_session_receive(to, tally_span_of(out.ptr, len), NOW_MS);
    tally_session_sent(from, len, NOW_MS);
}

/* A session that waits for the peer's hello. The caller is one that needs no ledger of the team:
 * only the handshake is its own. */
static tally_session *established(void) {
    tally_session *caller = session_of(&peer, true), *s = session_of(&self, false);
    pass_packet(caller, s);
    pass_packet(s, caller);
    pass_packet(caller, s);
    tally_session_free(caller);
    must(s->stage == STAGE_HELLO);
    return s;
}

static void bounded(const tally_session *s) {
    must(session_output_len(s) <= TALLY_SESSION_OUTPUT_BYTES + HEADROOM);
    must(s->raw.len <= TALLY_SESSION_PENDING_BYTES + TALLY_WIRE_BLOB_MAX_BYTES);
    must(s->feed_count <= TALLY_SESSION_MAX_FEEDS && s->txn == NULL);
    must(s->ending || s->item_count <= TALLY_SESSION_PENDING_COMMITS);
}

/* ---- hearing ---- */

static void hear_bytes(tally_session *s, const uint8_t *data, size_t size) {
    size_t step = (data[0] & 0x7fu) + 1u;
    bool flushes = (data[0] & 0x80u) != 0;
    for (size_t at = 1; at < size && !tally_session_ended(s); at += step) {
        size_t len = size - at < step ? size - at : step;
        if (!session_take_stream(s, tally_span_of(data + at, len))) break;
        if (flushes) tally_session_flush(s, NOW_MS);
        session_settle(s);
        bounded(s);
        if (flushes) tally_session_sent(s, tally_session_output(s).len, NOW_MS);
    }
}

/* Messages one by one; when time passes instead, all that was said is written and answered. */
static int64_t hear_sound(tally_session *s, tally_span input) {
    peer_side said = sound;
    said.s = s;
    tally_buffer_init(&said.out, TALLY_MESSAGE_MAX_BYTES + TALLY_MESSAGE_HEADER_BYTES);
    (void)take(&input);
    while (input.len > 0 && !tally_session_ended(s)) {
        if (peer_says(&said, &input)) {
            if (!session_take_stream(s, tally_buffer_span(&said.out))) break;
            session_settle(s);
        } else {
            tally_session_flush(s, said.now_ms);
            said.now_ms += TALLY_SESSION_COSIGN_MS;
            s->heard_ms = said.now_ms;
            tally_session_tick(s, said.now_ms);
        }
        bounded(s);
        tally_session_sent(s, tally_session_output(s).len, said.now_ms);
    }
    tally_buffer_clear(&said.out);
    return said.now_ms;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int64_t now_ms = NOW_MS;
    if (size == 0) return 0;
    set_up();
    uint64_t before = state_of(self.ledger);
    tally_session *s = established();
    if (data[0] == SOUND)
        now_ms = hear_sound(s, tally_span_of(data, size));
    else
        hear_bytes(s, data, size);
    tally_session_flush(s, now_ms);
    tally_session_tick(s, now_ms + TALLY_SESSION_TRAIL_MS);
    tally_session_wake(s, now_ms + TALLY_SESSION_TRAIL_MS);
    (void)tally_session_deadline(s);
    bounded(s);
    tally_session_end(s, TALLY_BYE_DONE, "", now_ms);
    must(tally_session_ended(s));
    tally_session_free(s);
    if (state_of(self.ledger) != before) restore();
    return 0;
}
