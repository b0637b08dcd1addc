#!/usr/bin/env bash
# A device that is not well costs the least important pipeline its quality, and says so; and gives it back.
. "$(dirname "$0")/lib.sh"
images "$work/images" 3
camera_policy
supply=$work/device/sys/class/power_supply/BAT0
mkdir -p "$supply"
echo Battery >"$supply/type"
echo Discharging >"$supply/status"
echo 80 >"$supply/capacity"
cat >"$work/config.yaml" <<YAML
version: 1
daemon: {policy: policy.yaml, device_root: device}
pipelines:
  low:
    source: {type: images, paths: images, rate: 50, loop: 0}
    priority: low
    ladder: [{rate: 0.5}, {rate: 0.25}]
    topics: {low.frames: source}
  high:
    source: {type: images, paths: images, rate: 50, loop: 0}
    priority: high
    ladder: [{rate: 0.5}]
    topics: {high.frames: source}
YAML
# step N CAUSE: wait until the low pipeline is there.
step() {
    for _ in $(seq 600); do
        "$percept" status --json >"$work/status.json"
        python3 - "$work/status.json" "$1" "$2" <<'PYTHON' && return
import json, sys
low, high = json.load(open(sys.argv[1]))["pipelines"]
sys.exit(not (low["step"] == int(sys.argv[2]) and sys.argv[3] in low["quality"] and high["step"] == 0))
PYTHON
        sleep 0.1
    done
    fail "the low pipeline is not at step $1: $(cat "$work/status.json")"
}
start_daemon "$work/config.yaml"
expect 0 "$percept" echo low.frames --count 3
step 0 ""
echo 9 >"$supply/capacity"
step 2 "the battery is at 9 %"
json "$work/status.json" 'v["daemon"]["pressure"] == 2 and v["daemon"]["pressure_cause"] == "the battery is at 9 %"'
grep -q 'under pressure (2 of 3): the battery is at 9 %' "$work/daemon.log" || fail "no line about it"
echo Charging >"$supply/status"
step 0 ""
grep -q 'the device is well again' "$work/daemon.log" || fail "no line about its end"
kill "$daemon"
daemon_ends 0
