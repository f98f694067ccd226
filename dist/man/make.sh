#!/bin/sh
# usage: make.sh TALLY SOURCE OUT VERSION DATE
# Writes the manual to OUT/man1 and OUT/man5: pages of commands from the program's own tables, prose from SOURCE/*.in
# with what the tables know put where it names it.
set -eu

tally=$1 source=$2 out=$3 version=$4 date=$5

rm -rf "$out"
mkdir -p "$out/man1" "$out/man5"

"$tally" help --man pages >"$out/pages"
while read -r noun; do
    "$tally" help --man "$noun" | sed "s/@date@/$date/" >"$out/man1/tally-$noun.1"
done <"$out/pages"

"$tally" help --man commands >"$out/commands"
"$tally" help --man settings >"$out/settings"
for page in tally.1 tallyd.1 tally-ledger.5; do
    sed -e "s/@date@/$date/; s/@version@/$version/" \
        -e "/^@commands@\$/{r $out/commands" -e 'd}' \
        -e "/^@settings@\$/{r $out/settings" -e 'd}' \
        "$source/$page.in" >"$out/man${page##*.}/$page"
done
rm "$out/pages" "$out/commands" "$out/settings"
