#!/usr/bin/env bats
# What a hostile or a careless user tries: prices that must not move history, names that must not
# steer a terminal, damaged stores and half-made backups.
load common

# One Claude Code session in $HOME: a line for each MODEL:TIME:INPUT:OUTPUT.
claude_log() {
    local dir=$HOME/.claude/projects/-home-dev-acme id=00000000-0000-4000-8000-0000000000a1 n=0 spec
    mkdir -p "$dir"
    for spec in "$@"; do
        n=$((n + 1))
        jq -cn --arg s "$id" --arg n "$n" --arg spec "$spec" '($spec | split("|")) as $p |
            {type: "assistant", sessionId: $s, uuid: ("u" + $n), requestId: ("req_" + $n), cwd: "/home/dev/acme",
             timestamp: $p[1], message: {id: ("msg_" + $n), role: "assistant", model: $p[0],
                stop_reason: "end_turn", content: [],
                usage: {input_tokens: ($p[2] | tonumber), output_tokens: ($p[3] | tonumber)}}}'
    done >"$dir/$id.jsonl"
}

prices_of_costs() { tally costs list --json | jq -c '[.costs | sort_by(.time)[] | .total_cost]'; }

@test "a price set before the first capture is not taken over by the shipped one" {
    new_ledger
    claude_log 'claude-opus-4-8|2026-09-07T10:00:05Z|1000|100'
    # 1000 x $1/M + 100 x $2/M; the shipped table says 5 and 25.
    tally prices set claude-opus-4-8 --input 1 --output 2 >/dev/null
    tally capture >/dev/null
    [ "$(prices_of_costs)" = '["0.0012"]' ]
}

@test "a price set for a past day holds over a shipped one that begins later" {
    new_ledger
    claude_log 'gpt-5.6-luna|2026-07-20T10:00:00Z|1000000|0' 'gpt-5.6-luna|2026-08-20T10:00:00Z|1000000|0'
    tally prices set gpt-5.6-luna --input 3 --output 4 --from 2026-07-15 >/dev/null
    tally capture >/dev/null
    # Shipped: 1 dollar from 2026-07-09, 0.20 from 2026-07-30.
    [ "$(prices_of_costs)" = '["3.00","3.00"]' ]
}

# LiteLLM's form, with one model under a dated name.
litellm_of() { # NAME INPUT OUTPUT
    jq -n --arg m "$1" --arg i "$2" --arg o "$3" '{($m): {mode: "chat", litellm_provider: "anthropic",
        input_cost_per_token: ($i | tonumber), output_cost_per_token: ($o | tonumber)}}'
}

@test "importing a price for another spelling of a model leaves its history as it was" {
    new_ledger
    # On that day a prompt above 200,000 tokens cost 10 and 37.50 a million tokens.
    claude_log 'claude-opus-4-6-20260205|2026-02-11T10:00:05Z|300000|1000'
    tally capture >/dev/null
    [ "$(prices_of_costs)" = '["3.0375"]' ]
    litellm_of claude-opus-4-6-20260205 4e-06 2e-05 >prices.json
    [ "$(tally prices import prices.json --json | jq -c '[.added, .unchanged]')" = "[1,0]" ]
    [ "$(prices_of_costs)" = '["3.0375"]' ]
}

@test "a price imported before the first capture holds from the day of the import" {
    new_ledger
    claude_log 'claude-opus-4-8|2026-09-07T10:00:05Z|1000|100' 'claude-opus-4-8|2026-10-02T10:00:05Z|1000|100'
    litellm_of claude-opus-4-8 1e-06 2e-06 >prices.json
    tally prices import prices.json --from 2026-10-01 >/dev/null
    tally capture >/dev/null
    [ "$(prices_of_costs)" = '["0.0075","0.0012"]' ]
    [ "$(tally prices import prices.json --from 2026-10-01 --json | jq -c '[.added, .unchanged]')" = "[0,1]" ]
}

@test "an import that changes only a priority price above a threshold is a change" {
    new_ledger
    for priority in 4e-06 5e-06; do
        jq -n --arg p "$priority" '{"model-t": {mode: "chat", litellm_provider: "x",
            input_cost_per_token: 1e-06, output_cost_per_token: 1e-06,
            input_cost_per_token_above_200k_tokens: 2e-06, output_cost_per_token_above_200k_tokens: 2e-06,
            input_cost_per_token_above_200k_tokens_priority: ($p | tonumber),
            output_cost_per_token_above_200k_tokens_priority: ($p | tonumber)}}' >prices.json
        [ "$(tally prices import prices.json --json | jq .added)" = 1 ]
    done
}

@test "a JSON file without any price is said to hold none" {
    new_ledger
    echo '{"models": {"a": {"i": 1}}}' >prices.json
    fails_with 1 tally prices import prices.json
}

@test "names cannot reorder or hide what stands beside them on a terminal" {
    new_ledger
    claude_log $'a\u202eb\u2066c\u009bd\u200be|2026-09-07T10:00:05Z|1000|100'
    tally capture >/dev/null
    tally costs list >list
    grep -F 'a?b?c?d?e' list
    tally report --by model | grep -F 'a?b?c?d?e'
    fails_with 1 tally sessions show $'\u202ex\u009b'
    [[ "$words" != *$'\u202e'* && "$words" != *$'\u009b'* && "$words" == *'?x?'* ]]
    # JSON has what is recorded.
    [ "$(tally costs list --json | jq -r '.costs[0].model')" = $'a\u202eb\u2066c\u009bd\u200be' ]
}

@test "a time zone that damage made into another word is damage, not wrong usage" {
    new_ledger --timezone Europe/Berlin
    LC_ALL=C sed -i 's#Europe/Berlin#Europe/B\x01rlin#g' "$TALLY_HOME/ledger.mdb"
    fails_with 3 tally report --by model
}

@test "a copy that is killed does not bear the backup's name, and a second try works" {
    new_ledger
    # The signal for a file that grows too large ends the copying process in the middle.
    fails_with 3 bash -c 'ulimit -c 0 -f 4; exec "$TALLY" backup copy.mdb'
    [ ! -e copy.mdb ]
    tally backup copy.mdb
    TALLY_HOME=$BATS_TEST_TMPDIR/restored
    mkdir "$TALLY_HOME"
    mv copy.mdb "$TALLY_HOME/ledger.mdb"
    tally verify --deep >/dev/null
}

@test "a copy that finds no room leaves nothing behind" {
    new_ledger
    mkdir full
    fails_with 3 bash -c 'ulimit -f 4; trap "" XFSZ; exec "$TALLY" backup full/copy.mdb'
    [ -z "$(ls full)" ]
}

@test "doctor finds a key file that is cut short, another device's, or no file" {
    new_ledger
    tally doctor >/dev/null
    cp "$TALLY_HOME/device.key" good
    head -c 40 good >"$TALLY_HOME/device.key"
    try tally doctor
    [ "$status" -eq 1 ]
    grep -E '^error +key' <<<"$output"
    TALLY_HOME=$BATS_TEST_TMPDIR/other new_ledger
    cp other/device.key "$TALLY_HOME/device.key"
    try tally doctor --json
    [ "$status" -eq 1 ]
    jq -e '.checks | any(.check == "key" and .state == "error")' <<<"$output"
    cp good "$TALLY_HOME/device.key"
    tally doctor >/dev/null
}

# COMMAND on a terminal of 80 columns, what it prints.
on_terminal() { script -qec "stty cols 80 rows 50; PAGER=cat NO_COLOR=1 $*" /dev/null | tr -d '\r'; }

@test "on 80 columns rows keep to one line, and what was cut or left out is marked" {
    need_terminal
    new_ledger
    claude_log 'us.anthropic.claude-sonnet-4-5-20250929-v1:0|2026-09-07T10:00:05Z|123456|1000' \
        '日本語日本語日本語日本語日本語日本語日本語|2026-09-07T10:01:05Z|123456789|1000'
    tally capture >/dev/null
    on_terminal "$TALLY costs list" >seen
    grep -F 'us.anthropic' seen | grep -F '…'
    grep -F '日本語日本' seen | grep -F '…'
    grep -F 'too narrow for' seen | grep -F 'WRITTEN'
    # A wide character takes two columns and three bytes.
    while IFS= read -r line; do
        wide=$(grep -o '[日本語]' <<<"$line" | wc -l)
        [ $((${#line} + wide)) -le 80 ] || { echo "too wide: $line"; return 1; }
    done <seen
    # Not on a terminal everything is there.
    tally costs list | grep -F 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'
    tally costs list | grep -F 'WRITTEN'
}

@test "on 80 and on 70 columns a session keeps to one line" {
    need_terminal
    new_ledger
    tally capture --root "$TALLY_TEST_DATA/samples/home" >/dev/null
    tally rule set all --path /home --client 'a client with a rather long name' --project storefront 2>/dev/null
    for columns in 70 80; do
        on_terminal stty cols "$columns; PAGER=cat NO_COLOR=1 $TALLY sessions" >seen
        grep -F 'too narrow for' seen | grep -F 'PROJECT'
        grep -qE '^2026-09-08 08:12 .*2f151126-a681 a cli.* 0\.19 +0\.4678 Gue' seen
        [ "$(grep -v '^too narrow for' seen | wc -L)" -le "$columns" ]
    done
}

@test "on 80 columns the tables that people keep fit, and the names of their rows stay whole" {
    need_terminal
    new_ledger
    local long=acme-and-daughters-holding-limited table
    tally client set $long --title 'Acme and Daughters Holding Limited' --timezone America/Argentina/Buenos_Aires \
        --currency USD --email accounts@acme.example --address '1 Long Street' 2>/dev/null
    tally rule set $long --path /home/ada/work/acme --remote github.com/acme/shop --branch 'feature/*' \
        --agent claude-code --tag $long --client $long --project $long 2>/dev/null
    tally budget set --period monthly --limit 250 --stop-at 100 --client $long --tag $long --name $long 2>/dev/null
    for table in client rule budget; do
        on_terminal "$TALLY" $table list >list
        [ "$(wc -L <list)" -le 80 ]
        grep -q "^$long " list
    done
}

@test "on 80 columns a team keeps to one line a device" {
    script -qec true /dev/null >/dev/null 2>&1 || skip "no terminals here"
    two_teammates
    record_in "$TALLY_HOME" model-a
    record_in "$BEN" model-b
    tally sync export x --all --ledger "$BEN" 2>/dev/null
    tally sync import x 2>/dev/null
    tally team revoke Ben 2>/dev/null
    on_terminal "$TALLY team show" >seen
    grep -q 'revoked, 1 count' seen
    grep -q 'too narrow for LAST SEEN' seen
    [ "$(wc -L <seen)" -le 80 ]
}

@test "a page of the store that holds other bytes is damage or nothing, never a crash" {
    not_under_memcheck "LMDB trusts its pages: it reads and writes beyond those that lie, until a guard ends it"
    new_ledger
    claude_log 'claude-opus-4-8|2026-09-07T10:00:05Z|1000|100' 'claude-opus-4-6|2026-09-07T10:01:05Z|10|1'
    tally capture >/dev/null
    cp "$TALLY_HOME/ledger.mdb" sound.mdb
    # 00 01 02 ... ff, sixteen times.
    for _ in {1..16}; do printf "$(printf '\\x%02x' {0..255})"; done >nonsense
    pages=$(($(stat -c %s sound.mdb) / 4096))
    for page in $(seq 2 $((pages - 1))); do
        for command in 'report --by model' 'tag add x --session 0000' 'backup copy.mdb'; do
            cp sound.mdb "$TALLY_HOME/ledger.mdb"
            rm -f "$TALLY_HOME/device.mark" # a tag of the round before makes this an older copy
            dd if=nonsense of="$TALLY_HOME/ledger.mdb" bs=4096 seek="$page" conv=notrunc status=none
            rm -f copy.mdb
            # shellcheck disable=SC2086
            try tally $command
            [[ "$status" =~ ^[013]$ ]] && [[ "$words" != *Sanitizer* ]] ||
                { echo "page $page of $pages, $command: $status $words"; return 1; }
        done
    done
}
