#!/usr/bin/env bash
# While a reload makes what is new, for however long that takes, clients are served and what runs goes on; one more reload waits its turn,
# and the daemon can be stopped. What takes long is a node that reads a FIFO when it is made: until this script has opened the other end,
# and closed it.
. "$(dirname "$0")/lib.sh"
images "$work/images" 4
camera_policy
export PERCEPT_NODES=$(dirname "$PERCEPT_BIN")/tests/captions
mkfifo "$work/first" "$work/second"
touch "$work/speech"

# write [NAME FILE]...: pipeline a, which stays; and one for each NAME, whose node reads FILE when it is made.
write() {
    cat >"$work/site.yaml" <<YAML
version: 1
daemon: {policy: policy.yaml}
pipelines:
  a:
    source: {type: images, paths: images, rate: 100, loop: 0}
    when_late: wait
    topics: {a.frames: source}
YAML
    while (($#)); do
        cat >>"$work/site.yaml" <<YAML
  $1:
    source: {type: images, paths: images, rate: 20, loop: 0}
    nodes: [{node: said, file: speech, made: $2, inputs: {frame: source}}]
    topics: {$1.frames: source}
YAML
        shift 2
    done
}
state_is() {
    until [ "$(daemon_state)" = "$1" ]; do
        kill -0 "$daemon" 2>/dev/null || fail "the daemon has ended"
        sleep 0.02
    done
}

write
start_daemon "$work/site.yaml"
expect 0 "$percept" echo a.frames --count 1

# ---- while the first one waits for its node, all else goes on ----
write b first
"$percept" reload --json >"$work/one.json" &
one=$!
exec 3>"$work/first" # when the node is being made
state_is reloading
"$percept" topics | grep -q a.frames || fail "nobody answers"
! "$percept" topics | grep -q b.frames || fail "it is offered before it is there"
expect 0 "$percept" privacy on # which costs the frame that it meets
expect 0 "$percept" privacy off
expect 0 "$percept" echo a.frames --json --count 20 # a new client: it connects, subscribes, reads; what was before the switch is gone
"$percept" echo a.frames --json >"$work/a.jsonl" 3>&- &
reader=$!
until [ "$(wc -l <"$work/a.jsonl")" -gt 20 ]; do sleep 0.02; done
# Asked for by two clients and a signal meanwhile: one more reload, which sees what was written by then.
write b first c speech
kill -HUP "$daemon"
"$percept" reload --json >"$work/two.json" 3>&- &
two=$!
"$percept" reload --json >"$work/three.json" 3>&- &
three=$!
until [ "$(grep -c 'a reload waits' "$work/daemon.log")" = 3 ]; do sleep 0.02; done
expect 0 "$percept" echo a.frames --json --count 20
for client in $one $two $three; do kill -0 "$client" || fail "told before it was so"; done
[ ! -s "$work/one.json" ] || fail "told before it was so"

# ---- the node is made: the first one is done, then the second ----
exec 3>&-
wait "$one" || fail "the first reload has failed"
wait "$two" && wait "$three" || fail "the second reload has failed"
json "$work/one.json" 'v == {"ok": True, "kept": 1, "changed": 0, "added": 1, "removed": 0}'
json "$work/two.json" 'v == {"ok": True, "kept": 2, "changed": 0, "added": 1, "removed": 0}'
json "$work/three.json" 'v == {"ok": True, "kept": 2, "changed": 0, "added": 1, "removed": 0}'
state_is running
[ "$(grep -c 'reloaded: ' "$work/daemon.log")" = 2 ] || fail "not two reloads"
"$percept" topics | grep -q c.frames || fail "what is new is not offered"

# ---- the one that stayed has not lost a frame ----
until [ "$(wc -l <"$work/a.jsonl")" -gt 40 ]; do sleep 0.02; done
kill "$reader"
wait "$reader" || true
unbroken a.jsonl

# ---- stopped while it loads: who waits is told no, and the daemon ends well ----
write d second
"$percept" reload 2>"$work/four.err" &
four=$!
exec 3>"$work/second"
kill -TERM "$daemon"
while [ -e "$PERCEPT_SOCKET" ]; do sleep 0.02; done # it serves nobody any more, but the node is not made yet
kill -0 "$daemon" || fail "it has left its thread behind"
! wait "$four" || fail "told that it was done"
exec 3>&-
daemon_ends 0
! grep -q 'd.frames' "$work/daemon.log" || fail "it has switched, in the end"
