#!/usr/bin/env bats
# Drafts, issues, voids, payments, credits, splits and syncs in random order on three machines. An
# oracle of its own adds up what living invoices hold; TALLY_TEST_SEED plays one again.
load common

STEPS=60

pick() { # WORD...
    local at=$((RANDOM % $#))
    shift "$at"
    printf '%s\n' "$1"
}

here() { "$TALLY" "$@" --ledger "$WHERE" 2>/dev/null; }

meet() { # everyone gets all there is
    local from to
    rm -f ./*.seg
    for from in "${MACHINES[@]}"; do "$TALLY" sync export "$(basename "$from").seg" --ledger "$from" 2>/dev/null; done
    for to in "${MACHINES[@]}"; do
        for from in "${MACHINES[@]}"; do
            [ "$from" = "$to" ] || "$TALLY" sync import "$(basename "$from").seg" --ledger "$to" 2>/dev/null
        done
    done
}

living() { here invoice list --json | jq -r '.invoices[] | select(.status != "void") | .issue'; }

step() {
    local entry id
    case $((RANDOM % 14)) in
        0 | 1) here time add --client "$(pick acme fin)" --date 2026-03-0$((1 + RANDOM % 9)) \
            --duration $((1 + RANDOM % 90))m "Work on the parser" --json | jq -r .id >>entries ;;
        2 | 3) here expense add --category gpu --provider Modal --amount $((1 + RANDOM % 500)).$((10 + RANDOM % 90)) \
            --date 2026-03-0$((1 + RANDOM % 9)) --client "$(pick acme fin)" --json | jq -r .id >>entries ;;
        4 | 5 | 12) entry=$(pick $(cat entries))
            here split "$entry" acme=$((1 + RANDOM % 5)) fin=$((1 + RANDOM % 5)) \
                $(pick "" acme/shop=$((1 + RANDOM % 5))) || true ;;
        6) here assign "$(pick $(cat entries))" "$(pick acme fin acme/shop)" || true ;;
        7) here time void "$(pick $(cat entries))" || true ;;
        8) id=$(living | shuf -n 1 --random-source=<(yes $RANDOM)) && [ -n "$id" ] && here invoice void "$id" || true ;;
        9) id=$(living | shuf -n 1 --random-source=<(yes $RANDOM)) && [ -n "$id" ] && here invoice pay "$id" 1 || true
            here invoice credit "$(pick a b f)" 1 "Goodwill" || true ;;
        *) here invoice issue "$(pick a b f s)" --period "$(pick 2026-03 2026-03-01..2026-03-05)" --yes >/dev/null || true ;;
    esac
}

# Of every entry on two living invoices: more than the whole, or one share twice, must be a conflict
# that is shown, and nothing else may be.
oracle() {
    local id
    : >held
    for id in $(living); do
        here invoice show "$id" --json | jq -c --arg id "$id" \
            '.contract as $c | .client as $k | .trace[]
            | {id: $id, contract: $c, client: (if $c == "f" then "fin" else "acme" end), shop: ($c == "s"), entry, part, parts}' >>held
    done
    jq -sc '[group_by(.entry)[] | . as $all | ([$all[] | .part / .parts] | add) as $sum
        | ($all | map({id, client, shop}) | unique) as $who
        | [range($who | length) as $i | range($who | length) as $k | select($i < $k) | [$who[$i], $who[$k]]
           | select($sum > 1.0000001 or (.[0].client == .[1].client and .[0].shop == .[1].shop))
           | map(.id)] | .[]] | map(sort) | unique' held >expected
    here invoice list --json | jq -c '[.conflicts[] | select(.entries > 0) | [.issue, .other_issue] | sort] | unique' >shown
    cmp expected shown || { echo "expected: $(cat expected)"; echo "shown: $(cat shown)"; cat held; return 1; }
}

@test "whatever the order of issue, void, split and sync, no share is billed twice unseen" {
    local seed=${TALLY_TEST_SEED:-20261121} BEN="$BATS_TEST_TMPDIR/ben" CEM="$BATS_TEST_TMPDIR/cem" i
    echo "TALLY_TEST_SEED=$seed"
    RANDOM=$seed
    new_ledger --currency USD
    join_team "$TALLY_HOME" "$BEN" Ben desktop
    join_team "$TALLY_HOME" "$CEM" Cem tower
    MACHINES=("$TALLY_HOME" "$BEN" "$CEM")
    WHERE=$TALLY_HOME
    here contract set a --client acme --rate 100
    here contract set b --client acme --rate 90
    here contract set s --client acme --project shop --rate 80
    here contract set f --client fin --rate 70
    here issuer set Ada --name Ada --prefix AA
    here issuer set Ben --name Ben --prefix BB
    here issuer set Cem --name Cem --prefix CC
    : >entries
    meet
    for i in $(seq "$STEPS"); do
        WHERE=$(pick "${MACHINES[@]}")
        [ -s entries ] || here time add --client acme --date 2026-03-02 --duration 1h "Work" --json | jq -r .id >>entries
        step >/dev/null 2>&1
        if [ $((i % 15)) -eq 0 ]; then
            meet
            oracle
        fi
    done
    meet
    for WHERE in "${MACHINES[@]}"; do oracle; done
    # One of each pair is voided until none is left; what is living then verifies.
    while id=$(here invoice list --json | jq -r '.conflicts[0].issue // empty') && [ -n "$id" ]; do
        here invoice void "$id"
    done
    oracle
    for i in $(living); do here invoice verify "$i"; done
}
