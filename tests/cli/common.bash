# A home and a ledger of its own for each test. Loaded by every .bats file here; holds no tests.

setup() {
    export HOME="$BATS_TEST_TMPDIR/home"
    export TALLY_HOME="$BATS_TEST_TMPDIR/ledger"
    export TZ=UTC LC_ALL=C.UTF-8
    unset XDG_DATA_HOME XDG_CONFIG_HOME CLAUDE_CONFIG_DIR CODEX_HOME GEMINI_CLI_HOME COPILOT_HOME
    unset TALLY_PASSPHRASE_FILE PAGER
    mkdir -p "$HOME"
    cd "$BATS_TEST_TMPDIR" || return 1
}

tally() { "$TALLY" "$@"; }

fixtures() { printf '%s\n' "$TALLY_TEST_DATA/fixtures"; }

# A test that needs recorded logs cannot pass without them.
need() { [ -e "$1" ] || skip "no $1"; }

new_ledger() {
    tally init --member Ada --device laptop --timezone UTC "$@" 2>/dev/null
}

# A home as the agents leave it, from one synthetic case.
home_of_case() { # AGENT CASE-DIR
    local home="$BATS_TEST_TMPDIR/case-$(basename "$2")"
    mkdir -p "$home/.local/share"
    case $1 in
        claude | codex) cp -r "$2" "$home/.$1" ;;
        opencode) cp -r "$2/." "$home/.local/share" ;;
        *) cp -r "$2/." "$home" ;;
    esac
    printf '%s\n' "$home"
}

# A ledger with the real Claude Code and Codex logs.
ledger_with_real_logs() {
    need "$(fixtures)/real"
    new_ledger
    tally capture --root "$(fixtures)/real/claude-code/home"
    tally capture --root "$(fixtures)/real/codex/home"
}

# run, with stderr apart: $status, $output (stdout), $words (stderr).
try() {
    status=0
    output=$("$@" 2>"$BATS_TEST_TMPDIR/words") || status=$?
    words=$(cat "$BATS_TEST_TMPDIR/words")
}

fails_with() { # CODE COMMAND...
    local code=$1
    shift
    try "$@"
    [ "$status" -eq "$code" ] || { echo "exit $status, not $code: $words"; return 1; }
    [ -n "$words" ] || { echo "no words on stderr"; return 1; }
    [[ "$words" == *"tally: "* ]] || { echo "not 'tally: SENTENCE': $words"; return 1; }
}

# Hexadecimal text on stdin as bytes.
unhex() { printf "$(tr -d '\n' | sed 's/../\\x&/g')"; }

# Decimal money to pico-units, and times to milliseconds: how the fixtures write them.
JQ_LIB='
def pico: split(".") | (.[0] + ((.[1] // "") + "000000000000")[0:12]) | ltrimstr("0") | tonumber;
def digits3: (. + "000")[0:3];
def ms: capture("^(?<s>[^.Z]+)(\\.(?<f>[0-9]+))?Z$") | .s + "." + ((.f // "") | digits3) + "Z";
'
export JQ_LIB
