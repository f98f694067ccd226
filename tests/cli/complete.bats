#!/usr/bin/env bats
# Completion: what `tally complete` answers, and that bash, zsh and fish hand it over and take it.
load common

complete() { tally complete -- "$@" 2>words | cut -f1 | tr '\n' ' '; }

is() { # EXPECTED GOT
    [ "$1" = "$2" ] || { printf 'not:  %s\ngot:  %s\n' "$1" "$2"; return 1; }
}

named_ledger() {
    new_ledger
    tally client set larkspur --title 'Larkspur Books'
    tally client set 'new yorker'
    tally project set shop --client larkspur
    tally contract set agreed --client larkspur --rate 100
    tally budget set --name month --period monthly --limit 10
} >/dev/null 2>&1

# The scripts call `tally` from PATH.
with_scripts() { # SHELL
    command -v "$1" >/dev/null || skip "no $1"
    SCRIPTS="$BATS_TEST_DIRNAME/../../dist/completions"
    mkdir -p bin
    ln -sf "$TALLY" bin/tally
    PATH="$PWD/bin:$PATH"
    export SCRIPTS PATH
}

in_bash() { # WORD...: as if they were typed, the cursor after the last
    bash -c '. "$SCRIPTS/tally.bash"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tally
        [ ${#COMPREPLY[@]} = 0 ] || printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}

@test "commands, verbs, options and fixed words are completed from what is typed of them" {
    is "report redact reconcile rebuild " "$(complete re)"
    is "set list unset " "$(complete client '')"
    is "pay " "$(complete invoice p)"
    is "--unattributed --unpriced " "$(complete report --un)"
    is "csv json " "$(complete costs export --format '')"
    is "--format=json " "$(complete costs export --format=j)"
    is "daily weekly monthly " "$(complete budget set x --period '')"
    is "last-week last-month last-year " "$(complete report --period last-)"
    is "node.listen node.beacon node.capture " "$(complete config get node)"
    is "reconcile " "$(complete help rec)"
    is "" "$(complete nosuch '')"
    is "" "$(complete)"
}

@test "a list of keys goes on after each comma, in one word or in the three that bash makes" {
    is "client,project :list " "$(complete report --by client,pro)"
    is "client,agent,model :list " "$(complete report --by client,agent,mod)"
    is "--by=day,week :list " "$(complete report --by=day,w)"
    is "client :list " "$(complete report --by = cl)"
    is "client project branch tag agent model member device day week month session :list " "$(complete report --by =)"
}

@test "files and folders are left to the shell" {
    is ":files " "$(complete audit verify '')"
    is ":files " "$(complete invoice draft -o x)"
    is ":folders " "$(complete capture --root '')"
    is ":folders " "$(complete report --ledger /)"
}

@test "names come from the ledger, each once, and only where they are meant" {
    not_under_memcheck "the time that completion gives itself is over too soon"
    named_ledger
    is "larkspur new yorker " "$(complete report --client '')"
    is "larkspur " "$(complete client unset la)"
    is "shop " "$(complete time add --project '')"
    is "agreed " "$(complete invoice draft '')"
    is "month " "$(complete budget unset '')"
    is "Ada " "$(complete report --member '')"
    is "" "$(complete init --member '')"
    is "" "$(TALLY_HOME=/nonexistent complete report --client '')"
    is "larkspur " "$(TALLY_HOME=/nonexistent complete report --ledger "$TALLY_HOME" --client l)"
    is "larkspur " "$(TALLY_HOME=/nonexistent complete report --ledger="$TALLY_HOME" --client l)"
}

@test "tags are those that are in use" {
    new_ledger 2>/dev/null
    entry=$(tally time add 'Review' --duration 30m --json | jq -r '.entry // .id')
    tally tag add urgent --entry "$entry"
    is "urgent " "$(complete tag remove '')"
    is "urgent " "$(complete report --tag u)"
}

@test "nothing is asked, said or changed, whatever state the ledger is in" {
    is "" "$(complete report --client '')"
    [ ! -e "$TALLY_HOME" ]
    named_ledger
    before=$(tally log --json | sha256sum)
    mv "$TALLY_HOME/device.key" key # so nobody can be asked for its passphrase
    is "larkspur new yorker " "$(complete report --client '')"
    mv key "$TALLY_HOME/device.key"
    is "$before" "$(tally log --json | sha256sum)"
    mkdir copy
    cp "$TALLY_HOME"/ledger.mdb copy/
    is "" "$(complete report --ledger copy --client '')"
    is "ledger.mdb" "$(ls -A copy)"
    head -c 5000 /dev/urandom >"$TALLY_HOME/ledger.mdb"
    is "" "$(complete report --client '')"
    [ ! -s words ]
}

@test "a name that could steer a terminal is not offered" {
    new_ledger
    tally client set "$(printf 'plain')" >/dev/null
    tally client set "$(printf 'r\xe2\x80\xaeversed')" >/dev/null
    is "plain " "$(complete report --client '')"
}

@test "every word that is offered for an option stands in that option's help" {
    local command option word
    while read -r command option; do
        for word in $(complete ${command//./ } "--$option" ''); do
            [ "$word" = :list ] || tally help ${command//./ } | tr -s '[:space:]' ' ' | grep -qwF -- "$word" ||
                { echo "$command --$option: $word"; return 1; }
        done
        [ -n "$(complete ${command//./ } "--$option" '')" ]
    done <<'WORDS'
budget.set period
report basis
report by
contract.set basis
contract.set lines
contract.set rounding
contract.set rounding-per
contract.set ai-cost
contract.set tax-category
expense.add category
bill.set covers
engaged.set overlap
audit.set witnesses
team.invite role
invoice.draft format
WORDS
}

@test "bash completes: words, names with blanks, files, and what stands after an equals sign" {
    with_scripts bash
    named_ledger
    touch bill.csv
    is "report" "$(in_bash tally rep)"
    is 'new\ yorker' "$(in_bash tally report --client n)"
    is 'new\ yorker' "$(in_bash tally report --client "new\\ y")"
    is "client" "$(in_bash tally report --by = cl)"
    is "bill.csv" "$(in_bash tally expense import bil)"
    is "" "$(in_bash tally nosuch '')"
}

@test "bash runs nothing that stands on the line" {
    with_scripts bash
    in_bash tally report --client '$(touch ran)' '`touch ran`' ''
    [ ! -e ran ]
}

@test "fish completes, with what each word means" {
    with_scripts fish
    named_ledger
    try fish --no-config -c "source $SCRIPTS/tally.fish; complete -C 'tally rep'"
    is "$(printf 'report\t')" "$(printf '%s' "$output" | cut -c1-7)"
    try fish --no-config -c "source $SCRIPTS/tally.fish; complete -C 'tally report --client n'"
    is "new yorker" "$output"
}

# In zsh with the completion system's own functions played: a shell on a terminal takes seconds to load them.
in_zsh() { # WORD...
    zsh -f -c 'compdef() { }; _files() { print -- "files $*"; }; _describe() { print -l -- "${(@P)4}"; }
        . "$SCRIPTS/_tally"; words=("$@"); CURRENT=$#; PREFIX=$argv[-1]; _tally' zsh "$@"
}

@test "zsh completes, with what each word means" {
    with_scripts zsh
    named_ledger
    is "larkspur" "$(in_zsh tally report --client lark)"
    is "new yorker" "$(in_zsh tally report --client 'new\ y')"
    is "--by=client" "$(in_zsh tally report --by=cl)"
    is "files " "$(in_zsh tally audit verify '')"
    is "files -/" "$(in_zsh tally sync folder '')"
    [[ "$(in_zsh tally rep)" == report:?* ]]
}

@test "tally completion prints the script for each shell, and they are sound" {
    for shell in bash zsh fish; do
        tally completion "$shell" >"script.$shell"
        [ -s "script.$shell" ]
        ! command -v "$shell" >/dev/null || "$shell" -n "script.$shell"
    done
    fails_with 2 "$TALLY" completion csh
}
