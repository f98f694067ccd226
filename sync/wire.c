/* Wire messages, writing: each put function appends one whole frame. The rules they obey are not
 * repeated here: what was written is decoded once before it counts. Reading is in wire_read.c. */
#include <tally/wire.h>

#include <assert.h>
#include <msgpack.h>

/* A message under construction at the end of `out`. The first failure stays. */
typedef struct writer {
    tally_buffer *out;
    size_t start; /* of its frame */
    msgpack_packer packer;
    tally_error *err;
    int rc;
} writer;

static int append(void *data, const char *bytes, size_t len) {
    writer *w = data;
    if (w->rc == 0) w->rc = tally_buffer_add(w->out, tally_span_of(bytes, len), w->err);
    return w->rc;
}

static void put_text(writer *w, tally_span text) {
    (void)msgpack_pack_str(&w->packer, text.len);
    (void)msgpack_pack_str_body(&w->packer, text.ptr, text.len);
}

static void put_bytes(writer *w, const void *bytes, size_t len) {
    (void)msgpack_pack_bin(&w->packer, len);
    (void)msgpack_pack_bin_body(&w->packer, bytes, len);
}

static void put_uint(writer *w, uint64_t value) {
    (void)msgpack_pack_uint64(&w->packer, value);
}

/* A negative time becomes a number that the check at the end refuses. */
static void put_time(writer *w, int64_t value) {
    put_uint(w, (uint64_t)value);
}

static void put_array(writer *w, size_t count) {
    (void)msgpack_pack_array(&w->packer, count);
}

static void begin(writer *w, tally_buffer *out, const char *name, size_t elements,
                  tally_error *err) {
    static const uint8_t no_length_yet[TALLY_MESSAGE_HEADER_BYTES];
    *w = (writer){.out = out, .start = out->len, .err = err};
    msgpack_packer_init(&w->packer, w, append);
    w->rc = tally_buffer_add(out, tally_span_of(no_length_yet, sizeof no_length_yet), err);
    put_array(w, elements);
    put_text(w, tally_span_str(name));
}

static int end(writer *w) {
    tally_wire_message message;
    if (w->rc == 0) {
        size_t content = w->start + TALLY_MESSAGE_HEADER_BYTES;
        tally_span bytes = tally_span_of(w->out->ptr + content, w->out->len - content);
        w->rc = tally_wire_decode(bytes, &message, w->err);
        if (w->rc == 0) tally_put_be32(w->out->ptr + w->start, (uint32_t)bytes.len);
    }
    if (w->rc != 0) w->out->len = w->start;
    return w->rc;
}

static void put_device(writer *w, const tally_device_id *device) {
    put_bytes(w, device->b, sizeof device->b);
}

static void put_hash(writer *w, const tally_hash *hash) {
    put_bytes(w, hash->b, sizeof hash->b);
}

static void put_head(writer *w, const tally_wire_head *head) {
    put_device(w, &head->device);
    put_uint(w, head->size);
    put_hash(w, &head->root);
}

static void put_checkpoint(writer *w, const tally_checkpoint *checkpoint) {
    put_uint(w, checkpoint->size);
    put_hash(w, &checkpoint->root);
    put_bytes(w, checkpoint->signature, sizeof checkpoint->signature);
}

static void put_hashes(writer *w, const tally_hash *hashes, size_t count) {
    put_array(w, count);
    for (size_t i = 0; i < count && w->rc == 0; i++)
        put_hash(w, &hashes[i]);
}

static void put_proof(writer *w, const tally_proof *proof) {
    assert(proof->count <= TALLY_PROOF_MAX_HASHES); /* it was made here or has been decoded */
    put_hashes(w, proof->hashes, proof->count);
}

static void put_side(writer *w, const tally_fork_branch *branch) {
    put_array(w, 6);
    put_checkpoint(w, &branch->checkpoint);
    put_hash(w, &branch->next);
    put_proof(w, &branch->to_common);
    put_proof(w, &branch->to_next);
}

int tally_wire_put_hello(tally_buffer *out, int64_t clock_ms, const tally_span *features,
                         size_t feature_count, const tally_wire_head *heads, size_t head_count,
                         tally_error *err) {
    writer w;
    begin(&w, out, "hello", 5, err);
    put_uint(&w, TALLY_WIRE_VERSION);
    put_time(&w, clock_ms);
    put_array(&w, feature_count);
    for (size_t i = 0; i < feature_count && w.rc == 0; i++)
        put_text(&w, features[i]);
    put_array(&w, head_count);
    for (size_t i = 0; i < head_count && w.rc == 0; i++) {
        put_array(&w, 3);
        put_head(&w, &heads[i]);
    }
    return end(&w);
}

int tally_wire_put_commits(tally_buffer *out, const tally_wire_commits *commits, tally_error *err) {
    writer w;
    begin(&w, out, "commits", 9, err);
    put_device(&w, &commits->device);
    put_uint(&w, commits->from);
    put_uint(&w, commits->count);
    put_uint(&w, commits->raw_len);
    put_bytes(&w, commits->packed.ptr, commits->packed.len);
    put_checkpoint(&w, &commits->checkpoint);
    return end(&w);
}

int tally_wire_put_cosig(tally_buffer *out, const tally_cosignature *cosig, tally_error *err) {
    writer w;
    begin(&w, out, "cosig", 8, err);
    put_device(&w, &cosig->device);
    put_checkpoint(&w, &cosig->checkpoint);
    put_device(&w, &cosig->witness);
    put_time(&w, cosig->time_s);
    put_bytes(&w, cosig->signature, sizeof cosig->signature);
    return end(&w);
}

int tally_wire_put_cosigned(tally_buffer *out, const tally_wire_cosigned *marks, size_t count,
                            tally_error *err) {
    writer w;
    begin(&w, out, "cosigned", 2, err);
    put_array(&w, count);
    for (size_t i = 0; i < count && w.rc == 0; i++) {
        put_array(&w, 3);
        put_device(&w, &marks[i].device);
        put_uint(&w, marks[i].size);
        put_uint(&w, marks[i].digest);
    }
    return end(&w);
}

int tally_wire_put_have(tally_buffer *out, const tally_wire_head *have, tally_error *err) {
    writer w;
    begin(&w, out, "have", 4, err);
    put_head(&w, have);
    return end(&w);
}

int tally_wire_put_want_blob(tally_buffer *out, const tally_hash *ids, size_t count,
                             tally_error *err) {
    writer w;
    begin(&w, out, "want_blob", 2, err);
    put_hashes(&w, ids, count);
    return end(&w);
}

int tally_wire_put_blob(tally_buffer *out, const tally_wire_blob *blob, tally_error *err) {
    writer w;
    begin(&w, out, "blob", 5, err);
    put_hash(&w, &blob->id);
    put_uint(&w, blob->total);
    put_uint(&w, blob->offset);
    put_bytes(&w, blob->bytes.ptr, blob->bytes.len);
    return end(&w);
}

int tally_wire_put_trail(tally_buffer *out, const tally_device_id *device,
                         const tally_wire_mark *marks, size_t count, tally_error *err) {
    writer w;
    begin(&w, out, "trail", 3, err);
    put_device(&w, device);
    put_array(&w, count);
    for (size_t i = 0; i < count && w.rc == 0; i++) {
        put_array(&w, 2);
        put_uint(&w, marks[i].size);
        put_hash(&w, &marks[i].root);
    }
    return end(&w);
}

int tally_wire_put_branch(tally_buffer *out, const tally_device_id *device, uint64_t common,
                          const tally_hash *base, const tally_fork_branch *branch,
                          tally_error *err) {
    writer w;
    begin(&w, out, "branch", 5, err);
    put_device(&w, device);
    put_uint(&w, common);
    put_hash(&w, base);
    put_side(&w, branch);
    return end(&w);
}

int tally_wire_put_fork(tally_buffer *out, const tally_fork *fork, tally_error *err) {
    writer w;
    begin(&w, out, "fork", 6, err);
    put_device(&w, &fork->device);
    put_uint(&w, fork->common);
    put_hash(&w, &fork->base);
    put_side(&w, &fork->branches[0]);
    put_side(&w, &fork->branches[1]);
    return end(&w);
}

int tally_wire_put_credit(tally_buffer *out, uint64_t bytes, tally_error *err) {
    writer w;
    begin(&w, out, "credit", 2, err);
    put_uint(&w, bytes);
    return end(&w);
}

int tally_wire_put_ping(tally_buffer *out, tally_error *err) {
    writer w;
    begin(&w, out, "ping", 1, err);
    return end(&w);
}

int tally_wire_put_join(tally_buffer *out, const tally_device_id *device,
                        const uint8_t signature[TALLY_SIGNATURE_BYTES], tally_span member,
                        tally_span name, tally_error *err) {
    writer w;
    begin(&w, out, "join", 5, err);
    put_device(&w, device);
    put_bytes(&w, signature, TALLY_SIGNATURE_BYTES);
    put_text(&w, member);
    put_text(&w, name);
    return end(&w);
}

int tally_wire_put_bye(tally_buffer *out, uint32_t code, tally_span words, tally_error *err) {
    writer w;
    begin(&w, out, "bye", 3, err);
    put_uint(&w, code);
    put_text(&w, words);
    return end(&w);
}
