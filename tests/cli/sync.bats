#!/usr/bin/env bats
# tally sync: segments, folders, what is remembered of teammates. Live sync is in node.bats.
load common

models() { # DIR
    tally prices list --ledger "$1" --json | jq -c '[.prices[].model] | sort'
}

@test "a segment carries what the teammate lacks, and nothing twice" {
    two_teammates
    record_in "$TALLY_HOME" model-a
    tally sync export monday --for Ben --json >out
    [ "$(jq .records out)" -eq 1 ]
    [ "$(tally sync import monday --ledger "$BEN" --json | jq .records)" -eq 1 ]
    [ "$(tally sync import monday --ledger "$BEN" --json | jq .records)" -eq 0 ]
    [ "$(models "$BEN")" = '["model-a"]' ]
    tally verify --deep --ledger "$BEN" >/dev/null
}

@test "a segment goes through a pipe" {
    two_teammates
    record_in "$BEN" model-b
    tally sync export - --ledger "$BEN" 2>/dev/null | tally sync import - 2>/dev/null
    [ "$(models "$TALLY_HOME")" = '["model-b"]' ]
    # What was kept of the stream is gone again.
    [ -z "$(find "$TALLY_HOME" -name 'segment*')" ]
}

@test "export does not overwrite, and leaves no half file" {
    two_teammates
    record_in "$TALLY_HOME" model-a
    echo precious >there
    fails_with 1 tally sync export there
    [ "$(cat there)" = precious ]
    fails_with 3 tally sync export no/such/folder/file
    fails_with 2 tally sync export x --all --for Ben
    fails_with 1 tally sync export x --for Nobody
    fails_with 2 tally sync export x --for laptop
    status=0
    "$TALLY" sync export - >/dev/full 2>words || status=$?
    [ "$status" -eq 3 ]
    [ -z "$(find . -name '*partial*')" ]
    [ ! -e x ]
}

@test "a terminal gets no segment" {
    need_terminal
    new_ledger
    script -qec "'$TALLY' sync export -; echo exit \$?" /dev/null </dev/null >screen
    grep -q 'exit 2' screen
}

@test "when nobody lacks anything there is nothing to export" {
    two_teammates
    fails_with 1 tally sync export x
    [[ "$words" == *--all* ]]
    [ ! -e x ]
    tally sync export x --all 2>/dev/null
    [ "$(stat -c %a x)" = 600 ]
}

@test "a torn, altered or foreign segment is refused whole" {
    two_teammates
    record_in "$TALLY_HOME" model-a
    tally sync export whole 2>/dev/null
    for size in 0 1 24 100 $(($(stat -c %s whole) - 1)); do
        head -c "$size" whole >torn
        fails_with 3 tally sync import torn --ledger "$BEN"
    done
    (cat whole; printf x) >longer
    fails_with 3 tally sync import longer --ledger "$BEN"
    tally init --ledger stranger --member Eve 2>/dev/null
    fails_with 3 tally sync import whole --ledger stranger
    fails_with 3 tally sync import nosuch
    fails_with 2 tally sync import "$BEN"
    [ "$(models "$BEN")" = '[]' ]
    tally sync import whole --ledger "$BEN" 2>/dev/null
    [ "$(models "$BEN")" = '["model-a"]' ]
}

@test "a segment shows neither names nor keys" {
    two_teammates
    tally sync export x --all 2>/dev/null
    id=$(tally status --json | jq -r .device)
    not grep -q "${id:0:16}" <(od -An -v -tx1 x | tr -d ' \n')
    not grep -aq -e Ada -e Ben -e laptop x
}

@test "any node carries any feed" {
    two_teammates
    join_team "$TALLY_HOME" "$BATS_TEST_TMPDIR/c" Cleo tablet
    # Ben has not heard of Cleo: her records reach him only with Ada's, who added her.
    record_in "$BATS_TEST_TMPDIR/c" model-c
    tally sync export one --ledger "$BATS_TEST_TMPDIR/c" --all 2>/dev/null
    tally sync import one 2>/dev/null
    tally sync export two --for Ben 2>/dev/null
    tally sync import two --ledger "$BEN" 2>/dev/null
    [ "$(models "$BEN")" = '["model-c"]' ]
    [ "$(devices_of "$BEN")" = "$(devices_of "$BATS_TEST_TMPDIR/c")" ]
}

@test "sync status says who lacks how much" {
    two_teammates
    run jq -c '.devices[] | select(.name == "desktop") | [.they_lack, .we_lack, (.last_seen != null)]' \
        <<<"$(tally sync status --json)"
    [ "$output" = '[0,0,true]' ]
    record_in "$TALLY_HOME" model-a
    record_in "$TALLY_HOME" model-b
    run jq -c '.devices[] | select(.name == "desktop") | [.they_lack, .we_lack]' \
        <<<"$(tally sync status --json)"
    [ "$output" = '[2,0]' ]
    [ "$(tally sync status --json | jq .records)" -eq "$(tally status --json | jq .records)" ]
    tally sync status | grep -q 'THEY LACK'
}

@test "a folder brings both to the same, and settles" {
    two_teammates
    mkdir shared
    umask 022
    record_in "$TALLY_HOME" model-a
    record_in "$BEN" model-b
    [ "$(tally sync folder shared --json | jq -c '[.files_read, .files_written]')" = '[0,1]' ]
    [ "$(stat -c %a shared/*.tally)" = 644 ] # other users of a shared folder may carry it
    run jq -c '[.files_read, .records_in >= 1, .files_written]' <<<"$(tally sync folder shared --ledger "$BEN" --json)"
    [ "$output" = '[1,true,1]' ]
    run jq -c '[.files_read, .files_written]' <<<"$(tally sync folder shared --json)"
    [ "$output" = '[1,0]' ]
    [ "$(models "$TALLY_HOME")" = '["model-a","model-b"]' ]
    [ "$(models "$BEN")" = '["model-a","model-b"]' ]
    for ledger in "$TALLY_HOME" "$BEN"; do
        run jq -c '[.files_read, .files_written, .files_deleted]' \
            <<<"$(tally sync folder shared --ledger "$ledger" --json)"
        [ "$output" = '[0,0,0]' ]
    done
    [ -z "$(find shared -name '*partial*')" ]
}

@test "other files in a folder are left alone, damaged segments passed over" {
    two_teammates
    mkdir shared
    echo hello >shared/notes.txt
    ln -s /etc/passwd shared/link.tally
    printf 'not a segment, but long enough to have a header' >shared/0123456789abcdef01234567.tally
    record_in "$TALLY_HOME" model-a
    try tally sync folder shared --json
    [ "$status" -eq 0 ]
    [ "$(jq -c '[.files_refused, .files_written]' <<<"$output")" = '[1,1]' ]
    [ "$(cat shared/notes.txt)" = hello ]
    [ -L shared/link.tally ]
    [ "$(tally sync folder shared --ledger "$BEN" --json 2>/dev/null | jq .files_read)" -eq 1 ]
    [ "$(models "$BEN")" = '["model-a"]' ]
    fails_with 1 tally sync folder nosuch
    fails_with 2 tally sync folder shared/notes.txt
}

@test "a folder full of junk, pipes and links is read around" {
    two_teammates
    mkdir shared
    record_in "$TALLY_HOME" model-a
    (cd shared && seq -f 'junk-%g.tally' 40000 | xargs touch)
    mkfifo shared/111111111111111111111111.tally
    ln -s /dev/zero shared/222222222222222222222222.tally
    mkdir shared/333333333333333333333333.tally
    : >shared/444444444444444444444444.tally
    truncate -s 1T shared/555555555555555555555555.tally
    run timeout 60 "$TALLY" sync folder shared --json
    [ "$status" -eq 0 ]
    [ "$(tail -n 1 <<<"$output" | jq -c '[.files_refused, .files_written]')" = '[2,1]' ]
    [ "$(timeout 60 "$TALLY" sync folder shared --ledger "$BEN" --json 2>/dev/null | jq .files_read)" -eq 1 ]
}

# The samples have a session that copies the beginning of another: whose work that was, a device notes for itself.
@test "logs that two devices have count once, and add no hours" {
    two_teammates
    tally capture --root "$TALLY_TEST_DATA/samples/home" >/dev/null
    tally report --json | jq -S .total >once
    tally sync export carried 2>/dev/null
    tally sync import carried --ledger "$BEN" 2>/dev/null
    run jq -c '[.sessions, .costs, .activity]' \
        <<<"$(tally capture --root "$TALLY_TEST_DATA/samples/home" --ledger "$BEN" --json)"
    [ "$output" = '[0,0,0]' ]
    tally report --ledger "$BEN" --json | jq -S .total | diff once -
}

@test "with nobody to call, sync now says so" {
    new_ledger
    fails_with 1 tally sync now
    fails_with 2 tally sync now nonsense
    fails_with 2 tally sync now 127.0.0.1:9 --timeout 0
    fails_with 1 tally sync now 127.0.0.1:9 --timeout 5
}

@test "the settings of the net are checked" {
    new_ledger
    tally config set sync.peers 'a.example:7117 [2001:db8::1]:7117' >/dev/null
    [ "$(tally config get sync.peers)" = 'a.example:7117 [2001:db8::1]:7117' ]
    tally config set sync.peers '' >/dev/null
    [ -z "$(tally config get sync.peers)" ]
    for value in a 'a:1,b:2' 'a:1  b:2' 'a:0' 'a:1 '; do
        fails_with 2 tally config set sync.peers "$value"
    done
    for value in none '*:7117' 127.0.0.1:7117 '[::1]:7117'; do
        [ "$(tally config set node.listen "$value")" = "$value" ]
    done
    for value in '' '*' '*:' '*:65536' 7117; do
        fails_with 2 tally config set node.listen "$value"
    done
    fails_with 2 tally config set node.beacon yes
    [ "$(tally config set node.capture off)" = off ]
}
