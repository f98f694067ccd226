#!/usr/bin/env bats
# A daemon on a hostile network: strangers who know the address, replays, spent and late invites, a revoked device.
# Each is refused with a code and a line in the log; memory stays bounded; teammates go on undisturbed.
load common
load net
bats_require_minimum_version 1.5.0

# A plain build grows by half a MiB; the address sanitizer pads what is allocated and holds back what is freed (4 MiB).
readonly growth_max_kib=16384

teardown() { end_all; }

# Ada's daemon and Bob's, connected.
pair_make() {
    node_found ada
    join ada "127.0.0.1:$(free_port)" bob member
    port=$(free_port)
    daemon_quiet ada "127.0.0.1:$port"
    daemon_quiet bob none
    on bob config set sync.peers "127.0.0.1:${1:-$port}" >/dev/null 2>&1
    daemon ada --log json
    written=0
}

bob_starts() {
    daemon bob --log json
    within 20 connected ada
    peak_before=$(peak_of ada)
}

connected() { on "$1" node status --json | jq -e '.connections | length == 1' >/dev/null; }

peak_of() { awk '/^VmHWM:/ { print $2 }' "/proc/${pid_of[$1]}/status"; }

sockets_of() { find "/proc/${pid_of[$1]}/fd" -lname 'socket:*' | wc -l; }

# What Ada writes now reaches Bob at once, over the connection that was there before, and she has not grown.
undisturbed() {
    local grown
    written=$((written + 1))
    append ada 3 $written
    within 2 same_records ada bob || { echo "Bob does not get what Ada writes"; return 1; }
    [ "$(logged ada connected)" -eq 1 ] || { echo "Bob had to connect again"; return 1; }
    grown=$(($(peak_of ada) - peak_before))
    echo "grown by $grown KiB"
    [ "$grown" -lt $growth_max_kib ]
}

# How many lines of a log say so, with that code where one is given.
logged() { # NODE EVENT [CODE]
    jq -s --arg event "$2" --arg code "${3:-}" \
        '[.[] | select(.event == $event and ($code == "" or (.code | tostring) == $code))] | length' "$(log_of "$1")"
}

logged_more() { # NODE EVENT COUNT [CODE]
    [ "$(logged "$1" "$2" "${4:-}")" -ge "$3" ]
}

# Leaves a connection in `wire`.
open_wire() { exec {wire}<>"/dev/tcp/127.0.0.1/$port"; }

# Sends what stands on stdin to Ada, and waits until she has hung up; what she answered is in `answer`.
send() {
    local wire
    open_wire
    { cat >&"$wire"; } 2>/dev/null || true
    timeout 15 cat <&"$wire" >answer 2>/dev/null || [ $? -ne 124 ] || { echo "Ada does not hang up"; return 1; }
    exec {wire}>&-
}

random_bytes() { openssl enc -aes-128-ctr -nosalt -pass "pass:$1" -in /dev/zero 2>/dev/null | head -c "$2"; }

@test "a stranger's bytes are refused at once, whatever they are" {
    local i
    pair_make
    bob_starts
    for i in $(seq 1 20); do
        random_bytes "$i" 5000 | send
        [ ! -s answer ] # not a byte that would say who or what is here
    done
    for words in $'GET / HTTP/1.1\r\nHost: ledger\r\n\r\n' $'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' 'SSH-2.0-OpenSSH_9.2'; do
        printf '%s' "$words" | send
        [ ! -s answer ]
    done
    within 5 logged_more ada refused 23
    undisturbed
}

@test "lengths of 4 GB cost nothing" {
    local i
    pair_make
    bob_starts
    for i in $(seq 1 20); do
        { printf '\xff\xff\xff\xff'; random_bytes "$i" 200000; } | send
        { printf '\x00\x30'; random_bytes "$i" 48; printf '\xff\xff\xff\xff'; random_bytes "$i" 200000; } | send
    done
    within 5 logged_more ada refused 40
    undisturbed
}

@test "hundreds of silent and slow connections neither crowd the teammates out nor stay" {
    local wire wires=() i
    trap '' PIPE # writing to those that were hung up
    pair_make
    bob_starts
    sockets_before=$(sockets_of ada)
    for i in $(seq 1 300); do
        open_wire
        wires+=("$wire")
    done
    undisturbed
    [ "$(sockets_of ada)" -le $((sockets_before + 32)) ] # NET_MAX_HANDSHAKES
    for i in $(seq 1 30); do # a byte now and then does not keep a handshake open
        for wire in "${wires[@]: -5}"; do { printf '\x00' >&"$wire"; } 2>/dev/null || true; done
        sleep 0.5
    done
    [ "$(sockets_of ada)" -eq "$sockets_before" ]
    for wire in "${wires[@]}"; do exec {wire}>&-; done
    within 5 logged_more ada refused 300
    undisturbed
}

@test "a recorded connection that is played again gets nowhere" {
    local relay
    relay=$(free_port)
    pair_make "$relay"
    tap "$relay" "$port"
    bob_starts
    append bob 50 70
    within 10 same_records ada bob
    end TERM bob
    end TERM tap
    cp tap/1.up recording
    cp tap/1.down answered
    [ "$(wc -c <recording)" -gt 1000 ]
    before=$(records_of ada)
    send <recording
    # She answers the first packet, whose secret is right, with a fresh key; the third then fails.
    [ "$(wc -c <answer)" -le $((2 + 96)) ]
    run ! cmp -s <(head -c 34 answer) <(head -c 34 answered)
    within 5 logged_more ada refused 1
    [ "$(records_of ada)" -eq "$before" ]
    on ada verify --deep
}

@test "a spent invite lets nobody in" {
    local line
    node_found ada
    node_new bob
    node_new eve
    invite ada "127.0.0.1:$(free_port)" "127.0.0.1:1"
    end TERM invite
    address=127.0.0.1:$(free_port)
    invite ada "$address" "$address"
    on bob team join "$line" --member bob --device laptop-of-bob
    wait "${pid_of[invite]}"
    unset 'pid_of[invite]'
    run on eve team join "$line" --member eve --device laptop-of-eve
    echo "$output"
    [ "$status" -ne 0 ]
    [ ! -e "$(folder_of eve)/ledger/ledger.mdb" ]
    [ "$(on ada team show --json | jq '.devices | length')" -eq 2 ]
    # Not even while somebody else is being invited at the same address.
    old=$line
    invite ada "$address" "$address"
    run on eve team join "$old" --member eve --device laptop-of-eve
    echo "$output"
    [ "$status" -ne 0 ]
    [ "$(on ada team show --json | jq '.devices | length')" -eq 2 ]
}

@test "a late invite lets nobody in" {
    local line
    node_found ada
    node_new eve
    address=127.0.0.1:$(free_port)
    invite ada "$address" "$address" --minutes 1
    sleep 61
    run on eve team join "$line" --member eve --device laptop-of-eve
    echo "$output"
    [ "$status" -eq 4 ]
    [[ "$output" == *expired* || "$output" == *late* ]]
    [ ! -e "$(folder_of eve)/ledger/ledger.mdb" ]
    [ "$(on ada team show --json | jq '.devices | length')" -eq 1 ]
    status=0
    wait "${pid_of[invite]}" || status=$?
    unset 'pid_of[invite]'
    [ "$status" -eq 4 ]
}

@test "a revoked device is cut off at once and refused afterwards" {
    pair_make
    bob_starts
    undisturbed
    on ada team revoke bob --yes
    gone() { on ada node status --json | jq -e '.connections == []' >/dev/null; }
    within 5 gone
    within 5 logged_more bob ended 1 3
    before=$(records_of bob)
    append ada 3 99
    append bob 3 98
    held=$(records_of ada)
    end TERM bob
    daemon bob --log json
    within 10 logged_more ada refused 1 3
    [ "$(records_of bob)" -le $((before + 4 + 2)) ] # its own four; maybe the revocation; none of Ada's
    [ "$(on bob costs list --json | jq .total.requests)" -le 6 ]
    [ "$(records_of ada)" -eq "$held" ]
}
