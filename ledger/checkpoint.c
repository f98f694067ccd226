/* Checkpoints as text: c2sp.org/tlog-checkpoint inside c2sp.org/signed-note, written, signed and
 * strictly read. Which checkpoint follows which is the feed's business. */
#include <tally/checkpoint.h>
#include <tally/record.h>

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#define SIGNATURE_PREFIX "\xe2\x80\x94 " /* em dash U+2014, space */
#define BASE64           sodium_base64_VARIANT_ORIGINAL
#define BASE64_CHARS(n)  (((n) + 2u) / 3u * 4u)
#define SIZE_CHARS       20u /* 2^64 - 1 */
#define SIGNED_BYTES     (TALLY_NOTE_KEY_ID_BYTES + TALLY_SIGNATURE_BYTES)

#define BODY_MAX_CHARS (TALLY_ORIGIN_MAX_BYTES + SIZE_CHARS + BASE64_CHARS(TALLY_HASH_BYTES) + 3u)
#define NOTE_MAX_CHARS                                                                             \
    (BODY_MAX_CHARS + TALLY_ORIGIN_MAX_BYTES + BASE64_CHARS(SIGNED_BYTES) + sizeof "\n- \n")

_Static_assert(NOTE_MAX_CHARS + sizeof SIGNATURE_PREFIX <= TALLY_CHECKPOINT_MAX_BYTES, "note fits");

void tally_origin_format(const tally_hash *team, const tally_device_id *device, char *out) {
    static const char name[] = "tally.invalid/";
    _Static_assert(sizeof name + 4 * TALLY_HASH_BYTES + 1 <= TALLY_ORIGIN_MAX_BYTES, "origin fits");
    char *at = out;
    memcpy(at, name, sizeof name - 1);
    at += sizeof name - 1;
    tally_hex(tally_span_of(team->b, sizeof team->b), at);
    at += 2 * sizeof team->b;
    *at++ = '/';
    tally_hex(tally_span_of(device->b, sizeof device->b), at);
}

size_t tally_checkpoint_body(const char *origin, uint64_t size, const tally_hash *root, char *out) {
    assert(origin[0] != '\0' && strlen(origin) < TALLY_ORIGIN_MAX_BYTES);
    char base64[BASE64_CHARS(TALLY_HASH_BYTES) + 1];
    (void)sodium_bin2base64(base64, sizeof base64, root->b, sizeof root->b, BASE64);
    int len =
        snprintf(out, TALLY_CHECKPOINT_MAX_BYTES, "%s\n%" PRIu64 "\n%s\n", origin, size, base64);
    assert(len > 0 && (size_t)len < TALLY_CHECKPOINT_MAX_BYTES);
    return (size_t)len;
}

void tally_checkpoint_sign(const tally_key *key, const char *origin, tally_checkpoint *cp) {
    char body[TALLY_CHECKPOINT_MAX_BYTES];
    size_t len = tally_checkpoint_body(origin, cp->size, &cp->root, body);
    tally_key_sign(key, tally_span_of(body, len), cp->signature);
}

int tally_checkpoint_verify(const tally_device_id *device, const char *origin,
                            const tally_checkpoint *cp) {
    char body[TALLY_CHECKPOINT_MAX_BYTES];
    size_t len = tally_checkpoint_body(origin, cp->size, &cp->root, body);
    return tally_signature_verify(device, tally_span_of(body, len), cp->signature);
}

void tally_note_key_id(const char *name, tally_note_type type, const tally_device_id *key,
                       uint8_t id[TALLY_NOTE_KEY_ID_BYTES]) {
    const uint8_t middle[] = {'\n', (uint8_t)type};
    tally_span parts[] = {tally_span_str(name), tally_span_of(middle, sizeof middle),
                          tally_span_of(key->b, sizeof key->b)};
    tally_hash hash;
    tally_sha256_parts(parts, 3, &hash);
    memcpy(id, hash.b, TALLY_NOTE_KEY_ID_BYTES);
}

size_t tally_checkpoint_format(const tally_device_id *device, const char *origin,
                               const tally_checkpoint *cp, char *out) {
    uint8_t signed_bytes[SIGNED_BYTES];
    tally_note_key_id(origin, TALLY_NOTE_ED25519, device, signed_bytes);
    memcpy(signed_bytes + TALLY_NOTE_KEY_ID_BYTES, cp->signature, sizeof cp->signature);
    char base64[BASE64_CHARS(SIGNED_BYTES) + 1];
    (void)sodium_bin2base64(base64, sizeof base64, signed_bytes, sizeof signed_bytes, BASE64);

    size_t body = tally_checkpoint_body(origin, cp->size, &cp->root, out);
    size_t room = TALLY_CHECKPOINT_MAX_BYTES - body;
    int len = snprintf(out + body, room, "\n" SIGNATURE_PREFIX "%s %s\n", origin, base64);
    assert(len > 0 && (size_t)len < room);
    return body + (size_t)len;
}

/* Takes the bytes up to the next newline, and the newline; false when there is none. */
static bool take_line(tally_span *rest, tally_span *line) {
    const uint8_t *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
    if (!end) return false;
    *line = tally_span_of(rest->ptr, (size_t)(end - rest->ptr));
    *rest = tally_span_of(end + 1, rest->len - line->len - 1);
    return true;
}

/* Strict RFC 4648 section 4: padded, no white space, no stray bits. False when longer than `size`
 * too. */
static bool from_base64(tally_span text, uint8_t *out, size_t size, size_t *len) {
    return tally_unbase64(text, false, out, size, len) == 0;
}

/* White space of Unicode (property White_Space) that a valid note can still hold, in UTF-8. */
static bool has_unicode_space(tally_span name) {
    static const char *const spaces[] = {
        " ",
        "\xc2\x85",
        "\xc2\xa0",
        "\xe1\x9a\x80",
        "\xe2\x80\x80",
        "\xe2\x80\x81",
        "\xe2\x80\x82",
        "\xe2\x80\x83",
        "\xe2\x80\x84",
        "\xe2\x80\x85",
        "\xe2\x80\x86",
        "\xe2\x80\x87",
        "\xe2\x80\x88",
        "\xe2\x80\x89",
        "\xe2\x80\x8a",
        "\xe2\x80\xa8",
        "\xe2\x80\xa9",
        "\xe2\x80\xaf",
        "\xe2\x81\x9f",
        "\xe3\x80\x80",
    };
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
        if (memmem(name.ptr, name.len, spaces[i], strlen(spaces[i]))) return true;
    return false;
}

/* "— name base64": fills the name and the decoded bytes. */
static bool parse_signature_line(tally_span line, tally_span *name, uint8_t *decoded, size_t *len) {
    size_t prefix = strlen(SIGNATURE_PREFIX);
    if (line.len < prefix || memcmp(line.ptr, SIGNATURE_PREFIX, prefix) != 0) return false;
    line = tally_span_of(line.ptr + prefix, line.len - prefix);
    const uint8_t *space = line.len ? memchr(line.ptr, ' ', line.len) : NULL;
    if (!space) return false;
    *name = tally_span_of(line.ptr, (size_t)(space - line.ptr));
    if (name->len == 0 || memchr(name->ptr, '+', name->len) || has_unicode_space(*name))
        return false;
    tally_span base64 = tally_span_of(space + 1, line.len - name->len - 1);
    return from_base64(base64, decoded, TALLY_NOTE_SIGNATURE_MAX_BYTES, len) &&
           *len > TALLY_NOTE_KEY_ID_BYTES;
}

/* Finds the one signature of `device` in the lines after the blank one. */
static int parse_signatures(tally_span lines, const tally_device_id *device, const char *origin,
                            uint8_t signature[TALLY_SIGNATURE_BYTES], tally_error *err) {
    uint8_t id[TALLY_NOTE_KEY_ID_BYTES];
    tally_note_key_id(origin, TALLY_NOTE_ED25519, device, id);
    uint8_t decoded[TALLY_NOTE_SIGNATURE_MAX_BYTES];
    unsigned count = 0, known = 0;
    for (; lines.len > 0; count++) {
        if (count == TALLY_NOTE_MAX_SIGNATURES)
            return tally_fail(err, TALLY_ELIMIT, "a note with more than %u signatures is not read",
                              TALLY_NOTE_MAX_SIGNATURES);
        tally_span line, name;
        size_t len;
        if (!take_line(&lines, &line) || !parse_signature_line(line, &name, decoded, &len))
            return tally_fail(err, TALLY_EFORMAT, "signature line %u of the note is malformed",
                              count + 1);
        if (!tally_span_is(name, origin) || memcmp(decoded, id, sizeof id) != 0) continue;
        if (len != SIGNED_BYTES || known++ > 0)
            return tally_fail(err, TALLY_EFORMAT,
                              "signature line %u of the note repeats or misshapes %s's signature",
                              count + 1, origin);
        memcpy(signature, decoded + TALLY_NOTE_KEY_ID_BYTES, TALLY_SIGNATURE_BYTES);
    }
    if (known == 0)
        return tally_fail(err, TALLY_EFORMAT, "the note holds no signature of %s", origin);
    return 0;
}

static bool parse_size(tally_span text, uint64_t *out) {
    uint64_t value = 0;
    if (text.len == 0 || text.len > SIZE_CHARS) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        if (tally_add_u64(value, (uint64_t)(text.ptr[i] - '0'), &value) != 0) return false;
    }
    *out = value;
    return true;
}

/* Three lines and no more. Comparing with the body we would write ourselves settles leading zeros,
 * the origin and every other freedom at once. */
static int parse_body(tally_span body, const char *origin, tally_checkpoint *out,
                      tally_error *err) {
    tally_span rest = body, name, size, root;
    size_t root_len;
    if (!take_line(&rest, &name) || !take_line(&rest, &size) || !take_line(&rest, &root) ||
        !parse_size(size, &out->size) ||
        !from_base64(root, out->root.b, sizeof out->root.b, &root_len) ||
        root_len != sizeof out->root.b)
        return tally_fail(err, TALLY_EFORMAT,
                          "the note is not a checkpoint: it needs origin, size and root lines");
    if (!tally_span_is(name, origin))
        return tally_fail(err, TALLY_EFORMAT, "the checkpoint is not of %s", origin);
    char expected[TALLY_CHECKPOINT_MAX_BYTES];
    size_t len = tally_checkpoint_body(origin, out->size, &out->root, expected);
    if (!tally_span_eq(body, tally_span_of(expected, len)))
        return tally_fail(
            err, TALLY_EFORMAT,
            "the checkpoint is not in its one canonical form, or has extension lines");
    return 0;
}

static bool has_control_characters(tally_span note) {
    for (size_t i = 0; i < note.len; i++)
        if (note.ptr[i] < 0x20 && note.ptr[i] != '\n') return true;
    return false;
}

/* Splits at the last empty line; the body keeps its final newline. */
static bool split_note(tally_span note, tally_span *body, tally_span *signatures) {
    const uint8_t *blank = note.len ? memrchr(note.ptr, '\n', note.len) : NULL;
    while (blank && blank > note.ptr && blank[-1] != '\n')
        blank = memrchr(note.ptr, '\n', (size_t)(blank - note.ptr));
    if (!blank || blank == note.ptr) return false;
    *body = tally_span_of(note.ptr, (size_t)(blank - note.ptr));
    *signatures = tally_span_of(blank + 1, note.len - body->len - 1);
    return true;
}

int tally_checkpoint_parse(tally_span note, const tally_device_id *device, const char *origin,
                           tally_checkpoint *out, tally_error *err) {
    assert(origin[0] != '\0' && strlen(origin) < TALLY_ORIGIN_MAX_BYTES);
    if (note.len > TALLY_NOTE_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "a note of more than %u bytes is not read",
                          TALLY_NOTE_MAX_BYTES);
    if (has_control_characters(note) || !tally_utf8_valid(note))
        return tally_fail(err, TALLY_EFORMAT, "the note is not plain UTF-8 text");
    tally_span body, signatures;
    if (!split_note(note, &body, &signatures))
        return tally_fail(err, TALLY_EFORMAT, "the note has no blank line before its signatures");
    tally_checkpoint found;
    int rc = parse_body(body, origin, &found, err);
    if (rc != 0) return rc;
    rc = parse_signatures(signatures, device, origin, found.signature, err);
    if (rc != 0) return rc;
    if (tally_checkpoint_verify(device, origin, &found) != 0)
        return tally_fail(err, TALLY_EFORMAT, "the checkpoint's signature by %s does not hold",
                          origin);
    *out = found;
    return 0;
}
