# What all families of faults stand on: a ledger to harm, the harm, the judgement, the row of the table that comes of it.
# Sourced by `run`; holds no faults of its own.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154,SC2015 # one program in several files; `A && note || blame`

readonly case_seconds=60 # a run that takes longer hangs

runs=0 wrong=0 hits=0

# --- saying -----------------------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*" >&2; }

# A run came out wrong: what it was, and what was found instead.
blame() {
    wrong=$((wrong + 1))
    say "WRONG: $row, $now_at: $*"
    [ ! -s "$W/words" ] || sed 's/^/    said: /' "$W/words" >&2
    [ -z "${FAULT_STOP:-}" ] || exit 1
}

# row NAME FAULT: what follows until `row_end` counts for this row of the table.
row() {
    row=$1 row_fault=$2 runs=0 wrong=0 hits=0 row_started=$SECONDS now_at=start
    : >"$W/words"
}

row_end() {
    local verdict=held
    [ "$wrong" -eq 0 ] || verdict="$wrong WRONG"
    [ "$runs" -gt 0 ] || verdict="not run"
    printf '%-24s %6d runs %6d harmed  %-10s %4ds  %s\n' \
        "$row" "$runs" "$hits" "$verdict" $((SECONDS - row_started)) "$row_fault"
    total_runs=$((total_runs + runs)) total_wrong=$((total_wrong + wrong))
}

# --- the ledger that is harmed ----------------------------------------------------------------------------------------

tally() { "$TALLY" "$@"; }

quiet() { "$@" >/dev/null 2>&1; }

# Work of two weeks of a member, with a client, a rule, a contract, hours and an invoice: made once.
ground_make() {
    export HOME=$W/home TALLY_HOME=$W/now TZ=UTC LC_ALL=C.UTF-8 PAGER=cat NO_COLOR=1
    unset XDG_DATA_HOME XDG_CONFIG_HOME CLAUDE_CONFIG_DIR CODEX_HOME GEMINI_CLI_HOME COPILOT_HOME TALLY_PASSPHRASE_FILE
    cp -r "$FAULT_DATA/samples/home" "$W/home"
    mkdir "$W/out"
    quiet tally init --member Ada --device laptop --team Kline --timezone UTC
    cp -r "$W/now" "$W/new"
    quiet tally client set larkspur --title 'Larkspur Books'
    quiet tally rule set larkspur --path larkspur-books --client larkspur
    quiet tally contract set shop --client larkspur --title 'Guest checkout' --rate 185 --rounding-minutes 15
    quiet tally issuer set Ada --name 'Ada Kline' --prefix AK
    cp -r "$W/now" "$W/agreed"
    quiet tally capture
    quiet tally time add --client larkspur --date 2026-09-20 --duration 1h30m 'Went through the checkout'
    session=$(tally sessions --json | jq -r '[.sessions[] | select(.title)][0].session')
    cp -r "$W/now" "$W/worked"
    quiet tally invoice issue shop --period 2026-09 --yes
    cp -r "$W/now" "$W/billed"
    [ "$(tally invoice list --json | jq '.invoices | length')" = 1 ] || { say "the ground could not be made"; exit 1; }
}

# stand ON: the ledger and the folder for files as they are before each run.
stand() {
    rm -rf "$W/now" "$W/out"
    mkdir "$W/out"
    [ "$1" = nothing ] || cp -r "$W/$1" "$W/now"
}

# --- what is seen -----------------------------------------------------------------------------------------------------

# All that a user could be shown of the ledger, without what differs from run to run (ids, times of writing).
see() { # [DIR]
    local dir=${1:-$W/now}
    [ -e "$dir/ledger.mdb" ] || { echo none; return 0; }
    {
        tally log --json --ledger "$dir" | grep -o '"kind":"[^"]*"' | sort | uniq -c
        tally report --by client,project,agent,model,tag --json --ledger "$dir"
        tally invoice list --ledger "$dir" | sed -E 's/ [0-9a-f]{8}$//' # its digest is of this run
        tally config list --ledger "$dir"
    } 2>/dev/null
}

sound() { # [DIR]
    [ -e "${1:-$W/now}/ledger.mdb" ] || return 0
    timeout "$case_seconds" "$TALLY" verify --deep --ledger "${1:-$W/now}" >"$W/verified" 2>&1 ||
        grep -q 'never finished' "$W/verified" # then no record was ever in it
}

# A name that no unharmed run leaves.
litter() {
    find "$W/now" "$W/out" "$W/home" -mindepth 1 2>/dev/null |
        grep -E '\.(tally-partial-)?[A-Za-z0-9]{6}$' | grep -vE '/(ledger|device|hook|capture|tallyd|events?|config)\.[a-z]+$|\.json$|\.claude$'
}

# --- harm -------------------------------------------------------------------------------------------------------------

# harmed LIBRARY COMMAND...: with what FAULT_... say. Leaves `code`, $W/words, and `hit` when the fault was reached.
harmed() {
    local library=$1
    shift
    runs=$((runs + 1))
    rm -f "$W/told"
    code=0
    { # the shell says of itself that somebody was killed: not here
        ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0:detect_leaks=0 FAULT_TOLD=$W/told \
            timeout -k 1 "$case_seconds" env "LD_PRELOAD=$FAULT_LIBS/libfault_$library.so" "$@" \
            >"$W/printed" 2>"$W/words" </dev/null || code=$?
    } 2>/dev/null
    hit=
    [ ! -e "$W/told" ] || hit=$(<"$W/told") hits=$((hits + 1))
}

# What a command may say when it fails: a sentence with the next step, and never with another's cause.
words_fit() {
    case $code in
        0 | 137) return 0 ;; # 137: SIGKILL, which is ours
        124) blame "it hangs" ;;
        1 | 3 | 4) ;;
        *) blame "exit $code" ;;
    esac
    grep -q 'Sanitizer' "$W/words" && blame "a sanitizer's report"
    grep -qE '^tally: .*(;|\. )' "$W/words" || blame "exit $code, and no word of what to do"
    [ "${1:-}" != memory ] || ! grep -q 'damaged' "$W/words" || blame "calls it damage"
    return 0
}
