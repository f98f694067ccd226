#!/usr/bin/env bats
# tally hook install, uninstall and status: the agents' settings are edited so that all else stays as it was.
load common

settings() { printf '%s\n' "$HOME/.claude/settings.json"; }

# What a user may have there: an order, a formatting, keys that nobody knows, hooks of others.
write_settings() {
    mkdir -p "$HOME/.claude"
    printf '%s' '{
	"$schema": "https://json.schemastore.org/claude-code-settings.json",
	"zeta": 1e2,   "alpha": "\u00e9\/",
	"hooks": {
		"PreToolUse": [
			{"matcher": "Bash", "hooks": [{"type": "command", "command": "other hook claude-code"}]}
		],
		"Notification": []
	},
	"permissions": {"allow": ["Bash(ls:*)"], "deny": [ ]}
}' >"$(settings)"
    cp "$(settings)" before
}

commands_of() { # FILE
    jq -r '.hooks | to_entries[] | .key as $event | .value[].hooks[] | "\($event) \(.command)"' "$1"
}

@test "install adds five events and leaves every other byte" {
    not_under_memcheck "the program that is written down is not the one that stands in"
    write_settings
    unset TALLY_HOME
    tally hook install claude-code
    [ "$(commands_of "$(settings)" | sort)" = "$(printf '%s\n' "PreToolUse $TALLY hook claude-code" "PreToolUse other hook claude-code" \
        "SessionEnd $TALLY hook claude-code" "SessionStart $TALLY hook claude-code" "Stop $TALLY hook claude-code" \
        "UserPromptSubmit $TALLY hook claude-code" | sort)" ]
    # Lines are added, a comma here and there, and nothing else is changed.
    diff <(tr -d '\n\t, ' <before) <(grep -v "$TALLY" "$(settings)" | tr -d '\n\t, ')
    [ "$(jq -c 'del(.hooks)' before)" = "$(jq -c 'del(.hooks)' "$(settings)")" ]
    [ "$(jq -c '.hooks.Notification' "$(settings)")" = '[]' ]
    # Again: nothing is left to do.
    cp "$(settings)" once
    tally hook install claude-code | grep 'already'
    cmp once "$(settings)"
    tally hook status | grep '5 of 5 events'
    tally hook status --json | jq -e '.files[0].result == "installed" and .last_trouble == null'
    cmp before "$(settings).before-tally"
    tally hook uninstall
    cmp before "$(settings)"
    [ "$(ls -A "$HOME/.claude")" = settings.json ]
    tally hook status | grep '0 of 5 events'
}

@test "many shapes of settings come back byte for byte" {
    mkdir -p "$HOME/.claude"
    for text in '{}' '{ }' $'{\n}\n' '{"a":1}' '{"hooks":{}}' '{"hooks": {"Stop": []}}' '{"hooks":{"Stop":[ ]},"x":[]}' \
        $'\n{"hooks":{"Stop":[{"hooks":[]}]}}\n\n' '{"statusLine":{"type":"command","command":"mine"},"hooks":{}}' \
        $'{\r\n  "a": 1\r\n}\r\n' $'{\n  "a": {\n    "b": [\n      1\n    ]\n  }\n}' '{"a":1,"a":2}' '   '; do
        printf '%s' "$text" >"$(settings)"
        cp "$(settings)" before
        tally hook install --statusline claude-code
        jq -e '[.hooks[] | .[].hooks[] | select(.command | test("tally hook claude-code"))] | length == 5' "$(settings)"
        tally hook uninstall
        cmp before "$(settings)"
    done
}

@test "what others changed since stays, and ours alone goes" {
    write_settings
    tally hook install claude-code --statusline
    jq --indent 4 '.model = "opus" | .hooks.Stop += [{hooks: [{type: "command", command: "say done"}]}] |
        .hooks.SessionEnd[0].hooks += [{type: "command", command: "bye"}]' "$(settings)" >new
    cp new "$(settings)"
    tally hook uninstall | grep 'others have changed'
    not grep -q "$TALLY" "$(settings)"
    [ "$(commands_of "$(settings)" | sort)" = "$(printf '%s\n' "PreToolUse other hook claude-code" 'SessionEnd bye' 'Stop say done')" ]
    [ "$(jq -c 'del(.hooks)' "$(settings)")" = "$(jq -c '.model = "opus" | del(.hooks)' before)" ]
    jq -e 'has("statusLine") | not' "$(settings)"
}

@test "a moved program and another ledger bring the commands up to date" {
    not_under_memcheck "the program that is written down is not the one that stands in"
    write_settings
    tally hook install claude-code
    sed "s,$TALLY,/old/place/tally," "$(settings)" >moved
    cp moved "$(settings)"
    tally hook install claude-code --ledger "$BATS_TEST_TMPDIR/with space" | grep 'up to date'
    [ "$(commands_of "$(settings)" | grep -c "$TALLY hook claude-code --ledger '$BATS_TEST_TMPDIR/with space'")" -eq 5 ]
    not grep -q /old/place "$(settings)"
    tally hook uninstall
    cmp before "$(settings)"
}

@test "a status line of somebody else stays" {
    mkdir -p "$HOME/.claude"
    echo '{"statusLine": {"type": "command", "command": "mine"}}' >"$(settings)"
    tally hook install claude-code --statusline
    [ "$(jq -r .statusLine.command "$(settings)")" = mine ]
    tally hook status | grep "another's"
    rm "$(settings)" "$(settings).before-tally"
    tally hook install claude-code --statusline
    [[ "$(jq -r .statusLine.command "$(settings)")" == *"tally statusline"* ]]
    tally hook uninstall
    [ ! -e "$(settings)" ]
}

@test "what cannot be understood is refused and left alone" {
    mkdir -p "$HOME/.claude"
    for text in '{' '[]' '"x"' '{"hooks": 7}' '{"hooks": {"Stop": {}}}' $'// words\n{}' '{"a":1,}' $'\xef\xbb\xbf{}' '{"a":"\x01"}'; do
        printf '%b' "$text" >"$(settings)"
        cp "$(settings)" before
        fails_with 3 tally hook install claude-code
        [[ "$words" == *"settings.json is left as it is"* ]]
        cmp before "$(settings)"
        [ ! -e "$(settings).before-tally" ]
    done
    head -c 5000000 /dev/zero | tr '\0' ' ' >"$(settings)"
    fails_with 3 tally hook install claude-code
    rm "$(settings)"
    mkfifo "$(settings)"
    fails_with 3 timeout 5 "$TALLY" hook install claude-code
    rm "$(settings)"
    ln -s /nowhere/at/all "$(settings)"
    fails_with 3 tally hook install claude-code
    [ -L "$(settings)" ]
}

@test "links stay links, and modes stay" {
    mkdir -p "$HOME/dotfiles" "$HOME/.claude"
    echo '{"a": 1}' >"$HOME/dotfiles/claude.json"
    chmod 640 "$HOME/dotfiles/claude.json"
    ln -s ../dotfiles/claude.json "$(settings)"
    tally hook install claude-code
    [ "$(readlink "$(settings)")" = ../dotfiles/claude.json ]
    [ "$(stat -c %a "$HOME/dotfiles/claude.json")" = 640 ]
    [ "$(stat -c %a "$HOME/dotfiles/claude.json.before-tally")" = 640 ]
    grep -q "tally hook" "$HOME/dotfiles/claude.json"
    tally hook uninstall
    [ -L "$(settings)" ]
    [ "$(cat "$(settings)")" = '{"a": 1}' ]
    [ "$(stat -c %a "$HOME/dotfiles/claude.json")" = 640 ]
}

@test "a dry run and a missing agent change nothing" {
    write_settings
    tally hook install --dry-run | grep 'would be changed'
    tally hook install --dry-run --json | jq -e '.files[0].result == "would_change"'
    cmp before "$(settings)"
    [ ! -e "$HOME/.codex" ]
    tally hook install
    [ ! -e "$HOME/.codex" ]
    [ ! -e "$HOME/.gemini" ]
    tally hook uninstall --dry-run | grep 'would be as before'
    tally hook status | grep '5 of 5'
    rm -r "$HOME/.claude"
    fails_with 1 tally hook install
    fails_with 2 tally hook install nobody
}

@test "CLAUDE_CONFIG_DIR and CODEX_HOME are where it installs" {
    export CLAUDE_CONFIG_DIR="$HOME/c" CODEX_HOME="$HOME/x"
    tally hook install claude-code codex 2>/dev/null
    [ -e "$HOME/c/settings.json" ]
    [ -e "$HOME/x/config.toml" ]
    [ -e "$HOME/x/hooks.json" ]
    [ "$(stat -c %a "$HOME/c/settings.json")" = 600 ]
    [ ! -e "$HOME/.claude" ]
}

@test "killed at any moment, install leaves the old file or the new one" {
    write_settings
    for i in $(seq 25); do
        tally hook install claude-code >/dev/null 2>&1 &
        pid=$!
        sleep "0.0$((i % 4))$((i % 10))"
        kill -9 $pid 2>/dev/null || true
        wait $pid 2>/dev/null || true
        if ! cmp -s before "$(settings)"; then
            [ "$(grep -o "$TALLY hook" "$(settings)" | wc -l)" -eq 5 ]
            jq -e .zeta "$(settings)" >/dev/null
        fi
    done
    tally hook install claude-code
    tally hook uninstall
    cmp before "$(settings)"
}

# ---- Codex ----

@test "codex's notify is a line at the start, and goes again" {
    not_under_memcheck "the program that is written down is not the one that stands in"
    mkdir -p "$HOME/.codex"
    unset TALLY_HOME
    printf 'model = "x"\n[profiles.a]\nmodel = "y"\n[tui]\nnotifications = true' >"$HOME/.codex/config.toml"
    cp "$HOME/.codex/config.toml" before
    try tally hook install codex
    [[ "$words" == *"/hooks"* ]]
    [ "$(head -1 "$HOME/.codex/config.toml")" = "notify = [\"$TALLY\", \"hook\", \"codex\"] # by tally hook install" ]
    cmp before <(tail -n +2 "$HOME/.codex/config.toml")
    tally hook install codex 2>/dev/null | grep -c 'already' | grep -x 2
    # Other edits stay.
    echo '# mine' >>"$HOME/.codex/config.toml"
    tally hook uninstall
    cmp <(cat before; echo '# mine') "$HOME/.codex/config.toml"
    [ ! -e "$HOME/.codex/hooks.json" ]
}

@test "a notify that is there already stays, and the hooks are installed" {
    mkdir -p "$HOME/.codex"
    for text in 'notify = ["x"]' '  notify=["x"]' '"notify" = ["x"]' "'notify' = []" 'notify.x = 1' '"not\u0069fy" = ["x"]' \
        $'a = [\n [1],\n]\nnotify = ["x"]'; do
        rm -rf "$HOME/.codex"/*
        printf '%s\n' "$text" >"$HOME/.codex/config.toml"
        cp "$HOME/.codex/config.toml" before
        tally hook install codex 2>/dev/null | grep 'has a notify already'
        cmp before "$HOME/.codex/config.toml"
        jq -e '.hooks | keys | length == 4' "$HOME/.codex/hooks.json"
    done
}
