# Several nodes on one machine: each has a ledger, a home, maybe a network namespace, maybe a daemon. Loaded after
# common.bash by the tests over real sockets; holds no tests.

TOOLS=$(dirname "$TALLY")/tests # tap, hear, append

folder_of() { printf '%s/node-%s\n' "$BATS_TEST_TMPDIR" "$1"; }

# Leaves in `run` what must stand before a command so that it runs as that node. An array and not a function: a command
# in the background must be the process that is killed.
declare -gA space_of=() pid_of=()
as() { # NODE
    local folder
    folder=$(folder_of "$1")
    run=(env HOME="$folder/home" TALLY_HOME="$folder/ledger" ASAN_OPTIONS="${ASAN_OPTIONS:-}:quarantine_size_mb=8")
    [ -z "${space_of[$1]:-}" ] || run=(ip netns exec "${space_of[$1]}" "${run[@]}")
}

on() { # NODE TALLY-ARGUMENTS...
    local run
    as "$1"
    "${run[@]}" "$TALLY" "${@:2}"
}

node_new() { # NODE
    local folder
    folder=$(folder_of "$1")
    mkdir -p "$folder/home"
}

node_found() { # NODE: the first of a team
    node_new "$1"
    on "$1" init --member "$1" --device "laptop-of-$1" --team Harbour --timezone UTC >/dev/null 2>&1
}

append() { # NODE COSTS [NUMBER]
    local run
    as "$1"
    "${run[@]}" "$TOOLS/append" "$(folder_of "$1")/ledger" "${@:2}"
}

# --- joining ----------------------------------------------------------------------------------------------------------

# Leaves the line in `line` and the inviting process in pid_of[invite].
invite() { # INVITER LISTEN ADDRESS ARGUMENTS...
    local run out="$BATS_TEST_TMPDIR/invite"
    as "$1"
    rm -f "$out"
    "${run[@]}" "$TALLY" team invite --listen "$2" --address "$3" --yes "${@:4}" >"$out" 2>"$out.words" 3>&- &
    pid_of[invite]=$!
    within 20 test -s "$out" || { cat "$out.words"; return 1; }
    line=$(head -n 1 "$out")
}

join() { # INVITER HOST:PORT NODE ROLE
    local line
    node_new "$3"
    invite "$1" "$2" "$2" --role "$4"
    on "$3" team join "$line" --member "$3" --device "laptop-of-$3" >"$BATS_TEST_TMPDIR/joined" 2>&1 || {
        cat "$BATS_TEST_TMPDIR/joined" "$BATS_TEST_TMPDIR/invite.words"
        return 1
    }
    wait "${pid_of[invite]}"
    unset 'pid_of[invite]'
}

# --- daemons ----------------------------------------------------------------------------------------------------------

daemon_quiet() { # NODE LISTEN: finds nobody by itself and captures nothing
    on "$1" config set node.listen "$2" >/dev/null 2>&1
    on "$1" config set node.beacon off >/dev/null 2>&1
    on "$1" config set node.capture off >/dev/null 2>&1
}

log_of() { printf '%s/%s.log\n' "$BATS_TEST_TMPDIR" "$1"; }

daemon() { # NODE ARGUMENTS...
    local run
    as "$1"
    "${run[@]}" "$TALLYD" "${@:2}" >>"$(log_of "$1")" 2>&1 3>&- &
    pid_of[$1]=$!
    within 20 serves "$1" || { cat "$(log_of "$1")"; return 1; }
}

serves() { on "$1" node status >/dev/null 2>&1; }

end() { # SIGNAL NAME: of anything in pid_of
    kill "-$1" "${pid_of[$2]}" 2>/dev/null || true
    wait "${pid_of[$2]}" 2>/dev/null || true
    unset "pid_of[$2]"
}

end_all() {
    local name
    for name in "${!pid_of[@]}"; do end KILL "$name"; done
}

# --- the wire ---------------------------------------------------------------------------------------------------------

# A port that nobody listens on now.
free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 12000))
        answers 127.0.0.1 "$port" || break
    done
    echo "$port"
}

answers() { (: <"/dev/tcp/$1/$2") 2>/dev/null; }

# A relay on 127.0.0.1:PORT to 127.0.0.1:PORT2 that keeps what goes over it in $BATS_TEST_TMPDIR/tap.
tap() { # PORT PORT2 [BYTES_PER_SECOND]
    mkdir -p "$BATS_TEST_TMPDIR/tap"
    "$TOOLS/tap" "$BATS_TEST_TMPDIR/tap" "$1" 127.0.0.1 "${@:2}" 3>&- &
    pid_of[tap]=$!
    within 10 listening "$1"
}

# Asks the kernel, so that the relay does not count the question as a connection.
listening() { ss -Hltn "sport = :$1" | grep -q .; }

hex_of() { od -An -v -tx1 "$@" | tr -d ' \n'; }

# --- what must hold ---------------------------------------------------------------------------------------------------

# within SECONDS COMMAND...: true as soon as the command is.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

records_of() { on "$1" status --json | jq .records; }

same_records() { # NODE NODE...
    local first node
    first=$(records_of "$1")
    for node in "${@:2}"; do [ "$(records_of "$node")" = "$first" ] || return 1; done
}

digest_of() { on "$1" verify --deep --json | jq -er 'select(.ok) | .view_digest'; }

same_views() { # NODE NODE...
    local first node
    first=$(digest_of "$1")
    [ -n "$first" ] || return 1
    for node in "${@:2}"; do [ "$(digest_of "$node")" = "$first" ] || return 1; done
}

# Makes a network namespace, with its loopback up, or skips the test.
space_make() { # NAME
    local words
    words=$(ip netns add "$1" 2>&1 && ip -n "$1" link set lo up 2>&1 && ip netns exec "$1" true 2>&1) ||
        skip "no network namespaces here: $words"
}
