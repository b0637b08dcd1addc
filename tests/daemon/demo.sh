#!/usr/bin/env bash
# The demo's configuration, once through: hands in every frame, seen by a client, in the report.
. "$(dirname "$0")/lib.sh"
need "${PERCEPT_MODELS:-}/palm_detection_lite.fp32.pte"
need "${PERCEPT_MODELS:-}/hand_landmark_lite.fp32.pte"
need "${PERCEPT_MEDIA:-}/hands/fingers-lq.gif"
# Once instead of seven times, and every frame, however slow this build is.
sed -e 's/loop: [0-9]*/loop: 1/' -e 's/^    source:/    when_late: wait\n    source:/' \
    "$PERCEPT_SOURCE_DIR/configs/demo.yaml" >"$work/demo.yaml"

"$percept" report --wait 60 --out "$work/demo" >"$work/report.log" 2>&1 &
reader=$!
start_at_rest "$work/demo.yaml"
"$percept" echo hands.presence --json >"$work/presence.jsonl" &
presence=$!
"$percept" echo hands --json >"$work/hands.jsonl" &
hands=$!
go 5 # three of the report's
wait "$presence" && wait "$hands" || fail "echo: exit $?"
wait "$reader" || fail "report: exit $?"
daemon_ends 0

json "$work/hands.jsonl" 'v[-1]["data"]["frame"] == 45 and all(m["data"]["hand_count"] >= 1 for m in v)'
json "$work/hands.jsonl" 'all(len(h["image"]) == 21 and 0.5 <= h["presence"] <= 1 for m in v for h in m["data"]["hands"])'
json "$work/hands.jsonl" 'all(m["data"]["capture_ns"] == m["capture_ns"] and m["data"]["model_ns"] > 0 for m in v)'
# The coarse topic tells how many hands there were, and since when: as often as the fine one, as far as both were read.
json "$work/presence.jsonl" 'all(sorted(m["data"]) == ["capture_ns", "hand_count", "since_ns"] and m["data"]["since_ns"] <= m["data"]["capture_ns"] for m in v)'
python3 - "$work" <<'PYTHON' || fail "hands and their presence do not agree"
import json, sys
hands, presence = ({m["sequence"]: m["data"]["hand_count"] for m in map(json.loads, open(f"{sys.argv[1]}/{name}.jsonl"))} for name in ("hands", "presence"))
both = hands.keys() & presence.keys()
assert len(both) > 20 and all(hands[n] == presence[n] for n in both), (len(both), hands, presence)
PYTHON
report=$work/demo/report.json
json "$report" 'sorted(t["name"] for t in v["topics"]) == ["frames", "hands", "hands.presence"]'
json "$report" 'all(t["messages"] + t["lost_by_reader"] + t["missed_before"] == 46 for t in v["topics"])'
json "$report" 'v["complete"] and all(t["overhead_p99_ms"] > 0 for t in v["topics"] if t["name"] == "hands")'
json "$report" '{m["name"]: m["backend"] for m in v["models"]} == {"palm": "cpu", "landmark": "cpu"}'
json "$report" 'all(m["runs"] > 0 and m["median_ms"] > 0 for m in v["models"])'
json "$report" 'v["pipelines"][0]["dropped_bad"] == 0 and v["pipelines"][0]["node_errors"] == 0'
grep -q '<circle ' "$work/demo/report.html" || fail "no landmark is drawn"
