# What is measured on: the program, peers from npm and Debian, logs and ledgers of fixed seeds, kept in the cache.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of the files beside this

tally() { "$build/tally" "$@"; }

program() { "$build/tests/$1" "${@:2}"; }

# process RUNS COMMAND...: "microseconds KiB microseconds" of the whole process: wall, memory, processor
process() { program process_bench "$@" 2>>"$scratch/log"; }

new_ledger() {
    rm -rf -- "${scratch:?}/ledger"
    tally init --ledger "$scratch/ledger" --member Bench --device laptop --team Bench --timezone UTC \
        >/dev/null 2>&1 || die "cannot make a ledger in $scratch"
}

prepare() {
    local tool
    for tool in cmake jq sqlite3 npm node git; do
        command -v "$tool" >/dev/null || die "$tool is missing; install it (Debian: apt-get install $tool)"
    done
    [ -f "$build/CMakeCache.txt" ] || cmake --preset release >/dev/null || die "cannot configure $build"
    cmake --build "$build" --parallel "$(nproc)" --target tally "${programs[@]}" "${sync_programs[@]}" \
        >"$scratch/log" 2>&1 || {
        cat "$scratch/log" >&2
        die "cannot build $build"
    }
}

clean_up() {
    [ ${#helpers[@]} -eq 0 ] || kill "${helpers[@]}" 2>/dev/null || true
    wait
    rm -rf -- "${scratch:?}"
}

# Whether one of the benchmarks asked for is among these.
asked() { # NAME...
    local name
    for name in "$@"; do
        [[ " ${names[*]} " != *" $name "* ]] || return 0
    done
    return 1
}

# Whoever runs this has a ledger and logs of their own: nothing below may find them.
isolate() {
    mkdir -p "$cache"
    scratch=$(mktemp -d "$cache/scratch.XXXXXX")
    trap clean_up EXIT
    prepare
    ! asked capture || get_ccusage # while npm still finds its settings
    ! asked sync || get_hypercore
    mkdir "$scratch/home"
    export HOME=$scratch/home TALLY_HOME=$scratch/none XDG_DATA_HOME=$scratch/home XDG_CONFIG_HOME=$scratch/home
    unset CLAUDE_CONFIG_DIR CODEX_HOME GEMINI_CLI_HOME
}

get_ccusage() {
    local folder=$cache/ccusage-$ccusage_version
    if [ ! -d "$folder/node_modules/ccusage" ]; then
        say "Installing ccusage $ccusage_version ..."
        npm install --prefix "$folder" --no-audit --no-fund --silent "ccusage@$ccusage_version" >&2 ||
            die "cannot install ccusage $ccusage_version"
    fi
    ccusage=$(find "$folder/node_modules/@ccusage" -path '*/bin/ccusage' -type f -print -quit)
    [ -n "$ccusage" ] || die "ccusage $ccusage_version ships no program for this machine"
    chmod u+x "$ccusage" # as its own launcher does
}

get_hypercore() {
    hypercore=$cache/hypercore-$(key_of tests/bench/hypercore/package-lock.json)
    if [ ! -d "$hypercore/node_modules/hypercore" ]; then
        say "Installing hypercore ..."
        mkdir -p "$hypercore"
        cp tests/bench/hypercore/package.json tests/bench/hypercore/package-lock.json "$hypercore"
        npm ci --prefix "$hypercore" --no-audit --no-fund --silent >&2 || die "cannot install hypercore"
    fi
    cp tests/bench/hypercore/replicate.mjs "$hypercore" # a module finds its packages beside itself
}

# made NAME KEY: the folder for data made by a generator of that key; older ones go. True when it is there already.
made() {
    local old
    data=$cache/$1-$2
    [ ! -e "$data/.complete" ] || return 0
    for old in "$cache/$1"-*; do
        [ ! -e "$old" ] || rm -rf -- "$old"
    done
    mkdir -p "$data"
    return 1
}

key_of() { sha256sum "$1" | cut -c1-12; }

need_tree() {
    if ! made "tree-$megabytes" "$(key_of tests/bench/make_tree_bench.c)"; then
        say "Making $megabytes MB of logs ..."
        program make_tree_bench "$data/home" "$megabytes" >&2
        touch "$data/.complete"
    fi
    tree=$data/home
    find "$tree" -name '*.jsonl' -exec cat {} + >/dev/null # into the page cache
}

# The generator holds the whole ledger library: another version makes its own ledger.
need_ledger() {
    if ! made "ledger-$costs" "$(key_of "$build/tests/make_ledger_bench")"; then
        say "Making a ledger of $costs costs ..."
        program make_ledger_bench "$data/ledger" "$costs"
        touch "$data/.complete"
    fi
    ledger=$data/ledger
}

# A ledger of one month, this one: $month_costs costs in 500 sessions and 20 projects, and budgets of two kinds.
need_month() {
    local now
    month=$scratch/month
    [ ! -d "$month" ] || return 0
    now=$(date -u +%s)
    say "Importing $month_costs costs of this month ..."
    new_ledger
    jq -nc --argjson n "$month_costs" --argjson now "$now" --argjson from "$(date -u -d "$(date -u +%Y-%m-01)" +%s)" '
        {costs: [range($n) | {session: "s\(. % 500)", agent: "claude-code", model: "claude-opus-4-8", tags: [],
            project_path: "/work/p\(. % 20)", total_cost: "0.01", currency: "USD", input_tokens: 10, output_tokens: 20,
            time: ($now - (. * ($now - $from) / $n | floor) | todate), id: ("0" * 24 + (. + 10000000 | tostring))}]}' |
        tally costs import --ledger "$scratch/ledger" - >/dev/null || die "cannot import costs"
    tally rule set acme --ledger "$scratch/ledger" --path /work/p1 --client acme >/dev/null 2>&1
    tally budget set --ledger "$scratch/ledger" --period monthly --limit 5000 >/dev/null 2>&1
    tally budget set --ledger "$scratch/ledger" --period daily --limit 50 --client acme >/dev/null 2>&1
    mv "$scratch/ledger" "$month"
}

# The same records for both: what tally sends is what hypercore gets as blocks.
need_pair() { # COSTS
    if ! made "pair-$1" "$(key_of "$build/tests/make_sync_bench")"; then
        say "Making two ledgers, $1 costs apart ..."
        program make_sync_bench "$data" "$1" >"$data/figures"
        touch "$data/.complete"
    fi
    pair=$data
    read -r record_bytes zstd_bytes zstd_chunked <"$data/figures"
}
