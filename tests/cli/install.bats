#!/usr/bin/env bats
# What `cmake --install` puts into a root, used from there.
load common

BUILD=$(dirname "$TALLY")

install_to() { # ROOT PREFIX
    DESTDIR="$1" cmake --install "$BUILD" --prefix "$2" >/dev/null
}

setup_file() {
    if [ -e "$BUILD/cmake_install.cmake" ]; then
        ROOT="$BATS_FILE_TMPDIR/root"
        install_to "$ROOT" /opt/tally
    else
        LACKS="no build folder beside the program"
    fi
    export ROOT LACKS
}

@test "programs, module, manual, completions, unit and documents are where they are looked for" {
    cd "$ROOT/opt/tally"
    for file in bin/tally bin/tallyd lib/tally/tally-pdf.so lib/systemd/user/tallyd.service \
        share/man/man1/{tally,tallyd,tally-invoice,tally-report}.1 share/man/man5/tally-ledger.5 \
        share/bash-completion/completions/tally share/zsh/site-functions/_tally \
        share/fish/vendor_completions.d/tally.fish \
        share/doc/tally/{README.md,PROTOCOL.md,SECURITY.md,CHANGELOG.md,copyright}; do
        [ -s "$file" ] || { echo "$file"; return 1; }
    done
}

@test "the unit starts the daemon that was installed" {
    grep -qx 'ExecStart=/opt/tally/bin/tallyd --log text' "$ROOT/opt/tally/lib/systemd/user/tallyd.service"
    install_to "$BATS_TEST_TMPDIR/other" /usr
    grep -qx 'ExecStart=/usr/bin/tallyd --log text' "$BATS_TEST_TMPDIR/other/usr/lib/systemd/user/tallyd.service"
}

@test "the installed program makes a ledger, an invoice and its PDF" {
    cp -r "$ROOT/opt/tally" moved
    TALLY="$PWD/moved/bin/tally"
    new_ledger
    tally client set larkspur --title 'Larkspur Books'
    tally contract set shop --client larkspur --rate 100
    tally time add 'Moving the shop' --duration 1h --date 2026-03-02 --client larkspur
    tally invoice draft shop --period 2026-03 --format pdf --output draft.pdf
    [ "$(head -c 5 draft.pdf)" = %PDF- ]
    pdftotext draft.pdf - | grep -q '100.00'
}

@test "every command has its page, and every page says what help says" {
    cd "$ROOT/opt/tally/share/man/man1"
    [ "$(tally help --man pages | wc -l)" -gt 40 ]
    for noun in $(tally help --man pages); do
        grep -q '^\.SH NAME' "tally-$noun.1"
        tally help "$noun" >/dev/null
    done
    grep -qF '\fBtally invoice draft\fR \fI[CONTRACT]\fR' tally.1
    grep -qF 'node.listen' ../man5/tally-ledger.5
    try grep -lE '^@|@date@|@version@' ./* ../man5/*
    [ "$status" = 1 ]
}

@test "the manual is sound roff" {
    command -v mandoc >/dev/null || skip "no mandoc"
    mandoc -T lint -W warning "$ROOT"/opt/tally/share/man/man[15]/*
}

@test "man shows the page of a command" {
    command -v man >/dev/null || skip "no man"
    MANWIDTH=80 man -M "$ROOT/opt/tally/share/man" tally-invoice >page || skip "man is cut down here"
    grep -q 'tally invoice draft \[CONTRACT\]' page
}
