#!/usr/bin/env bats
# tally describe: lines from commits, from a program, from people; and repositories that are not
# what they should be.
load common

ID=11111111-0000-4000-8000-000000000001

# A ledger, a repository at $repo, and a session in it on 2026-03-04 from 09:00 to 09:30.
setup_shop() {
    export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
    repo="$HOME/shop"
    log="$HOME/.claude/projects/shop/$ID.jsonl"
    mkdir -p "${log%/*}"
    new_ledger
    [ "$1" = empty ] || make_repo
    event user 09:00:00.500 >"$log"
    event assistant 09:30:00.000 >>"$log"
}

make_repo() {
    git init -q -b main "$repo"
    git -C "$repo" config user.email ada@example.com
    git -C "$repo" config user.name Ada
}

event() { # ROLE TIME [DIRECTORY]
    jq -cn --arg role "$1" --arg at "2026-03-04T$2Z" --arg cwd "${3:-$repo}" --arg id "${SESSION:-$ID}" '{
        type: $role, uuid: ($role + $at), timestamp: $at, cwd: $cwd, sessionId: $id, version: "2.0.0",
        requestId: ("r" + $at + $id), message: ({role: $role, content: "x"} + if $role == "assistant" then
            {id: ("msg" + $at + $id), model: "claude-opus-4-8", usage: {input_tokens: 10, output_tokens: 20}} else {} end)}'
}

commit() { # TIME SUBJECT [ARGUMENTS]
    local at="2026-03-04T$1Z" subject=$2
    shift 2
    GIT_COMMITTER_DATE=$at GIT_AUTHOR_DATE=$at git -C "$repo" commit -q --allow-empty "$@" -m "$subject"
}

line() { tally sessions --json | jq -r '.sessions[0].description'; }
from() { tally sessions --json | jq -r '.sessions[0].description_from'; }

@test "a capture names the commits of the session's time, author and branches" {
    setup_shop
    commit 08:59:59 'Before it'
    commit 09:10:00 'Keep the cart after a failed payment'
    commit 09:12:00 'Keep the cart after a failed payment'
    commit 09:13:00 'fixup! Keep the cart after a failed payment'
    commit 09:14:00 'Of somebody else' --author 'Bob <bob@example.com>'
    git -C "$repo" checkout -q -b side
    commit 09:20:00 'Say why it failed'
    git -C "$repo" checkout -q main
    commit 09:25:00 'Log it'
    GIT_COMMITTER_DATE=2026-03-04T09:26:00Z git -C "$repo" merge -q --no-ff -m 'A merge' side
    commit 09:40:00 'Ten minutes after it'
    commit 09:40:01 'Too late'
    tally capture >/dev/null
    [ "$(line)" = 'Keep the cart after a failed payment; Say why it failed; Log it; Ten minutes after it' ]
    [ "$(from)" = commits ]
    [ "$(tally costs list --json | jq -r '.costs[0].description')" = "$(line)" ]
    tally sessions show $ID | grep -F 'Log it; Ten minutes after it (commits made meanwhile)'
    tally sessions show $ID --json | jq -e '.description_from == "commits" and (.description_vague | not)'
    tally verify --deep
}

@test "a session that goes on is described again, and an idle capture asks nobody" {
    setup_shop
    commit 09:10:00 'Keep the cart'
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/sh\necho >>"%s/asked"\nexec %s "$@"\n' "$BATS_TEST_TMPDIR" "$(command -v git)" >"$BATS_TEST_TMPDIR/bin/git"
    chmod +x "$BATS_TEST_TMPDIR/bin/git"
    PATH="$BATS_TEST_TMPDIR/bin:$PATH" tally capture >/dev/null
    [ "$(line)" = 'Keep the cart' ]
    [ -s "$BATS_TEST_TMPDIR/asked" ]
    rm "$BATS_TEST_TMPDIR/asked"
    records=$(tally status --json | jq .records)
    for i in 1 2; do PATH="$BATS_TEST_TMPDIR/bin:$PATH" tally capture >/dev/null; done
    [ ! -e "$BATS_TEST_TMPDIR/asked" ]
    [ "$(tally status --json | jq .records)" = "$records" ]
    event user 11:00:00.000 >>"$log"
    commit 11:05:00 'Say why'
    PATH="$BATS_TEST_TMPDIR/bin:$PATH" tally capture >/dev/null
    [ "$(line)" = 'Keep the cart; Say why' ]
}

@test "a session that has not ended waits; describe --from-git does not" {
    setup_shop
    now=$(date -u +%Y-%m-%dT%H:%M:%S)
    sed -i "s/2026-03-04T09:[0-9:.]*Z/${now}Z/g" "$log"
    GIT_COMMITTER_DATE="${now}Z" git -C "$repo" commit -q --allow-empty -m 'Keep the cart'
    tally capture >/dev/null
    [ "$(from)" = none ]
    tally describe --from-git --dry-run --json | jq -e '.sessions[0].description == "Keep the cart" and .recorded == 0'
    [ "$(from)" = none ]
    tally describe --from-git --json --period today | jq -e '.recorded == 1 and .looked_at == 1'
    [ "$(line)" = 'Keep the cart' ]
    tally describe --from-git --json | jq -e '.recorded == 0'
}

@test "two sessions at the same time in one repository both name the commit" {
    setup_shop
    commit 09:10:00 'Keep the cart'
    SESSION=22222222-0000-4000-8000-000000000002
    { event user 09:05:00.000; event assistant 09:15:00.000; } >"${log%/*}/$SESSION.jsonl"
    tally capture >/dev/null
    [ "$(tally sessions --json | jq -c '[.sessions[].description]')" = '["Keep the cart","Keep the cart"]' ]
}

@test "a person's words come first, and can be taken back" {
    setup_shop
    commit 09:10:00 'Keep the cart'
    tally capture >/dev/null
    tally describe 1111 'Checkout' --json | jq -e '.description == "Checkout" and .description_from == "person"'
    tally describe 1111 consulting 2>&1 | grep -F 'could not tell'
    tally status | grep -F '1 sessions need words'
    tally status --json | jq -e '.vague_sessions == 1'
    tally describe 1111 --clear 2>/dev/null
    [ "$(line)" = 'Keep the cart' ]
    fails_with 1 tally describe 1111 --clear
    fails_with 1 tally describe 9999 words
    fails_with 2 tally describe 1111
    fails_with 2 tally describe 1111 ''
    fails_with 2 tally describe 1111 $'\x1b]0;x'
    entry=$(tally costs list --json | jq -r '.costs[0].id')
    tally describe "$entry" 'One answer' 2>/dev/null
    [ "$(tally costs list --json | jq -r '.costs[0].description')" = 'One answer' ]
    [ "$(line)" = 'Keep the cart' ]
}

@test "redacting a session takes the commits' words away, and they stay away" {
    setup_shop
    commit 09:10:00 'Names a person'
    tally capture >/dev/null
    tally redact 1111 2>/dev/null
    [ "$(from)" = none ]
    tally describe --from-git --json | jq -e '.recorded == 0'
    [ "$(from)" = none ]
    tally log --json | jq -r . | grep -v 'Names a person' >/dev/null
    not grep -q 'Names a person' <(tally log --json)
    tally verify --deep
}

@test "nothing that a hostile repository's configuration names is run" {
    setup_shop
    commit 09:10:00 'Keep the cart'
    evil="$BATS_TEST_TMPDIR/evil"
    ran="$BATS_TEST_TMPDIR/ran"
    printf '#!/bin/sh\necho "$0 $*" >>"%s"\n' "$ran" >"$evil"
    chmod +x "$evil"
    cp "$evil" "$repo/.git/hooks/post-index-change"
    # A commit with a signature, whose parent is missing and can only be fetched.
    gone=$(git -C "$repo" commit-tree -m gone "$(git -C "$repo" write-tree)")
    signed_after() {
        printf 'tree %s\nparent %s\nauthor Ada <ada@example.com> 1772616000 +0000\ncommitter Ada <ada@example.com> 1772616000 +0000\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n\nSigned\n' \
            "$(git -C "$repo" write-tree)" "$(git -C "$repo" rev-parse "$1")" | git -C "$repo" hash-object -t commit -w --stdin
    }
    git -C "$repo" branch orphan "$(signed_after "$gone")"
    git -C "$repo" branch signed "$(signed_after main)"
    rm -f "$repo/.git/objects/${gone:0:2}/${gone:2}"
    for key in core.fsmonitor core.pager pager.log diff.external core.sshCommand core.gitProxy core.askPass \
        core.editor core.alternateRefsCommand gpg.program gpg.openpgp.program credential.helper diff.x.textconv \
        uploadpack.packObjectsHook remote.origin.uploadpack; do
        git -C "$repo" config $key "$evil"
    done
    git -C "$repo" config alias.log "!$evil"
    git -C "$repo" config core.hooksPath "$repo/.git/hooks"
    git -C "$repo" config log.showSignature true
    git -C "$repo" config core.repositoryFormatVersion 1
    git -C "$repo" config extensions.partialClone origin
    git -C "$repo" config remote.origin.promisor true
    git -C "$repo" config remote.origin.url "ext::$evil"
    git -C "$repo" config protocol.ext.allow always
    git -C "$repo" config protocol.allow always
    # The traps work: git by itself runs it for either branch.
    for branch in orphan signed; do
        git -C "$repo" log --format=%s $branch >/dev/null 2>&1 || true
        [ -s "$ran" ]
        rm "$ran"
    done
    tally capture >/dev/null
    tally describe --from-git >/dev/null 2>&1
    tally rule test "$repo" >/dev/null 2>&1 || true
    [ ! -e "$ran" ] || { cat "$ran"; false; }
    # What can be read without the missing commit is read.
    git -C "$repo" branch -q -D orphan
    tally describe --from-git >/dev/null 2>&1
    [ ! -e "$ran" ]
    [ "$(line)" = 'Keep the cart; Signed' ]
}

@test "without git, without a repository, or with one that is gone, the line falls back" {
    setup_shop empty
    mkdir -p "$BATS_TEST_TMPDIR/none" "$repo"
    tally capture >/dev/null
    [ "$(line)" = 'claude-code in shop, 2026-03-04' ]
    tally sessions --json | jq -e '.sessions[0] | .description_from == "none" and .description_vague'
    make_repo
    commit 09:10:00 'Keep the cart'
    PATH="$BATS_TEST_TMPDIR/none" "$TALLY" describe --from-git --json | jq -e '.recorded == 0'
    tally describe --from-git >/dev/null 2>&1
    [ "$(line)" = 'Keep the cart' ]
    rm -rf "$repo"
    tally describe --from-git --json | jq -e '.recorded == 0 and .looked_at == 1'
    [ "$(line)" = 'Keep the cart' ]
}

@test "a damaged repository and one without an author are no error" {
    setup_shop
    commit 09:10:00 'Keep the cart'
    git -C "$repo" config --unset user.email
    git -C "$repo" config user.useConfigOnly true
    tally capture >/dev/null
    [ "$(from)" = none ]
    git -C "$repo" config user.email ada@example.com
    printf garbage >"$repo/.git/config"
    tally describe --from-git --json | jq -e '.recorded == 0'
}

@test "a shallow clone is read as far as it goes" {
    setup_shop
    commit 09:05:00 'Cut away'
    commit 09:10:00 'Keep the cart'
    mv "$repo" "$HOME/origin"
    git clone -q --depth 1 "file://$HOME/origin" "$repo"
    git -C "$repo" config user.email ada@example.com
    tally capture >/dev/null
    [ "$(line)" = 'Keep the cart' ]
}

@test "subjects that are not UTF-8, or would steer a terminal, become a harmless line" {
    setup_shop
    tree=$(git -C "$repo" write-tree)
    one=$(printf 'tree %s\nauthor Ada <ada@example.com> 1772615400 +0000\ncommitter Ada <ada@example.com> 1772615400 +0000\n\n\x1b[31mL\xf6schen\x07\n' \
        "$tree" | git -C "$repo" hash-object -t commit -w --stdin)
    two=$(printf 'tree %s\nparent %s\nauthor Ada <ada@example.com> 1772615460 +0000\ncommitter Ada <ada@example.com> 1772615460 +0000\nencoding ISO-8859-1\n\nL\xf6schen\n' \
        "$tree" "$one" | git -C "$repo" hash-object -t commit -w --stdin)
    git -C "$repo" update-ref refs/heads/main "$two"
    tally capture >/dev/null
    [ "$(line)" = $'[31mL\xef\xbf\xbdschen; L\xc3\xb6schen' ]
}

@test "ten thousand commits make a line of bounded length" {
    setup_shop
    awk 'BEGIN { for (i = 0; i < 10000; i++) { s = sprintf("Change number %05d", i)
        printf "commit refs/heads/main\ncommitter Ada <ada@example.com> %d +0000\ndata %d\n%s\n", 1772614801 + i % 1700, length(s), s } }' |
        git -C "$repo" fast-import --quiet
    tally capture >/dev/null
    tally sessions --json | jq -e '.sessions[0].description | (utf8bytelength <= 1024) and test("; and [0-9]+ more$")'
}

@test "the setting turns commits off, and on again for what came meanwhile" {
    setup_shop
    commit 09:10:00 'Keep the cart'
    tally config set describe.commits no >/dev/null
    tally capture >/dev/null
    [ "$(from)" = none ]
    tally config set describe.commits yes >/dev/null
    tally capture >/dev/null
    [ "$(line)" = 'Keep the cart' ]
    fails_with 2 tally config set describe.commits maybe
}

# ---- describe.command ----

program() {
    prog="$BATS_TEST_TMPDIR/prog"
    { echo '#!/bin/sh'; echo "echo >>'$BATS_TEST_TMPDIR/runs'"; cat; } >"$prog"
    chmod +x "$prog"
}
runs() { wc -l <"$BATS_TEST_TMPDIR/runs"; }

@test "a program words a session once for what it is told" {
    setup_shop
    commit 09:10:00 'Keep the cart'
    commit 09:11:00 'Say why'
    program <<'SH'
cat >told
echo "$1: $(jq -r '.commits | length' told) changes to $(jq -r .project told)"
SH
    tally config set describe.command "$prog Shop" >/dev/null
    tally capture >/dev/null
    [ ! -e "$BATS_TEST_TMPDIR/runs" ] # it ended long ago
    tally describe --from-command --json | jq -e '.recorded == 1 and .sessions[0].from == "command"'
    [ "$(line)" = 'Shop: 2 changes to shop' ]
    [ "$(from)" = command ]
    jq -e --arg id $ID '. == {agent: "claude-code", session: $id, project: "shop", date: "2026-03-04",
        commits: ["Keep the cart", "Say why"], title: null, description: "Keep the cart; Say why"} or .title == "x"' told
    tally describe --from-command --json | jq -e '.recorded == 0'
    [ "$(runs)" -eq 1 ]
    commit 09:12:00 'Log it'
    tally describe --from-command >/dev/null 2>&1
    [ "$(line)" = 'Shop: 3 changes to shop' ]
    tally describe 1111 'My own words' 2>/dev/null
    commit 09:13:00 'Test it'
    tally describe --from-command >/dev/null 2>&1
    [ "$(runs)" -eq 2 ]
    fails_with 2 tally describe --from-command --dry-run
}

@test "a capture asks the program about a session that ended just now" {
    setup_shop
    past=$(date -u -d '20 minutes ago' +%Y-%m-%dT%H:%M:%S)
    sed -i "s/2026-03-04T09:[0-9:.]*Z/${past}Z/g" "$log"
    program <<<'echo Checkout that survives'
    tally config set describe.command "$prog" >/dev/null
    tally capture >/dev/null
    tally capture >/dev/null
    [ "$(line)" = 'Checkout that survives' ]
    [ "$(runs)" -eq 1 ]
}

@test "a program that fails, says too much, or says what is no line, leaves the line as it was" {
    setup_shop
    n=0
    for body in 'echo words; exit 1' 'printf "two\nlines\n"' 'printf "\033[2J\n"' 'printf "\377\n"' ':' \
        'head -c 2000 /dev/zero | tr "\0" x' 'yes' 'kill -9 $$'; do
        program <<<"$body"
        tally config set describe.command "$prog" >/dev/null
        commit 09:1$((n += 1)):00 "Change $n" # another input
        tally capture >/dev/null
        tally describe --from-command 2>&1 | grep -F 'keeps its line'
        tally describe --from-git >/dev/null 2>&1
        [ "$(from)" = commits ]
    done
    [ "$(runs)" -eq 8 ]
    tally config set describe.command '' >/dev/null
    fails_with 2 tally describe --from-command
    not_under_memcheck "vfork is fork, so that posix_spawn does not learn what exec said"
    tally config set describe.command /nonexistent >/dev/null
    commit 09:29:00 'Last'
    tally describe --from-command 2>&1 | grep -F 'cannot be run'
}
