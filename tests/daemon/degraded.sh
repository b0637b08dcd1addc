#!/usr/bin/env bash
# What goes wrong around the daemon does not stop it: it goes on, counts, and says what is wrong.
. "$(dirname "$0")/lib.sh"

# A camera that is not there, beside pictures of which one can't be read.
images "$work/images" 3
echo "no picture" >"$work/images/1.ppm"
camera_policy
cat >"$work/two.yaml" <<YAML
version: 1
daemon: {policy: policy.yaml}
pipelines:
  camera:
    source: {type: camera, device: $work/video9, retry: true}
    topics: {camera: source}
  pictures:
    source: {type: images, paths: [$work/images], rate: 100, loop: 0}
    topics: {frames: source}
YAML
start_daemon "$work/two.yaml"
expect 0 "$percept" echo frames --count 10
until "$percept" status --json >"$work/status.json" && grep -q '"degraded"' "$work/status.json"; do sleep 0.05; done
json "$work/status.json" '{p["name"]: p["state"] for p in v["pipelines"]}["camera"] == "degraded"'
json "$work/status.json" 'all("video9" in p["cause"] for p in v["pipelines"] if p["name"] == "camera")'
json "$work/status.json" 'all(p["dropped_bad"] >= 1 for p in v["pipelines"] if p["name"] == "pictures")'
grep -q "pipeline camera: .*video9" "$work/daemon.log" || fail "no line about the camera"
grep -q "pipeline pictures: .*1.ppm" "$work/daemon.log" || fail "no line about the picture"
# The reader of a camera that is not there waits; it is not told a story.
expect 1 "$percept" echo camera --timeout 0.3
one_line "no sample of 'camera' for 0.3 s"
kill "$daemon"
daemon_ends 0

# Without retry, a camera has to be there from the start.
sed 's/, retry: true//' "$work/two.yaml" >"$work/strict.yaml"
expect 3 "$perceptd" --config "$work/strict.yaml"
one_line "strict.yaml:[0-9]+:[0-9]+: .*video9.*No such file"

# Nothing of the input can be read: that is a failure, not an end.
mkdir "$work/nothing"
echo "no picture" >"$work/nothing/0.ppm"
cat >"$work/nothing.yaml" <<YAML
version: 1
daemon: {exit_when_done: true}
pipelines:
  pictures:
    source: {type: images, paths: [$work/nothing], loop: 2}
    topics: {frames: source}
YAML
expect 1 "$perceptd" --config "$work/nothing.yaml" --log error
grep -q "pictures has failed: " "$work/err" || fail "no line about the failure"
