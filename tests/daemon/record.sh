#!/usr/bin/env bash
# What is recorded is what was published, whole however the recorder ends, and shown as it was live.
. "$(dirname "$0")/lib.sh"
python=$PERCEPT_SOURCE_DIR/build/venv/bin/python
[ -x "$python" ] || python=python3

# Until the topics end.
frames_config "$work/short.yaml" 60
"$percept" record --wait 60 --out "$work/whole.mcap" --json >"$work/recorded.json" &
recorder=$!
start_at_rest "$work/short.yaml"
go 1
wait "$recorder" || fail "record: exit $?"
daemon_ends 0
expect 0 "$percept" echo --from "$work/whole.mcap" frames --json
cp "$work/out" "$work/recorded.jsonl"
json "$work/recorded.json" "v['topics'][0]['name'] == 'frames' and v['topics'][0]['samples'] == $(wc -l <"$work/recorded.jsonl")"
json "$work/recorded.jsonl" 'v[-1]["data"]["frame"] == 179'
json "$work/recorded.jsonl" 'all(b["sequence"] == a["sequence"] + 1 + b["lost"] for a, b in zip(v, v[1:]))'
# A daemon that has gone does not matter any more, and neither do the other ways to look at it.
expect 0 "$percept" echo --from "$work/whole.mcap" --count 2
grep -qE '^frames  *[0-9]+ .* frame [0-9]+: 64x48 rgb8, 9248 bytes$' "$work/out" || fail "no line as echo prints it"
[ "$(wc -l <"$work/out")" = 2 ] || fail "--count"
expect 1 "$percept" echo --from "$work/whole.mcap" hands
one_line "whole.mcap: no sample of a topic 'hands'"
expect 3 "$percept" echo --from "$work/none.mcap"
one_line "none.mcap: No such file"
if "$python" -c 'import mcap' 2>/dev/null; then
    # What the format's own library says: checksums, index and all.
    "$python" - "$work/whole.mcap" "$(wc -l <"$work/recorded.jsonl")" <<'PYTHON' || fail "it is no MCAP file"
import sys
from mcap.reader import SeekingReader
from mcap.stream_reader import StreamReader
reader = SeekingReader(open(sys.argv[1], "rb"), validate_crcs=True)
summary = reader.get_summary()
assert summary.statistics.message_count == int(sys.argv[2]), summary.statistics
assert sum(1 for _ in reader.iter_messages(topics="frames")) == int(sys.argv[2])
assert [m.name for m in reader.iter_metadata()] == ["percept.clock"]
list(StreamReader(open(sys.argv[1], "rb"), validate_crcs=True).records)
PYTHON
fi

frames_config "$work/endless.yaml" 0
start_daemon "$work/endless.yaml"
# recording FILE [TOPIC...]: in the background, until something of it is in the file; its id is in $recorder.
recording() {
    "$percept" record --out "$@" >"$work/summary" 2>"$work/err" &
    recorder=$!
    until [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -gt 20000 ]; do
        kill -0 "$recorder" || fail "the recorder has ended"
        sleep 0.05
    done
}
# Beside a reader of the same samples.
recording "$work/beside.mcap" frames
expect 0 "$percept" echo frames --json --count 100
cp "$work/out" "$work/live.jsonl"
kill -INT "$recorder"
wait "$recorder" || fail "beside a reader: exit $?"
expect 0 "$percept" echo --from "$work/beside.mcap" --json
cp "$work/out" "$work/recorded.jsonl"
python3 - "$work" <<'PYTHON' || fail "what was recorded is not what was live"
import json, sys
live, recorded = ({m["sequence"]: m for m in map(json.loads, open(f"{sys.argv[1]}/{name}.jsonl"))} for name in ("live", "recorded"))
both = live.keys() & recorded.keys()
same = all({**live[n], "lost": 0} == {**recorded[n], "lost": 0} for n in both)
assert len(both) >= 10 and same, (len(both), same)
PYTHON
# Ctrl-C, and a kind kill: all that was seen is there.
for signal in INT TERM; do
    recording "$work/$signal.mcap" frames indicator
    kill -"$signal" "$recorder"
    wait "$recorder" || fail "SIG$signal: exit $?"
    grep -qE '^frames +[0-9]+ +[0-9]+ ' "$work/summary" || fail "SIG$signal: no summary"
    expect 0 "$percept" echo --from "$work/$signal.mcap"
    [ ! -s "$work/err" ] || fail "SIG$signal: not whole"
    grep -q '^indicator .* recording of pictures is live' "$work/out" || fail "no indicator in it"
done
# Killed: up to its last chunk.
recording "$work/killed.mcap"
kill -KILL "$recorder"
wait "$recorder" 2>/dev/null || true
expect 0 "$percept" echo --from "$work/killed.mcap"
one_line "killed.mcap: the recording is cut off here"
[ "$(wc -l <"$work/out")" -ge 2 ] || fail "nothing left of it"
# The daemon comes back, and the recording goes on.
recording "$work/restart.mcap"
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
start_daemon "$work/endless.yaml"
until grep -q "is back" "$work/err"; do sleep 0.02; done
size=$(stat -c %s "$work/restart.mcap")
until [ "$(stat -c %s "$work/restart.mcap")" -gt "$((size + 20000))" ]; do sleep 0.05; done
kill -INT "$recorder"
wait "$recorder" || fail "after a restart: exit $?"
expect 0 "$percept" echo --from "$work/restart.mcap" --json
cp "$work/out" "$work/restart.jsonl"
json "$work/restart.jsonl" 'any(b["sequence"] < a["sequence"] for a, b in zip(v, v[1:]))'
json "$work/restart.jsonl" 'all(a["capture_ns"] < b["capture_ns"] for a, b in zip(v, v[1:]))'
expect 0 "$percept" record --seconds 1 --out "$work/timed.mcap"
expect 1 "$percept" record --seconds 0.2 --out "$work/timed.mcap"
one_line "timed.mcap: File exists"
expect 1 "$percept" record --seconds 0.2 --out "$work/other.mcap" hands
one_line "no topic 'hands'"
expect 2 "$percept" record frames
one_line "out is missing"
kill "$daemon"
daemon_ends 0

# Not more than we may read.
sed -i '/allow: camera/d; s/^rules:/rules: []/' "$work/policy.yaml"
start_daemon "$work/endless.yaml"
for topics in "" frames; do
    expect 1 "$percept" record --seconds 0.2 --out "$work/private.mcap" $topics
    grep -qE "was not granted|no topic that we may read" "$work/err" || fail "not refused"
    [ ! -e "$work/private.mcap" ] || fail "a file without anything in it"
done
kill "$daemon"
daemon_ends 0

# Damage: an error that names the file, or what is left; never anything else.
bytes=$(stat -c %s "$work/timed.mcap")
for ((i = 0; i < 8; i++)); do
    head -c $((bytes * i / 8)) "$work/timed.mcap" >"$work/cut"
    code=0
    "$percept" echo --from "$work/cut" >"$work/out" 2>"$work/err" || code=$?
    [ "$code" = 0 ] || [ "$code" = 3 ] || fail "cut at $i/8: exit $code"
    one_line "/cut: (the recording is cut off here|not a recording, or a damaged one)"
done
for ((i = 0; i < 8; i++)); do
    cp "$work/timed.mcap" "$work/cut"
    printf '\xa5' | dd of="$work/cut" bs=1 seek=$((bytes / 2 + i)) conv=notrunc status=none
    code=0
    "$percept" echo --from "$work/cut" >"$work/out" 2>"$work/err" || code=$?
    [ "$code" = 0 ] || { [ "$code" = 3 ] && one_line "/cut: .*checksum"; }
done
