#!/usr/bin/env bats
# Exit codes and words for wrong usage; help and version.
load common

@test "no command shows the help on stderr and exits 2" {
    try tally
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [[ "$words" == *"Usage: tally COMMAND"* ]]
}

@test "an unknown command exits 2" {
    fails_with 2 tally frobnicate
    [[ "$words" == *"no command 'frobnicate'"* ]]
}

@test "a noun without its verb names the verbs" {
    fails_with 2 tally costs
    [[ "$words" == *"list, export, import"* ]]
    fails_with 2 tally tag frobnicate
    [[ "$words" == *"add, remove, list"* ]]
}

@test "an unknown option exits 2 with one line that says where help is" {
    fails_with 2 tally sessions --bogus
    [ "$(wc -l <<<"$words")" -eq 1 ]
    [[ "$words" == *"tally help sessions"* ]]
}

@test "an option without its value exits 2" {
    fails_with 2 tally sessions --tag
    fails_with 2 tally init --member
}

@test "a flag with a value exits 2" {
    fails_with 2 tally sessions --json=yes
}

@test "missing and superfluous arguments exit 2" {
    fails_with 2 tally show
    fails_with 2 tally sessions show
    fails_with 2 tally costs import
    fails_with 2 tally status extra
}

@test "wrong values of options exit 2" {
    new_ledger
    fails_with 2 tally sessions --period 2026-13
    fails_with 2 tally sessions --min-cost abc
    fails_with 2 tally report --by client,nonsense
    fails_with 2 tally costs export --format xml
    fails_with 2 tally prices set m --input x --output 1
    fails_with 2 tally prices set m --input 1
    fails_with 2 tally tag add a
    fails_with 2 tally init --ledger "$BATS_TEST_TMPDIR/x" --currency EURO
    fails_with 2 tally init --ledger "$BATS_TEST_TMPDIR/x" --timezone Nowhere/Land
    [ ! -e "$BATS_TEST_TMPDIR/x" ]
}

@test "every command has help with an example" {
    tally help | sed -n '/^  [a-z]/ { s/^  //; s/  .*//; s/ [[A-Z].*//; p }' >commands
    [ "$(wc -l <commands)" -ge 26 ]
    while read -r command; do
        # shellcheck disable=SC2086
        tally $command --help >text
        grep -q "^Example: tally $command" text || { echo "$command"; cat text; return 1; }
        grep -q -- "--json" text
        # shellcheck disable=SC2086
        tally help $command | cmp - text
    done <commands
}

@test "help stands on 80 columns, and every command under a subject" {
    tally help >all
    not grep -q '^More$' all
    [ "$(grep -c '^[A-Z]' all)" -ge 9 ]
    cp all texts
    sed -n '/^  [a-z]/ { s/^  //; s/  .*//; s/ [[A-Z].*//; p }' all | while read -r command; do
        # shellcheck disable=SC2086
        tally $command --help | grep -v '^Example: ' >>texts
    done
    awk 'length > 80 { print; wide = 1 } END { exit wide }' texts
}

@test "help for a noun lists its verbs" {
    [ "$(tally help costs | wc -l)" -eq 3 ]
    tally help tag | grep -q "^  tag remove TAG "
    fails_with 2 tally help frobnicate
    fails_with 2 tally help costs frobnicate
}

@test "version says which, in both forms" {
    [[ "$(tally --version)" =~ ^tally\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    [ "tally $(tally version --json | jq -r .version)" = "$(tally version)" ]
}

@test "without a ledger every reader says to run init and exits 1" {
    for command in status sessions report "costs list" "costs export" log verify capture "tag list"; do
        # shellcheck disable=SC2086
        fails_with 1 tally $command
        [[ "$words" == *"tally init"* ]]
    done
    [ ! -e "$TALLY_HOME" ]
}
