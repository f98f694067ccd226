/* Invites: the one line that lets a new device join, and the short code that both screens show.
 *
 * Line: "tally1:" || base64url without padding (RFC 4648 section 5, unused bits zero) of
 *     version    1 byte, 1
 *     team       32 bytes, the team id
 *     inviter    32 bytes, X25519 public key of the inviting device
 *     secret     32 bytes, random, one use; the handshake's psk
 *     expires    u64 big-endian, Unix seconds, up to 2^63-1: from then on it is refused
 *     count      1 byte, 1..8
 *     addresses  count times: length (1 byte, 1..255) || "host:port"
 *     check      first 4 bytes of SHA-256 of all bytes before it
 * host is a DNS name or IPv4 address (1..253 bytes of letters, digits, '-' and '.'; labels of 1..63
 * bytes that neither begin nor end with '-'), or an IPv6 address in brackets (2..45 bytes of hex
 * digits, ':' and '.', with two ':' at least). port is 1..65535, decimal without leading zeros.
 * Every later version keeps "tally", its number, ':', the version byte and the check.
 *
 * Short code: B0 = SHA-256("tally short code" || handshake hash), B(i+1) = SHA-256(B(i)); of the
 * bytes of B0 || B1 || ... those of 250 and above are skipped and the others give one decimal digit
 * each, byte mod 10, until there are six. Shown as "123 456". */
#ifndef TALLY_INVITE_H
#define TALLY_INVITE_H

#include <tally/error.h>
#include <tally/hash.h>

#define TALLY_INVITE_VERSION           1u
#define TALLY_INVITE_KEY_BYTES         32u
#define TALLY_INVITE_SECRET_BYTES      32u
#define TALLY_INVITE_MAX_ADDRESSES     8u
#define TALLY_INVITE_ADDRESS_MAX_BYTES 255u
#define TALLY_INVITE_LINE_MAX_BYTES    3072u /* with its NUL; a QR code holds 2953 bytes */
#define TALLY_SHORT_CODE_BYTES         8u    /* "123 456" and a NUL */

/* Holds a secret: the caller wipes it. */
typedef struct tally_invite {
    tally_hash team;
    uint8_t inviter[TALLY_INVITE_KEY_BYTES]; /* whoever joins must accept no other static key */
    uint8_t secret[TALLY_INVITE_SECRET_BYTES];
    int64_t expires_s; /* Unix seconds */
    uint8_t address_count;
    char addresses[TALLY_INVITE_MAX_ADDRESSES][TALLY_INVITE_ADDRESS_MAX_BYTES + 1];
} tally_invite;

/* True for "host:port" as above. */
bool tally_address_valid(tally_span address);

/* Writes the line, NUL-terminated, without a newline; the caller wipes it. `len` (may be NULL) does
 * not count the NUL. TALLY_EINVAL for no or too many addresses, one that is none, or an expiry
 * before 1970. */
int tally_invite_encode(const tally_invite *invite, char out[TALLY_INVITE_LINE_MAX_BYTES],
                        size_t *len, tally_error *err);

/* Reads a line, without spaces or newline around it. TALLY_EFORMAT: not an invite, cut off, or
 * mistyped. TALLY_EREFUSED: of a newer version, or expired at `now_s`. After an error `out` is all
 * zeros. */
int tally_invite_decode(tally_span line, int64_t now_s, tally_invite *out, tally_error *err);

/* What both people compare: equal on both screens unless somebody sits in between. */
void tally_short_code(const tally_hash *handshake, char out[TALLY_SHORT_CODE_BYTES]);

#endif
