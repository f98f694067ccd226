# A home and a ledger of its own for each test. Loaded by every .bats file here; holds no tests.

setup() {
    export HOME="$BATS_TEST_TMPDIR/home"
    export TALLY_HOME="$BATS_TEST_TMPDIR/ledger"
    export TZ=UTC LC_ALL=C.UTF-8
    # What a sanitizer finds ends a program with a code that is none of Tally's: 1 would pass for a failure that is meant.
    export ASAN_OPTIONS="exitcode=99:${ASAN_OPTIONS:-}" UBSAN_OPTIONS="exitcode=99:${UBSAN_OPTIONS:-}"
    export TSAN_OPTIONS="exitcode=99:${TSAN_OPTIONS:-}"
    unset XDG_DATA_HOME XDG_CONFIG_HOME CLAUDE_CONFIG_DIR CODEX_HOME GEMINI_CLI_HOME COPILOT_HOME
    unset TALLY_PASSPHRASE_FILE PAGER
    mkdir -p "$HOME"
    cd "$BATS_TEST_TMPDIR" || return 1
    [ -z "${LACKS:-}" ] || skip "$LACKS" # as the file's setup_file found
}

tally() { "$TALLY" "$@"; }

fixtures() { printf '%s\n' "$TALLY_TEST_DATA/fixtures"; }

# A test that needs recorded logs cannot pass without them.
need() { [ -e "$1" ] || skip "no $1"; }

# A test that means the program itself, or the seconds it takes, means nothing under memcheck (./dev valgrind).
not_under_memcheck() { # REASON
    [ -z "${TALLY_BUILD:-}" ] || skip "under memcheck $1"
}

new_ledger() {
    tally init --member Ada --device laptop --timezone UTC "$@" 2>/dev/null
}

# A home as the agents leave it, from one synthetic case.
home_of_case() { # AGENT CASE-DIR
    local home="$BATS_TEST_TMPDIR/case-${2##*/}"
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

# `! COMMAND` on a line of its own fails no test: `set -e` passes over it.
not() { # COMMAND...
    if "$@"; then
        echo "should have failed: $*"
        return 1
    fi
}

# Hexadecimal text on stdin as bytes.
unhex() { printf "$(tr -d '\n' | sed 's/../\\x&/g')"; }

# Decimal money to pico-units, and times to milliseconds: how the fixtures write them.
# shellcheck disable=SC2089,SC2090 # the quotes are for jq
JQ_LIB='
def pico: split(".") | (.[0] + ((.[1] // "") + "000000000000")[0:12]) | ltrimstr("0") | tonumber;
def digits3: (. + "000")[0:3];
def ms: capture("^(?<s>[^.Z]+)(\\.(?<f>[0-9]+))?Z$") | .s + "." + ((.f // "") | digits3) + "Z";
'
# shellcheck disable=SC2090
export JQ_LIB

# ---- teammates: ledgers beside $TALLY_HOME ----

# Until a condition holds, for ten seconds at most.
wait_for() { # COMMAND...
    for _ in $(seq 200); do
        if "$@"; then return 0; fi
        sleep 0.05
    done
    echo "waited in vain: $*"
    return 1
}

# Lets a device join over the loopback, with nobody asked.
join_team() { # INVITER-DIR JOINER-DIR MEMBER DEVICE [ROLE]
    local line="$BATS_TEST_TMPDIR/line" code=0
    rm -f "$line"
    "$TALLY" team invite --ledger "$1" --listen 127.0.0.1:0 --yes --role "${5:-member}" \
        >"$line" 2>"$BATS_TEST_TMPDIR/invite.words" 3>&- &
    local invite=$!
    wait_for test -s "$line" || { cat "$BATS_TEST_TMPDIR/invite.words"; return 1; }
    "$TALLY" team join --ledger "$2" --member "$3" --device "$4" <"$line" \
        2>"$BATS_TEST_TMPDIR/join.words" || code=$?
    wait "$invite" || code=$?
    ! grep '^broken off' "$BATS_TEST_TMPDIR/invite.words" || code=1
    [ "$code" -eq 0 ] || cat "$BATS_TEST_TMPDIR/invite.words" "$BATS_TEST_TMPDIR/join.words"
    return "$code"
}

# Ada's laptop in $TALLY_HOME and Ben's desktop in $BEN, in one team.
two_teammates() {
    BEN="$BATS_TEST_TMPDIR/ben"
    new_ledger
    join_team "$TALLY_HOME" "$BEN" Ben desktop
}

# One more record in a ledger.
record_in() { # DIR MODEL
    "$TALLY" prices set "$2" --input 1 --output 2 --ledger "$1" >/dev/null 2>&1
}

devices_of() { # DIR
    "$TALLY" team show --ledger "$1" --json | jq -c '[.devices[] | [.member, .name, .role]] | sort'
}

# An invite's line made by hand, as include/tally/invite.h lays it out: expiry, address.
invite_line() { # UNIX-SECONDS HOST:PORT
    local zeros hex check
    zeros=$(printf '%064d' 0)
    hex=$(printf '01%s%s%s%016x01%02x' "$zeros" "$zeros" "$zeros" "$1" "${#2}")
    hex+=$(printf '%s' "$2" | od -An -v -tx1 | tr -d ' \n')
    check=$(printf '%s' "$hex" | unhex | sha256sum | cut -c1-8)
    printf 'tally1:%s\n' "$(printf '%s%s' "$hex" "$check" | unhex | base64 -w0 | tr '+/' '-_' | tr -d '=')"
}

# A daemon for a ledger, on a port of the loopback that the system chooses; ended by `stop_daemons`.
start_daemon() { # DIR OPTIONS...
    local dir=$1
    shift
    need "$TALLYD"
    "$TALLYD" --ledger "$dir" --listen 127.0.0.1:0 --no-beacon --no-capture --log json "$@" \
        2>>"$dir.log" >/dev/null 3>&- &
    DAEMONS="${DAEMONS:-} $!"
    wait_for daemon_answers "$dir" || { cat "$dir.log"; return 1; }
}

daemon_answers() { # DIR
    "$TALLY" node status --ledger "$1" --json >/dev/null 2>&1
}

address_of() { # DIR
    "$TALLY" node status --ledger "$1" --json | jq -r .listen
}

stop_daemons() {
    local pid
    for pid in ${DAEMONS:-}; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" || true
    done
    DAEMONS=
}

need_terminal() {
    script -qec true /dev/null >/dev/null 2>&1 || skip "no terminals here"
}
