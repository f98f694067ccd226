#!/usr/bin/env bats
# Cosignatures: who has seen what, in tally show, verify, team forks and audit. What a teammate saw keeps its author from
# signing another past.
load common

teardown() { stop_daemons; }

# hand FROM TO: all that one ledger holds, on a stick. Who takes it cosigns what is new.
hand() {
    tally sync export stick --all --ledger "$1" 2>/dev/null
    tally sync import stick --ledger "$2" 2>/dev/null
    rm stick
}

last_of() { # DIR: the hash of the last record of its own feed
    tally log --ledger "$1" --json | jq -sr --arg d "$(own_id "$1")" \
        'map(select(.device == $d)) | max_by(.index) | .hash'
}

own_id() { tally team show --ledger "$1" --json | jq -r '.devices[] | select(.this_device) | .device'; }

@test "a teammate's cosignature shows who saw a record, and when" {
    two_teammates
    record_in "$BEN" model-a
    record=$(last_of "$BEN")
    tally show "$record" --ledger "$BEN" | grep -q '^No teammate has cosigned it yet.$'
    [ "$(tally show "$record" --ledger "$BEN" --json | jq -c '[.witnessed, .witnesses]')" = '[null,[]]' ]
    hand "$BEN" "$TALLY_HOME"
    hand "$TALLY_HOME" "$BEN"
    tally show "$record" --ledger "$BEN" | grep -q '^Cosigned by teammates, first:$'
    tally show "$record" --ledger "$BEN" | grep -Eq '^  20[0-9-]+T[0-9:.]+Z  Ada/laptop, as one of [0-9]+ records$'
    run jq -r '.witnesses[0] | [.member, .name, .revoked, (.note_line | startswith("— tally.invalid/"))] | map(tostring) | join(" ")' \
        <<<"$(tally show "$record" --ledger "$BEN" --json)"
    [ "$output" = "Ada laptop false true" ]
    [ "$(tally show "$record" --ledger "$BEN" --json | jq '.witnessed == .witnesses[0].time')" = true ]
}

@test "openssl agrees with a cosignature that is shown" {
    two_teammates
    record_in "$BEN" model-a
    hand "$BEN" "$TALLY_HOME"
    tally show "$(last_of "$BEN")" --json >shown.json
    jq -r '.witnesses[0].note_line' shown.json | awk '{print $3}' | base64 -d >blob
    [ "$(stat -c %s blob)" -eq 76 ]
    seconds=$((16#$(od -An -v -tx1 -j4 -N8 blob | tr -d ' \n')))
    tail -c 64 blob >signature
    { printf 'cosignature/v1\ntime %s\n' "$seconds"; jq -j .checkpoint shown.json | head -n 3; } >message
    { printf '302a300506032b6570032100'; own_id "$TALLY_HOME"; } | unhex >key.der
    openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in message -sigfile signature
    printf ' ' >>message
    not openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in message -sigfile signature
}

@test "verify counts what nobody has seen, and fails on it only when asked to" {
    new_ledger
    tally verify | grep -vq witnessed
    join_team "$TALLY_HOME" "$BATS_TEST_TMPDIR/ben" Ben desktop
    BEN="$BATS_TEST_TMPDIR/ben"
    record_in "$BEN" model-a
    [ "$(tally verify --ledger "$BEN" --json | jq -c '.witnessed | [.possible_witnesses, .quorum, .limit_hours]')" = '[1,1,72]' ]
    before=$(tally verify --ledger "$BEN" --json | jq .witnessed.never)
    hand "$BEN" "$TALLY_HOME"
    hand "$TALLY_HOME" "$BEN"
    after=$(tally verify --ledger "$BEN" --json | jq .witnessed.never)
    [ "$after" -lt "$before" ]
    tally verify --strict --ledger "$BEN" >/dev/null
    tally audit set --quorum 2 --ledger "$BEN" 2>/dev/null
    run jq -c '.witnessed | [.quorum, .never == .records]' <<<"$(tally verify --ledger "$BEN" --json)"
    [ "$output" = '[2,true]' ]
    [ "$(tally audit list --json --ledger "$BEN" | jq '.audit[0].quorum')" -eq 2 ]
    tally audit unset --ledger "$BEN" 2>/dev/null
    [ "$(tally verify --ledger "$BEN" --json | jq .witnessed.quorum)" -eq 1 ]
    fails_with 2 tally audit set --quorum 17
    fails_with 2 tally audit set --witnesses everybody
}

@test "a history that is signed anew is caught by who saw the first, and who saw what is told" {
    two_teammates
    CLEO="$BATS_TEST_TMPDIR/cleo"
    join_team "$TALLY_HOME" "$CLEO" Cleo tablet
    hand "$TALLY_HOME" "$BEN"
    record_in "$BEN" model-a
    cp -r "$BEN" backup
    "$TALLY" prices set model-b --input 5 --output 5 --ledger "$BEN" >/dev/null 2>&1
    hand "$BEN" "$TALLY_HOME"
    # Ben restores the backup and signs another amount; Cleo knows of nothing else.
    "$TALLY" prices set model-b --input 9 --output 9 --ledger backup >/dev/null 2>&1
    hand backup "$CLEO"
    tally verify --ledger "$CLEO" >/dev/null
    [ "$(tally team forks --ledger "$CLEO" --json | jq '.forks | length')" -eq 0 ]
    hand "$TALLY_HOME" "$CLEO"
    run jq -c '.forks[0] | [.member, (.branches | map(.witnesses | map(.member)) | sort)]' \
        <<<"$(tally team forks --ledger "$CLEO" --json)"
    [ "$output" = '["Ben",[["Ada"],["Cleo"]]]' ]
    tally team forks --ledger "$CLEO" | grep -Eq '^  20[0-9-]+T[0-9:.]+Z  Ada/laptop, as one of'
    tally team forks --ledger "$CLEO" | grep -Eq '^  20[0-9-]+T[0-9:.]+Z  Cleo/tablet, as one of'
    [ "$(tally prices list --ledger "$CLEO" --json | jq -c '[.prices[].model]')" = '["model-a"]' ]
}

@test "a device cosigns when asked, and says when there is nothing new" {
    two_teammates
    record_in "$BEN" model-a
    hand "$BEN" "$TALLY_HOME"
    try tally audit cosign
    [ "$status" -eq 0 ]
    [[ "$words" == *"nothing to cosign"* ]]
    record_in "$BEN" model-b
    hand "$BEN" "$TALLY_HOME" # within the hour: not of its own accord
    [ "$(tally audit cosign --json | jq .cosigned)" -eq 1 ]
}

@test "an auditor reads and cosigns, and every append is refused" {
    new_ledger
    EVE="$BATS_TEST_TMPDIR/eve"
    join_team "$TALLY_HOME" "$EVE" Eve office auditor
    record_in "$TALLY_HOME" model-a
    hand "$TALLY_HOME" "$EVE"
    [ "$(tally audit cosign --ledger "$EVE" --json | jq .cosigned)" -eq 1 ]
    hand "$EVE" "$TALLY_HOME"
    [ "$(tally show "$(last_of "$TALLY_HOME")" --json | jq -r '.witnesses[0].member')" = Eve ]
    size=$(tally status --ledger "$EVE" --json | jq .records)
    for command in "prices set m --input 1 --output 1" "client set acme" "audit set --quorum 2" \
        "expense add --date 2026-03-01 --category other --provider x --amount 1 --currency USD" \
        "team revoke Ada" "team invite --listen 127.0.0.1:0 --yes"; do
        fails_with 4 tally $command --ledger "$EVE" || { echo "$command"; return 1; }
    done
    tally prices set m --input 1 --output 1 --ledger "$EVE" 2>&1 | grep -q 'as an auditor: it reads and cosigns'
    fails_with 4 tally capture --ledger "$EVE" \
        --root "$(home_of_case claude "$(fixtures)/synthetic/claude/c01-streaming-duplicates")"
    [ "$(tally status --ledger "$EVE" --json | jq .records)" -eq "$size" ]
    tally report --ledger "$EVE" --period 2026 >/dev/null
}

@test "an auditor's daemon captures nothing" {
    new_ledger
    EVE="$BATS_TEST_TMPDIR/eve"
    join_team "$TALLY_HOME" "$EVE" Eve office auditor
    cp -r "$(home_of_case claude "$(fixtures)/synthetic/claude/c01-streaming-duplicates")/." "$HOME"
    need "$TALLYD"
    "$TALLYD" --ledger "$EVE" --listen 127.0.0.1:0 --no-beacon --log json 2>>"$EVE.log" >/dev/null 3>&- &
    DAEMONS=$!
    wait_for grep -q "captures nothing" "$EVE.log"
    stop_daemons
    not grep -q '"capture failed"' "$EVE.log"
    [ "$(tally sessions --ledger "$EVE" --json | jq '.sessions | length')" -eq 0 ]
}

# Debian's golang-go and golang-golang-x-mod-dev.
open_note() { # LOG-KEY WITNESS-KEY
    GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS="" GOCACHE="$BATS_TEST_TMPDIR/go" \
        go run "$TALLY_TEST_DATA/cosign/open.go" "$@"
}

@test "Go's sumdb/note opens a checkpoint with its cosignature" {
    command -v go >/dev/null || skip "no Go: apt-get install golang-go golang-golang-x-mod-dev"
    need /usr/share/gocode/src/golang.org/x/mod/sumdb/note
    two_teammates
    record_in "$BEN" model-a
    hand "$BEN" "$TALLY_HOME"
    tally show "$(last_of "$BEN")" --json >shown.json
    jq -e '.witnesses[0].size == .inclusion.tree_size' shown.json
    jq -j '.checkpoint + .witnesses[0].note_line' shown.json >note
    run open_note "$(own_id "$BEN")" "$(own_id "$TALLY_HOME")" <note
    [ "${#lines[@]}" -eq 2 ]
    [[ "${lines[0]}" == */"$(own_id "$BEN")" ]]
    [[ "${lines[1]}" == */"$(own_id "$TALLY_HOME")" ]]
    # A cosignature with another time is none: Go refuses the note.
    line=$(jq -j '.witnesses[0].note_line' shown.json)
    name=$(awk '{print $2}' <<<"$line")
    awk '{print $3}' <<<"$line" | base64 -d >blob
    printf '\377' | dd of=blob bs=1 seek=11 conv=notrunc 2>/dev/null
    { jq -j .checkpoint shown.json; printf '— %s %s\n' "$name" "$(base64 -w0 blob)"; } >bad
    run open_note "$(own_id "$BEN")" "$(own_id "$TALLY_HOME")" <bad
    [ "$status" -ne 0 ]
}
