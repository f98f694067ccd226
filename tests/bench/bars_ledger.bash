# Bars of reading logs and of the ledger itself.
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of the files beside this

readonly memory_bar_kib=65536 month_bar_us=15000

run_ccusage() { CLAUDE_CONFIG_DIR=$tree/.claude "$@" "$ccusage" claude daily --offline --json; }

# Two readers that disagree would make the comparison worthless.
check_capture() {
    local ours theirs
    ours=$(tally report --ledger "$scratch/ledger" --json |
        jq -c '.total | [.input_tokens, .output_tokens, .cache_read_tokens, .cache_write_tokens]')
    theirs=$(run_ccusage env |
        jq -c '.totals | [.inputTokens, .outputTokens, .cacheReadTokens, .cacheCreationTokens]')
    [ "$ours" = "$theirs" ] || die "tally counts the tokens $ours and ccusage $theirs"
}

bench_capture() {
    local round us kib cpu cold=() cold_cpu=() again=() again_cpu=() peer=() peer_cpu=() resident=0 peer_resident=0
    need_tree
    for ((round = 0; round < rounds; round++)); do
        new_ledger
        read -r us kib cpu < <(process 1 "$build/tally" capture --ledger "$scratch/ledger" --root "$tree")
        cold+=("$us") cold_cpu+=("$cpu")
        [ "$kib" -le "$resident" ] || resident=$kib
        read -r us kib cpu < <(run_ccusage "$build/tests/process_bench" 1)
        peer+=("$us") peer_cpu+=("$cpu")
        [ "$kib" -le "$peer_resident" ] || peer_resident=$kib
        read -r us kib cpu < <(process 5 "$build/tally" capture --ledger "$scratch/ledger" --root "$tree")
        again+=("$us") again_cpu+=("$cpu")
    done
    check_capture
    local first second theirs
    first=$(median "${cold[@]}") second=$(median "${again[@]}") theirs=$(median "${peer[@]}")
    at_least "cold capture, $megabytes MB (peer: ccusage)" "$(ms "$first")" "$(ms "$theirs")" "$theirs" "$first" 100
    at_least "second capture (peer: the first)" "$(ms "$second")" "$(ms "$first")" "$first" "$second" 5000
    limit "largest resident size of a capture" "$((resident / 1024)) MiB" "$resident" "$memory_bar_kib" "64 MiB"
    figure "processor time of a cold capture (peer: ccusage)" "$(ms "$(median "${cold_cpu[@]}")")" \
        "$(ms "$(median "${peer_cpu[@]}")")" "$(median "${cold_cpu[@]}")" "$(median "${peer_cpu[@]}")"
    figure "processor time of a capture that finds nothing new" "$(ms "$(median "${again_cpu[@]}")")"
    note "ccusage: $((peer_resident / 1024)) MiB; both count the same tokens"
}

bench_verify() {
    local ours theirs
    need_ledger
    read -r ours theirs < <(program verify_bench "$ledger")
    at_least "verify (peer: Ed25519 a record)" "$ours/s" "$theirs/s" "$ours" "$theirs" 2000
}

bench_append() {
    local cost plain put
    read -r cost plain put < <(program append_bench "$scratch/append")
    at_most "durable append of a cost (peer: bare LMDB put)" "$((cost / 1000)) us" "$((put / 1000)) us" \
        $((cost * 100 / put)) 130
    at_most "durable append of a record without views" "$((plain / 1000)) us" "$((put / 1000)) us" \
        $((plain * 100 / put)) 130
}

bench_month() {
    local us kib cpu
    need_ledger
    read -r us kib cpu < <(process 50 "$build/tally" report --ledger "$ledger" --period 2026-03)
    limit "report of a month in $costs costs" "$(ms "$us")" "$us" "$month_bar_us" "15 ms"
    note "resident: $((kib / 1024)) MiB, processor time $(ms "$cpu")"
}

readonly same_answer='SELECT project, month, count(DISTINCT session), count(*), sum(input), sum(output),
    sum(cache_read), sum(cache_write), sum(pico) FROM costs GROUP BY project, month'
readonly indexed_table="SELECT project, strftime('%Y-%m', time / 1000, 'unixepoch') AS m, count(*), sum(input), sum(output),
    sum(cache_read), sum(cache_write), sum(pico) FROM costs NOT INDEXED GROUP BY project, m" # faster here than through its index

# The same rows with prices worked out beforehand. `answer` is an index made for this one question, months worked out
# too: no table has it by chance; it is the hardest peer there is.
need_sqlite() {
    sqlite=$(dirname "$ledger")/costs.sqlite
    [ ! -e "$sqlite" ] || return 0
    say "Filling sqlite with the same rows ..."
    program make_ledger_bench --rows "$ledger" >"$scratch/rows.csv"
    sqlite3 "$scratch/costs.sqlite" <<SQL
CREATE TABLE costs(time INTEGER, month TEXT, project TEXT, session TEXT, input INTEGER, output INTEGER,
    cache_read INTEGER, cache_write INTEGER, pico INTEGER);
.mode csv
.import '$scratch/rows.csv' costs
CREATE INDEX answer ON costs(project, month, session, input, output, cache_read, cache_write, pico);
CREATE INDEX by_time ON costs(time);
CREATE INDEX by_project ON costs(project, time);
ANALYZE;
VACUUM;
SQL
    mv "$scratch/costs.sqlite" "$sqlite"
}

check_history() {
    tally report --ledger "$ledger" --by project,month --period all --json | jq -r '.rows[] |
        [.key.project, .key.month, .sessions, .requests, .input_tokens, .output_tokens, .cache_read_tokens,
         .cache_write_tokens] | join("|")' >"$scratch/ours"
    sqlite3 "$sqlite" "$same_answer" | cut -d'|' -f1-8 >"$scratch/theirs"
    cmp -s "$scratch/ours" "$scratch/theirs" || die "tally and sqlite3 do not give the same sums"
}

bench_history() {
    local round us _ ours=() same=() table=()
    need_ledger
    need_sqlite
    check_history
    for ((round = 0; round < 5; round++)); do
        read -r us _ < <(process 3 "$build/tally" report --ledger "$ledger" --by project,month --period all)
        ours+=("$us")
        read -r us _ < <(process 3 sqlite3 "$sqlite" "$same_answer")
        same+=("$us")
        read -r us _ < <(process 1 sqlite3 "$sqlite" "$indexed_table")
        table+=("$us")
    done
    local us_all us_same us_table
    us_all=$(median "${ours[@]}") us_same=$(median "${same[@]}") us_table=$(median "${table[@]}")
    at_least "project x month (peer: sqlite3, indexed table)" "$(ms "$us_all")" "$(ms "$us_table")" "$us_table" "$us_all" 500
    note "sqlite3 with an index made for this question: $(ms "$us_same"), $(hundredths $((us_same * 100 / us_all)))x"
}

# Every other figure holds one of these starts.
bench_start() {
    local us peer kib
    need_ledger
    read -r us kib _ < <(process 50 "$build/tally" version)
    read -r peer _ < <(process 50 sqlite3 -version)
    figure "tally version (peer: sqlite3 -version)" "$(ms "$us")" "$(ms "$peer")" "$us" "$peer"
    note "resident: $(mib "$kib")"
    read -r us _ < <(process 30 "$build/tally" status --ledger "$ledger")
    figure "tally status, $costs costs" "$(ms "$us")"
    read -r us _ < <(process 30 "$build/tally" report --ledger "$ledger" --period today)
    figure "report of a day, $costs costs" "$(ms "$us")"
}

# Ours against the readers of Debian, all of them on the same lines (json_peers/README.md).
build_json_peers() {
    local tests=tests/bench source objects=()
    for source in "$tests"/json_bench.c "$tests"/json_peers/*.c ledger/json.c ledger/json_scan.c ledger/utf8.c; do
        objects+=("$scratch/$(basename "$source").o")
        cc -std=c11 -O2 -D_GNU_SOURCE -DTALLY_JSON_PEERS -Iinclude -Iledger -I"$tests" -c "$source" -o "${objects[-1]}" || return 1
    done
    c++ -std=c++17 -O2 -I"$tests" "$tests"/json_peers/simdjson_peer.cc "${objects[@]}" -o "$scratch/json_bench" \
        -lsimdjson -lyajl -lcjson -ljansson -ljson-c
}

bench_json() {
    local name ours theirs logs
    if ! build_json_peers >"$scratch/json.log" 2>&1; then
        note "JSON: left out, a reader to compare with is not installed (lib{simdjson,yajl,cjson,jansson,json-c}-dev)"
        return 0
    fi
    need_tree
    mapfile -d '' -t logs < <(find "$tree" -name '*.jsonl' -print0 | sort -z)
    cat "${logs[@]:0:40}" >"$scratch/log.jsonl"
    "$scratch/json_bench" "$scratch/log.jsonl" >"$scratch/json" || die "json_bench failed"
    rate() { sed -n "s/^$1  *\([0-9]*\) MB.*/\1/p" "$scratch/json"; }
    ours=$(rate tally) theirs=$(rate 'simdjson on-demand')
    figure "fields of a log's lines (peer: simdjson)" "$ours MB/s" "$theirs MB/s" "$theirs" "$ours"
    for name in yajl cJSON jansson json-c; do
        figure "  the same (peer: $name)" "$ours MB/s" "$(rate "$name") MB/s" "$(rate "$name")" "$ours"
    done
}
