# Bytes that rot: pages of the store overwritten, files cut short, anywhere. Nothing is preloaded here.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154,SC2015 # one program in several files; `A && note || blame`

readonly page_bytes=4096

# shown COMMAND...: what a reader of the harmed ledger gets. Never a signal, a hang or a figure that is no one's.
reader() {
    local rc=0
    timeout -k 1 "$case_seconds" "$@" >"$W/printed" 2>"$W/words" </dev/null || rc=$?
    code=$rc
    case $rc in
        0 | 1 | 3 | 4) ;;
        *) blame "exit $rc of ${*:2:2}" ;;
    esac
    ! grep -q Sanitizer "$W/words" || blame "a sanitizer's report of ${*:2:2}"
}

report_of() { reader "$TALLY" report --by client,project,model --json; }

# After harm to a store: either verify says so or nothing shows a difference.
judge_store() {
    local found=0
    runs=$((runs + 1))
    reader "$TALLY" verify --deep
    [ "$code" = 0 ] || found=1
    hits=$((hits + found))
    report_of
    if [ "$found" = 0 ]; then
        [ "$code" = 0 ] || blame "verify finds nothing, and report exits $code"
        cmp -s "$W/printed" "$W/report" || blame "verify finds nothing, and figures differ"
    fi
    reader "$TALLY" log --json
    reader "$TALLY" backup "$W/out/copy.mdb"
    rm -f "$W/out/copy.mdb"
}

# Zeroes, ones, bytes by chance, one bit, or another page's bytes at a place of a file.
rot() { # FILE KIND OFFSET LENGTH
    local file=$1 kind=$2 at=$3 len=$4 byte
    case $kind in
        zero) head -c "$len" /dev/zero | put "$file" "$at" ;;
        ones) head -c "$len" /dev/zero | tr '\0' '\377' | put "$file" "$at" ;;
        noise) noise "$len" | put "$file" "$at" ;;
        bit) byte=$(od -An -tu1 -j "$at" -N 1 "$file")
            printf "\\x$(printf %02x $((byte ^ 1 << (at % 8))))" | put "$file" "$at" ;;
        other) dd if="$file" bs=1 skip=$((at / 2 / page_bytes * page_bytes)) count="$len" status=none >"$W/page"
            put "$file" "$at" <"$W/page" ;;
    esac
}

put() { dd "of=$1" bs=65536 seek="$2" oflag=seek_bytes conv=notrunc status=none; }

# Bytes that a seed decides.
noise() {
    local i byte text=
    for ((i = 0; i < $1; i++)); do
        printf -v byte '\\x%02x' $((RANDOM & 255))
        text+=$byte
    done
    # shellcheck disable=SC2059 # it is all escapes
    printf "$text"
}

family_pages() {
    local kind page pages at size
    stand billed
    report_of
    cp "$W/printed" "$W/report"
    size=$(stat -c %s "$W/now/ledger.mdb")
    pages=$((size / page_bytes))
    RANDOM=$FAULT_SEED
    for kind in zero ones noise other; do
        row "page-$kind" "each page of the store overwritten: $kind"
        for ((page = FAULT_SKIP % step; page < pages; page += step)); do
            now_at="page $page of $pages"
            stand billed
            rot "$W/now/ledger.mdb" "$kind" $((page * page_bytes)) "$page_bytes"
            judge_store
        done
        row_end
    done
    row bit "one bit of each page turned over, where a seed says (seed $FAULT_SEED)"
    for ((page = FAULT_SKIP % step; page < pages; page += step)); do
        at=$((page * page_bytes + RANDOM % page_bytes))
        now_at="byte $at"
        stand billed
        rot "$W/now/ledger.mdb" bit "$at" 1
        judge_store
    done
    row_end
}

# --- torn files -------------------------------------------------------------------------------------------------------

# Lengths of a file to cut it to: the edges, page borders, and places by chance.
lengths() { # SIZE
    local size=$1 i
    for i in 0 1 2 7 64 100 4095 4096 4097 8191 8192 8193 $((size / 2)) $((size - 4096)) $((size - 100)) $((size - 1)); do
        if ((i >= 0 && i < size)); then echo "$i"; fi
    done | sort -nu
    for ((i = 0; i < 24; i++)); do echo $(((RANDOM * 32768 + RANDOM) % size)); done
}

family_torn() {
    local length size name
    RANDOM=$FAULT_SEED
    stand billed
    report_of
    cp "$W/printed" "$W/report"
    size=$(stat -c %s "$W/billed/ledger.mdb")
    row torn-store "ledger.mdb cut to many lengths"
    for length in $(lengths "$size" | awk -v s="$step" 'NR % s == 0'); do
        now_at="$length of $size bytes"
        stand billed
        truncate -s "$length" "$W/now/ledger.mdb"
        judge_store
        # Nothing may go on from a torso as if it were a new ledger.
        reader "$TALLY" init --member Eve
        [ "$code" != 0 ] || blame "init makes a new ledger over a torn one"
    done
    row_end
    torn_small device.key "the key cut to many lengths"
    torn_small device.mark "the high-water mark cut to many lengths"
    torn_small ledger.mdb-lock "the lock file cut to many lengths"
    torn_segment
    torn_backup
    torn_pack
    torn_logs
    torn_settings
}

# Without the key nothing can be signed, with half a mark all can: the records stay readable either way.
torn_small() { # FILE WORDS
    local size length
    size=$(stat -c %s "$W/billed/$1" 2>/dev/null || echo 0)
    row "torn-$1" "$2"
    for ((length = 0; length < size; length += (size / 24 + 1) * step)); do
        now_at="$1 of $length bytes"
        stand billed
        truncate -s "$length" "$W/now/$1"
        runs=$((runs + 1))
        report_of
        [ "$code" = 0 ] && cmp -s "$W/printed" "$W/report" || blame "report differs"
        reader "$TALLY" client set nova --title Nova
        words_fit
        if [ "$code" != 0 ]; then hits=$((hits + 1)); fi
        sound || blame "$(tail -1 "$W/verified")"
    done
    row_end
}

torn_segment() {
    local size length
    size=$(stat -c %s "$W/all.seg")
    row torn-segment "a segment cut to many lengths is refused whole"
    stand agreed
    see >"$W/before"
    for length in $(lengths "$size" | awk -v s="$step" 'NR % s == 0'); do
        now_at="$length of $size bytes"
        head -c "$length" "$W/all.seg" >"$W/torn.seg"
        runs=$((runs + 1))
        reader "$TALLY" sync import "$W/torn.seg"
        [ "$code" = 3 ] && hits=$((hits + 1)) || blame "exit $code"
        see | cmp -s - "$W/before" || { blame "something of it was taken"; stand agreed; }
    done
    row_end
}

torn_backup() {
    local size length
    stand billed
    quiet tally backup "$W/whole.mdb"
    size=$(stat -c %s "$W/whole.mdb")
    row torn-backup "a backup cut to many lengths, brought back"
    for length in $(lengths "$size" | awk -v s="$step" 'NR % s == 0'); do
        now_at="$length of $size bytes"
        stand billed
        head -c "$length" "$W/whole.mdb" >"$W/now/ledger.mdb"
        rm -f "$W/now/ledger.mdb-lock"
        judge_store
    done
    row_end
}

torn_pack() {
    local size length
    stand billed
    quiet tally audit pack --invoice AK-2026-0001 --output "$W/pack.tally"
    size=$(stat -c %s "$W/pack.tally")
    row torn-pack "an audit pack cut to many lengths is refused"
    for length in $(lengths "$size" | awk -v s="$step" 'NR % s == 0'); do
        now_at="$length of $size bytes"
        head -c "$length" "$W/pack.tally" >"$W/torn.pack"
        runs=$((runs + 1))
        reader "$TALLY" audit verify "$W/torn.pack"
        [ "$code" != 0 ] && hits=$((hits + 1)) || blame "a torn pack passes"
    done
    row_end
}

# An agent is killed while it writes: the line that is not whole waits, and counts once when it is.
torn_logs() {
    local file size length n
    row torn-log "an agent's log cut anywhere, read, made whole, read again"
    stand agreed
    quiet tally capture
    cp -r "$W/now" "$W/agreed_captured"
    file=$(find "$HOME/.claude" -name '*.jsonl' | sort | head -1)
    cp "$file" "$W/whole.jsonl"
    size=$(stat -c %s "$file")
    for length in $(lengths "$size" | awk -v s="$step" 'NR % s == 0'); do
        now_at="$length of $size bytes"
        stand agreed
        runs=$((runs + 1))
        head -c "$length" "$W/whole.jsonl" >"$file"
        reader "$TALLY" capture
        [ "$code" = 0 ] || blame "exit $code"
        tail -c +$((length + 1)) "$W/whole.jsonl" >>"$file"
        cmp -s "$W/whole.jsonl" "$file" || blame "the test's own file"
        reader "$TALLY" capture
        tally report --by client,project,agent,model --json >"$W/printed"
        stand agreed_captured
        tally report --by client,project,agent,model --json | cmp -s - "$W/printed" && hits=$((hits + 1)) ||
            blame "figures differ from those of the whole log"
    done
    cp "$W/whole.jsonl" "$file"
    row_end
}

# Settings of an agent that are no JSON are left as they are.
torn_settings() {
    local length
    row torn-settings "an agent's settings cut anywhere are left as they are"
    printf '{\n  "cleanupPeriodDays": 400,\n  "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "true"}]}]}\n}\n' >"$W/whole.json"
    for ((length = 1; length < $(stat -c %s "$W/whole.json") - 1; length += step)); do
        now_at="$length bytes"
        head -c "$length" "$W/whole.json" >"$HOME/.claude/settings.json"
        cp "$HOME/.claude/settings.json" "$W/torn.json"
        runs=$((runs + 1))
        reader "$TALLY" hook install claude-code
        if [ "$code" = 0 ]; then blame "installed into what is no JSON"; else hits=$((hits + 1)); fi
        cmp -s "$W/torn.json" "$HOME/.claude/settings.json" || blame "changed"
    done
    rm -f "$HOME"/.claude/settings.json*
    row_end
}
