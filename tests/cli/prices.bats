#!/usr/bin/env bats
# tally prices: listing, setting, importing.
load common

# What LiteLLM's file looks like, with one entry that cannot be right.
litellm() {
    jq -n '{"sample_spec": {"mode": "chat", "input_cost_per_token": 0},
        "model-a": {"mode": "chat", "litellm_provider": "x", "input_cost_per_token": 3e-06,
            "output_cost_per_token": 1.5e-05, "cache_read_input_token_cost": 3e-07},
        "model-b": {"mode": "chat", "litellm_provider": "x", "input_cost_per_token": '"${1:-1e-06}"',
            "output_cost_per_token": 2e-06}}'
}

@test "set records a price per million tokens, exactly" {
    new_ledger
    tally prices set my-model --input 5 --output 25 --cache-read 0.000001 --json >"set"
    jq -e '.prices[0] | .input == "5.00" and .output == "25.00" and .cache_read == "0.000001" and
        .cache_write_5m == null and .from == null and .currency == "USD"' set
    [ "$(tally prices list my-model --json | jq -c '.prices[0].input')" = '"5.00"' ]
    fails_with 2 tally prices set my-model --input 0.0000001 --output 1
    fails_with 2 tally prices set my-model --input -1 --output 1
    fails_with 2 tally prices set my-model --input 1 --output 1 --from 2026-02-30
    fails_with 2 tally prices set my-model --input 1 --output 1 --currency XXY
}

@test "a price from a date prices only what comes after" {
    new_ledger
    home=$HOME/.codex/sessions/2026/01/01
    need "$(fixtures)/synthetic/codex/x01-duplicate-and-null-token-count"
    home=$(home_of_case codex "$(fixtures)/synthetic/codex/x01-duplicate-and-null-token-count")
    tally capture --root "$home" >/dev/null
    before=$(tally costs list --json | jq -c '[.costs[].total_cost]')
    tally prices set gpt-5.5 --input 1000 --output 1000 --cache-read 1000 --from 2026-09-12 >/dev/null
    [ "$(tally costs list --json | jq -c '[.costs[].total_cost]')" = "$before" ]
    tally prices set gpt-5.5 --input 1000 --output 1000 --cache-read 1000 --from 2026-09-11 >/dev/null
    # A thousand dollars a million tokens: a thousandth of a dollar each, whatever the class.
    tally costs list --json | jq -e "$JQ_LIB"'.costs | all((.total_cost | pico) ==
        (.input_tokens + .output_tokens + .cache_read_tokens) * 1000000000)'
}

@test "import adds what differs and counts the rest" {
    new_ledger
    litellm >prices.json
    [ "$(tally prices import prices.json --json | jq -c '[.added, .unchanged]')" = "[2,0]" ]
    [ "$(tally prices import prices.json --json | jq -c '[.added, .unchanged]')" = "[0,2]" ]
    litellm 1.1e-06 >dearer.json
    [ "$(tally prices import dearer.json --from 2026-09-01 --json | jq -c '[.added, .unchanged]')" = "[1,1]" ]
    [ "$(tally prices list model-b --json | jq -c '[.prices[] | [.from, .input]]')" = \
        '[[null,"1.00"],["2026-09-01","1.10"]]' ]
    tally verify --deep >/dev/null
}

@test "a malformed entry is named and the rest is taken" {
    new_ledger
    litellm | jq '. + {"model-bad": {"mode": "chat", "litellm_provider": "x",
        "input_cost_per_token": "x", "output_cost_per_token": 1}}' >prices.json
    try tally prices import prices.json --json
    [ "$status" -eq 0 ]
    [ "$(jq -c '[.added, .malformed]' <<<"$output")" = "[2,1]" ]
    [[ "$words" == *model-bad* ]]
}

@test "a file that is no price file is refused and changes nothing" {
    new_ledger
    printf '{"half":' >half.json
    fails_with 3 tally prices import half.json
    fails_with 3 tally prices import /nonexistent.json
    [ "$(tally prices list --json | jq '.prices | length')" -eq 0 ]
}

@test "the shipped table can be asked, and unknown models are said to be unknown" {
    new_ledger
    # Published: 5 and 25 dollars a million tokens, a tenth of input for cache reads.
    tally prices list claude-opus-4-8 --shipped --json | jq -e '.prices[-1] | .input == "5.00" and
        .output == "25.00" and .cache_read == "0.50"'
    fails_with 1 tally prices list no-such-model --shipped
    fails_with 1 tally prices list no-such-model
    fails_with 2 tally prices list --shipped
}

@test "capture records the shipped prices of the models it finds" {
    ledger_with_real_logs
    [ "$(tally prices list gpt-5 --json | jq -c '.prices[0] | [.input, .output]')" = '["1.25","10.00"]' ]
}
