/* Any bytes as a beacon: only one that we would make ourselves is recognised. */
#include <tally/beacon.h>

#include <stdlib.h>

/* 2026-03-01, noon, and the secret 00 01 .. 1f, as for the seeds. */
#define DAY_S 86400
#define NOW_S (20513LL * DAY_S + DAY_S / 2)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tally_team_secret secret = {0};
    uint16_t port;
    bool made = false;
    for (uint8_t i = 0; i < sizeof secret.bytes; i++)
        secret.bytes[i] = i;
    if (!tally_beacon_recognise(tally_span_of(data, size), &secret, 1, NOW_S, &port, NULL))
        return 0;
    must(size == TALLY_BEACON_BYTES);
    for (int day = -1; day <= 1 && !made; day++) {
        uint8_t again[TALLY_BEACON_BYTES];
        must(tally_beacon_make(secret.bytes, data + 1, NOW_S + day * DAY_S, port, again, NULL) ==
             0);
        made = memcmp(again, data, sizeof again) == 0;
    }
    must(made);
    return 0;
}
