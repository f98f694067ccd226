#!/usr/bin/env bats
# Three nodes in three network namespaces of the kernel. Ada and Bob never see each other; Cleo has a wire to each, and
# one wire at a time is plugged in.
load common
load net
bats_require_minimum_version 1.5.0

readonly port=7117

# Cleo's ends of the wires are called ada and bob. Nothing forwards between them.
spaces_make() {
    local node
    for node in ada bob cleo; do
        space_of[$node]=tally-$$-$node
        space_make "${space_of[$node]}"
    done
    ip netns exec "${space_of[cleo]}" sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
    wire ada 10.71.1
    wire bob 10.71.2
}

wire() { # NODE NETWORK: NODE is .1, Cleo .2
    ip link add "$1" netns "${space_of[cleo]}" type veth peer name cleo netns "${space_of[$1]}"
    ip -n "${space_of[$1]}" address add "$2.1/24" dev cleo
    ip -n "${space_of[cleo]}" address add "$2.2/24" dev "$1"
    ip -n "${space_of[$1]}" link set cleo up
}

plug() { ip -n "${space_of[cleo]}" link set "$1" up; }
unplug() { ip -n "${space_of[cleo]}" link set "$1" down; }

reaches() { # NODE HOST
    ip netns exec "${space_of[$1]}" timeout 2 bash -c ": </dev/tcp/$2/$port" 2>/dev/null
}

requests_of() { on "$1" costs list --json | jq .total.requests; }

has_requests() { # COUNT NODE...
    local node
    for node in "${@:2}"; do [ "$(requests_of "$node")" -eq "$1" ] || return 1; done
}

# Ada made the team, Cleo let Bob in while Ada was away, and each has written something alone.
team_make() {
    node_found ada
    plug ada
    join ada 10.71.1.1:$port cleo admin
    unplug ada
    plug bob
    join cleo 10.71.2.2:$port bob member
    unplug bob
    append ada 200 1
    append bob 150 2
    append cleo 100 3
}

teardown() {
    local node
    end_all
    for node in "${!space_of[@]}"; do ip netns del "${space_of[$node]}" 2>/dev/null || true; done
}

@test "Cleo carries what Ada and Bob write, and all three views end up the same" {
    spaces_make
    team_make
    has_requests 200 ada
    has_requests 150 bob
    daemon_quiet ada 10.71.1.1:$port
    daemon_quiet bob 10.71.2.1:$port
    daemon ada
    daemon bob

    plug ada
    reaches cleo 10.71.1.1
    on cleo sync now 10.71.1.1:$port
    has_requests 300 ada cleo
    unplug ada

    plug bob
    reaches cleo 10.71.2.1
    run ! reaches ada 10.71.2.1
    run ! reaches bob 10.71.1.1
    on cleo sync now 10.71.2.1:$port
    has_requests 450 bob cleo
    has_requests 300 ada
    unplug bob

    plug ada
    run ! reaches ada 10.71.2.1
    on cleo sync now 10.71.1.1:$port
    has_requests 450 ada bob cleo
    same_records ada bob cleo
    same_views ada bob cleo
    run ! grep -F 10.71.2 "$(log_of ada)"
    run ! grep -F 10.71.1 "$(log_of bob)"
}

@test "three daemons do the same by themselves as wires are plugged in and pulled out" {
    local node
    spaces_make
    team_make
    for node in ada bob cleo; do
        on "$node" config set node.capture off >/dev/null 2>&1
        daemon "$node"
    done
    plug ada
    within 60 has_requests 300 ada cleo
    unplug ada
    append ada 7 4
    plug bob
    within 60 has_requests 450 bob cleo
    append bob 5 5
    within 10 has_requests 455 bob cleo
    unplug bob
    plug ada
    within 60 has_requests 462 ada cleo
    unplug ada
    plug bob
    within 60 has_requests 462 ada bob cleo
    same_views ada bob cleo
}
