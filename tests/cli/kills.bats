#!/usr/bin/env bats
# SIGKILL to either side of a transfer, again and again, at moments that nobody chose.
#   TALLY_KILLS  how many (12; 100 takes about a minute more)
#   TALLY_SEED   of the moments
load common
load net
bats_require_minimum_version 1.5.0

readonly costs=100000
# At this rate the largest message, 4096 records in about 180 KB, takes 0.4 s: what a kill interrupts is seldom whole.
readonly rate=450000 short_ms=250 long_ms=1000
# Lost by a kill: at most the message under way (1 MiB of records, a quarter of that compressed), handshake and hellos.
readonly lost_per_kill=$((256 * 1024))

teardown() { end_all; }

fetch() {
    local run
    as bob
    "${run[@]}" "$TALLY" sync now "127.0.0.1:$relay" >>bob.log 2>&1 3>&- &
    pid_of[bob]=$!
}

# How long to wait for the next kill at the most: the kills are spread over four fifths of the transfer, however fast this
# machine is.
longest_ms() { # KILLS-DONE
    if ((before * kills * 5 > all * $1 * 4)); then echo $short_ms; else echo $long_ms; fi
}

# A connection that the other side's death has ended is made again.
under_way() {
    kill -0 "${pid_of[bob]}" 2>/dev/null || fetch
}

@test "a transfer of 100,000 costs finishes, without starting over, however often either side is killed" {
    not_under_memcheck "a transfer takes longer than all kills"
    local port relay seed=${TALLY_SEED:-20261121} kills=${TALLY_KILLS:-12} n before now all whole received killed_ada=0
    node_found ada
    join ada "127.0.0.1:$(free_port)" bob member
    append ada $costs
    all=$(records_of ada)
    port=$(free_port) relay=$(free_port)
    daemon_quiet ada "127.0.0.1:$port"
    daemon ada

    # What one undisturbed transfer takes, to another copy of the same node.
    tap "$relay" "$port"
    cp -r "$(folder_of bob)" "$(folder_of copy)"
    on copy sync now "127.0.0.1:$relay"
    [ "$(records_of copy)" -eq "$all" ]
    whole=$(cat tap/*.down | wc -c)
    end KILL tap
    rm -f tap/*

    tap "$relay" "$port" $rate
    echo "seed $seed"
    RANDOM=$seed
    before=$(records_of bob)
    fetch
    for ((n = 0; n < kills; n++)); do
        sleep "0.$(printf '%03d' $((RANDOM % $(longest_ms "$n"))))"
        if ((RANDOM % 2)); then
            end KILL ada
            killed_ada=$((killed_ada + 1))
            daemon ada
        else
            under_way
            end KILL bob
            fetch
        fi
        under_way
        now=$(records_of bob)
        [ "$now" -ge "$before" ] # nothing that was there is gone
        before=$now
    done
    echo "$n kills, $killed_ada of them of the sender; $now of $all records were there after the last"
    [ "$now" -lt "$all" ] # or the kills came too late

    arrived() { under_way; [ "$(records_of bob)" -eq "$all" ]; }
    within 120 arrived
    received=$(cat tap/*.down | wc -c)
    echo "received $received bytes; undisturbed $whole"
    [ "$received" -le $((whole + kills * lost_per_kill)) ]
    on ada verify --deep
    on bob verify --deep
    same_views ada bob
}
