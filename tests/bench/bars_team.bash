# Bars of two ledgers becoming one.
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of the files beside this

readonly latency_rounds=200 latency_bar_us=50000 reconnect_bar_bytes=2048

# A port that nobody listens on now.
free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 12000))
        (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

# within SECONDS COMMAND...: waits until the command succeeds.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

answers() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# in_background COMMAND...: leaves its process in `helper`.
in_background() {
    "$@" >>"$scratch/log" 2>&1 &
    helper=$!
    helpers+=("$helper")
}

stop() {
    kill "$1" 2>/dev/null || true
    wait "$1" || true
}

# configure FOLDER KEY VALUE
configure() { tally config set "$2" "$3" --ledger "$1" >/dev/null 2>&1 || die "cannot set $2 in $1"; }

# daemon FOLDER PORT: a tallyd that listens there, finds nobody by itself and captures nothing.
daemon() {
    configure "$1" node.listen "127.0.0.1:$2"
    configure "$1" node.beacon off
    configure "$1" node.capture off
    in_background "$build/tallyd" --ledger "$1"
    within 10 answers "$2" || die "tallyd does not answer: $(tail -n 3 "$scratch/log")"
}

sizes_of() { # FILE...: bytes in all
    cat "$@" | wc -c
}

# One transfer of everything, and one call with nothing new, counted by a relay in between.
count_bytes() {
    local port=$1 relay
    relay=$(free_port)
    mkdir "$scratch/tap"
    cp -r "$pair/b" "$scratch/b-tap"
    in_background "$build/tests/tap" "$scratch/tap" "$relay" 127.0.0.1 "$port"
    within 10 answers "$relay" || die "the relay does not answer"
    rm -f "$scratch"/tap/*
    program sync_bench fetch "$scratch/b-tap" "127.0.0.1:$relay" >/dev/null
    wire_bytes=$(sizes_of "$scratch"/tap/*)
    rm -f "$scratch"/tap/*
    program sync_bench fetch "$scratch/b-tap" "127.0.0.1:$relay" >/dev/null
    again_bytes=$(sizes_of "$scratch"/tap/*)
}

serve_hypercore() {
    mkfifo "$scratch/stay"
    node "$hypercore/replicate.mjs" serve "$scratch/core" "$pair/records" <"$scratch/stay" >"$scratch/core.ready" &
    helpers+=("$!")
    exec {stay}>"$scratch/stay" # open as long as it shall serve
    within 60 test -s "$scratch/core.ready" || die "hypercore is not ready after a minute"
    read -r core_port core_key _ <"$scratch/core.ready"
}

bench_latency() {
    local port median p95
    port=$(free_port)
    configure "$scratch/b-0" sync.peers "127.0.0.1:$1"
    daemon "$scratch/b-0" "$port"
    read -r median p95 < <(program sync_bench latency "$scratch/a" "$scratch/b-0" "$latency_rounds")
    limit "a new record in an idle peer's view, median" "$(ms "$median")" "$median" "$latency_bar_us" "50 ms"
    note "95 of 100 within $(ms "$p95"); $latency_rounds costs, another process of the writer's, 0.2 ms between two looks"
}

bench_sync() {
    local round port us count shown ours=() theirs=() their_bytes our_rate their_rate zstd
    need_pair "$sync_costs"
    cp -r "$pair/a" "$scratch/a"
    port=$(free_port)
    daemon "$scratch/a" "$port"
    serve_hypercore
    for ((round = 0; round < rounds; round++)); do
        cp -r "$pair/b" "$scratch/b-$round"
        read -r us count _ shown < <(program sync_bench fetch "$scratch/b-$round" "127.0.0.1:$port")
        [ "$shown" = "$sync_costs" ] || die "only $shown of $sync_costs costs are in the view after a transfer"
        ours+=("$us")
        read -r us count their_bytes < <(node "$hypercore/replicate.mjs" fetch "$scratch/core-$round" "$core_port" "$core_key")
        [ "$count" = "$sync_costs" ] || die "hypercore replicated $count of $sync_costs blocks"
        theirs+=("$us")
    done
    exec {stay}>&-
    count_bytes "$port"
    our_rate=$((sync_costs * 1000000 / $(median "${ours[@]}"))) their_rate=$((sync_costs * 1000000 / $(median "${theirs[@]}")))
    zstd=$((zstd_bytes < zstd_chunked ? zstd_bytes : zstd_chunked))
    at_least "costs to a teammate, loopback (peer: hypercore)" "$our_rate/s" "$their_rate/s" "$our_rate" "$their_rate" 2000
    at_most "bytes on the wire (peer: zstd -3)" "$wire_bytes" "$zstd" $((wire_bytes * 100 / zstd)) 120
    note "records: $record_bytes bytes; zstd -3 $zstd_bytes in one piece, $zstd_chunked in chunks of 1 MiB; hypercore $their_bytes"
    limit "bytes of a reconnect with nothing new" "$again_bytes" "$again_bytes" "$reconnect_bar_bytes" "2048 B"
    bench_latency "$port"
}
