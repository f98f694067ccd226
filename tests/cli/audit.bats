#!/usr/bin/env bats
# The ledger itself: log, show, verify, fsck, rebuild, backup, and what damage looks like.
load common

flip_byte() { # FILE OFFSET
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "log --json is one record a line, whose hash is that of its bytes" {
    ledger_with_real_logs
    tally log --json >log
    [ "$(wc -l <log)" -eq "$(tally status --json | jq .records)" ]
    [ "$(jq -c keys log | sort -u)" = '["body","device","hash","hlc","index","kind","time"]' ]
    [ "$(jq -r .kind log | head -1)" = team.create ]
    [ "$(head -1 log | jq -r .hash)" = "$(tally status --json | jq -r .team)" ]
    [ "$(jq -s 'map(.index) == [range(length)]' log)" = true ]
    [ "$(tally log --kind cost --json | wc -l)" -eq "$(tally costs list --json | jq .total.requests)" ]
    hash=$(jq -r 'select(.kind == "cost") | .hash' log | head -1)
    tally show "$hash" --json | jq -r .record | sed 's/^/00/' | unhex | sha256sum | grep -q "^$hash "
}

@test "show proves every record against its signed checkpoint" {
    ledger_with_real_logs
    tally log --json | jq -r .hash | while read -r hash; do
        tally show "${hash:0:16}" --json >shown
        [ "$(jq -r .hash shown)" = "$hash" ]
        # RFC 9162 section 2.1.3.2, in shell: the root follows from the leaf and the proof.
        fn=$(jq .inclusion.leaf_index shown)
        sn=$(($(jq .inclusion.tree_size shown) - 1))
        r=$hash
        for p in $(jq -r '.inclusion.hashes[]' shown); do
            if [ $((fn & 1)) -eq 1 ] || [ "$fn" -eq "$sn" ]; then
                r=$(printf '01%s%s' "$p" "$r" | unhex | sha256sum | cut -c1-64)
                while [ $((fn & 1)) -eq 0 ] && [ "$fn" -ne 0 ]; do
                    fn=$((fn >> 1)) sn=$((sn >> 1))
                done
            else
                r=$(printf '01%s%s' "$r" "$p" | unhex | sha256sum | cut -c1-64)
            fi
            fn=$((fn >> 1)) sn=$((sn >> 1))
        done
        [ "$sn" -eq 0 ]
        [ "$r" = "$(jq -r .inclusion.root shown)" ]
        [ "$(jq -r .checkpoint shown | sed -n 3p)" = "$(unhex <<<"$r" | base64)" ]
    done
    fails_with 1 tally show ffffffffffffffff
    fails_with 2 tally show xyz
}

@test "verify and fsck pass on a sound ledger" {
    ledger_with_real_logs
    for command in verify "verify --deep" fsck; do
        # shellcheck disable=SC2086
        tally $command --json >result
        jq -e '.ok and .findings == []' result
        [ "$(jq .records result)" -eq "$(tally status --json | jq .records)" ]
    done
    tally verify | grep -q "^ok: "
}

@test "a changed byte of a record is found" {
    ledger_with_real_logs
    at=$(grep -abo 'resp_mock2' "$TALLY_HOME/ledger.mdb" | head -1 | cut -d: -f1)
    flip_byte "$TALLY_HOME/ledger.mdb" "$at"
    try tally verify --json
    [ "$status" -eq 3 ]
    jq -e '.ok == false and (.findings | length) > 0' <<<"$output"
    try tally fsck
    [ "$status" -eq 3 ]
    [ -n "$output" ]
}

@test "a store cut short or overwritten is a finding, never a crash" {
    ledger_with_real_logs
    cp "$TALLY_HOME/ledger.mdb" whole
    pages=$(($(stat -c %s whole) / 4096))
    for page in $(seq 2 3 $((pages - 1))); do
        cp whole "$TALLY_HOME/ledger.mdb"
        head -c 4096 /dev/zero | tr '\0' '\377' |
            dd of="$TALLY_HOME/ledger.mdb" bs=4096 seek="$page" conv=notrunc status=none
        try tally fsck --json
        [ "$status" -eq 0 ] || [ "$status" -eq 3 ] || { echo "page $page: exit $status"; return 1; }
        if [ -n "$output" ]; then jq -e 'has("findings")' <<<"$output" >/dev/null; fi
    done
    for keep in 0 100 4096 8192 20000; do
        head -c "$keep" whole >"$TALLY_HOME/ledger.mdb"
        try tally verify --json
        [ "$status" -eq 3 ] || { echo "$keep bytes: exit $status"; return 1; }
        try tally report
        [ "$status" -eq 3 ] || [ "$status" -eq 1 ] || { echo "$keep bytes: report $status"; return 1; }
    done
}

@test "rebuild gives the same figures" {
    ledger_with_real_logs
    tally tag add acme --session 30dcd767 2>/dev/null
    tally costs export --format json >before
    tally rebuild 2>/dev/null
    tally costs export --format json | cmp - before
    tally verify --deep >/dev/null
}

@test "backup copies a ledger that opens, and never overwrites" {
    ledger_with_real_logs
    tally backup copy.mdb 2>/dev/null
    fails_with 1 tally backup copy.mdb
    mkdir restored
    cp copy.mdb restored/ledger.mdb
    cp "$TALLY_HOME/device.key" restored/
    tally verify --deep --ledger restored >/dev/null
    tally costs export --format json --ledger restored | cmp - <(tally costs export --format json)
    fails_with 3 tally backup /nonexistent/copy.mdb
}

@test "show finds the record behind a cost by the entry id that lists show" {
    ledger_with_real_logs >/dev/null
    local id
    id=$(tally costs list --json | jq -r '.costs[0].id')
    run tally show "$id" --json
    [ "$status" -eq 0 ]
    [ "$(jq -r .kind <<<"$output")" = cost ]
    [ "$(jq -r .body.model <<<"$output")" = "$(tally costs list --json | jq -r '.costs[0].model')" ]
    fails_with 1 tally show 00000000000000000000000000000000
}
