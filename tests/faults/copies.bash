# Folders that are not what they were: two daemons, homes and ledgers that are gone, old copies brought back.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154,SC2015 # one program in several files; `A && note || blame`

family_copies() {
    two_daemons
    removed_ledger
    removed_home
    restored_backup
    restored_elsewhere
    restored_folder
}

daemon_start() {
    "$TALLYD" --listen none --no-beacon --no-capture >>"$W/daemon" 2>&1 &
    daemon_pid=$!
    within 20 serves || blame "the daemon does not start: $(tail -1 "$W/daemon")"
}

daemon_end() { # SIGNAL
    { kill "-$1" "$daemon_pid"; wait "$daemon_pid"; } 2>/dev/null
}

two_daemons() {
    local i
    row two-daemons "a second tallyd on one ledger; the first is killed and another takes its place"
    stand worked
    for ((i = 0; i < 5; i++)); do
        now_at="round $i" runs=$((runs + 1))
        daemon_start
        code=0
        timeout 20 "$TALLYD" --listen none --no-beacon --no-capture >"$W/words" 2>&1 || code=$?
        [ "$code" = 4 ] && hits=$((hits + 1)) || blame "the second one exits $code"
        grep -q 'already.*;' "$W/words" || blame "no word of what to do"
        serves || blame "the first one no longer answers"
        daemon_end KILL
    done
    sound || blame "$(tail -1 "$W/verified")"
    row_end
}

gone() { ! kill -0 "$daemon_pid" 2>/dev/null; }

removed_ledger() {
    local how
    row removed-ledger "the ledger is removed, moved or replaced under a running tallyd"
    for how in remove move replace empty; do
        now_at=$how runs=$((runs + 1))
        stand worked
        rm -rf "$W/elsewhere" "$W/daemon"
        daemon_start
        case $how in
            remove) rm -rf "$W/now" ;;
            move) mv "$W/now" "$W/elsewhere" ;;
            replace) cp "$W/now/ledger.mdb" "$W/copy.mdb" && mv "$W/copy.mdb" "$W/now/ledger.mdb" ;;
            empty) rm -f "$W/now"/* ;;
        esac
        within 20 gone || { blame "it goes on without a ledger"; daemon_end KILL; continue; }
        code=0
        wait "$daemon_pid" || code=$?
        [ "$code" != 0 ] && hits=$((hits + 1)) || blame "it ends with 0"
        grep -q 'moved, removed or replaced.*;' "$W/daemon" || blame "it does not say why: $(tail -1 "$W/daemon")"
        [ ! -e "$W/now/ledger.mdb" ] || [ "$how" = replace ] || blame "it has made a new store"
        [ "$how" != move ] || sound "$W/elsewhere" || blame "$(tail -1 "$W/verified")"
    done
    row_end
}

removed_home() {
    local home
    row removed-home "HOME is unset, empty, gone, a file, or cannot be written"
    : >"$W/file"
    for home in unset "" "$W/gone/away" "$W/file" /proc/self; do
        now_at="HOME is '$home'" runs=$((runs + 1)) hits=$((hits + 1))
        stand worked
        see >"$W/before"
        with=(env "HOME=$home")
        [ "$home" != unset ] || with=(env -u HOME)
        code=0
        "${with[@]}" "$TALLY" capture --root "$W/out" >"$W/printed" 2>"$W/words" </dev/null || code=$?
        words_fit
        code=0
        "${with[@]}" "$TALLY" doctor >"$W/printed" 2>"$W/words" </dev/null || code=$?
        [ "$code" -le 1 ] || blame "doctor exits $code"
        see | cmp -s - "$W/before" || blame "the ledger shows something else"
        [ "$home" = unset ] || [ -z "$home" ] || {
            code=0
            env -u TALLY_HOME "HOME=$home" "$TALLY" report >"$W/printed" 2>"$W/words" </dev/null || code=$?
            [ "$code" = 1 ] || { [ "$code" = 3 ] && [ -f "$home" ]; } || blame "report without a ledger exits $code"
            words_fit
        }
    done
    row_end
}

# README.md: stop tallyd, put the copy in the ledger's place.
restored_backup() {
    row restored-backup "an older backup is put back beside the key"
    now_at="after the restore" runs=1
    stand agreed
    quiet tally backup "$W/old.mdb"
    stand worked
    see >"$W/after"
    cp "$W/old.mdb" "$W/now/ledger.mdb"
    rm -f "$W/now/ledger.mdb-lock"
    reader "$TALLY" client set nova --title Nova
    [ "$code" = 4 ] && hits=1 || blame "it signs again what it has signed: exit $code"
    grep -q 'older copy.*sync now' "$W/words" || blame "no word of what to do"
    sound || blame "$(tail -1 "$W/verified")"
    reader "$TALLY" sync import "$W/all.seg"
    [ "$code" = 0 ] || blame "what it lacks cannot be brought: exit $code"
    see | cmp -s - "$W/after" || blame "not all came back"
    reader "$TALLY" client set nova --title Nova
    [ "$code" = 0 ] || blame "it does not go on: exit $code"
    rm -f "$W/old.mdb"
    row_end
}

restored_elsewhere() {
    row restored-elsewhere "a backup is read on a machine without the key"
    now_at="on the other machine" runs=1
    stand worked
    see >"$W/before"
    rm -f "$W/old.mdb"
    quiet tally backup "$W/old.mdb"
    rm -rf "$W/now" && mkdir "$W/now" && cp "$W/old.mdb" "$W/now/ledger.mdb"
    see | cmp -s - "$W/before" || blame "it shows something else"
    sound || blame "$(tail -1 "$W/verified")"
    reader "$TALLY" client set nova --title Nova
    [ "$code" != 0 ] && hits=1 || blame "it signs without a key"
    words_fit
    see | cmp -s - "$W/before" || blame "something was written"
    row_end
}

# Nothing beside it says that it is old. When its other history is met, that is a fork: shown, and counted once.
restored_folder() {
    local cost
    row restored-folder "an old copy of the whole folder is put back and goes on; then what it had signed comes"
    now_at="after both histories" runs=1
    stand worked
    cost=$(tally report --json | jq -r .total.total_cost)
    stand agreed
    reader "$TALLY" client set nova --title Nova
    [ "$code" = 0 ] || blame "exit $code"
    reader "$TALLY" sync import "$W/all.seg"
    words_fit
    tally team forks --json >"$W/printed" 2>/dev/null
    jq -e '.forks | length == 1' "$W/printed" >/dev/null && hits=1 || blame "the fork is not shown"
    sound || blame "$(tail -1 "$W/verified")"
    case $(tally report --json | jq -r .total.total_cost) in
        0.00 | "$cost") ;;
        *) blame "a cost that nobody had" ;;
    esac
    row_end
}
