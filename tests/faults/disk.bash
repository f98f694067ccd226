# Disks without room: a small file system, and a limit on the size of files.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154,SC2015 # one program in several files; `A && note || blame`

family_disk() {
    file_limit
    small_disk
}

# ulimit -f counts blocks of 1024 bytes; the fault is over when the command is done.
file_limit() {
    local op kib command
    row file-limit "files may not grow past each size (ulimit -f)"
    for op in "${chosen[@]}"; do
        op_learn "$op"
        for ((kib = 0; kib < 4096; kib += kib < 32 ? step : step * kib / 8)); do
            now_at="$op, at $kib KiB"
            op_stand "$op"
            command_of "$op"
            runs=$((runs + 1)) code=0
            # What it says goes through a pipe: that file must not be limited.
            (ulimit -f "$kib"; exec timeout -k 1 "$case_seconds" "${command[@]}") 2>&1 </dev/null | cat >"$W/words"
            code=${PIPESTATUS[0]}
            [ "$code" = 0 ] && break
            hits=$((hits + 1))
            judge "$op"
        done
        [ "$code" = 0 ] || blame "never done"
    done
    row_end
}

small_disk() {
    local op kib command kept=$W/kept
    row small-disk "a file system of each size (tmpfs)"
    mkdir -p "$W/small"
    mount -t tmpfs -o size=64k tmpfs "$W/small" 2>/dev/null || { row_end; return; }
    mv "$W/out" "$kept"
    for op in capture tag issue backup; do
        op_learn "$op"
        for ((kib = 200; kib < 4096; kib += 24 * step)); do
            now_at="$op, $kib KiB"
            op_stand "$op"
            umount "$W/small"
            mount -t tmpfs -o "size=${kib}k" tmpfs "$W/small"
            cp -r "$W/now" "$W/small/" 2>/dev/null || continue
            rm -rf "$W/now" "$W/out" && ln -s "$W/small/now" "$W/now" && mkdir "$W/small/out" && ln -s "$W/small/out" "$W/out"
            command_of "$op"
            runs=$((runs + 1)) code=0
            timeout -k 1 "$case_seconds" "${command[@]}" >"$W/printed" 2>"$W/words" </dev/null || code=$?
            if [ "$code" = 0 ]; then unlink "$W/now"; unlink "$W/out"; break; fi
            hits=$((hits + 1))
            [ "$code" = 3 ] || blame "exit $code"
            grep -qi 'full\|no space' "$W/words" || blame "does not say that the disk is full"
            sound || blame "$(tail -1 "$W/verified")"
            state_fits "$op"
            mount -o remount,size=64m "$W/small"
            again "$op"
            unlink "$W/now"; unlink "$W/out"
        done
    done
    umount "$W/small"
    row_end
}
