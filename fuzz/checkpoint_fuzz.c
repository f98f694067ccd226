/* Fuzzes the signed-note parser. What it accepts must be what the formatter writes for it. */
#include <stdlib.h>
#include <tally/checkpoint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The device and origin of the seeds: RFC 8032 section 7.1, test 3, and SHA-256("abc"). */
#define DEVICE_HEX "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
#define TEAM_HEX   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ORIGIN     "tally.invalid/" TEAM_HEX "/" DEVICE_HEX

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tally_device_id device;
    tally_checkpoint cp, again;
    tally_error err;
    tally_span input = tally_span_of(data, size);
    if (tally_unhex(tally_span_str(DEVICE_HEX), device.b, sizeof device.b) != 0) abort();
    if (tally_checkpoint_parse(input, &device, ORIGIN, &cp, &err) != 0) return 0;

    char note[TALLY_CHECKPOINT_MAX_BYTES];
    size_t len = tally_checkpoint_format(&device, ORIGIN, &cp, note);
    tally_span ours = tally_span_of(note, len);
    if (tally_checkpoint_parse(ours, &device, ORIGIN, &again, &err) != 0) abort();
    if (again.size != cp.size || !tally_hash_eq(&again.root, &cp.root)) abort();
    /* The same three lines open both notes. */
    size_t body = tally_checkpoint_body(ORIGIN, cp.size, &cp.root, note);
    if (size < body || memcmp(data, note, body) != 0) abort();
    return 0;
}
