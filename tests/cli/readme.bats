#!/usr/bin/env bats
# README.md as its readers take it (tour.bash).
load common
load tour

README="$BATS_TEST_DIRNAME/../../README.md"

teardown() { stop_daemons; }

@test "every command of README.md works in an empty home, and prints what stands there" {
    [ -e "$README" ]
    tour_begin
    [ "$(blocks "$README" '```console' | grep -c '\$')" -ge 30 ]
    run_blocks "$README" '```console'
    run_blocks "$README" '```console last'
}

@test "what README.md links to is there" {
    grep -oE '\]\([^)#:]+\)' "$README" | tr -d '])(' | while read -r file; do
        [ -e "$BATS_TEST_DIRNAME/../../$file" ] || { echo "$file"; exit 1; }
    done
}
