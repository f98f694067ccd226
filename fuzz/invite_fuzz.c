/* Any text as an invite: what is accepted is what we would write for it; and any text as an
 * address.
 */
#include <tally/invite.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tally_span text = tally_span_of(data, size);
    tally_invite invite;
    if (tally_address_valid(text)) must(size <= TALLY_INVITE_ADDRESS_MAX_BYTES);
    int rc = tally_invite_decode(text, 0, &invite, NULL);
    must(rc == 0 || rc == TALLY_EFORMAT || rc == TALLY_EREFUSED);
    if (rc != 0) return 0;
    char line[TALLY_INVITE_LINE_MAX_BYTES];
    size_t len;
    must(tally_invite_encode(&invite, line, &len, NULL) == 0);
    must(tally_span_eq(text, tally_span_of(line, len)));
    return 0;
}
