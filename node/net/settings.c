/* Reading what this node was told and what it remembers. Nothing here writes. */
#include "settings.h"

#include <stdio.h>
#include <string.h>
#include <tally/peer.h>

#define LISTEN_NONE "none"

void net_settings_peers(tally_span text, net_settings *out) {
    size_t at = 0;
    out->peer_count = 0;
    while (at < text.len && out->peer_count < NET_MAX_PEERS) {
        size_t end = at;
        while (end < text.len && text.ptr[end] != ' ' && text.ptr[end] != ',')
            end++;
        tally_span word = tally_span_of(text.ptr + at, end - at);
        if (word.len < NET_ADDRESS_BYTES && tally_address_valid(word)) {
            memcpy(out->peers[out->peer_count], word.ptr, word.len);
            out->peers[out->peer_count++][word.len] = '\0';
        }
        at = end + 1;
    }
}

static bool is_on(tally_txn *txn, const char *key) {
    tally_span value;
    return tally_local_get(txn, TALLY_LOCAL_SETTINGS, tally_span_str(key), &value) != 0 ||
           !tally_span_is(value, "off");
}

int net_settings_read(tally_ledger *ledger, net_settings *out, tally_error *err) {
    tally_txn *txn = NULL;
    tally_span value;
    memset(out, 0, sizeof *out);
    int rc = tally_read_begin(ledger, &txn, err);
    if (rc != 0) return rc;
    if (tally_local_get(txn, TALLY_LOCAL_SETTINGS, tally_span_str(NET_SETTING_PEERS), &value) == 0)
        net_settings_peers(value, out);
    if (tally_local_get(txn, TALLY_LOCAL_SETTINGS, tally_span_str(NET_SETTING_LISTEN), &value) ==
            0 &&
        value.len > 0 && value.len < sizeof out->listen)
        memcpy(out->listen, value.ptr, value.len);
    else
        (void)snprintf(out->listen, sizeof out->listen, "*:%u", NET_DEFAULT_PORT);
    out->beacon = is_on(txn, NET_SETTING_BEACON);
    out->capture = is_on(txn, NET_SETTING_CAPTURE);
    tally_read_end(txn);
    return 0;
}

uint16_t net_settings_port(const char *listen) {
    net_endpoint at;
    return strcmp(listen, LISTEN_NONE) != 0 && net_endpoint_parse(listen, &at) ? at.port : 0;
}

typedef struct remembered {
    net_remembered_fn *fn;
    void *ctx;
    const tally_device_id *own;
    tally_txn *txn;
} remembered;

static int one_peer(void *ctx, const tally_peer *peer, tally_error *err) {
    const remembered *all = ctx;
    char address[NET_ADDRESS_BYTES];
    tally_team_device member;
    (void)err;
    bool own = memcmp(peer->device.b, all->own->b, sizeof peer->device.b) == 0;
    if (own || peer->address.len == 0 || peer->address.len >= sizeof address) return 0;
    if (tally_team_device_get(all->txn, &peer->device, &member) != 0 || member.limit != UINT64_MAX)
        return 0;
    memcpy(address, peer->address.ptr, peer->address.len);
    address[peer->address.len] = '\0';
    all->fn(all->ctx, address, &peer->device);
    return 0;
}

int net_remembered_each(tally_ledger *ledger, net_remembered_fn *fn, void *ctx, tally_error *err) {
    remembered all = {.fn = fn, .ctx = ctx, .own = tally_ledger_device(ledger)};
    int rc = tally_read_begin(ledger, &all.txn, err);
    if (rc != 0) return rc;
    rc = tally_peer_each(all.txn, one_peer, &all, err);
    tally_read_end(all.txn);
    return rc;
}
