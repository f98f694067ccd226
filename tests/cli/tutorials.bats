#!/usr/bin/env bats
# docs/tutorials as their readers take them (tour.bash).
load common
load tour

TUTORIALS="$BATS_TEST_DIRNAME/../../docs/tutorials"

teardown() { stop_daemons; }

tutorial() { # NAME
    [ "$(blocks "$TUTORIALS/$1.md" '```console' | grep -c '\$')" -ge 10 ]
    tour_begin
    run_blocks "$TUTORIALS/$1.md" '```console'
}

@test "every command of the tutorial for one alone works" { tutorial alone; }

@test "every command of the tutorial for a team works" { tutorial team; }

@test "every command of the tutorial for an auditor works" { tutorial auditor; }

@test "every command of the tutorial for whoever keeps it running works" { tutorial operator; }

@test "what the tutorials link to is there" {
    grep -oHE '\]\([^)#:]+\)' "$TUTORIALS"/*.md | tr -d '])(' | while IFS=: read -r page file; do
        [ -e "$(dirname "$page")/$file" ] || { echo "$page: $file"; exit 1; }
    done
}
