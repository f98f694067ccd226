# How figures become a table: medians, ratios, lines on the terminal and the same lines in Markdown. What is measured
# stands in the bars_*.bash beside this.
# shellcheck shell=bash

bars=0 misses=0 report=
readonly rounds=${TALLY_BENCH_ROUNDS:-3} # in which two sides take turns

median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

# hundredths N: 123 is 1.23
hundredths() { printf '%d.%02d' $(($1 / 100)) $(($1 % 100)); }

ms() { printf '%s ms' "$(hundredths $(($1 / 10)))"; }

mib() { printf '%d MiB' $(($1 / 1024)); }

say() { printf '%s\n' "$*" >&2; }

die() {
    say "bench: $*"
    exit 1
}

# What a machine is, in one line: figures of two machines cannot be compared.
machine() {
    local cpu
    cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
    printf '%s; %d cores; Linux %s; load before: %s\n' "${cpu:-$(uname -m)}" "$(nproc)" "$(uname -r)" \
        "$(cut -d' ' -f1-3 /proc/loadavg)"
}

# begin_report FILE: what is printed from here on stands there, too.
begin_report() {
    local commit
    commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
    report=$1
    mkdir -p "$(dirname "$report")"
    {
        printf '# Benchmarks\n\n'
        printf 'Commit %s, %s, medians of %d rounds in which the two sides take turns.\n\n%s\n' \
            "$commit" "$(date -u +%Y-%m-%dT%H:%MZ)" "$rounds" "$(machine)"
    } >"$report"
    machine
    note 'on a busy machine only ratios mean anything'
}

heading() {
    flush_notes
    printf '\n%s\n' "$1"
    printf '\n## %s\n\n| what | tally | peer | ratio | bar | |\n|---|---|---|---|---|---|\n' "$1" >>"$report"
}

# Notes come after the table that they belong to.
notes=()
note() {
    printf '    %s\n' "$*"
    [ -z "$report" ] || notes+=("$*")
}

flush_notes() {
    local text
    [ ${#notes[@]} -eq 0 ] || printf '\n' >>"$report"
    for text in ${notes[@]+"${notes[@]}"}; do
        printf -- '- %s\n' "$text" >>"$report"
    done
    notes=()
}

line() { # WHAT OURS PEER RATIO BAR VERDICT
    printf '  %-52s %13s %13s %9s  %-12s %s\n' "$@"
    printf '| %s | %s | %s | %s | %s | %s |\n' "$@" >>"$report"
}

# passed CONDITION: leaves PASS or MISS in `judged`; not in a subshell, which would forget the counts.
passed() {
    bars=$((bars + 1)) judged=PASS
    [ "$1" = 1 ] || misses=$((misses + 1)) judged=MISS
}

# at_least WHAT OURS PEER NUMERATOR DENOMINATOR BAR: passes when the quotient is at least BAR hundredths.
at_least() {
    local ratio=$(($4 * 100 / ($5 > 0 ? $5 : 1)))
    passed $((ratio >= $6))
    line "$1" "$2" "$3" "$(hundredths "$ratio")x" ">= $(hundredths "$6")x" "$judged"
}

# at_most WHAT OURS PEER RATIO BAR
at_most() {
    passed $(($4 <= $5))
    line "$1" "$2" "$3" "$(hundredths "$4")x" "<= $(hundredths "$5")x" "$judged"
}

# limit WHAT OURS VALUE LIMIT LIMIT_TEXT
limit() {
    passed $(($3 <= $4))
    line "$1" "$2" - - "<= $5" "$judged"
}

# figure WHAT OURS [PEER OURS_VALUE PEER_VALUE]: nobody asked for a bar; with a peer, how many times faster than it.
figure() {
    local ratio=-
    [ $# -lt 5 ] || ratio="$(hundredths $(($5 * 100 / ($4 > 0 ? $4 : 1))))x"
    line "$1" "$2" "${3:--}" "$ratio" - -
}
