# How time grows with a ledger: the same work on 10,000 to 10,000,000 costs, ours alone, microseconds a cost where the work
# touches all of them.
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of the files beside this

readonly sync_scales=(100000 1000000)
readonly capture_megabytes=(100 1000 10000) # ten million responses would be 100 GB of logs

per_cost() { # US COSTS: microseconds a cost, in hundredths
    printf '%s us' "$(hundredths $(($1 * 100 / $2)))"
}

scale_line() { # CELLS...
    printf '  %11s %9s %10s %11s %11s %11s %11s %10s %9s\n' "$@"
    local IFS='|'
    printf '|%s|\n' "$*" >>"$report"
}

scale_of() { # COSTS
    local count=$1 folder=$scratch/scale bulk_ns single_ns bytes verify month all status kib runs=5
    [ "$count" -lt 1000000 ] || runs=1
    say "Making a ledger of $count costs ..."
    read -r bulk_ns single_ns bytes < <(program scale_bench "$folder" "$count")
    cat "$folder/ledger.mdb" >/dev/null # as far as it fits into the page cache
    read -r verify _ < <(process "$runs" "$build/tally" verify --ledger "$folder")
    read -r month _ < <(process $((runs * 3)) "$build/tally" report --period 2026-03 --ledger "$folder")
    read -r all kib _ < <(process "$runs" "$build/tally" report --by project,month --period all --ledger "$folder")
    read -r status _ < <(process 9 "$build/tally" status --ledger "$folder")
    scale_line "$count" "$(hundredths $((bulk_ns / 10))) us" "$(hundredths $((single_ns / 10))) us" \
        "$(per_cost "$verify" "$count")" "$(ms "$month")" "$(per_cost "$all" "$count")" "$(ms "$status")" \
        "$((bytes / count)) B" "$(mib "$kib")"
    rm -rf -- "$folder"
}

scale_captures() {
    local size us found
    for size in "${capture_megabytes[@]}"; do
        program make_tree_bench "$scratch/logs" "$size" >&2
        new_ledger
        read -r us _ < <(process 1 "$build/tally" capture --ledger "$scratch/ledger" --root "$scratch/logs")
        found=$(tally report --ledger "$scratch/ledger" --json | jq .total.requests)
        figure "cold capture, $size MB, $found costs" "$(ms "$us")"
        note "$size MB: $(per_cost "$us" "$found") a cost, $((found * 1000000 / us)) records a second"
        rm -rf -- "$scratch/logs"
    done
}

scale_syncs() {
    local count us port
    for count in "${sync_scales[@]}"; do
        need_pair "$count"
        cp -r "$pair/a" "$scratch/sync-a"
        cp -r "$pair/b" "$scratch/sync-b"
        port=$(free_port)
        daemon "$scratch/sync-a" "$port"
        read -r us _ < <(program sync_bench fetch "$scratch/sync-b" "127.0.0.1:$port")
        stop "$helper"
        figure "$count costs to a teammate, loopback" "$(ms "$us")"
        note "$count: $(per_cost "$us" "$count") a cost"
        rm -rf -- "$scratch/sync-a" "$scratch/sync-b"
    done
}

bench_scale() {
    local count
    heading "Scale"
    scale_captures
    scale_syncs
    flush_notes
    printf '\n' | tee -a "$report"
    scale_line costs append "one alone" verify "one month" "all history" status store resident
    printf '|---|---|---|---|---|---|---|---|---|\n' >>"$report"
    for count in "${scales[@]}"; do
        scale_of "$count"
    done
    note "append, verify and all history: a cost; one alone: a durable append; one month, status: whole processes"
    note "100 costs a session; resident: of the report of all history"
}
