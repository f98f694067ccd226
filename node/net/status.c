/* What `tally node status` shows, as one JSON document. */
#include "server.h"

#include <unistd.h>

static void connection_write(const net_connection *c, net_json *json) {
    tally_session_counts counts;
    tally_session_count(c->session, &counts);
    net_json_open(json, NULL, '{');
    net_json_hex(json, "device", c->peer.b, sizeof c->peer.b);
    net_json_text(json, "address", c->address);
    net_json_text(json, "direction", c->outgoing ? "out" : "in");
    net_json_time(json, "since", c->since_ms);
    net_json_bool(json, "in_sync", tally_session_in_sync(c->session));
    net_json_u64(json, "records_in", counts.records_in);
    net_json_u64(json, "records_out", counts.records_out);
    net_json_u64(json, "bytes_in", counts.bytes_in);
    net_json_u64(json, "bytes_out", counts.bytes_out);
    net_json_close(json, '}');
}

static void target_write(const net_target *target, bool connected, net_json *json) {
    static const char *const sources[] = {"setting", "remembered", "lan"};
    net_json_open(json, NULL, '{');
    net_json_text(json, "address", target->address);
    net_json_text(json, "source", sources[target->source]);
    if (target->device_known)
        net_json_hex(json, "device", target->device.b, sizeof target->device.b);
    else
        net_json_null(json, "device");
    bool calling = target->call || (target->connection && !connected);
    net_json_text(json, "state",
                  target->itself ? "itself"
                  : connected    ? "connected"
                  : calling      ? "calling"
                                 : "waiting");
    if (connected || calling || target->itself)
        net_json_null(json, "next_try");
    else
        net_json_time(json, "next_try", target->next_ms > 0 ? target->next_ms : net_now_ms());
    net_json_u64(json, "failures", target->failures);
    net_json_text(json, "why", target->failures > 0 ? target->why : NULL);
    net_json_close(json, '}');
}

static void capture_write(const net_capturing *capturing, net_json *json) {
    const net_captured *last = &capturing->last;
    net_json_open(json, "capture", '{');
    net_json_bool(json, "enabled", capturing->open);
    net_json_bool(json, "running", capturing->child.running);
    net_json_u64(json, "folders", capturing->agents.watch_count);
    if (last->time_ms == 0) {
        net_json_null(json, "last");
    } else {
        net_json_open(json, "last", '{');
        net_json_time(json, "time", last->time_ms);
        net_json_i64(json, "exit", last->exit_code);
        net_json_u64(json, "files", last->files);
        net_json_u64(json, "sessions", last->sessions);
        net_json_u64(json, "costs", last->costs);
        net_json_u64(json, "activity", last->activity);
        net_json_close(json, '}');
    }
    net_json_close(json, '}');
}

void net_status_write(const net_server *server, net_json *json) {
    const tally_device_id *own = tally_ledger_device(server->hub->ledger);
    net_json_open(json, NULL, '{');
    net_json_i64(json, "pid", getpid());
    net_json_time(json, "since", server->since_ms);
    net_json_text(json, "ledger", tally_ledger_dir(server->hub->ledger));
    net_json_hex(json, "device", own->b, sizeof own->b);
    net_json_text(json, "listen", server->listener.tcp ? server->listener.address : NULL);
    net_json_bool(json, "beacon", server->lan.open);
    net_json_open(json, "connections", '[');
    for (const net_connection *c = server->hub->connections; c; c = c->next)
        if (c->established && !c->ended) connection_write(c, json);
    net_json_close(json, ']');
    net_json_open(json, "peers", '[');
    for (size_t i = 0; i < NET_MAX_PEERS; i++) {
        const net_target *target = &server->dialer.targets[i];
        bool connected =
            (target->connection && target->connection->established) ||
            (target->device_known && net_connection_find(server->hub, &target->device, NULL));
        if (target->used) target_write(target, connected, json);
    }
    net_json_close(json, ']');
    capture_write(&server->capturing, json);
    net_json_close(json, '}');
}
