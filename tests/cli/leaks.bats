#!/usr/bin/env bats
# Every command of the table, once where it succeeds and twice where it fails, in a build whose sanitizer tells of memory
# that is left at exit, or under memcheck. A command that is added and not run here fails the second test.
load common

# `./dev valgrind` puts a script in the program's place.
under_memcheck() { [ -n "${TALLY_BUILD:-}" ]; }

# Of the builds only AddressSanitizer's looks for leaks: under gcc its library is a shared one.
leaks_are_seen() { under_memcheck || ldd "$TALLY" | grep -q libasan || skip "this build does not look for leaks"; }

commands() { tally help | sed -n '/^  [a-z]/ { s/^  //; s/  .*//; s/ [[A-Z].*//; p }'; }

sanitizer_is_silent() { # COMMAND WORDS...
    ! grep -q -e Sanitizer -e 'runtime error' -e '^==[0-9]*== ' words || { echo "tally $*"; cat words; return 1; }
}

# A command that ends with CODE and leaves nothing; it is noted in `ran`.
ends() { # CODE TALLY-ARGUMENTS...
    local code=$1 status=0
    shift
    tally "$@" >out 2>words </dev/null || status=$?
    sanitizer_is_silent "$@"
    [ "$status" -eq "$code" ] || { echo "exit $status, not $code: tally $*"; cat out words; return 1; }
    if grep -qx "$1 ${2:-}" commands; then echo "$1 $2" >>ran; else echo "$1" >>ran; fi
}

# What stands first in a list: `first KEY LIST-COMMAND...`
first() { tally "${@:2}" --json | jq -r "$1"; }

@test "a leak would be seen" {
    leaks_are_seen
    leak=$(dirname "$TALLY")/tests/leak
    status=0
    if under_memcheck; then
        ln -s "$TALLY_TEST_DATA/valgrind" leak
        TALLY_BUILD=$TALLY_BUILD/tests leak=$PWD/leak
        export TALLY_BUILD
    fi
    "$leak" 2>words || status=$?
    cat words
    [ "$status" -eq 99 ] # as common.bash and tests/valgrind ask for: no exit code of Tally's
    grep -q -e '3141 byte(s) leaked' -e '3,141 bytes in 1 blocks are definitely lost' words
}

@test "no command that succeeds leaves memory" {
    leaks_are_seen
    commands >commands
    work
    rules
    typed
    contracts
    invoices
    machine
    team
    ledger
    comm -3 <(sort -u commands) <(sort -u ran) >differ
    [ ! -s differ ] || { echo "not run, or not in the help:"; cat differ; return 1; }
}

work() {
    ends 0 init --member Ada --device laptop --team Acme --timezone UTC
    ends 0 capture --root "$TALLY_TEST_DATA/samples/home"
    ends 0 sessions --period 2026-09
    session=$(first '.sessions[0].id' sessions)
    ends 0 sessions show "$session"
    ends 0 costs list --period 2026-09
    ends 0 costs export --format csv --output costs.csv
    ends 0 costs import costs.csv
    ends 0 report --by project,model
    ends 0 report --html page.html
    ends 0 statusline
    ends 0 tag add urgent --session "$session"
    ends 0 tag list
    ends 0 tag remove urgent --session "$session"
}

rules() {
    ends 0 client set larkspur --title 'Larkspur Books'
    ends 0 client set other
    ends 0 client list
    ends 0 project set shop --client larkspur
    ends 0 project list
    ends 0 project unset shop
    ends 0 rule set shop --path larkspur-books --client larkspur
    ends 0 rule list
    ends 0 rule test larkspur-books
    ends 0 assign "$session" --client larkspur
    ends 0 split "$session" larkspur=2 other=1
    ends 0 assign "$session" --clear
    ends 0 describe "$session" 'Guest checkout'
    ends 0 engaged set --idle 12m
    ends 0 engaged show
    ends 0 rate set --client other --amount 90 --currency USD
    ends 0 rate list
    ends 0 rate unset --client other
}

typed() {
    echo 'a bill' >bill.txt
    printf 'date,provider,amount,currency,category\n2026-09-03,Hetzner,12.50,USD,other\n' >expenses.csv
    printf 'date,model,amount\n2026-09-01,claude-sonnet-4-5,1.00\n' >provider.csv
    ends 0 time add --client larkspur --duration 1h30m --date 2026-09-14 'Kick-off call'
    entry=$(first '.entries[0].id' time list)
    ends 0 time list
    ends 0 void "$entry" --reason 'a test'
    ends 0 redact "$entry" --reason 'a name'
    ends 0 expense add --category other --amount 42.10 --provider Hetzner --date 2026-09-02 --client larkspur \
        --evidence bill.txt
    ends 0 expense import expenses.csv
    ends 0 expense list
    ends 0 expense evidence "$(first '[.entries[] | select(.evidence)][0].id' expense list)" --output -
    ends 0 plan set pro --provider anthropic --fee 200 --currency USD --from 2026-09
    ends 0 plan list
    ends 0 plan unset pro --from 2026-09
    ends 0 bill set anthropic 2026-09 --amount 351.17 --currency USD
    ends 0 bill list
    ends 0 bill unset anthropic 2026-09
    ends 0 reconcile --provider anthropic --period 2026-09 --bill provider.csv
    ends 0 fx set EUR USD --date 2026-09-01 --rate 1.0812 --source ECB
    ends 0 fx list
    ends 0 fx unset EUR USD --date 2026-09-01
    ends 0 budget set --period monthly --limit 100 --notify-at 50
    ends 0 budget list
    ends 0 budget status
    ends 0 budget notify
    ends 0 budget unset monthly
    echo '{"my-model":{"input_cost_per_token":1e-06,"output_cost_per_token":2e-06}}' >prices.json
    ends 0 prices import prices.json
    ends 0 prices set house-llm-30b --input 5 --output 25 # or `doctor` would warn of it
    ends 0 prices list
}

contracts() {
    ends 0 contract set checkout --client larkspur --title 'Guest checkout' --rate 185
    ends 0 contract set mvp --client other --title MVP --fee 9000
    ends 0 contract list
    ends 0 contract show mvp
    ends 0 milestone set mvp 1 --title Retrieval --fee 9000
    ends 0 milestone set mvp 2 --title More --fee 10
    ends 0 milestone list
    ends 0 milestone accept mvp 1 --date 2026-09-28
    ends 0 milestone unset mvp 2
    ends 0 change set mvp CR-1 --title OCR --amount 2400
    ends 0 change set mvp CR-2 --title More --amount 10
    ends 0 change list
    ends 0 change approve mvp CR-1 --date 2026-09-10
    ends 0 change unset mvp CR-2
    ends 0 deposit receive mvp 500 --date 2026-09-01 --credit 1=500
    ends 0 contract set old --client other
    ends 0 contract unset old
    ends 0 issuer set Ada --name 'Ada Kline' --prefix AK --city Berlin --country DE
    ends 0 issuer list
}

invoices() {
    local format
    for format in text md csv json html; do
        ends 0 invoice draft checkout --period 2026-09 --format "$format"
    done
    ends 0 invoice issue checkout --period 2026-09 --issue-date 2026-10-01 --yes
    number=$(first '.invoices[0].number' invoice list)
    ends 0 invoice list
    ends 0 invoice show "$number"
    ends 0 invoice explain "$number" 1
    ends 0 invoice verify "$number"
    ends 0 invoice pay "$number" 1 --date 2026-10-02
    ends 0 invoice aging
    ends 0 invoice credit checkout 1 'Half an hour too much'
    ends 0 audit pack --invoice "$number" --output pack.txt
    ends 0 audit verify pack.txt
    ends 0 audit diff pack.txt pack.txt
    ends 0 audit export --period 2026 --output year.txt
    ends 0 invoice void "$number" --reason 'Wrong client'
    ends 0 issuer unset Ada
}

machine() {
    ends 0 webhook add http://127.0.0.1:9/ --name hole
    ends 0 webhook list
    ends 1 webhook test hole # nobody listens there
    ends 0 webhook rotate hole
    ends 0 webhook deliver
    ends 0 webhook outbox --all
    ends 0 webhook remove hole
    ends 0 hook install claude-code
    ends 0 hook status
    ends 0 hook claude-code
    ends 0 hook uninstall
    ends 0 config list
    ends 0 config get titles.from_prompts
    ends 0 config set titles.from_prompts yes
    ends 0 doctor
    ends 0 status
    ends 0 version
    ends 0 completion bash
    echo demo >>ran # demo.bats plays it to its end
    ends 1 node status # there is no daemon
}

# An invite that nobody takes up cannot be made to end at once; the joining of two is tried in team.bats.
team() {
    join_team "$TALLY_HOME" "$BATS_TEST_TMPDIR/ben" Ben desktop
    printf 'team invite\nteam join\n' >>ran
    ends 0 team show
    ends 0 team forks
    ends 1 team resolve Ben/desktop --keep none # there is no fork
    ends 0 sync export away.tally --all
    ends 0 sync import away.tally --ledger "$BATS_TEST_TMPDIR/ben"
    mkdir folder
    ends 0 sync folder folder
    ends 0 sync status
    ends 1 sync now 127.0.0.1:9 # nobody listens there
    ends 0 audit cosign --ledger "$BATS_TEST_TMPDIR/ben"
    ends 0 team revoke Ben/desktop --yes
}

ledger() {
    ends 0 audit set --quorum 1
    ends 0 audit list
    ends 0 audit unset
    ends 0 log
    record=$(tally log --json | jq -r .hash | head -n 1)
    ends 0 show "$record"
    ends 0 audit proof "$record"
    ends 0 client unset other
    ends 0 rule unset shop
    ends 0 verify --deep
    ends 0 fsck
    ends 0 rebuild
    ends 0 backup copy.mdb
}

@test "no command that fails leaves memory, without a ledger and with one that lacks what is named" {
    leaks_are_seen
    new_ledger
    # As the help has them: what stands in capitals becomes a word that names nothing.
    tally help | sed -n '/^  [a-z]/ { s/^  //; s/   *.*//; s/ \[.*//; s/\( [A-Z][^ ]*\) [a-z].*/\1/; s/ [A-Z][^ ]*/ nothing/g; p }' |
        grep -v -e '^init' -e '^demo' -e '^team invite' -e '^team join' >commands
    [ "$(grep -c ' nothing' commands)" -ge 30 ]
    while read -r command; do
        for at in "$TALLY_HOME" "$BATS_TEST_TMPDIR/nowhere"; do
            status=0
            # shellcheck disable=SC2086
            tally $command --ledger "$at" >out 2>words </dev/null || status=$?
            sanitizer_is_silent "$command" --ledger "$at"
            [ "$status" -le 4 ] || { echo "exit $status: tally $command --ledger $at"; return 1; }
        done
    done <commands
}
