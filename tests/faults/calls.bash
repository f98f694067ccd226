# Faults in system calls: every one that an operation makes, one after the other, until it makes no more.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154,SC2015 # one program in several files; `A && note || blame`

# What an operation does when nothing is wrong: what is seen before and after.
op_learn() { # OP
    local op=$1 command
    op_stand "$op"
    see >"$W/before"
    command_of "$op"
    "${command[@]}" >"$W/printed" 2>"$W/words" </dev/null || blame "$op fails without any fault"
    see >"$W/after"
}

op_stand() {
    stand "$(stand_of "$1")"
    rm -f "$HOME"/.claude/settings.json*
    cp "$W/settings.json" "$HOME/.claude/settings.json"
}

is_file_op() { [ -n "$(file_of "$1")" ]; }

# One of the two that may be, or blame. Of a capture also what its commits, each whole, show in between.
state_fits() { # OP
    see >"$W/seen"
    if ! is_file_op "$1" && cmp -s "$W/seen" "$W/after"; then state=after
    elif cmp -s "$W/seen" "$W/before"; then state=before
    elif [ "$1" = capture ] && { between || grep -q skipped "$W/words"; }; then state=between
    elif [ "$1" = init ] && [ ! -s "$W/seen" ]; then state=before # an empty store: init goes on
    else
        state=other
        blame "the ledger shows neither what it did before nor what it should after"
        diff "$W/after" "$W/seen" | head -5 >&2
    fi
    [ "$code" != 0 ] || is_file_op "$1" || [ "$state" = after ] || grep -q skipped "$W/words" || blame "acknowledged, and it is not there"
}

# Every figure of a commit or none: the costs are all there or none of them is.
between() {
    local costs
    costs=$(awk '/"cost"/ { print $1 }' "$W/seen")
    [ "${costs:-0}" = 0 ] || [ "$costs" = "$(awk '/"cost"/ { print $1 }' "$W/after")" ]
}

judge() { # OP
    local op=$1 command
    words_fit "${2:-}"
    sound || { blame "verify --deep: $(tail -2 "$W/verified")"; }
    state_fits "$op"
    if is_file_op "$op"; then
        [ ! -e "$(file_of "$op")" ] || file_whole "$op" || blame "a file that is not whole"
        [ "$code" != 0 ] || file_made "$op" || blame "acknowledged, and there is no file"
        [ "$code" != 0 ] || return 0
        [ "$op" = hook_install ] || rm -f "$(file_of "$op")"
    fi
    if [ "$state" = after ] && [[ $ops_that_add == *" $op "* ]]; then return 0; fi
    again "$op"
}

# The same command by the unharmed program, with nothing cleared away first.
again() { # OP
    local op=$1 command rc=0 left
    command_of "$op"
    timeout "$case_seconds" "${command[@]}" >"$W/printed" 2>"$W/words" </dev/null || rc=$?
    [ "$rc" = 0 ] || [ "$state" = after ] || blame "trying again gives $rc"
    see >"$W/seen"
    same "$state" || { blame "trying again does not lead where it should"; diff "$W/after" "$W/seen" | head -5 >&2; }
    ! is_file_op "$op" || file_made "$op" || blame "trying again makes no whole file"
    left=$(litter)
    [ -z "$left" ] || blame "left behind: $left"
}

# What was done already may be said once more in a record, as long as no figure changes.
same() { # STATE
    [ "$1" = after ] || { cmp -s "$W/seen" "$W/after"; return; }
    cmp -s <(grep -v '"kind"' "$W/seen") <(grep -v '"kind"' "$W/after")
}

# every OP GROUPS DEED [stay] [LIBRARY]: the fault at every place, or at every `step`th.
every() {
    local op=$1 groups=$2 deed=$3 stay=${4:-} library=${5:-calls} n command
    op_learn "$op"
    for ((n = 1 + FAULT_SKIP % step; ; n += step)); do
        now_at="$op, $groups, $deed at $n${stay:+ and after}"
        op_stand "$op"
        command_of "$op"
        export FAULT_CALLS=$groups FAULT_DO=$deed FAULT_AT=$n
        [ -z "$stay" ] || export FAULT_STAY=1
        harmed "$library" "${command[@]}"
        unset FAULT_CALLS FAULT_DO FAULT_AT FAULT_STAY
        [ -n "$hit" ] || break
        now_at="$now_at ($hit)"
        judge "$op" "$([ "$library" = calls ] || echo memory)"
    done
    [ "$code" = 0 ] || blame "fails although nothing was harmed"
    runs=$((runs - 1))
}

family_kill() {
    local op deed
    for deed in kill torn after; do
        row "$deed" "$(deed_words $deed)"
        for op in "${chosen[@]}"; do every "$op" write,sync,name,size "$deed"; done
        row_end
    done
}

deed_words() {
    case $1 in
        kill) echo "SIGKILL before each call that changes a file" ;;
        torn) echo "SIGKILL in the middle of each write" ;;
        after) echo "SIGKILL right after each call that changes a file" ;;
    esac
}

family_errors() {
    local op
    row short-write "half of the bytes of each write, and no error"
    for op in "${chosen[@]}"; do every "$op" write short; done
    row_end
    row write-error "EIO at each write"
    for op in "${chosen[@]}"; do every "$op" write EIO; done
    row_end
    row sync-error "EIO at each fsync, fdatasync, msync"
    for op in "${chosen[@]}"; do every "$op" sync EIO; done
    row_end
    row full-disk "ENOSPC from each call on"
    for op in "${chosen[@]}"; do every "$op" write,name,size,sync ENOSPC stay; done
    row_end
    row read-only "EROFS from each call on"
    for op in "${chosen[@]}"; do every "$op" write,name,size EROFS stay; done
    row_end
    row no-map "ENOMEM at each map of a file"
    for op in "${chosen[@]}"; do every "$op" map ENOMEM; done
    row_end
}

# What is only read: it comes whole and right, or not at all. Warnings may be lost with it, figures not.
readonly questions=("report --by client,project,agent,model --json" "report --by tag,month" "sessions --json"
    "sessions show SESSION --json" "costs list --json" "costs export --format csv" "invoice draft shop --period 2026-09 --json"
    "invoice draft shop --period 2026-09 --format html" "invoice list --json" "invoice show AK-2026-0001"
    "invoice verify AK-2026-0001 --json" "invoice explain AK-2026-0001 1" "invoice aging --json" "time list --json"
    "contract show shop --json" "budget status --json" "status --json" "tag list --json" "prices list --json" "team show --json"
    "rule test /home/dev/clients/larkspur-books/storefront" "log --json" "statusline" "verify --deep --json")

asked() { # QUESTION: leaves `command`
    read -ra command <<<"${1//SESSION/$session}"
    command=("$TALLY" "${command[@]}")
}

figures_every() { # DEED-STAYS
    local question n command
    stand billed
    for question in "${questions[@]}"; do
        asked "$question"
        "${command[@]}" >"$W/right" 2>/dev/null </dev/null || true
        for ((n = 1 + FAULT_SKIP % step; ; n += step)); do
            now_at="$question, no memory at $n${1:+ and after}"
            export FAULT_CALLS=memory FAULT_DO=ENOMEM FAULT_AT=$n
            [ -z "${1:-}" ] || export FAULT_STAY=1
            harmed memory "${command[@]}"
            unset FAULT_CALLS FAULT_DO FAULT_AT FAULT_STAY
            [ -n "$hit" ] || break
            words_fit memory
            [ "$code" != 0 ] || answers_fit || blame "another answer, and exit 0"
        done
        runs=$((runs - 1))
    done
}

# Times of reading differ from run to run. A status line says in words that it has no figure.
answers_fit() {
    grep -q '^tally: ' "$W/printed" || cmp -s "$W/printed" "$W/right" ||
        cmp -s <(sed -E 's/"(now|at|as_of|checked_at)":"[^"]*"//g' "$W/printed") \
            <(sed -E 's/"(now|at|as_of|checked_at)":"[^"]*"//g' "$W/right")
}

family_figures() {
    row figures-once "what is read, each allocation without memory, the next ones with"
    figures_every
    row_end
    row figures-out "what is read, no memory from each allocation on"
    figures_every stay
    row_end
}

family_memory() {
    local op
    row memory-once "each allocation finds no memory, the next ones do"
    for op in "${chosen[@]}"; do every "$op" memory ENOMEM "" memory; done
    row_end
    row memory-out "from each allocation on there is none"
    for op in "${chosen[@]}"; do every "$op" memory ENOMEM stay memory; done
    row_end
}
