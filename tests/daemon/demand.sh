#!/usr/bin/env bash
# A pipeline that is on demand runs while somebody subscribes; with the privacy switch on nothing runs.
. "$(dirname "$0")/lib.sh"
images "$work/images" 3
camera_policy
mkdir "$work/state"
cat >"$work/config.yaml" <<YAML
version: 1
daemon: {policy: policy.yaml, state: state}
pipelines:
  wanted:
    source: {type: images, paths: images, rate: 50, loop: 0}
    when_late: wait
    on_demand: true
    linger_ms: 300
    topics: {wanted.frames: source}
  always:
    source: {type: images, paths: images, rate: 50, loop: 0}
    topics: {always.frames: source}
YAML
# until CONDITION: of the status, as Python has it; w and a are the pipelines.
until_status() {
    for _ in $(seq 600); do
        "$percept" status --json >"$work/status.json"
        python3 - "$work/status.json" "$1" <<'PYTHON' && return
import json, sys
v = json.load(open(sys.argv[1]))
w, a = v["pipelines"]
sys.exit(not eval(sys.argv[2]))
PYTHON
        sleep 0.05
    done
    fail "never: $1: $(cat "$work/status.json")"
}
start_daemon "$work/config.yaml"
until_status 'a["frames"] > 5 and w["state"] == "resting" and w["cause"] == "nobody subscribes" and w["frames"] == 0'
# Who subscribes gets frames, all of them, and the source rests again when the linger is over.
expect 0 "$percept" echo wanted.frames --count 20 --json
cp "$work/out" "$work/out.jsonl"
unbroken out.jsonl
json "$work/out.jsonl" 'v[0]["data"]["frame"] == v[0]["sequence"] - 1'
until_status 'w["state"] == "resting" and w["frames"] >= 20'
before=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["pipelines"][0]["frames"])' "$work/status.json")
sleep 0.3
until_status "w['frames'] <= $before + 1 and w['state'] == 'resting'" # one may have been under way
# To a recording no time has passed: it goes on where it was, without a burst.
expect 0 "$percept" echo wanted.frames --count 3

expect 0 "$percept" privacy
grep -q 'the privacy switch is off' "$work/out" || fail "what privacy says"
"$percept" echo wanted.frames >"$work/reader" &
reader=$!
until_status 'w["state"] == "running"'
expect 0 "$percept" privacy on
grep -q 'is on: no source runs' "$work/out" || fail "what privacy on says"
until_status 'v["daemon"]["privacy"] and all(p["state"] == "resting" and p["cause"] == "the privacy switch is on" for p in (w, a))'
before=$(python3 -c 'import json, sys; print([p["frames"] for p in json.load(open(sys.argv[1]))["pipelines"]])' "$work/status.json")
# The indicator says that no sensor is live; a reload and a new life of the daemon change nothing.
expect 0 "$percept" echo indicator --latest --count 1 --json
json "$work/out" 'all(not s["live"] for s in v["data"]["sensors"])'
sed -i 's/rate: 50/rate: 60/' "$work/config.yaml"
expect 0 "$percept" reload
sleep 0.3
until_status 'all(p["state"] == "resting" and p["frames"] == 0 for p in (w, a))'
kill "$reader"
wait "$reader" 2>/dev/null || true
kill "$daemon"
daemon_ends 0
start_daemon "$work/config.yaml"
grep -q 'the privacy switch is on' "$work/daemon.log" || fail "no line at the start"
until_status 'v["daemon"]["privacy"] and all(p["state"] == "resting" and p["frames"] == 0 for p in (w, a))'
expect 0 "$percept" privacy off
until_status 'a["state"] == "running" and a["frames"] > 3 and w["state"] == "resting"'
expect 0 "$percept" audit --json
grep -q '"privacy"' "$work/out" || fail "not in the record"
expect 2 "$percept" privacy maybe
kill "$daemon"
daemon_ends 0
# A switch that can't be read is on.
printf 'perhaps' >"$work/state/privacy"
start_daemon "$work/config.yaml"
until_status 'v["daemon"]["privacy"] and a["state"] == "resting"'
kill "$daemon"
daemon_ends 0

# A reader who loses the permission wants nothing any more.
printf 'version: 1\n' >"$work/policy.yaml"
rm "$work/state/privacy"
start_daemon "$work/config.yaml"
for ends in "revoke camera" "grant camera --to $(id -u) --for 1s"; do
    expect 0 "$percept" grant camera --to "$(id -u)"
    "$percept" echo wanted.frames >"$work/reader" 2>&1 &
    reader=$!
    until_status 'w["state"] == "running"'
    # shellcheck disable=SC2086 # words
    expect 0 "$percept" $ends
    until_status 'w["state"] == "resting" and w["cause"] == "nobody subscribes"'
    wait "$reader" 2>/dev/null || true
done
kill "$daemon"
daemon_ends 0
