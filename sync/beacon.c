/* LAN beacons: made and recognised. The format is in tally/beacon.h; sockets are in node/. */
#include <tally/beacon.h>
#include <tally/time.h>

#include <sodium.h>

#define NONCE_AT 1u
#define TAG_AT   (NONCE_AT + TALLY_BEACON_NONCE_BYTES)
#define PORT_AT  (TAG_AT + TALLY_BEACON_TAG_BYTES)

static const char tag_person[] = "tally beacon tag", pad_person[] = "tally beacon pad";
_Static_assert(sizeof tag_person == crypto_generichash_blake2b_PERSONALBYTES + 1, "16 bytes");
_Static_assert(sizeof pad_person == sizeof tag_person, "16 bytes");
_Static_assert(PORT_AT + 2 == TALLY_BEACON_BYTES, "nothing else in the payload");

/* Day number of a Unix time in seconds; false when it does not fit. */
static bool day_of(int64_t now_s, uint32_t *day) {
    int64_t days = now_s / TALLY_DAY_S;
    if (now_s < 0 || days > UINT32_MAX) return false;
    *day = (uint32_t)days;
    return true;
}

/* Keyed BLAKE2b of nonce || day || the first `port_len` bytes of `port`. */
static void keyed_hash(const uint8_t *secret, const char *person, const uint8_t *nonce,
                       uint32_t day, const uint8_t *port, size_t port_len, uint8_t *out) {
    uint8_t message[TALLY_BEACON_NONCE_BYTES + 4 + 2] = {0};
    memcpy(message, nonce, TALLY_BEACON_NONCE_BYTES);
    tally_put_be32(message + TALLY_BEACON_NONCE_BYTES, day);
    memcpy(message + TALLY_BEACON_NONCE_BYTES + 4, port, port_len);
    (void)crypto_generichash_blake2b_salt_personal(
        out, TALLY_BEACON_TAG_BYTES, message, TALLY_BEACON_NONCE_BYTES + 4 + port_len, secret,
        TALLY_TEAM_SECRET_BYTES, NULL, (const uint8_t *)person);
}

/* The port in clear from the one in the payload, or the other way round. */
static void mask_port(const uint8_t *secret, const uint8_t *nonce, uint32_t day,
                      const uint8_t in[2], uint8_t out[2]) {
    uint8_t pad[TALLY_BEACON_TAG_BYTES];
    keyed_hash(secret, pad_person, nonce, day, in, 0, pad);
    for (size_t i = 0; i < 2; i++)
        out[i] = in[i] ^ pad[i];
}

int tally_beacon_make(const uint8_t secret[TALLY_TEAM_SECRET_BYTES],
                      const uint8_t nonce[TALLY_BEACON_NONCE_BYTES], int64_t now_s, uint16_t port,
                      uint8_t out[TALLY_BEACON_BYTES], tally_error *err) {
    uint32_t day;
    const uint8_t clear[2] = {(uint8_t)(port >> 8), (uint8_t)port};
    if (port == 0) return tally_fail(err, TALLY_EINVAL, "a beacon needs a port to listen on");
    if (!day_of(now_s, &day))
        return tally_fail(err, TALLY_EINVAL, "cannot make a beacon: the clock is wrong; set it");
    out[0] = TALLY_BEACON_VERSION;
    memcpy(out + NONCE_AT, nonce, TALLY_BEACON_NONCE_BYTES);
    keyed_hash(secret, tag_person, nonce, day, clear, sizeof clear, out + TAG_AT);
    mask_port(secret, nonce, day, clear, out + PORT_AT);
    return 0;
}

/* Whether the beacon was made with this secret on this day; `port` is then the port. */
static bool made_with(const uint8_t *beacon, const uint8_t *secret, uint32_t day, uint16_t *port) {
    uint8_t clear[2], tag[TALLY_BEACON_TAG_BYTES];
    mask_port(secret, beacon + NONCE_AT, day, beacon + PORT_AT, clear);
    keyed_hash(secret, tag_person, beacon + NONCE_AT, day, clear, sizeof clear, tag);
    *port = (uint16_t)(clear[0] << 8 | clear[1]);
    return sodium_memcmp(tag, beacon + TAG_AT, sizeof tag) == 0;
}

bool tally_beacon_recognise(tally_span payload, const tally_team_secret *secrets, size_t count,
                            int64_t now_s, uint16_t *port, size_t *which) {
    bool found = false;
    uint32_t today;
    if (payload.len != TALLY_BEACON_BYTES || payload.ptr[0] != TALLY_BEACON_VERSION) return false;
    if (!day_of(now_s, &today)) return false;
    uint32_t first = today > 0 ? today - 1 : 0, last = today < UINT32_MAX ? today + 1 : today;
    /* All are tried, also after a match: the time must not tell which secret it was. */
    for (size_t i = 0; i < count; i++)
        for (uint64_t day = first; day <= last; day++) {
            uint16_t clear;
            if (!made_with(payload.ptr, secrets[i].bytes, (uint32_t)day, &clear) || clear == 0)
                continue;
            *port = clear;
            if (which) *which = i;
            found = true;
        }
    return found;
}
