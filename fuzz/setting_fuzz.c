/* Any text as what a person types once and this machine keeps: addresses, a webhook's secret, a
 * repository's remote, a file's name in a shared folder. What is taken is written back as the same,
 * or in its one spelling. */
#include <tally/folder.h>
#include <tally/invite.h>
#include <tally/outbox.h>

#include <arpa/inet.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "net/address.h"
#include "net/settings.h"
#include "remote.h"
#include "webhook/sign.h"

#define TEXT_MAX_BYTES 2048u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition) abort();
}

static void try_endpoint(const char *text) {
    char again[NET_ADDRESS_BYTES], host[NET_HOST_BYTES];
    struct sockaddr_storage address, same;
    net_endpoint endpoint, back;
    if (!net_endpoint_parse(text, &endpoint)) return;
    must(strlen(endpoint.host) < sizeof endpoint.host);
    if (!net_endpoint_numeric(&endpoint, &address)) return;
    net_sockaddr_host((const struct sockaddr *)&address, host);
    net_sockaddr_format((const struct sockaddr *)&address, again);
    must(net_endpoint_parse(again, &back) && back.port == endpoint.port);
    must(net_endpoint_numeric(&back, &same));
    char twice[NET_ADDRESS_BYTES];
    net_sockaddr_format((const struct sockaddr *)&same, twice);
    must(strcmp(again, twice) == 0);
}

static void try_peers(tally_span text) {
    static net_settings settings;
    net_settings_peers(text, &settings);
    must(settings.peer_count <= NET_MAX_PEERS);
    for (size_t i = 0; i < settings.peer_count; i++)
        must(tally_address_valid(tally_span_str(settings.peers[i])));
}

static void try_secret(tally_span text) {
    uint8_t secret[TALLY_HOOK_SECRET_MAX_BYTES];
    char again[WEBHOOK_SECRET_TEXT_BYTES];
    size_t len;
    if (webhook_secret_read(text, secret, &len, NULL) != 0) return;
    must(len >= TALLY_HOOK_SECRET_MIN_BYTES && len <= sizeof secret);
    webhook_secret_write(tally_span_of(secret, len), again);
    must(tally_span_is(text, again));
}

/* A message of these bytes, signed under two of these secrets: what HMAC-SHA256 says of it. */
static void try_sign(tally_span body) {
    const tally_span secrets[] = {tally_span_of(body.ptr, body.len / 2), body};
    char out[WEBHOOK_SIGNATURES_BYTES], *at = out;
    webhook_sign(secrets, 2, "msg_0", 7, body, out);
    for (size_t i = 0; i < 2; i++, at += strlen(at) + 1) {
        crypto_auth_hmacsha256_state state;
        uint8_t mac[crypto_auth_hmacsha256_BYTES], told[sizeof mac];
        size_t len = 0;
        char *end = strchr(at, ' ');
        must((end != NULL) == (i == 0));
        if (end) *end = '\0';
        (void)crypto_auth_hmacsha256_init(&state, secrets[i].ptr, secrets[i].len);
        (void)crypto_auth_hmacsha256_update(&state, (const uint8_t *)"msg_0.7.", 8);
        (void)crypto_auth_hmacsha256_update(&state, body.ptr, body.len);
        (void)crypto_auth_hmacsha256_final(&state, mac);
        must(strncmp(at, "v1,", 3) == 0);
        must(tally_unbase64(tally_span_str(at + 3), false, told, sizeof told, &len) == 0);
        must(len == sizeof mac && memcmp(told, mac, len) == 0);
    }
}

static void try_remote(tally_span text) {
    char once[REMOTE_MAX_BYTES];
    size_t len = remote_normalise(text, once);
    must(len <= sizeof once && len <= text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[TEXT_MAX_BYTES + 1];
    tally_hook_event event;
    tally_span span = tally_span_of(data, size);
    if (size > TEXT_MAX_BYTES) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    try_endpoint(text);
    try_peers(span);
    try_secret(span);
    try_sign(span);
    try_remote(span);
    if (tally_folder_name(span)) must(size < TALLY_FOLDER_NAME_BYTES);
    if (tally_hook_event_find(span, &event))
        must(tally_span_is(span, tally_hook_event_name(event)));
    (void)net_settings_port(text);
    return 0;
}
