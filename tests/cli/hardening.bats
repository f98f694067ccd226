#!/usr/bin/env bats
# What protects the programs besides their code: how they were linked, and the sandbox that systemd puts them in.
load common

setup_file() {
    export LACKS=
    command -v readelf >/dev/null || LACKS="no readelf here"
    [ "$(head -c 2 "$TALLY")" != '#!' ] || LACKS="a script stands in for the program"
}

programs() { printf '%s\n' "$TALLY" "$TALLYD" "$(dirname "$TALLY")/lib/tally/tally-pdf.so"; }
sanitized() { readelf -sW "$1" | grep -q '__[atu]*san_'; }

@test "programs are position independent, with nothing writable that runs and nothing of the linker's left writable" {
    for program in $(programs); do
        need "$program"
        readelf -hW "$program" | grep -q 'Type: *DYN'
        readelf -lW "$program" >segments
        grep -q 'GNU_RELRO' segments
        grep -Eq 'GNU_STACK .* RW ' segments
        not grep -E '^ *LOAD .* RWE ' segments
        readelf -dW "$program" | grep -Eq 'BIND_NOW|FLAGS.*NOW'
        ! readelf -dW "$program" | grep -Eq 'RPATH|RUNPATH' || [[ "$program" != *.so ]]
        not grep -q TEXTREL <(readelf -dW "$program")
    done
}

@test "programs check their stack, and optimised ones what they copy and print" {
    for program in "$TALLY" "$TALLYD"; do
        need "$program"
        readelf -sW "$program" | grep -q '__stack_chk_fail'
    done
    ! sanitized "$TALLY" || skip "sanitizers take the place of fortified functions"
    readelf -sW "$TALLY" | grep -q '_chk@' || skip "not an optimised build"
    readelf -sW "$TALLY" | grep -Eq '__(v?snprintf|memcpy|read)_chk'
}

@test "systemd finds nothing wrong with the unit, and little that it exposes" {
    command -v systemd-analyze >/dev/null || skip "no systemd-analyze here"
    mkdir run units
    unit="$PWD/units/tallyd.service"
    sed "s|@TALLYD@|$(realpath "$TALLYD")|" "$TALLY_TEST_DATA/../dist/tallyd.service.in" >"$unit"
    export XDG_RUNTIME_DIR="$PWD/run" SYSTEMD_LOG_LEVEL=warning
    systemd-analyze security --offline=true --user "$unit" >exposure 2>&1 || skip "$(tail -n 1 exposure)"
    systemd-analyze security --offline=true --user --threshold=20 "$unit" >exposure 2>&1 ||
        { tail -n 1 exposure; return 1; }
    systemd-analyze verify --user "$unit" >words 2>&1 || { cat words; return 1; }
    [ ! -s words ] || { cat words; return 1; }
}
