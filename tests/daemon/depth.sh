#!/usr/bin/env bash
# configs/depth.yaml, some frames of it: depth as clients read it, what is wrong in the status, the map in the report.
. "$(dirname "$0")/lib.sh"
need "${PERCEPT_MEDIA:-}/stereo/motorcycle_left.png"
prepare() { # prepare NAME [SED...]: the configuration, every frame however slow this build is
    local name=$1
    shift
    sed -e 's/^    source:/    when_late: wait\n    source:/' -e 's/pan: [0-9]*/pan: 12/' -e 's/loop: [0-9]*/loop: 1/' \
        -e "s|parts/|$PERCEPT_SOURCE_DIR/configs/parts/|" -e "s|demo_policy|$PERCEPT_SOURCE_DIR/configs/demo_policy|" "$@" \
        "$PERCEPT_SOURCE_DIR/configs/depth.yaml" >"$work/$name.yaml"
}

prepare depth
"$percept" report --wait 60 --out "$work/depth" >"$work/report.log" 2>&1 &
reader=$!
start_at_rest "$work/depth.yaml"
"$percept" echo depth --json >"$work/depth.jsonl" &
depth=$!
go 4 # three of the report's
wait "$depth" || fail "echo: exit $?"
wait "$reader" || fail "report: exit $?"
daemon_ends 0
json "$work/depth.jsonl" 'all(m["data"]["width"] == 320 and m["data"]["height"] == 240 and m["data"]["flags"] == 0 for m in v)'
json "$work/depth.jsonl" 'all(m["data"]["known"] > 0.7 and abs(m["data"]["baseline_m"] - 0.193) < 1e-4 for m in v)'
# The view comes nearer, and the focal length with it.
json "$work/depth.jsonl" 'len({round(m["data"]["fx"]) for m in v}) > 3 and all(660 < m["data"]["fx"] < 830 for m in v)'
json "$work/depth.jsonl" '[t["name"] for t in v[0]["data"]["maps"]] == ["depth", "confidence"] and v[0]["data"]["maps"][0]["dtype"] == "uint16"'
report=$work/depth/report.json
json "$report" 'sorted(t["name"] for t in v["topics"]) == ["depth", "depth.frames", "planes"]'
json "$report" 'all(t["messages"] + t["lost_by_reader"] + t["missed_before"] == 12 for t in v["topics"])'
json "$report" 'all(p["state"] == "done" and p["dropped_bad"] == 0 and p["node_errors"] == 0 for p in v["pipelines"])'
grep -Eq 'red 2\.[012][0-9]* m to blue [3-6]\.[0-9]* m, [789][0-9] % measured' "$work/depth/report.html" || fail "no depth is drawn"

# Left and right the other way round: nothing is known, and everybody can ask why.
prepare swapped -e 's/motorcycle_left/motorcycle_/; s/motorcycle_right/motorcycle_left/; s/motorcycle_\./motorcycle_right./' \
    -e 's/loop: 1/loop: 0/'
start_daemon "$work/swapped.yaml"
expect 0 "$percept" echo depth --count 2 # with the second it is known of the first
grep -q 'nothing known; eyes swapped' "$work/out" || fail "swapped eyes: $(cat "$work/out")"
expect 0 "$percept" status
grep -q 'degraded.*left and right are swapped' "$work/out" || fail "status: $(cat "$work/out")"
