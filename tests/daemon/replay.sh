#!/usr/bin/env bash
# A recording is published again as it was, to programs that know nothing of it.
. "$(dirname "$0")/lib.sh"
python=$PERCEPT_SOURCE_DIR/build/venv/bin/python
[ -x "$python" ] || python=python3

# Three seconds of frames, of which each second is a chunk, by a daemon that ends.
frames_config "$work/short.yaml" 100
"$percept" record --wait 60 --out "$work/first.mcap" frames >"$work/summary" &
recorder=$!
start_at_rest "$work/short.yaml"
go 1
wait "$recorder" || fail "record: exit $?"
daemon_ends 0
expect 0 "$percept" echo --from "$work/first.mcap" frames --json
cp "$work/out" "$work/first.jsonl"
count=$(wc -l <"$work/first.jsonl")
[ "$count" -gt 20 ] || fail "$count samples were recorded"

# replay ARGUMENT...: in the background; its id is in $player.
replay() {
    "$percept" replay "$@" >"$work/played" 2>"$work/replay.log" &
    player=$!
}
same_samples() { # FILE: what it has is what was recorded, in the same order, up to the end; what came too fast to be read is told
    expect 0 "$percept" echo --from "$1" frames --json
    "$python" - "$work/first.jsonl" "$work/out" <<'PYTHON' || fail "$1 has other samples"
import json, sys
a, b = ([json.loads(line) for line in open(p)] for p in sys.argv[1:])
assert all(y["sequence"] == x["sequence"] + 1 + y["lost"] for x, y in zip(b, b[1:]))
assert b[-1]["sequence"] == len(a), (len(a), b[-1])
assert [x["data"] for x in b] == [a[x["sequence"] - 1]["data"] for x in b]
PYTHON
}

# A recorder of what is replayed makes the same recording.
replay --when-read --speed 4 "$work/first.mcap"
expect 0 "$percept" record --wait 60 --out "$work/second.mcap"
wait "$player" || fail "replay: exit $?"
grep -qE "^frames +$count +0$" "$work/played" || fail "not $count samples were published: $(cat "$work/played")"
same_samples "$work/second.mcap"
[ ! -e "$PERCEPT_SOCKET" ] || fail "its socket is still there"

# Topics are listed and described as a daemon's are; it goes on until it is told to stop.
replay --loop --speed 20 "$work/first.mcap" frames
expect 0 "$percept" record --wait 60 --seconds 1 --out "$work/third.mcap"
expect 0 "$percept" topics --json
json "$work/out" "v['topics'][0]['name'] == 'frames' and v['topics'][0]['class'] == 'camera' and not v['topics'][0]['closed']"
expect 0 "$percept" echo frames --json --count $((2 * count))
cp "$work/out" "$work/looped.jsonl"
json "$work/looped.jsonl" 'all(b["sequence"] == a["sequence"] + 1 + b["lost"] for a, b in zip(v, v[1:]))'
json "$work/looped.jsonl" 'all(0 <= x["publish_ns"] - x["capture_ns"] < 10**10 for x in v)'
# There is one on a socket.
expect 1 "$percept" replay "$work/first.mcap"
one_line "another daemon is listening"
kill -INT "$player"
wait "$player" || fail "stopped: exit $?"

# What is wrong with a file is said before anything is published.
expect 3 "$percept" replay "$work/none.mcap"
one_line "none.mcap: No such file"
expect 1 "$percept" replay "$work/first.mcap" hands
one_line "first.mcap: no sample of a topic 'hands'"
expect 2 "$percept" replay --speed 0 "$work/first.mcap"
one_line "--speed wants a factor"
head -c 100 /dev/zero >"$work/zeros.mcap"
expect 3 "$percept" replay "$work/zeros.mcap"
one_line "zeros.mcap: not a recording, or a damaged one: it does not begin like one"
"$python" - "$work/first.mcap" "$work/damaged.mcap" <<'PYTHON'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[len(data) // 2] ^= 1
open(sys.argv[2], "wb").write(data)
PYTHON
expect 3 "$percept" replay "$work/damaged.mcap"
one_line "damaged.mcap: not a recording, or a damaged one: "

# One that stops in the middle is replayed up to there.
size=$(stat -c %s "$work/first.mcap")
head -c $((size * 2 / 3)) "$work/first.mcap" >"$work/cut.mcap"
expect 0 "$percept" echo --from "$work/cut.mcap" frames --json
left=$(wc -l <"$work/out")
expect 0 "$percept" replay --speed 100 "$work/cut.mcap"
one_line "cut.mcap stops in the middle"
grep -qE "^frames +$left +0$" "$work/out" || fail "not $left samples of the cut one"
head -c 40 "$work/first.mcap" >"$work/empty.mcap"
expect 1 "$percept" replay "$work/empty.mcap"
one_line "empty.mcap: it has no samples"
