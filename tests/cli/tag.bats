#!/usr/bin/env bats
# tally tag: on sessions and entries, added once, removed, listed.
load common

@test "a tag on a session is on all its costs, and can be taken off" {
    ledger_with_real_logs
    tally tag add acme --session 30dcd767 2>/dev/null
    requests=$(tally sessions show 30dcd767 --json | jq .requests)
    [ "$(tally costs list --tag acme --json | jq .total.requests)" -eq "$requests" ]
    [ "$(tally tag list --json | jq -c '.tags[] | [.tag, .agent, .session]')" = \
        '["acme","claude-code","30dcd767-4c99-48ea-8837-7d1da741b315"]' ]
    tally tag remove acme --session 30dcd767 2>/dev/null
    [ "$(tally costs list --tag acme --json | jq .total.requests)" -eq 0 ]
    [ "$(tally tag list --json)" = '{"tags":[]}' ]
    tally tag add acme --session 30dcd767 2>/dev/null
    [ "$(tally costs list --tag acme --json | jq .total.requests)" -eq "$requests" ]
    tally verify --deep >/dev/null
}

@test "a tag on an entry is on that cost only" {
    ledger_with_real_logs
    id=$(tally costs list --json | jq -r '.costs[0].id')
    tally tag add special --entry "$id" 2>/dev/null
    [ "$(tally costs list --tag special --json | jq -c '[.costs[].id]')" = "[\"$id\"]" ]
    tally tag remove special --entry "$id" 2>/dev/null
    [ "$(tally costs list --tag special --json | jq .total.requests)" -eq 0 ]
}

@test "adding a tag twice records nothing the second time" {
    ledger_with_real_logs
    [ "$(tally tag add acme --session 30dcd767 --json | jq .changed)" -eq 1 ]
    tally log --json >before
    [ "$(tally tag add acme --session 30dcd767 --json | jq .changed)" -eq 0 ]
    tally log --json | cmp - before
}

@test "several targets are tagged in one go, or none" {
    ledger_with_real_logs
    [ "$(tally tag add acme --session 30dcd767 --session f0be4811 --json | jq .changed)" -eq 2 ]
    fails_with 1 tally tag add other --session 30dcd767 --session ffffffff
    [ "$(tally tag list --json | jq '[.tags[] | select(.tag == "other")] | length')" -eq 0 ]
}

@test "what is not there cannot be tagged or untagged" {
    ledger_with_real_logs
    fails_with 1 tally tag add acme --session ffffffff
    fails_with 1 tally tag add acme --entry ffffffffffffffffffffffffffffffff
    fails_with 1 tally tag remove acme --session 30dcd767
    fails_with 2 tally tag add acme --entry 12
}

@test "tags have 1 to 64 bytes and no comma, semicolon or control character" {
    ledger_with_real_logs
    for bad in '' 'a,b' 'a;b' $'a\nb' "$(printf 'x%.0s' {1..65})"; do
        fails_with 2 tally tag add "$bad" --session 30dcd767
    done
    tally tag add "$(printf 'x%.0s' {1..64})" --session 30dcd767 2>/dev/null
    tally tag add 'Größe 2' --session 30dcd767 2>/dev/null
    [ "$(tally sessions show 30dcd767 --json | jq '.tags | length')" -eq 2 ]
}
