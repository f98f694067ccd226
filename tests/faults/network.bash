# Faults while others are met: a join that breaks off, a daemon that is killed while it captures.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154,SC2015 # one program in several files; `A && note || blame`

family_network() {
    join_row kill
    join_row ENOSPC stay
    daemon_row torn
    daemon_row ENOSPC stay
}

invite_start() {
    rm -f "$W/line"
    "$TALLY" team invite --ledger "$W/host" --listen 127.0.0.1:0 --yes >"$W/line" 2>/dev/null </dev/null &
    invite_pid=$!
    within 20 test -s "$W/line" || blame "no invite"
}

invite_end() {
    { kill "$invite_pid"; wait "$invite_pid"; } 2>/dev/null
}

devices_in() { tally team show --json --ledger "$1" 2>/dev/null | jq '.devices | length'; }

# After every fault a new invite leads into the team, once, and nothing of the first try is in the way.
join_row() { # DEED [stay]
    local n
    row "join-$1" "a joining device: $1 at each call${2:+ and after}"
    for ((n = 1 + FAULT_SKIP % step; n < 400; n += step)); do
        now_at="join, $1 at $n"
        rm -rf "$W/host" "$W/now"
        cp -r "$W/worked" "$W/host"
        invite_start
        export FAULT_CALLS=write,sync,name,size FAULT_DO=$1 FAULT_AT=$n
        [ -z "${2:-}" ] || export FAULT_STAY=1
        harmed calls "$TALLY" team join "$(<"$W/line")" --member Ben --device desktop
        unset FAULT_CALLS FAULT_DO FAULT_AT FAULT_STAY
        invite_end
        [ -n "$hit" ] || break
        words_fit
        [ -z "${2:-}" ] || [ "$code" = 3 ] || blame "a full disk is exit $code"
        sound "$W/host" || blame "the inviter: $(tail -1 "$W/verified")"
        join_again
    done
    [ "$code" = 0 ] || blame "fails although nothing was harmed"
    runs=$((runs - 1))
    row_end
}

join_again() {
    local rc=0
    if [ "$(devices_in "$W/now")" != 2 ]; then
        invite_start
        timeout "$case_seconds" "$TALLY" team join "$(<"$W/line")" --member Ben --device desktop >"$W/printed" 2>"$W/words" </dev/null || rc=$?
        invite_end
        [ "$rc" = 0 ] || blame "joining again gives $rc"
    fi
    sound || blame "$(tail -1 "$W/verified")"
    [ "$(tally report --json | jq -c .total)" = "$(tally report --ledger "$W/host" --json | jq -c .total)" ] ||
        blame "the new device shows other figures"
    [ -z "$(litter)" ] || blame "left behind: $(litter)"
}

# The daemon's own captures are harmed; what it could not do then, the next one does, once.
daemon_row() { # DEED [stay]
    local n pid rc
    row "daemon-$1" "a daemon that captures: $1 at each call${2:+ and after}, in it and in its children"
    op_learn capture
    for ((n = 1 + FAULT_SKIP % step; n < 200; n += step)); do
        now_at="tallyd, $1 at $n"
        stand agreed
        rm -f "$W/told"
        runs=$((runs + 1)) rc=0
        env "ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0:detect_leaks=0" "FAULT_TOLD=$W/told" \
            FAULT_CALLS=write,sync,name,size "FAULT_DO=$1" "FAULT_AT=$n" ${2:+FAULT_STAY=1} \
            "LD_PRELOAD=$FAULT_LIBS/libfault_calls.so" "$TALLYD" --listen none --no-beacon >"$W/words" 2>&1 &
        pid=$!
        within 10 daemon_acted "$pid" 2>/dev/null || true
        sleep 0.3
        { kill "$pid"; wait "$pid" || rc=$?; } 2>/dev/null
        [ -e "$W/told" ] || break
        hits=$((hits + 1))
        case $rc in 0 | 1 | 3 | 4 | 137) ;; *) blame "the daemon's exit code is $rc" ;; esac
        ! grep -q Sanitizer "$W/words" || blame "a sanitizer's report"
        sound || blame "$(tail -1 "$W/verified")"
        code=1
        state_fits capture
        again capture
    done
    runs=$((runs - 1))
    row_end
}

daemon_acted() { # PID: it has captured, failed or ended
    [ -e "$W/told" ] || ! kill -0 "$1" 2>/dev/null || grep -q 'captured' "$W/words"
}
