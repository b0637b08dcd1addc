#!/usr/bin/env bash
# Clients come, die and wait: none of it reaches the daemon or another client.
. "$(dirname "$0")/lib.sh"
frames_config "$work/endless.yaml" 0
start_daemon "$work/endless.yaml"

# Killed while subscribed: three in the middle of reading, one while it was stopped.
readers=()
for i in 1 2 3 4; do
    "$percept" echo frames --json >"$work/killed$i.jsonl" &
    readers+=($!)
done
for i in 1 2 3 4; do
    until [ -s "$work/killed$i.jsonl" ]; do sleep 0.02; done
done
kill -STOP "${readers[0]}"
kill -KILL "${readers[@]:1}"
expect 0 "$percept" echo frames --count 20
kill -KILL "${readers[0]}"
gone() {
    "$percept" status --json >"$work/status.json" &&
        python3 -c 'import json,sys; sys.exit(len(json.load(open(sys.argv[1]))["clients"]) != 1)' "$work/status.json"
}
until gone; do sleep 0.05; done
json "$work/status.json" 'v["topics"][0]["subscribers"] == 0 and v["topics"][0]["dropped"] == 0'

# A reader that has seen enough is no failure.
"$percept" echo frames | head -n 2 >"$work/out"
[ "${PIPESTATUS[0]}" = 0 ] || fail "echo | head"
[ "$(wc -l <"$work/out")" = 2 ] || fail "echo | head: lines"

# more_lines FILE: the reader prints yet another line.
more_lines() {
    local before
    before=$(wc -l <"$1")
    until [ "$(wc -l <"$1")" -gt "$before" ]; do
        kill -0 "$reader" || fail "the reader has ended"
        sleep 0.02
    done
}

# The daemon is killed and comes back: a reader resumes by itself.
"$percept" echo frames --json >"$work/resumed.jsonl" 2>"$work/resumed.log" &
reader=$!
until [ -s "$work/resumed.jsonl" ]; do sleep 0.02; done
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
start_daemon "$work/endless.yaml"
until grep -q "is back" "$work/resumed.log"; do sleep 0.02; done
more_lines "$work/resumed.jsonl"
# And when it stops in order: that is not the end of the topic either.
kill -TERM "$daemon"
daemon_ends 0
start_daemon "$work/endless.yaml"
more_lines "$work/resumed.jsonl"
kill "$reader"

expect 1 "$percept" echo no-such-topic
one_line "no topic 'no-such-topic'"
kill "$daemon"
daemon_ends 0

expect 4 "$percept" echo frames
one_line "no daemon listens on '$PERCEPT_SOCKET'"
expect 4 "$percept" status --json
one_line "no daemon"
