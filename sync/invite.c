/* Invites: the line that people pass on, and the short code they compare. The formats are in
 * tally/invite.h; who may use an invite is decided elsewhere. */
#include <tally/invite.h>

#include <sodium.h>

#define PREFIX      "tally1:"
#define CHECK_BYTES 4u
#define HEAD_BYTES  (1u + TALLY_HASH_BYTES + TALLY_INVITE_KEY_BYTES + TALLY_INVITE_SECRET_BYTES)
#define COUNT_AT    (HEAD_BYTES + 8u)
#define LEAST_BYTES (COUNT_AT + 1u + CHECK_BYTES)
#define PAYLOAD_MAX_BYTES                                                                          \
    (COUNT_AT + 1u + TALLY_INVITE_MAX_ADDRESSES * (1u + TALLY_INVITE_ADDRESS_MAX_BYTES) +          \
     CHECK_BYTES)
#define HOST_MAX_BYTES      253u
#define LABEL_MAX_BYTES     63u
#define IPV6_MAX_BYTES      45u
#define BASE64_VARIANT      sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define SHORT_CODE_LABEL    "tally short code"
#define SHORT_CODE_DIGITS   6u
#define SHORT_CODE_UNBIASED 250u /* the largest multiple of ten that a byte can be below */

_Static_assert(sizeof PREFIX - 1 + sodium_base64_ENCODED_LEN(PAYLOAD_MAX_BYTES, BASE64_VARIANT) <=
                   TALLY_INVITE_LINE_MAX_BYTES,
               "the longest invite fits its line");

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool host_name_valid(tally_span host) {
    size_t label = 0; /* bytes of the label so far */
    if (host.len == 0 || host.len > HOST_MAX_BYTES) return false;
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.ptr[i];
        bool at_end = i + 1 == host.len || host.ptr[i + 1] == '.';
        if (c == '.') {
            if (label == 0 || i + 1 == host.len) return false;
            label = 0;
            continue;
        }
        if (!is_letter(c) && !is_digit(c) && c != '-') return false;
        if (c == '-' && (label == 0 || at_end)) return false;
        if (++label > LABEL_MAX_BYTES) return false;
    }
    return true;
}

/* What stands between the brackets. The resolver has the last word. */
static bool ipv6_valid(tally_span host) {
    unsigned colons = 0;
    if (host.len < 2 || host.len > IPV6_MAX_BYTES) return false;
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.ptr[i];
        bool hex = is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (!hex && c != ':' && c != '.') return false;
        if (c == ':') colons++;
    }
    return colons >= 2;
}

static bool port_valid(tally_span port) {
    uint32_t value = 0;
    if (port.len == 0 || port.len > 5 || port.ptr[0] == '0') return false;
    for (size_t i = 0; i < port.len; i++) {
        if (!is_digit(port.ptr[i])) return false;
        value = value * 10 + (port.ptr[i] - '0');
    }
    return value <= UINT16_MAX;
}

bool tally_address_valid(tally_span address) {
    if (address.len == 0 || address.len > TALLY_INVITE_ADDRESS_MAX_BYTES) return false;
    size_t colon = address.len - 1; /* the last one */
    while (colon > 0 && address.ptr[colon] != ':')
        colon--;
    if (colon == 0) return false;
    tally_span host = tally_span_of(address.ptr, colon);
    if (!port_valid(tally_span_of(address.ptr + colon + 1, address.len - colon - 1))) return false;
    if (host.ptr[0] != '[') return host_name_valid(host);
    if (host.len < 2 || host.ptr[host.len - 1] != ']') return false;
    return ipv6_valid(tally_span_of(host.ptr + 1, host.len - 2));
}

static int invite_fault(const tally_invite *invite, tally_error *err) {
    uint8_t count = invite->address_count;
    if (count == 0 || count > TALLY_INVITE_MAX_ADDRESSES)
        return tally_fail(err, TALLY_EINVAL, "an invite needs 1 to %u addresses, not %u",
                          TALLY_INVITE_MAX_ADDRESSES, count);
    if (invite->expires_s < 0)
        return tally_fail(err, TALLY_EINVAL, "an invite cannot expire before 1970; set the clock");
    for (uint8_t i = 0; i < count; i++) {
        const char *text = invite->addresses[i];
        size_t len = strnlen(text, TALLY_INVITE_ADDRESS_MAX_BYTES + 1);
        if (!tally_address_valid(tally_span_of(text, len)))
            return tally_fail(err, TALLY_EINVAL,
                              "address %u of the invite is not host:port, such as "
                              "desk.example:7411 or [fd00::1]:7411",
                              i + 1u);
    }
    return 0;
}

static void check_of(tally_span payload, uint8_t out[CHECK_BYTES]) {
    tally_hash hash;
    tally_sha256(payload, &hash);
    memcpy(out, hash.b, CHECK_BYTES);
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t len) {
    memcpy(at, bytes, len);
    return at + len;
}

int tally_invite_encode(const tally_invite *invite, char out[TALLY_INVITE_LINE_MAX_BYTES],
                        size_t *len, tally_error *err) {
    uint8_t payload[PAYLOAD_MAX_BYTES], *at = payload;
    const size_t prefix = sizeof PREFIX - 1;
    int rc = invite_fault(invite, err);
    if (rc != 0) return rc;
    *at++ = TALLY_INVITE_VERSION;
    at = put(at, invite->team.b, sizeof invite->team.b);
    at = put(at, invite->inviter, sizeof invite->inviter);
    at = put(at, invite->secret, sizeof invite->secret);
    tally_put_be64(at, (uint64_t)invite->expires_s);
    at += 8;
    *at++ = invite->address_count;
    for (uint8_t i = 0; i < invite->address_count; i++) {
        size_t text_len = strlen(invite->addresses[i]);
        *at++ = (uint8_t)text_len;
        at = put(at, invite->addresses[i], text_len);
    }
    check_of(tally_span_of(payload, (size_t)(at - payload)), at);
    at += CHECK_BYTES;
    memcpy(out, PREFIX, prefix);
    (void)sodium_bin2base64(out + prefix, TALLY_INVITE_LINE_MAX_BYTES - prefix, payload,
                            (size_t)(at - payload), BASE64_VARIANT);
    if (len) *len = strlen(out);
    sodium_memzero(payload, sizeof payload);
    return 0;
}

/* "tally", a number, ':'. Takes it off the front of `line`; TALLY_EREFUSED for a number other than
 * ours. */
static int take_prefix(tally_span *line, tally_error *err) {
    static const char word[] = "tally";
    const size_t word_len = sizeof word - 1;
    size_t i = word_len;
    if (line->len > word_len && memcmp(line->ptr, word, word_len) == 0)
        while (i < line->len && is_digit(line->ptr[i]))
            i++;
    if (i == word_len || i == line->len || line->ptr[i] != ':')
        return tally_fail(err, TALLY_EFORMAT,
                          "this is not an invite: it does not begin with '" PREFIX "'; copy the "
                          "whole line");
    tally_span prefix = tally_span_of(line->ptr, i + 1);
    *line = tally_span_of(line->ptr + i + 1, line->len - i - 1);
    if (tally_span_is(prefix, PREFIX)) return 0;
    return tally_fail(err, TALLY_EREFUSED,
                      "this invite was made by another version of Tally; update and try again");
}

static int fail_torn(tally_error *err) {
    return tally_fail(err, TALLY_EFORMAT, "the invite is cut off; copy the whole line again");
}

static int fail_mistyped(tally_error *err) {
    return tally_fail(err, TALLY_EFORMAT,
                      "the invite is mistyped: its check does not hold; copy the line again");
}

/* Why base64 was refused: only the end of a line can be wrong when its letters are right. */
static int fail_base64(tally_span text, tally_error *err) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (!is_letter(c) && !is_digit(c) && c != '-' && c != '_') return fail_mistyped(err);
    }
    return text.len < TALLY_INVITE_LINE_MAX_BYTES ? fail_torn(err) : fail_mistyped(err);
}

/* Whether the lengths inside ask for more bytes than there are. */
static bool is_torn(tally_span payload) {
    size_t at = COUNT_AT + 1;
    for (uint8_t i = 0; i < payload.ptr[COUNT_AT] && at < payload.len; i++)
        at += 1u + payload.ptr[at];
    return at + CHECK_BYTES > payload.len;
}

/* Any payload whose check holds has the rest as its sender wrote it. */
static bool check_holds(tally_span payload) {
    uint8_t check[CHECK_BYTES];
    size_t len = payload.len - CHECK_BYTES;
    check_of(tally_span_of(payload.ptr, len), check);
    return memcmp(check, payload.ptr + len, CHECK_BYTES) == 0;
}

/* Addresses up to the end of `rest`. */
static bool take_addresses(tally_span rest, tally_invite *out) {
    for (uint8_t i = 0; i < out->address_count; i++) {
        if (rest.len == 0 || rest.len - 1 < rest.ptr[0]) return false;
        tally_span text = tally_span_of(rest.ptr + 1, rest.ptr[0]);
        if (!tally_address_valid(text)) return false;
        memcpy(out->addresses[i], text.ptr, text.len);
        rest = tally_span_of(text.ptr + text.len, rest.len - 1 - text.len);
    }
    return rest.len == 0;
}

static int read_payload(tally_span payload, tally_invite *out, tally_error *err) {
    if (payload.len < LEAST_BYTES) return fail_torn(err);
    if (!check_holds(payload)) return is_torn(payload) ? fail_torn(err) : fail_mistyped(err);
    if (payload.ptr[0] != TALLY_INVITE_VERSION)
        return tally_fail(err, TALLY_EREFUSED,
                          "this invite is of version %u, this Tally reads version %u; update it",
                          payload.ptr[0], TALLY_INVITE_VERSION);
    const uint8_t *at = payload.ptr + 1;
    memcpy(out->team.b, at, sizeof out->team.b);
    memcpy(out->inviter, at += sizeof out->team.b, sizeof out->inviter);
    memcpy(out->secret, at += sizeof out->inviter, sizeof out->secret);
    uint64_t expires = tally_get_be64(at += sizeof out->secret);
    out->address_count = at[8];
    at += 9;
    size_t rest = payload.len - CHECK_BYTES - (size_t)(at - payload.ptr);
    bool sound = expires <= INT64_MAX && out->address_count > 0 &&
                 out->address_count <= TALLY_INVITE_MAX_ADDRESSES &&
                 take_addresses(tally_span_of(at, rest), out);
    if (!sound)
        return tally_fail(err, TALLY_EFORMAT,
                          "the invite holds no usable address or time; ask for a new one");
    out->expires_s = (int64_t)expires;
    return 0;
}

int tally_invite_decode(tally_span line, int64_t now_s, tally_invite *out, tally_error *err) {
    uint8_t payload[PAYLOAD_MAX_BYTES];
    size_t len = 0;
    *out = (tally_invite){0};
    int rc = take_prefix(&line, err);
    if (rc != 0) return rc;
    if (tally_unbase64(line, true, payload, sizeof payload, &len) != 0) rc = fail_base64(line, err);
    if (rc == 0) rc = read_payload(tally_span_of(payload, len), out, err);
    if (rc == 0 && now_s >= out->expires_s)
        rc = tally_fail(err, TALLY_EREFUSED,
                        "the invite has expired; ask for a new one ('tally team invite')");
    if (rc != 0) sodium_memzero(out, sizeof *out);
    sodium_memzero(payload, sizeof payload);
    return rc;
}

void tally_short_code(const tally_hash *handshake, char out[TALLY_SHORT_CODE_BYTES]) {
    const tally_span parts[] = {tally_span_str(SHORT_CODE_LABEL),
                                tally_span_of(handshake->b, sizeof handshake->b)};
    tally_hash block;
    size_t used = 0, digits = 0;
    tally_sha256_parts(parts, 2, &block);
    while (digits < SHORT_CODE_DIGITS) {
        if (used == sizeof block.b) {
            tally_sha256(tally_span_of(block.b, sizeof block.b), &block);
            used = 0;
        }
        uint8_t byte = block.b[used++];
        if (byte >= SHORT_CODE_UNBIASED) continue;
        size_t gap = digits >= SHORT_CODE_DIGITS / 2;
        out[digits++ + gap] = (char)('0' + byte % 10);
    }
    out[SHORT_CODE_DIGITS / 2] = ' ';
    out[SHORT_CODE_DIGITS + 1] = '\0';
}
