# What is done while faults strike: where each operation stands, how it is done, and whether the file that it makes is
# whole. What it does to the ledger is told by `see` in ground.bash.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154,SC2015 # one program in several files; `A && note || blame`

readonly ops_of_records=(init client capture tag time describe redact issue config prices import rebuild)
readonly ops_of_files=(backup export costs_export pack hook_install)
readonly ops=("${ops_of_records[@]}" "${ops_of_files[@]}")

# Doing it again when it was done already adds another one: whoever lost the answer has to look.
readonly ops_that_add=" time "

ops_prepare() {
    quiet tally sync export "$W/all.seg" --ledger "$W/worked"
    quiet tally costs export --output "$W/costs.csv" --ledger "$W/worked"
    printf '{"cleanupPeriodDays": 400}\n' >"$W/settings.json"
}

stand_of() {
    case $1 in
        init) echo nothing ;;
        capture | import) echo agreed ;; # a copy that lacks what the device has signed since: the segment brings it
        pack) echo billed ;;
        *) echo worked ;;
    esac
}

command_of() { # leaves it in `command`
    case $1 in
        init) command=("$TALLY" init --member Ada --device laptop --team Kline --timezone UTC) ;;
        client) command=("$TALLY" client set nova --title 'Nova Ltd') ;;
        capture) command=("$TALLY" capture) ;;
        tag) command=("$TALLY" tag add urgent --session "$session") ;;
        time) command=("$TALLY" time add --client larkspur --date 2026-09-21 --duration 2h 'Payment tests') ;;
        describe) command=("$TALLY" describe "$session" 'The checkout for guests') ;;
        redact) command=("$TALLY" redact "$session") ;;
        issue) command=("$TALLY" invoice issue shop --period 2026-09 --yes) ;;
        config) command=("$TALLY" config set titles.from_prompts yes) ;;
        prices) command=("$TALLY" prices set nova-1 --input 1 --output 2) ;;
        import) command=("$TALLY" sync import "$W/all.seg") ;;
        rebuild) command=("$TALLY" rebuild) ;;
        backup) command=("$TALLY" backup "$W/out/copy.mdb") ;;
        export) command=("$TALLY" sync export "$W/out/all.seg") ;;
        costs_export) command=("$TALLY" costs export --output "$W/out/costs.csv") ;;
        pack) command=("$TALLY" audit pack --invoice AK-2026-0001 --output "$W/out/pack.html") ;;
        hook_install) command=("$TALLY" hook install claude-code) ;;
    esac
}

file_of() {
    case $1 in
        backup) echo "$W/out/copy.mdb" ;;
        export) echo "$W/out/all.seg" ;;
        costs_export) echo "$W/out/costs.csv" ;;
        pack) echo "$W/out/pack.html" ;;
        hook_install) echo "$HOME/.claude/settings.json" ;;
    esac
}

file_whole() {
    case $1 in
        backup) restored "$W/out/copy.mdb" && sound "$W/scratch" && see "$W/scratch" | cmp -s - "$W/before" ;;
        export) cp "$W/out/all.seg" "$W/scratch.seg" && rm -rf "$W/scratch" && cp -r "$W/agreed" "$W/scratch" &&
            quiet tally sync import "$W/scratch.seg" --ledger "$W/scratch" &&
            see "$W/scratch" | cmp -s - "$W/before" ;;
        costs_export) cmp -s "$W/out/costs.csv" "$W/costs.csv" ;;
        pack) quiet tally audit verify "$W/out/pack.html" ;;
        hook_install) cmp -s "$HOME/.claude/settings.json" "$W/settings.json" ||
            tally hook status claude-code --json | jq -e '.files[0].result == "installed"' >/dev/null ;;
    esac
}

# The same, and it must be there.
file_made() {
    [ "$1" = hook_install ] || { [ -e "$(file_of "$1")" ] && file_whole "$1"; return; }
    tally hook status claude-code --json | jq -e '.files[0].result == "installed"' >/dev/null
}

# A backup brought back, as README.md says: to its place, beside the key.
restored() { # FILE
    rm -rf "$W/scratch"
    mkdir "$W/scratch"
    cp "$1" "$W/scratch/ledger.mdb"
    cp "$W/worked/device.key" "$W/scratch/"
}
