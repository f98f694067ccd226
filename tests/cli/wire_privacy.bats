#!/usr/bin/env bats
# What somebody sees who holds the cable: nothing that is written in the ledger, nobody's name or key, nothing that
# two connections have in common, and in a beacon nothing at all.
load common
load net
bats_require_minimum_version 1.5.0

teardown() {
    end_all
    [ -z "${space_of[ada]:-}" ] || ip netns del "${space_of[ada]}" 2>/dev/null || true
}

# What Ada has written and the team is called, as anybody may look for it. Short words could come up by chance.
readonly texts=(Harbour laptop-of-ada laptop-of-bob /home/dev/clients claude-code claude-opus feature/ team.create device.add
    teamkey session hello commits want_blob tally Tally frontier member msg_01 req_011)

# Hexadecimal of everything that must never be seen: words, ids, keys.
secrets_of() { # NODE...
    local word node folder
    for word in "${texts[@]}"; do printf '%s' "$word" | hex_of && echo; done
    on ada status --json | jq -r .team
    for node in "$@"; do
        folder=$(folder_of "$node")/ledger
        on "$node" status --json | jq -r .device
        sed -n 's/^\(device\|box\|secret\) //p' "$folder/device.key"
    done
    on ada log --json | jq -r '.. | strings | select(test("^[0-9a-f]{32,}$"))' # keys in records, sealed ones too
    printf 28b52ffd # of zstd: what is compressed must not be visible as such
}

# What is looked for is right: this much of it can be seen in the store.
secrets_are_real() { # TEXT...
    local word store
    store=$(folder_of ada)/ledger/ledger.mdb
    for word in Harbour laptop-of-ada laptop-of-bob team.create device.add teamkey "$@"; do
        grep -qaF "$word" "$store" || { echo "$word is not even in the store"; return 1; }
    done
    hex_of "$store" >store.hex
    grep -qF "$(on ada status --json | jq -r .device)" store.hex
}

sees_nothing() { # FILE...
    local file
    secrets_of ada bob | sort -u >secrets
    [ "$(wc -l <secrets)" -ge 25 ]
    for file in "$@"; do
        hex_of "$file" >seen.hex
        [ -s seen.hex ]
        if grep -oFf secrets seen.hex; then
            echo "in $file"
            return 1
        fi
    done
}

# The first three packets of a connection, one a line: initiator, responder, initiator.
first_packets() { # NUMBER
    local up down length
    up=$(hex_of "$BATS_TEST_TMPDIR/tap/$1.up")
    down=$(hex_of "$BATS_TEST_TMPDIR/tap/$1.down")
    length=$((4 + 2 * 16#${up:0:4}))
    echo "${up:0:length}"
    echo "${down:0:4 + 2 * 16#${down:0:4}}"
    up=${up:length}
    echo "${up:0:4 + 2 * 16#${up:0:4}}"
}

# Every run of BYTES bytes in the lines on stdin, one a line.
runs_of() { # BYTES
    awk -v n="$((2 * $1))" '{ for (i = 1; i + n - 1 <= length($0); i += 2) print substr($0, i, n) }' | sort -u
}

# Ada serves; Bob has joined and calls through the relay.
pair_make() {
    node_found ada
    join ada "127.0.0.1:$(free_port)" bob member
    port=$(free_port) relay=$(free_port)
    daemon_quiet ada "127.0.0.1:$port"
    daemon ada
    tap "$relay" "$port"
}

@test "nothing of the ledger, the team or the keys is visible on the wire, in or after the handshake" {
    pair_make
    append ada 300 1
    append bob 200 2
    on bob sync now "127.0.0.1:$relay"
    same_views ada bob
    secrets_are_real claude-code /home/dev/clients msg_01
    [ "$(cat tap/1.up tap/1.down | wc -c)" -gt 20000 ]
    sees_nothing tap/1.up tap/1.down
    run ! sees_nothing "$(folder_of ada)/ledger/ledger.mdb" # it can see
}

@test "an invite shows nothing of the team, of who joins and of its secret" {
    local line
    node_found ada
    node_new bob
    port=$(free_port) relay=$(free_port)
    tap "$relay" "$port"
    invite ada "127.0.0.1:$port" "127.0.0.1:$relay"
    on bob team join "$line" --member bob --device laptop-of-bob
    wait "${pid_of[invite]}"
    same_records ada bob
    secrets_are_real
    sees_nothing tap/*.up tap/*.down
}

@test "two connections of the same two devices have no 8 bytes in common in their first three packets" {
    pair_make
    on bob sync now "127.0.0.1:$relay"
    on bob sync now "127.0.0.1:$relay"
    first_packets 1 >first
    first_packets 2 >second
    # XXpsk0 with empty payloads: e and a tag; e, s and two tags; s and two tags; two bytes of length each.
    [ "$(awk '{ print length($0) / 2 - 2 }' first | xargs)" = "48 96 64" ]
    [ "$(awk '{ print length($0) / 2 - 2 }' second | xargs)" = "48 96 64" ]
    runs_of 8 <first >runs1
    runs_of 8 <second >runs2
    [ "$(wc -l <runs1)" -gt 150 ]
    [ -z "$(comm -12 runs1 runs2)" ]
}

@test "a beacon says nothing of the team or the device, and two have nothing in common" {
    local first second
    space_of[ada]=tally-$$-ada
    space_make "${space_of[ada]}"
    ip -n "${space_of[ada]}" link set lo multicast on
    node_found ada
    on ada config set node.capture off >/dev/null 2>&1
    ip netns exec "${space_of[ada]}" "$TOOLS/hear" 239.255.71.17 7117 >heard 3>&- &
    pid_of[hear]=$!
    daemon ada
    within 20 test -s heard
    end TERM ada
    first=$(wc -l <heard)
    daemon ada
    more_heard() { [ "$(wc -l <heard)" -gt "$first" ]; }
    within 20 more_heard
    secrets_of ada | sort -u >secrets
    run ! grep -oFf secrets heard
    while read -r datagram; do
        [ ${#datagram} -eq 70 ] # 35 bytes: version, nonce, tag, port
        [ "${datagram:0:2}" = 01 ]
    done <heard
    first=$(head -n 1 heard) second=$(tail -n 1 heard)
    runs_of 4 <<<"${first:2}" >runs1
    runs_of 4 <<<"${second:2}" >runs2
    [ "$(wc -l <runs1)" -eq 31 ]
    [ -z "$(comm -12 runs1 runs2)" ]
}
