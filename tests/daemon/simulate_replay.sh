#!/usr/bin/env bash
# The simulator against a daemon: three pipelines on two cores are recorded, and simulated from when their frames came and what their
# segments took. What differs is bounded by what was measured: nothing here is a time that was thought of.
. "$(dirname "$0")/lib.sh"
build=$(dirname "$PERCEPT_BIN")
images "$work/images" 4
for size in 160 320 480; do
    t="f32[1,3,$size,$size]"
    "$build/tests/write_call" "$work/net$size.pte" aten::exp.out "$t >$t ="
done
cat >"$work/site.yaml" <<YAML
version: 1
daemon: {threads: 1}
scheduler: {cores: 2}
models: {small: {file: net160.pte}, middle: {file: net320.pte}, large: {file: net480.pte}}
pipelines:
  a:
    source: {type: images, paths: images, rate: 60, loop: 0}
    priority: high
    deadline_ms: 16
    nodes: [{node: model, model: small, inputs: {frame: source}}]
    topics: {a: model}
  b:
    source: {type: images, paths: images, rate: 30, loop: 0}
    deadline_ms: 33
    nodes: [{node: model, model: middle, inputs: {frame: source}}]
    topics: {b: model}
  c:
    source: {type: images, paths: images, rate: 15, loop: 0}
    priority: low
    deadline_ms: 66
    nodes: [{node: model, model: large, inputs: {frame: source}}]
    topics: {c: model}
YAML
start_daemon "$work/site.yaml"
until "$percept" status --json | grep -q '"frames": *[1-9]'; do sleep 0.02; done
expect 0 "$percept" trace --seconds 2.5 "$work/trace.json"
kill "$daemon"
daemon_ends 0

# ---- who got a slot when is what the documentation says: nobody who waited then had more right to it ----
python3 - "$work/trace.json" <<'PYTHON' || fail "a turn out of order"
import json, sys
PRIORITY, DEADLINE, STARVE = {"a": 2, "b": 1, "c": 0}, {"a": 16e6, "b": 33e6, "c": 66e6}, 100e6
waits, who, lacks, begun = [], None, 0, False
for e in json.load(open(sys.argv[1]))["traceEvents"]:
    if e["name"] == "thread_name":
        who, lacks, begun = e["args"]["name"], 0, False  # served last before the trace, nobody knows when
    elif e.get("cat") == "wait":
        begin = e["ts"] * 1e3
        lacks = begin if lacks is None else lacks
        waits.append((who, begin, e["args"]["granted_ns"], lacks))
    elif e.get("cat") == "frame":
        begun = True
    elif e.get("cat") == "leave":  # one that was too late to be begun has not been served
        lacks, begun = None if begun else lacks, False
    elif e.get("cat") == "segment":
        lacks = None
assert len(waits) > 50, len(waits)
judged = 0
for name, begin, granted, lacks in waits:
    for other, since, until, misses in waits:
        # ts has three digits after the point, of a microsecond; equal times are in the order of the lock
        if other == name or not since + 1 < granted < until - 1:
            continue
        judged += 1
        starves = granted - lacks > STARVE or granted - misses > STARVE
        assert starves or PRIORITY[name] > PRIORITY[other], (name, other, granted)
print(judged, "decisions between two")
PYTHON

# ---- the same frames, simulated ----
expect 0 "$percept" simulate "$work/site.yaml" --replay "$work/trace.json" --json
cp "$work/out" "$work/replay.json"
expect 0 "$percept" simulate "$work/site.yaml" --replay "$work/trace.json" --json
cmp -s "$work/out" "$work/replay.json" || fail "another result from the same trace"
python3 - "$work/replay.json" "$work/trace.json" <<'PYTHON' || fail "the simulation is not what happened"
import collections, json, sys
result, trace = (json.load(open(name)) for name in sys.argv[1:])
order = ["a", "b", "c"]  # by priority
pipelines = {p["name"]: p for p in result["pipelines"]}
assert list(pipelines) == order and result["lane"] == {"name": "cpu", "slots": 2, "width": 1}, result["lane"]

# What was measured: the longest that each held a slot without a look, and the most that a frame of it held one, waking up included.
piece, job = collections.Counter(), collections.Counter()
who, waking, frame = None, 0, 0
for e in trace["traceEvents"]:
    if e["name"] == "thread_name":
        who, waking, frame = e["args"]["name"], 0, 0
    elif e.get("cat") == "wait":
        waking = max(0, e["ts"] + e["dur"] - e["args"]["granted_ns"] / 1e3)
    elif e.get("cat") in ("segment", "leave"):
        took, waking = (e["dur"] + waking) / 1e3, 0
        piece[who] = max(piece[who], took)
        frame += took
    elif e.get("cat") == "done":
        job[who] = max(job[who], frame)
        frame = 0
for rank, name in enumerate(order):
    p, higher, lower = pipelines[name], order[:rank], order[rank + 1:]
    # A frame may find a slot a segment of a less important one earlier or later than it did; and one of a more important pipeline,
    # which came just before its end, just after it. What is left is the time between two segments, which is in no piece.
    step = 2 * max([piece[l] for l in lower], default=0) + sum(job[h] + piece[h] for h in higher) + piece[name]
    apart, compared, chained = 0, 0, 0
    last = [0, 0]
    for f in p["each"]:
        done, granted = f["done_ms"], f["granted_ms"]
        if min(done) <= 0:
            last = [max(last[0], done[0]), max(last[1], done[1])]
            continue
        waited = f["arrived_ms"] < max(last)  # for the frame before it: what that was apart comes with it
        chained += waited
        apart = max(step, apart + step) if waited else step
        assert abs(done[0] - done[1]) <= apart, (name, f, apart)
        assert abs(granted[0] - granted[1]) <= apart, (name, f, apart)
        compared += 1
        last = done
    # On a machine that has no time for it, the least important one may have done nothing.
    assert compared > 5 or higher, (name, compared)
    if not higher:  # nobody else's frames are in its way: on the whole it is much nearer than that
        assert p["apart_median_ms"] <= piece[name], (name, p["apart_median_ms"], piece[name])
    # Frames are lost only by frames before them.
    assert abs(p["done"][0] - p["done"][1]) <= chained + sum(1 for f in p["each"] if min(f["done_ms"]) <= 0)
    print(name, compared, "frames, apart at most", round(p["apart_max_ms"], 2), "ms of", round(step, 2), "allowed; lost", round(p["lost_percent"], 1), "%")
PYTHON
expect 0 "$percept" simulate "$work/site.yaml" --replay "$work/trace.json" --no-stolen
grep -q '^a  *[0-9]' "$work/out" || fail "no row of a pipeline"

# ---- what is no such trace ----
wrong() { # wrong MESSAGE TEXT
    printf '%s' "$2" >"$work/bad.json"
    expect 3 "$percept" simulate "$work/site.yaml" --replay "$work/bad.json"
    one_line "bad.json.*$1"
}
wrong "" '{"traceEvents": ['
wrong "not a trace that .percept trace. has recorded" '{"traceEvents": []}'
wrong "not a trace that .percept trace. has recorded" '{"percept": {"lane": {"name": "cpu", "slots": 0, "width": 1}, "pipelines": []}}'
wrong "no frame came while it was recorded" '{"percept": {"lane": {"name": "cpu", "slots": 2, "width": 1}, "pipelines": []}, "traceEvents": []}'
wrong "not a trace" '{"percept": {"lane": {"name": "cpu", "slots": 2, "width": 1}, "pipelines": [{"name": "a", "worst_ns": 1}]},
  "traceEvents": [{"name": "a", "cat": "arrive", "ts": 1, "dur": 0, "args": {"capture_ns": -5}}]}'
wrong "no pipeline 'a' was recorded" '{"percept": {"lane": {"name": "cpu", "slots": 2, "width": 1}, "pipelines": [{"name": "x", "worst_ns": 1}]},
  "traceEvents": [{"name": "x", "cat": "arrive", "ts": 1, "dur": 0, "args": {"capture_ns": 5}}]}'
expect 2 "$percept" simulate "$work/site.yaml" --replay "$work/trace.json" --device "$work/site.yaml"
one_line "exclude each other"
