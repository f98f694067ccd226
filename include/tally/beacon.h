/* Beacons: the payload of the UDP multicast by which teammates on a LAN find each other.
 *
 *     version  1 byte, 1
 *     nonce    16 random bytes, new in every beacon
 *     tag      16 bytes: H("tally beacon tag", nonce || day || port)
 *     port     2 bytes, big-endian, XORed with the first 2 of H("tally beacon pad", nonce || day)
 *
 * H(p, m) is BLAKE2b (RFC 7693) with 16 bytes of output, key = the 32 bytes of the team's secret,
 * no salt, personalisation p (16 bytes). day is u32 big-endian: whole days since 1970-01-01 UTC.
 * port is u16 big-endian, not 0: where the node listens for TCP, at the address the beacon came
 * from. Without the secret all but the first byte looks random, and two beacons of one team have
 * nothing in common. A beacon proves nothing about who sent it: it can be sent again by anybody
 * until two days have passed. The handshake decides. */
#ifndef TALLY_BEACON_H
#define TALLY_BEACON_H

#include <tally/team.h>

#define TALLY_BEACON_VERSION     1u
#define TALLY_BEACON_NONCE_BYTES 16u
#define TALLY_BEACON_TAG_BYTES   16u
#define TALLY_BEACON_BYTES       (1u + TALLY_BEACON_NONCE_BYTES + TALLY_BEACON_TAG_BYTES + 2u)

/* TALLY_EINVAL for port 0 or a clock before 1970 or after the day number's end. */
int tally_beacon_make(const uint8_t secret[TALLY_TEAM_SECRET_BYTES],
                      const uint8_t nonce[TALLY_BEACON_NONCE_BYTES], int64_t now_s, uint16_t port,
                      uint8_t out[TALLY_BEACON_BYTES], tally_error *err);

/* True when `payload` was made with one of `secrets` yesterday, today or tomorrow (UTC, at
 * `now_s`); `port` and `which` (may be NULL), the index of that secret, are set only then. The time
 * it takes depends on `count` and the payload's length alone. */
bool tally_beacon_recognise(tally_span payload, const tally_team_secret *secrets, size_t count,
                            int64_t now_s, uint16_t *port, size_t *which);

#endif
