#!/usr/bin/env bash
# What percept simulate says is the same each time, whole, and refuses what it cannot simulate.
. "$(dirname "$0")/../daemon/lib.sh"
plan=$PERCEPT_SOURCE_DIR/examples/plan

simulate() { expect 0 "$percept" simulate "$plan/headset.yaml" --device "$plan/xr2.yaml" --seconds 6 "$@"; }
simulate --json --trace "$work/trace.json"
cp "$work/out" "$work/first.json"
simulate --json
cmp -s "$work/out" "$work/first.json" || fail "another result for the same seed"
simulate --json --seed 2
! cmp -s "$work/out" "$work/first.json" || fail "the same result for another seed"
json "$work/first.json" 'len(v["pipelines"]) == 20 and [l["name"] for l in v["lanes"]] == ["cpu", "gpu", "npu"]'
json "$work/first.json" 'all(p["met_percent"] > 99.5 for p in v["pipelines"] if p["priority"] == "high")'
json "$work/first.json" 'all(0 < l["load"] <= 1 for l in v["lanes"])'
json "$work/first.json" 'all(p["done"] > 0 for p in v["pipelines"])'
# On a lane's slot one thing runs at a time, and what ran is what was done.
python3 - "$work/trace.json" <<'PYTHON' || fail "the trace"
import collections, json, sys
ends, names = collections.defaultdict(float), set()
for event in json.load(open(sys.argv[1]))["traceEvents"]:
    if event["ph"] == "X":
        slot = event["pid"], event["tid"]
        assert event["ts"] >= ends[slot] - 1e-3, event
        ends[slot] = event["ts"] + event["dur"]
        names.add(event["name"])
assert len(names) == 20 and len(ends) == 8, (names, ends)
PYTHON
simulate
grep -q '^hands.left  *high ' "$work/out" || fail "no row of a pipeline"
grep -q '^npu ' "$work/out" || fail "no row of a processor"

wrong() { # wrong MESSAGE DEVICE_TEXT
    printf '%s\n' "$2" >"$work/device.yaml"
    expect 3 "$percept" simulate "$plan/headset.yaml" --device "$work/device.yaml"
    one_line "$1"
}
wrong "device.yaml:3:8: costs: nothing of pipeline 'head'" $'version: 1\nlanes: {cpu: 1}\ncosts: {}'
wrong "device.yaml:3:16: no processor 'cpo' under lanes; did you mean 'cpu'?" $'version: 1\nlanes: {cpu: 1}\ncosts: {head: {cpo: 1}}'
wrong "device.yaml:2:14: expected a number from 1 to 256, got '0'" $'version: 1\nlanes: {cpu: 0}\ncosts: {}'
wrong "device.yaml:2:14: the processor needs 'slots'" $'version: 1\nlanes: {cpu: {width: 2}}\ncosts: {}'
wrong "device.yaml:3:15: expected {processor: ms}, got '5'" $'version: 1\nlanes: {cpu: 1}\ncosts: {head: 5}'
expect 2 "$percept" simulate "$plan/headset.yaml"
one_line "--device FILE or --replay FILE is missing"
sed 's/rate: 90/rate: 0/' "$plan/headset.yaml" >"$work/plan.yaml"
expect 3 "$percept" simulate "$work/plan.yaml" --device "$plan/xr2.yaml"
one_line "pipeline 'head': its source has no rate to simulate"
