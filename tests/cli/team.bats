#!/usr/bin/env bats
# tally team: invite, join, show, revoke, forks. Two or three ledgers on one machine.
load common

# What a failed test left waiting must not wait on.
teardown() {
    local pid
    for pid in $(jobs -p); do
        kill "$pid" 2>/dev/null || true
    done
}

# An invite whose person sits at a terminal: answers come through the pipe $BATS_TEST_TMPDIR/keys.
invite_on_terminal() { # OPTIONS...
    need_terminal
    mkfifo keys
    script -qefc "'$TALLY' team invite --listen 127.0.0.1:0 $*" screen <keys >/dev/null 2>&1 3>&- &
    invite=$!
    exec 4>keys
    wait_for grep -q '^tally1:' screen
    # The terminal wraps nothing: the line is whole in what was written.
    grep -o 'tally1:[A-Za-z0-9_-]*' screen | head -1 >line
}

@test "a team of one shows its maker as the admin" {
    new_ledger
    run jq -c '.devices[] | [.member, .name, .role, .creator, .this_device, .records, .revoked]' \
        <<<"$(tally team show --json)"
    [ "$output" = '["Ada","laptop","admin",true,true,2,false]' ]
    [ "$(tally team show --json | jq -r .team)" = "$(tally status --json | jq -r .team)" ]
}

@test "a device joins with a line, and both ledgers show the same team" {
    two_teammates
    [ "$(devices_of "$TALLY_HOME")" = '[["Ada","laptop","admin"],["Ben","desktop","member"]]' ]
    [ "$(devices_of "$BEN")" = "$(devices_of "$TALLY_HOME")" ]
    [ "$(tally team show --ledger "$BEN" --json | jq -r .team)" = \
        "$(tally team show --json | jq -r .team)" ]
    [ "$(tally status --ledger "$BEN" --json | jq -r '[.member, .device_name] | join("/")')" = Ben/desktop ]
    tally verify --deep --ledger "$BEN" >/dev/null
}

@test "roles are given by the invite" {
    new_ledger
    join_team "$TALLY_HOME" "$BATS_TEST_TMPDIR/b" Ben desktop admin
    join_team "$TALLY_HOME" "$BATS_TEST_TMPDIR/c" Cleo tablet auditor
    [ "$(devices_of "$BATS_TEST_TMPDIR/c")" = \
        '[["Ada","laptop","admin"],["Ben","desktop","admin"],["Cleo","tablet","auditor"]]' ]
    fails_with 2 tally team invite --role boss
}

@test "a member cannot invite" {
    two_teammates
    fails_with 4 tally team invite --ledger "$BEN" --listen 127.0.0.1:0 --yes
}

@test "an older copy of a ledger gives out no invite" {
    new_ledger
    tally backup copy.mdb 2>/dev/null
    record_in "$TALLY_HOME" model-a
    cp copy.mdb "$TALLY_HOME/ledger.mdb"
    fails_with 4 tally team invite --listen 127.0.0.1:0 --yes
    [ -z "$output" ]
    [[ "$words" == *"older copy"* ]]
    rm "$TALLY_HOME/device.mark"
    join_team "$TALLY_HOME" "$BATS_TEST_TMPDIR/ben" Ben desktop
    [ "$(tally status --json | jq .records)" -eq 4 ] # and none of a rehearsal
}

@test "the line stands alone on stdout, and ends when it says" {
    new_ledger
    "$TALLY" team invite --listen 127.0.0.1:0 --minutes 5 --json >invite.json 2>/dev/null 3>&- &
    invite=$!
    wait_for grep -q expires invite.json
    kill "$invite"
    wait "$invite" || true
    [[ "$(grep -o '"invite":"[^"]*"' invite.json)" =~ ^\"invite\":\"tally1:[A-Za-z0-9_-]+\"$ ]]
    expires=$(date -d "$(grep -o '"expires":"[^"]*' invite.json | cut -c12-)" +%s)
    left=$((expires - $(date +%s)))
    [ "$left" -gt 240 ]
    [ "$left" -le 300 ]
}

@test "both screens show one code, and yes lets the device in" {
    new_ledger
    invite_on_terminal
    "$TALLY" team join --ledger ben --member Ben --device desktop <line 2>words 3>&- &
    join=$!
    wait_for grep -q 'y/N' screen
    code=$(grep -o 'code is [0-9]* [0-9]*' words | cut -c9-)
    [[ "$code" =~ ^[0-9]{3}\ [0-9]{3}$ ]]
    grep -q "Ben/desktop wants to join. Does the other screen show $code?" screen
    echo y >&4
    wait "$join"
    wait "$invite"
    exec 4>&-
    [ "$(devices_of ben)" = '[["Ada","laptop","admin"],["Ben","desktop","member"]]' ]
}

@test "no keeps the device out, and nothing is left behind" {
    new_ledger
    invite_on_terminal
    "$TALLY" team join --ledger ben --member Ben --device desktop <line 2>words 3>&- &
    join=$!
    wait_for grep -q 'y/N' screen
    echo n >&4
    status=0
    wait "$join" || status=$?
    [ "$status" -eq 4 ]
    status=0
    wait "$invite" || status=$?
    exec 4>&-
    [ "$status" -eq 4 ]
    [ ! -e ben ]
    [ "$(devices_of "$TALLY_HOME")" = '[["Ada","laptop","admin"]]' ]
}

@test "where nobody can be asked, nobody is let in" {
    new_ledger
    setsid -w "$TALLY" team invite --listen 127.0.0.1:0 >line 2>invite.words 3>&- &
    invite=$!
    wait_for test -s line
    fails_with 4 tally team join --ledger ben <line
    status=0
    wait "$invite" || status=$?
    [ "$status" -eq 4 ]
    grep -q -- --yes invite.words
    [ ! -e ben ]
}

@test "a join that is stopped leaves nothing behind" {
    new_ledger
    invite_on_terminal
    "$TALLY" team join --ledger ben <line 2>words 3>&- &
    join=$!
    wait_for grep -q 'y/N' screen
    [ -e ben/ledger.mdb ]
    kill -TERM "$join"
    wait "$join" || true
    echo n >&4
    exec 4>&-
    wait "$invite" || true
    [ ! -e ben ]
}

@test "who lets a device in that cannot take the records hears of it" {
    new_ledger
    tally capture --root "$TALLY_TEST_DATA/samples/home" >/dev/null
    "$TALLY" team invite --listen 127.0.0.1:0 --yes >line 2>invite.words 3>&- &
    invite=$!
    wait_for test -s line
    fails_with 3 bash -c "ulimit -f 100; exec '$TALLY' team join --ledger '$BATS_TEST_TMPDIR/ben' --member Ben --device desktop <line"
    wait "$invite"
    grep -q '^broken off: Ben/desktop is in the team and may not know it' invite.words
}

@test "a spent invite is refused, and nothing is left behind" {
    two_teammates
    fails_with 1 tally team join --ledger again <line
    [ ! -e again ]
}

@test "a late invite is refused with exit 4" {
    invite_line 1700000000 127.0.0.1:9 >line
    fails_with 4 tally team join --ledger ben <line
    [ ! -e ben ]
}

@test "an invite that nobody answers fails, and nothing is left behind" {
    invite_line "$(($(date +%s) + 600))" 127.0.0.1:9 >line
    fails_with 1 tally team join --ledger ben <line
    [ ! -e ben ]
    fails_with 1 tally team join --ledger ben "$(cat line)"
}

@test "a mistyped line exits 2" {
    line=$(invite_line "$(($(date +%s) + 600))" 127.0.0.1:9)
    fails_with 2 tally team join "${line/AAAA/AAAB}"
    fails_with 2 tally team join "${line%?????}"
    fails_with 2 tally team join hello
    fails_with 2 tally team join </dev/null
    [ ! -e "$TALLY_HOME" ]
}

@test "a name that could not be one exits 2 before anybody is called" {
    line=$(invite_line 4102444800 127.0.0.1:9)
    for name in '' '  ' $'a\nb' $'a\xff' "$(printf 'n%.0s' $(seq 129))"; do
        fails_with 2 tally team join "$line" --member "$name"
        fails_with 2 tally team join "$line" --device "$name"
        [[ "$words" == *"a name is 1 to 128 bytes"* ]]
        fails_with 2 tally init --member "$name"
        [ ! -e "$TALLY_HOME" ]
    done
}

@test "joining where a ledger is changes nothing and says what to do" {
    new_ledger
    (cd "$TALLY_HOME" && sha256sum ledger.mdb device.key) >before
    invite_line "$(($(date +%s) + 600))" 127.0.0.1:9 >line
    fails_with 1 tally team join <line
    [[ "$words" == *--ledger* ]]
    (cd "$TALLY_HOME" && sha256sum ledger.mdb device.key) >after
    cmp before after
}

@test "a key that was there before a failed join stays" {
    new_ledger
    mkdir ben
    cp "$TALLY_HOME/device.key" ben/
    invite_line "$(($(date +%s) + 600))" 127.0.0.1:9 >line
    fails_with 1 tally team join --ledger ben <line
    cmp "$TALLY_HOME/device.key" ben/device.key
    [ "$(ls ben)" = device.key ]
}

# Two lines of modules from each line of text, and no module in the quiet zone.
@test "the QR code is drawn with a quiet zone of four and is square" {
    new_ledger
    "$TALLY" team invite --listen 127.0.0.1:0 --qr >line 2>qr 3>&- &
    invite=$!
    wait_for grep -q 'on the other machine' qr
    kill "$invite"
    wait "$invite" || true
    sed -n 's/\x1b\[[0-9;]*m//g; /^    .*[█▀▄]/p' qr >modules
    width=$(head -1 modules | tr -d '\n' | wc -m)
    # Versions are 17 + 4n modules wide; the blank lines of the quiet zone are not in `modules`.
    [ $(((width - 8 - 17) % 4)) -eq 0 ]
    [ "$(wc -l <modules)" -eq $(((width - 8 + 1) / 2)) ]
    not grep -qv '^    .*    $' modules
    # The finder pattern in the upper left corner: 7 dark, then a light separator.
    read -r corner <modules
    [ "${corner:0:8}" = '█▀▀▀▀▀█ ' ]
}

@test "a revoked device counts no more from there on, and is refused" {
    two_teammates
    record_in "$BEN" model-a
    tally sync export --all --ledger "$BEN" one 2>/dev/null
    tally sync import one 2>/dev/null
    held=$(tally team show --json | jq '.devices[] | select(.name == "desktop") | .records')
    try tally team revoke desktop
    [ "$status" -eq 0 ]
    [[ "$words" == *"Ben/desktop"*"$held records"* ]]
    record_in "$BEN" model-b
    tally sync export --all --ledger "$BEN" two 2>/dev/null
    tally sync import two 2>/dev/null
    run jq -c --argjson held "$held" \
        '.devices[] | select(.name == "desktop") | [.revoked, .counting == $held, .records == $held + 1]' \
        <<<"$(tally team show --json)"
    [ "$output" = '[true,true,true]' ]
    [ "$(tally prices list --json | jq -c '[.prices[].model]')" = '["model-a"]' ]
    fails_with 1 tally team revoke desktop
}

@test "what is written after a revocation cannot be read by the revoked device" {
    two_teammates
    tally team revoke Ben 2>/dev/null
    record_in "$TALLY_HOME" model-a
    tally sync export --all secret 2>/dev/null
    fails_with 3 tally sync import --ledger "$BEN" secret
}

@test "only an admin revokes others, and nobody but itself revokes the creator" {
    two_teammates
    fails_with 4 tally team revoke laptop --ledger "$BEN"
    join_team "$TALLY_HOME" "$BATS_TEST_TMPDIR/c" Cleo tablet admin
    fails_with 4 tally team revoke laptop --ledger "$BATS_TEST_TMPDIR/c"
    tally team revoke desktop --ledger "$BATS_TEST_TMPDIR/c" 2>/dev/null
}

@test "revoking this very device asks first" {
    two_teammates
    fails_with 4 setsid -w "$TALLY" team revoke Ben/desktop --ledger "$BEN"
    [ "$(tally team show --ledger "$BEN" --json | jq '[.devices[] | select(.revoked)] | length')" -eq 0 ]
    tally team revoke Ben/desktop --yes --ledger "$BEN" 2>/dev/null
    [ "$(tally team show --ledger "$BEN" --json | jq -r '.devices[] | select(.revoked) | .name')" = desktop ]
}

@test "what a device has said is taken back by revoking it from before that, also when it is revoked already" {
    two_teammates
    record_in "$BEN" model-a
    tally sync export --all --ledger "$BEN" one 2>/dev/null
    tally sync import one 2>/dev/null
    before=$(tally team show --json | jq '.devices[] | select(.name == "desktop") | .records')
    record_in "$BEN" model-b
    tally sync export --all --ledger "$BEN" two 2>/dev/null
    tally sync import two 2>/dev/null
    models() { tally prices list --json | jq -c '[.prices[].model]'; }
    [ "$(models)" = '["model-a","model-b"]' ]
    fails_with 2 tally team revoke desktop --records some
    fails_with 2 tally team revoke desktop --records -1
    fails_with 4 setsid -w "$TALLY" team revoke desktop --records "$before"
    tally team revoke Ben/desktop 2>/dev/null
    [ "$(models)" = '["model-a","model-b"]' ]
    tally team revoke Ben/desktop --records "$before" --yes --json >said 2>/dev/null
    jq -e --argjson n "$before" '.revoked[0].records == $n and .new_secret == false' said
    [ "$(models)" = '["model-a"]' ]
    fails_with 1 tally team revoke Ben/desktop --records "$before" --yes
    tally verify --deep >/dev/null
}

@test "a name that several bear is refused, member/name and the id are not" {
    new_ledger
    join_team "$TALLY_HOME" "$BATS_TEST_TMPDIR/b" Ben laptop
    fails_with 2 tally team revoke laptop
    fails_with 1 tally team revoke Ben/nothing
    fails_with 1 tally team revoke ''
    id=$(tally team show --json | jq -r '.devices[] | select(.member == "Ben") | .device')
    tally team revoke "${id:0:12}" --json | jq -e --arg id "$id" '.revoked[0].device == $id'
}

@test "a member is revoked with all devices, and another may bear the name again" {
    new_ledger
    join_team "$TALLY_HOME" "$BATS_TEST_TMPDIR/b" Ben laptop
    join_team "$TALLY_HOME" "$BATS_TEST_TMPDIR/c" Ben desktop
    [ "$(tally team revoke Ben --json | jq '.revoked | length')" -eq 2 ]
    join_team "$TALLY_HOME" "$BATS_TEST_TMPDIR/d" Ben laptop
    [ "$(tally team revoke Ben/laptop --json | jq '.revoked | length')" -eq 1 ]
    [ "$(tally team show --json | jq '[.devices[] | select(.revoked)] | length')" -eq 3 ]
}

# A copy of Ben's ledger goes its own way: two histories, both of which Ada gets to see.
forked_feed() {
    two_teammates
    record_in "$BEN" model-a
    cp -r "$BEN" copy
    record_in "$BEN" model-b
    record_in copy model-c
    record_in copy model-d
    tally sync export --all --ledger "$BEN" one 2>/dev/null
    tally sync export --all --ledger copy two 2>/dev/null
    tally sync import one 2>/dev/null
    tally sync import two 2>/dev/null
}

@test "a device that signed two histories is frozen where they part" {
    forked_feed
    run jq -c '.forks[] | [.member, .name, .resolved, (.branches | length), .ends_at == .forked_after]' \
        <<<"$(tally team forks --json)"
    [ "$output" = '["Ben","desktop",false,2,true]' ]
    [ "$(tally prices list --json | jq -c '[.prices[].model]')" = '["model-a"]' ]
    [ "$(tally team show --json | jq '.devices[] | select(.name == "desktop") | .frozen')" = true ]
    try tally sync status
    [[ "$words" == *"Ben/desktop signed two histories"* ]]
    tally verify --deep >/dev/null
}

@test "doctor warns of a teammate's fork" {
    forked_feed
    [ "$(tally doctor --json | jq -c '[.checks[] | select(.check == "forks") | .state]')" = '["warning"]' ]
    tally doctor | grep -q "^warning  forks  *Ben/desktop signed two histories"
}

@test "the only admin is told how to settle a fork of its own feed" {
    two_teammates
    cp -r "$TALLY_HOME" twin
    record_in "$TALLY_HOME" model-a
    record_in twin model-b
    for ledger in "$TALLY_HOME" twin; do
        tally sync export "$ledger.tally" --all --ledger "$ledger" 2>/dev/null
        tally sync import "$ledger.tally" --ledger "$BEN" 2>/dev/null
    done
    tally sync export back --all --ledger "$BEN" 2>/dev/null
    tally sync import back 2>/dev/null
    try tally doctor --json
    [ "$status" -eq 1 ]
    [ "$(jq -c '[.checks[] | select(.check == "forks") | .state]' <<<"$output")" = '["error"]' ]
    fails_with 4 tally team resolve laptop --keep none
    [[ "$words" == *"'tally team invite --role admin'"* ]]
    join_team "$TALLY_HOME" "$BATS_TEST_TMPDIR/next" Ada laptop admin
    [ "$(tally team forks --json | jq .forks[0].resolved)" = true ]
    record_in "$BATS_TEST_TMPDIR/next" model-c
}

@test "an admin settles a fork, and the branch that is kept counts" {
    forked_feed
    [ "$(tally team forks --json | jq '.forks[0].branches[1].size - .forks[0].branches[0].size | fabs')" -eq 1 ]
    longer=$(tally team forks --json | jq -r '.forks[0].branches | max_by(.size) | .root')
    fails_with 2 tally team resolve desktop
    fails_with 2 tally team resolve desktop --keep ffffffff
    fails_with 1 tally team resolve laptop --keep none
    tally team resolve desktop --keep "${longer:0:8}" 2>/dev/null
    [ "$(tally team forks --json | jq -c '[.forks[0].resolved, (.forks[0].branches[] | select(.kept) | .root)]')" = \
        "[true,\"$longer\"]" ]
    tally sync import two 2>/dev/null
    [ "$(tally prices list --json | jq -c '[.prices[].model] | sort')" = '["model-a","model-c","model-d"]' ]
}

@test "a fork can be settled by keeping neither branch" {
    forked_feed
    tally team resolve Ben --keep none 2>/dev/null
    [ "$(tally team forks --json | jq -c '.forks[0] | [.resolved, .ends_at == .forked_after]')" = '[true,true]' ]
    [ "$(tally prices list --json | jq -c '[.prices[].model]')" = '["model-a"]' ]
}
