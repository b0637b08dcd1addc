#!/usr/bin/env bash
# Whoever looks at the indicator sees which sensor is live, and who reads what is made of it.
. "$(dirname "$0")/lib.sh"
frames_config "$work/endless.yaml" 0
start_daemon "$work/endless.yaml"
"$percept" echo indicator --json >"$work/seen.jsonl" &
watcher=$!

# until_seen EXPRESSION: the newest sample, as `i`, is such that...
until_seen() {
    until python3 - "$work/seen.jsonl" "$1" <<'PYTHON'; do kill -0 "$watcher" || fail "never seen: $1"; sleep 0.05; done
import json, sys
lines = open(sys.argv[1]).read().splitlines()
i = json.loads(lines[-1])["data"] if lines else None
sys.exit(0 if i and eval(sys.argv[2]) else 1)
PYTHON
}
until_seen 'i["sensors"] == [{**i["sensors"][0], "kind": "recording", "live": 1, "pipeline": "pictures", "reader_count": 0}]'
until_seen 'i["readers"] == []'
"$percept" echo frames >"$work/frames" &
reader=$!
until_seen "i['readers'] == [{'sensor': 0, 'uid': $(id -u), 'pid': $reader, 'topic': 'frames', 'program': 'percept'}]"
until_seen 'i["sensors"][0]["reader_count"] == 1'
kill "$reader"
until_seen 'i["readers"] == [] and i["sensors"][0]["reader_count"] == 0'
# For people.
expect 0 "$percept" echo indicator --count 1
grep -q "recording of pictures is live" "$work/out" || fail "the line says something else"
kill "$watcher" "$daemon"
daemon_ends 0

# With the last input the sensor is off, and the topic ends.
frames_config "$work/short.yaml" 1
start_at_rest "$work/short.yaml"
read_all indicator ended.jsonl
daemon_ends 0
json "$work/ended.jsonl" 'any(s["data"]["sensors"][0]["live"] for s in v) and v[-1]["data"]["sensors"][0]["live"] == 0 and v[0]["schema"] == "percept.indicator/1"'
