#!/usr/bin/env bats
# tally costs list, export and import; tally sessions.
load common

HEADER=date,tags,project_path,agent,model,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,total_cost,session,client,project,member,entry_id

# A JSON document as export writes it, with one cost; members may be changed by a jq filter.
one_cost() { # [FILTER]
    jq -n '{costs: [{time: "2026-03-31T23:30:00.000Z", session: "s-1", agent: "claude-code",
        model: "claude-opus-4-8", project_path: "/home/ada/acme", branch: "main", tags: ["acme"],
        input_tokens: 1000, output_tokens: 200, reasoning_tokens: 0, cache_read_tokens: 30,
        cache_write_tokens: 7, cache_write_5m_tokens: 3, cache_write_1h_tokens: 4,
        total_cost: "0.123456789012", cost_source: "priced", currency: "USD",
        id: "00112233445566778899aabbccddeeff"}]} | '"${1:-.}"
}

import_refused() { # FILE WORDS
    fails_with 3 tally costs import "$1"
    [[ "$words" == *"$2"* ]] || { echo "$words"; return 1; }
    [ "$(tally costs export --format json | jq .total.requests)" -eq 0 ]
}

@test "the CSV header is exact" {
    new_ledger
    [ "$(tally costs export --format csv)" = "$HEADER" ]
}

@test "CSV rows and JSON rows hold the same figures" {
    ledger_with_real_logs
    tally costs export --format json | jq -r '.costs[] | [.date, .model, .input_tokens, .output_tokens,
        .cache_read_tokens, .cache_write_tokens, .total_cost, .session, .id] | map(tostring) | join(",")' >a
    tally costs export --format csv | tail -n +2 | cut -d, -f1,5-11,15 >b
    diff a b
    [ "$(wc -l <a)" -gt 10 ]
}

@test "the total is the sum of the rows" {
    ledger_with_real_logs
    tally costs export --format json | jq -e "$JQ_LIB"'
        (.total.total_cost | pico) == ([.costs[].total_cost | pico] | add) and
        .total.requests == (.costs | length) and
        .total.output_tokens == ([.costs[].output_tokens] | add)'
}

@test "JSON rows have the documented members and types" {
    new_ledger
    one_cost | tally costs import -
    tally costs list --json >list
    [ "$(jq -c '.costs[0] | keys' list)" = '["agent","attributed_by","branch","cache_read_tokens","cache_write_1h_tokens","cache_write_5m_tokens","cache_write_tokens","client","cost_source","currency","date","description","device","id","input_tokens","member","model","output_tokens","project","project_path","reasoning_tokens","session","tags","time","total_cost"]' ]
    jq -e '.costs[0] | .total_cost == "0.123456789012" and .cost_source == "imported" and
        .time == "2026-03-31T23:30:00.000Z" and .cache_write_1h_tokens == 4 and .tags == ["acme"] and
        .id == "00112233445566778899aabbccddeeff" and .client == null and .member == "Ada"' list
}

@test "the date of a row is the day in the ledger's zone" {
    [ -e /usr/share/zoneinfo/Europe/Berlin ] || skip "no tzdata"
    tally init --timezone Europe/Berlin 2>/dev/null
    one_cost | tally costs import -
    # 23:30 UTC is 01:30 of the next day and month in Berlin's summer.
    [ "$(tally costs export --format csv | tail -1 | cut -d, -f1)" = 2026-04-01 ]
    [ "$(tally costs list --json --period 2026-04 | jq .total.requests)" -eq 1 ]
    [ "$(tally costs list --json --period 2026-03 | jq .total.requests)" -eq 0 ]
}

@test "a CSV row begins at the start of its local day" {
    [ -e /usr/share/zoneinfo/Europe/Berlin ] || skip "no tzdata"
    tally init --timezone Europe/Berlin 2>/dev/null
    printf '%s\n2026-04-01,,/p,codex,gpt-5,1,2,3,4,0.50,s,,,,%032d\n' "$HEADER" 7 >in.csv
    tally costs import in.csv
    [ "$(tally costs list --json | jq -r '.costs[0].time')" = 2026-03-31T22:00:00.000Z ]
}

@test "export, import into a fresh ledger, export again: the same rows, and nothing twice" {
    ledger_with_real_logs
    id=$(tally sessions --json | jq -r '.sessions[0].session')
    tally tag add acme --session "$id" 2>/dev/null
    for format in json csv; do
        tally costs export --format $format --output "out.$format"
        new_ledger --ledger "copy-$format"
        tally costs import "out.$format" --ledger "copy-$format" --json >first
        [ "$(jq .added first)" -eq "$(tally costs export --format json | jq .total.requests)" ]
        tally costs import "out.$format" --ledger "copy-$format" --json >second
        [ "$(jq -c '[.added, .sessions, .tags]' second)" = "[0,0,0]" ]
        tally verify --deep --ledger "copy-$format" >/dev/null
        tally costs export --format csv --ledger "copy-$format" | sort >copied
        tally costs export --format csv | sort | diff - copied
        tally costs export --format $format --ledger "copy-$format" --output "back.$format"
        [ "$(tally costs import "back.$format" --json | jq -c '[.added, .sessions, .tags]')" = "[0,0,0]" ]
    done
    diff <(tally costs export --format json | jq '.costs | map(del(.cost_source, .description)) | sort') \
        <(tally costs export --format json --ledger copy-json | jq '.costs | map(del(.cost_source, .description)) | sort')
}

@test "cells a spreadsheet would run start with an apostrophe, and come back without it" {
    new_ledger
    n=0
    for text in '=1+1' '+1' '-1' '@cmd' "'=quoted" "it's" 'a"b,c' $'two\nlines' ' padded ' $'\ttab'; do
        n=$((n + 1))
        text=$text id=$(printf '%032x' "$n") one_cost '.costs[0] |= (.project_path = env.text |
            .session = env.text | .model = env.text | .id = env.id)' | tally costs import -
    done
    tally costs export --format csv >out.csv
    grep -qF ",'=1+1," out.csv
    grep -qF ",'+1," out.csv
    grep -qF ",'-1," out.csv
    grep -qF ",'@cmd," out.csv
    grep -qF ",''=quoted," out.csv
    grep -qF ",it's," out.csv
    grep -qF ',"a""b,c",' out.csv
    grep -qF ",'"$'\ttab,' out.csv
    if grep -E '(^|,)"?[=+@-]' out.csv; then false; fi
    new_ledger --ledger copy
    tally costs import out.csv --ledger copy >/dev/null
    diff <(tally costs export --format json | jq -c '[.costs[] | [.project_path, .session, .model]] | sort | .[]') \
        <(tally costs export --format json --ledger copy | jq -c '[.costs[] | [.project_path, .session, .model]] | sort | .[]')
}

@test "no name in a CSV steers a terminal, and nothing that a spreadsheet may run is left" {
    new_ledger
    n=0
    # A terminal's title and colour, C1's CSI, a bell, a reversed name, a hidden mark, a carriage return;
    # full-width and indented formulas.
    for text in $'a\e]0;owned\ab' $'a\u009b31mb' $'a\u202eb' $'a\u200bb' $'a\rb' '＝1+1' '  =1+1' $'\n=1+1'; do
        n=$((n + 1))
        text=$text id=$(printf '%032x' "$n") one_cost '.costs[0] |= (.project_path = env.text |
            .session = env.text | .model = "m" | .id = env.id)' | tally costs import -
    done
    tally costs export --format csv >out.csv
    not grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b\xae]' out.csv
    grep -qF ',a�]0;owned�b,' out.csv
    grep -qF ',a�31mb,' out.csv
    [ "$(grep -cF ',a�b,' out.csv)" -eq 2 ]
    grep -qF ',a b,' out.csv
    grep -qF ",'＝1+1," out.csv
    grep -qF ",\"'  =1+1\"," out.csv
    grep -q "\"'$" out.csv # a line feed stays, in quotes
    # JSON has every byte.
    tally costs export --format json | jq -e 'any(.costs[]; .project_path == "a\u001b]0;owned\u0007b")'
}

@test "an unpriced row has an empty cost in CSV, null in JSON, and stays so when imported" {
    new_ledger
    one_cost '.costs[0].total_cost = null' | tally costs import -
    [ "$(tally costs export --format csv | tail -1 | cut -d, -f10)" = "" ]
    tally costs list --json | jq -e '.costs[0].total_cost == null and .total.total_cost == null and
        .total.unpriced_requests == 1'
    tally costs list | grep -q unpriced
    [ "$(tally costs list --json --unpriced | jq .total.requests)" -eq 1 ]
}

@test "a malformed row refuses the whole file with line and reason" {
    new_ledger
    good=2026-03-01,,/p,codex,gpt-5,1,2,3,4,0.50,s,,,,
    n=0
    while IFS='|' read -r bad words; do
        printf '%s\n%s%032d\n%s\n' "$HEADER" "$good" 1 "$bad" >in.csv
        import_refused in.csv "line 3: "
        import_refused in.csv "$words"
        n=$((n + 1))
    done <<'ROWS'
2026-02-30,,/p,codex,gpt-5,1,2,3,4,0.50,s,,,,00000000000000000000000000000002|date
2026-03-01,,/p,codex,gpt-5,-1,2,3,4,0.50,s,,,,00000000000000000000000000000002|input_tokens
2026-03-01,,/p,codex,gpt-5,1,2.5,3,4,0.50,s,,,,00000000000000000000000000000002|output_tokens
2026-03-01,,/p,codex,gpt-5,1,2,9007199254740993,4,0.50,s,,,,00000000000000000000000000000002|cache_read_tokens
2026-03-01,,/p,codex,gpt-5,1,2,3,x,0.50,s,,,,00000000000000000000000000000002|cache_write_tokens
2026-03-01,,/p,codex,gpt-5,1,2,3,4,-0.50,s,,,,00000000000000000000000000000002|negative
2026-03-01,,/p,codex,gpt-5,1,2,3,4,"1,50",s,,,,00000000000000000000000000000002|total_cost
2026-03-01,,/p,codex,gpt-5,1,2,3,4,0.50,s,,,,0002|entry_id
2026-03-01,,/p,codex,gpt-5,1,2,3,4,0.50,s,,,|cells
2026-03-01,,/p,codex,gpt-5,1,2,3,4,0.50,s,,,,"0000|quoted
2026-03-01,a;;b,/p,codex,gpt-5,1,2,3,4,0.50,s,,,,00000000000000000000000000000002|tag
ROWS
    [ "$n" -eq 11 ]
}

@test "malformed JSON costs refuse the whole file" {
    new_ledger
    n=0
    while IFS='|' read -r filter words; do
        one_cost ".costs += [.costs[0] | $filter]" >in.json
        import_refused in.json "cost 2: $words"
        n=$((n + 1))
    done <<'ROWS'
.id = "12"|id
.time = "yesterday"|time
.input_tokens = -1|input_tokens
.output_tokens = 1.5|output_tokens
del(.input_tokens)|input_tokens
.cache_write_tokens = 8|cache_write_tokens
.total_cost = 0.5|total_cost
.total_cost = "1e999"|total_cost
.tags = ["a,b"]|tags
.tags = "a"|tags
.model = ("m" * 5000)|model
.reasoning_tokens = 201|reasoning_tokens
ROWS
    [ "$n" -eq 12 ]
    one_cost | head -c 300 >half.json
    import_refused half.json "not one whole JSON document"
    printf '{"other":1}' >other.json
    import_refused other.json "no list 'costs'"
    : >empty
    import_refused empty "header"
    printf 'a\0b' >nul
    import_refused nul "not UTF-8"
    import_refused /nonexistent.csv "No such file"
}

@test "columns may stand in any order and a byte order mark is passed over" {
    new_ledger
    printf '\xef\xbb\xbfentry_id,session,total_cost,cache_write_tokens,cache_read_tokens,output_tokens,input_tokens,model,agent,project_path,tags,date,note\r\n%032d,s,1.25,4,3,2,1,gpt-5,codex,/p,x;y,2026-03-01,hello\r\n' 5 >in.csv
    tally costs import in.csv
    tally costs list --json | jq -e '.costs[0] | .total_cost == "1.25" and .input_tokens == 1 and
        .cache_write_tokens == 4 and .tags == ["x", "y"] and .project_path == "/p"'
}

@test "tags that a whole session shares are one record, others are on their entries" {
    new_ledger
    one_cost '.costs += [.costs[0] | .id = "00112233445566778899aabbccddee00"]' | tally costs import -
    [ "$(tally tag list --json | jq -c '[.tags[] | has("session")]')" = "[true]" ]
    new_ledger --ledger mixed
    one_cost '.costs += [.costs[0] | .id = "00112233445566778899aabbccddee00" | .tags = []]' |
        tally costs import - --ledger mixed
    [ "$(tally tag list --json --ledger mixed | jq -c '[.tags[].entry]')" = \
        '["00112233445566778899aabbccddeeff"]' ]
}

@test "--output replaces a file whole, keeps it on failure, and leaves nothing beside it" {
    ledger_with_real_logs
    mkdir out
    echo old >out/a.csv
    tally costs export --format csv --output out/a.csv
    [ "$(head -1 out/a.csv)" = "$HEADER" ]
    [ "$(ls out)" = a.csv ]
    cp out/a.csv kept
    fails_with 2 tally costs export --period nonsense --output out/a.csv
    cmp out/a.csv kept
    [ "$(ls out)" = a.csv ]
    fails_with 3 tally costs export --output /nonexistent/a.csv
}

@test "filters restrict costs" {
    ledger_with_real_logs
    all=$(tally costs list --json | jq .total.requests)
    claude=$(tally costs list --agent claude --json | jq .total.requests)
    codex=$(tally costs list --agent codex --json | jq .total.requests)
    [ $((claude + codex)) -eq "$all" ]
    [ "$claude" -gt 0 ]
    [ "$codex" -gt 0 ]
    acme=$(tally costs list --path /home/dev/clients/acme-ecommerce --json | jq .total.requests)
    under=$(tally costs list --path /home/dev/clients/ --json | jq .total.requests)
    [ "$acme" -gt 0 ]
    [ "$acme" -lt "$all" ]
    [ "$under" -eq "$all" ]
    [ "$(tally costs list --period 2020 --json | jq -c '[.costs, .total.requests]')" = "[[],0]" ]
    some=$(tally costs list --min-cost 0.004 --json | jq .total.requests)
    rest=$(tally costs list --max-cost 0.003999999999 --json | jq .total.requests)
    [ $((some + rest)) -eq "$all" ]
}

@test "sessions list their sums, newest first" {
    ledger_with_real_logs
    tally sessions --json >list
    jq -e '.sessions | map(.start) == (map(.start) | sort | reverse)' list
    jq -e "$JQ_LIB"'[.sessions[].total_cost | pico] | add' list >sum
    [ "$(cat sum)" = "$(tally costs list --json | jq "$JQ_LIB"'.total.total_cost | pico')" ]
    [ "$(jq '[.sessions[].requests] | add' list)" = "$(tally costs list --json | jq .total.requests)" ]
    jq -e '.sessions[] | select(.agent == "claude-code") | .models | length > 0' list
    [ "$(tally sessions --min-cost 0.03 --json | jq '.sessions | length')" -eq \
        "$(jq "$JQ_LIB"'[.sessions[] | select((.total_cost | pico) >= 30000000000)] | length' list)" ]
}

@test "sessions show takes the beginning of an id, and refuses what is not there or not one" {
    ledger_with_real_logs
    tally sessions show 30dcd767 --json >one
    jq -e '.session == "30dcd767-4c99-48ea-8837-7d1da741b315" and (.costs | length) == .requests and
        (.prompt_times | length) == .prompts' one
    tally sessions show 30dcd767 | grep -q "^session   30dcd767-4c99-48ea"
    fails_with 1 tally sessions show ffffffff
    fails_with 2 tally sessions show 01a1fc9e
}

@test "what was observed counts before what was imported, in either order" {
    local home="$BATS_TEST_TMPDIR/first"
    new_ledger
    tally capture --root "$(fixtures)/real/claude-code/home"
    tally costs export --format csv --output "$BATS_TEST_TMPDIR/c.csv"
    TALLY_HOME="$home" new_ledger
    TALLY_HOME="$home" tally costs import "$BATS_TEST_TMPDIR/c.csv"
    TALLY_HOME="$home" tally capture --root "$(fixtures)/real/claude-code/home"
    tally costs import "$BATS_TEST_TMPDIR/c.csv"
    run tally costs export --format json
    [ "$(jq -c '[.costs[] | .cost_source] | unique' <<<"$output")" = '["priced"]' ]
    diff <(jq -S .costs <<<"$output") <(TALLY_HOME="$home" tally costs export --format json | jq -S .costs)
}
