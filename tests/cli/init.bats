#!/usr/bin/env bats
# tally init: names, defaults, places, and that twice changes nothing.
load common

@test "init makes a ledger and says what it made" {
    try tally init --member "Ada Example" --device laptop --team Works --timezone Europe/Berlin \
        --currency EUR --json
    [ "$status" -eq 0 ]
    [ "$(jq -r .dir <<<"$output")" = "$TALLY_HOME" ]
    [[ "$(jq -r .team <<<"$output")" =~ ^[0-9a-f]{64}$ ]]
    [[ "$(jq -r .device <<<"$output")" =~ ^[0-9a-f]{64}$ ]]
    run jq -r '[.team_name, .member, .device_name, .timezone, .currency] | join("|")' \
        <<<"$(tally status --json)"
    [ "$output" = "Works|Ada Example|laptop|Europe/Berlin|EUR" ]
}

@test "init twice is an error that changes nothing" {
    new_ledger
    (cd "$TALLY_HOME" && sha256sum ledger.mdb device.key) >before
    fails_with 1 tally init --member Other
    (cd "$TALLY_HOME" && sha256sum ledger.mdb device.key) >after
    cmp before after
}

@test "the zone comes from TZ when it names one" {
    [ -e /usr/share/zoneinfo/America/New_York ] || skip "no tzdata"
    TZ=America/New_York tally init 2>/dev/null
    [ "$(tally status --json | jq -r .timezone)" = America/New_York ]
}

@test "team and member default to the user, the currency to USD" {
    tally init 2>/dev/null
    run jq -r '.team_name == .member and .currency == "USD" and (.device_name | length > 0)' \
        <<<"$(tally status --json)"
    [ "$output" = true ]
}

@test "the ledger lies where --ledger, TALLY_HOME, XDG_DATA_HOME or HOME say, in this order" {
    tally init --ledger "$BATS_TEST_TMPDIR/a" 2>/dev/null
    [ -e "$BATS_TEST_TMPDIR/a/ledger.mdb" ]
    [ ! -e "$TALLY_HOME" ]
    XDG_DATA_HOME="$BATS_TEST_TMPDIR/data" tally init 2>/dev/null
    [ -e "$TALLY_HOME/ledger.mdb" ]
    [ ! -e "$BATS_TEST_TMPDIR/data" ]
    unset TALLY_HOME
    XDG_DATA_HOME="$BATS_TEST_TMPDIR/data" tally init 2>/dev/null
    [ -e "$BATS_TEST_TMPDIR/data/tally/ledger.mdb" ]
    tally init 2>/dev/null
    [ -e "$HOME/.local/share/tally/ledger.mdb" ]
}

@test "the key file is the owner's alone" {
    new_ledger
    [ "$(stat -c %a "$TALLY_HOME/device.key")" = 600 ]
}

@test "a sealed key writes with the right passphrase and refuses a wrong one" {
    printf 'correct horse\n' >right
    printf 'wrong\n' >wrong
    TALLY_PASSPHRASE_FILE=$PWD/right new_ledger --passphrase
    fails_with 4 env TALLY_PASSPHRASE_FILE="$PWD/wrong" "$TALLY" prices set m --input 1 --output 2
    TALLY_PASSPHRASE_FILE=$PWD/right tally prices set m --input 1 --output 2
    [ "$(tally prices list m --json | jq '.prices | length')" -eq 1 ]
}

@test "without a terminal and without a passphrase file a sealed key refuses" {
    printf 'correct horse\n' >right
    TALLY_PASSPHRASE_FILE=$PWD/right new_ledger --passphrase
    fails_with 4 setsid -w "$TALLY" prices set m --input 1 --output 2 </dev/null
    [[ "$words" == *TALLY_PASSPHRASE_FILE* ]]
}

@test "a passphrase prompt that is interrupted leaves the terminal's echo on" {
    need_terminal
    printf 'correct horse\n' >right
    TALLY_PASSPHRASE_FILE=$PWD/right new_ledger --passphrase
    cat >asked.sh <<SH
trap : INT
( for i in \$(seq 200); do stty -a </dev/tty | grep -q -- '-echo ' && break; sleep 0.05; done
  stty -a </dev/tty | grep -q -- '-echo ' && echo 'echo was off'
  pkill -INT -f "prices set interrupted" ) &
"$TALLY" prices set interrupted --input 1 --output 2
echo "ended by \$?"
stty -a </dev/tty | grep -q -- '-echo ' || echo 'echo is on'
SH
    script -qec "bash asked.sh" /dev/null | tr -d '\r' >seen || true
    cat seen
    grep -q 'echo was off' seen
    grep -q 'ended by 130' seen
    grep -q 'echo is on' seen
}
