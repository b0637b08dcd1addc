#!/usr/bin/env bash
# While a reload opens what is slow to open, clients are served and what runs goes on; what was opened obeys the privacy switch as it is by
# then; if something can't be opened, what was stopped comes back; and the daemon can be stopped. What is slow is a microphone of which
# ALSA copies the sound into a FIFO: until this script has opened the other end.
. "$(dirname "$0")/lib.sh"
images "$work/images" 4
camera_policy
mkfifo "$work"/slow{1,2,3}

# write RATE [FIFO [MORE]]: pipeline a, which stays; b, which a RATE that changes makes another one; one that listens; and MORE.
write() {
    cat >"$work/site.yaml" <<YAML
version: 1
daemon: {policy: policy.yaml}
pipelines:
  a:
    source: {type: images, paths: images, rate: 100, loop: 0}
    when_late: wait
    topics: {a.frames: source}
  b:
    source: {type: images, paths: images, rate: $1, loop: 0}
    topics: {b.frames: source}
YAML
    [ -z "${2:-}" ] || echo "  ear: {source: {type: microphone, device: 'file:$work/$2'}}" >>"$work/site.yaml"
    echo "${3:-}" >>"$work/site.yaml"
}
# Opens the other end, which then stays open; the last listener is $listener.
listen() {
    cat <>"$work/$1" >/dev/null &
    listener=$!
}
# Does the source of this pipeline have a thread?
captures() { cat /proc/"$daemon"/task/*/comm 2>/dev/null | grep -qx "in:$1"; }
state() {
    expect 0 "$percept" status --json
    cp "$work/out" "$work/status.json"
    json "$work/status.json" "$1"
}
# Begins one, and waits until the old pipelines have stopped: it is at the microphone, or will be.
reload() {
    "$percept" reload --json >"$work/reload.json" 2>"$work/reload.err" &
    client=$!
    while captures b; do sleep 0.02; done
}
# The loop turns, and what stays goes on: a new client connects, subscribes, reads.
goes_on() {
    expect 0 "$percept" echo a.frames --json --count 20
    state 'v["daemon"]["state"] == "reloading"'
    kill -0 "$client" && [ ! -s "$work/reload.json" ] || fail "told before it was so"
}

write 20
echo "  ear: {source: {type: microphone, device: 'null'}}" >>"$work/site.yaml"
"$perceptd" --config "$work/site.yaml" --check 2>"$work/err" || { grep -q 'without ALSA' "$work/err" && skip "built without ALSA"; fail "no microphone"; }
write 20
start_daemon "$work/site.yaml"
expect 0 "$percept" echo a.frames --count 1

# ---- it opens: all else goes on; and what rests in the end was switched off meanwhile ----
write 21 slow1
reload
goes_on
expect 0 "$percept" privacy on
listen slow1
wait "$client" || fail "the reload has failed"
json "$work/reload.json" 'v == {"ok": True, "kept": 1, "changed": 1, "added": 1, "removed": 0}'
state '[(p["name"], p["state"]) for p in v["pipelines"]] == [("a", "resting"), ("b", "resting"), ("ear", "resting")]'
expect 0 "$percept" privacy off
expect 0 "$percept" echo b.frames --json --count 5
"$percept" echo a.frames --json >"$work/a.jsonl" &
reader=$!
until [ -s "$work/a.jsonl" ]; do sleep 0.02; done

# ---- another one can't be opened: all is as it was, of which one is slow to open again ----
write 22 slow2 '  bad: {source: {type: images, paths: nothing.jpg}, topics: {bad: source}}'
first=$listener
reload
goes_on
kill "$first"
listen slow2
goes_on
listen slow1
! wait "$client" || fail "told that it was done"
json "$work/reload.json" 'v["ok"] is False and "nothing.jpg" in v["message"]'
expect 0 "$percept" echo b.frames --json --count 5
state '[(p["name"], p["state"]) for p in v["pipelines"]] == [("a", "running"), ("b", "running"), ("ear", "running")]'

# ---- the one that stayed has not lost a frame ----
kill "$reader"
wait "$reader" || true
unbroken a.jsonl

# ---- stopped while it opens: who waits is told no, and the daemon ends well ----
write 23 slow3
reload
kill -TERM "$daemon"
while [ -e "$PERCEPT_SOCKET" ]; do sleep 0.02; done # it serves nobody any more, but the microphone is not open yet
kill -0 "$daemon" || fail "it has left its thread behind"
! wait "$client" || fail "told that it was done"
listen slow3
daemon_ends 0
[ "$(grep -c 'reloaded: ' "$work/daemon.log")" = 1 ] || fail "it has switched, in the end"
