#!/usr/bin/env bash
# While a reload waits for an old pipeline that is slow to stop, clients are served and what runs goes on; nothing new begins before it
# has stopped; one more reload waits its turn, and the daemon can be stopped: it waits, too, and serves. What is slow is a node that reads
# a FIFO, with its first frame or in the end: until this script has opened the other end, and closed it.
. "$(dirname "$0")/lib.sh"
images "$work/images" 4
camera_policy
export PERCEPT_NODES=$(dirname "$PERCEPT_BIN")/tests/captions
mkfifo "$work"/slow{1,2,3}
touch "$work/speech"

# write [NAME RATE [NODE]]...: pipeline a, which stays; and one for each NAME. A RATE that changes makes it another one. NODE: more of its node.
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
    source: {type: images, paths: images, rate: $2, loop: 0}
    nodes: [{node: said, file: speech${3:+, $3}, inputs: {frame: source}}]
    topics: {$1.frames: source}
YAML
        shift 3
    done
}
# Does the source of this pipeline have a thread?
captures() { cat /proc/"$daemon"/task/*/comm 2>/dev/null | grep -qx "in:$1"; }
reload() { "$percept" reload --json >"$work/$1.json" 2>"$work/$1.err" 3>&- & }

write b 20 'begins: slow1' c 20 'ends: slow2'
start_daemon "$work/site.yaml"
"$percept" echo a.frames --json >"$work/a.jsonl" &
reader=$!
until [ -s "$work/a.jsonl" ]; do sleep 0.02; done
exec 3>"$work/slow1" # when the node of b is at its first frame

# ---- the old b is asked to stop, and can't yet: all else goes on ----
write b 21 '' c 20 'ends: slow2'
reload one
one=$!
while captures b; do sleep 0.02; done
expect 0 "$percept" echo a.frames --json --count 20 # a new client: it connects, subscribes, reads
[ "$(daemon_state)" = reloading ] || fail "it is not at it any more"
seen=$(wc -l <"$work/a.jsonl")
until [ "$(wc -l <"$work/a.jsonl")" -gt $((seen + 20)) ]; do sleep 0.02; done
write b 21 ''
reload two
two=$!
until grep -q 'a reload waits' "$work/daemon.log"; do sleep 0.02; done
kill -0 "$one" && kill -0 "$two" && [ ! -s "$work/one.json" ] || fail "told before it was so"
! captures b || fail "the new one has begun before the old one has stopped"

# ---- it stops: the first reload is done; the second takes c away, whose node is slow to end, which nobody waits for ----
exec 3>&-
wait "$one" || fail "the first reload has failed"
wait "$two" || fail "the second reload has failed"
json "$work/one.json" 'v == {"ok": True, "kept": 2, "changed": 1, "added": 0, "removed": 0}'
json "$work/two.json" 'v == {"ok": True, "kept": 2, "changed": 0, "added": 0, "removed": 1}'
captures b || fail "the new one has not begun"
expect 0 "$percept" echo b.frames --json --count 5
! "$percept" topics | grep -q c.frames || fail "what is gone is offered"
# But for one more reload.
write b 22 'begins: slow3'
reload three
three=$!
until [ "$(grep -c 'a reload waits' "$work/daemon.log")" = 2 ]; do sleep 0.02; done
expect 0 "$percept" echo a.frames --json --count 20
kill -0 "$three" && [ ! -s "$work/three.json" ] || fail "told before it was so"
: >"$work/slow2"
wait "$three" || fail "the third reload has failed"

# ---- the one that stayed has not lost a frame ----
kill "$reader"
wait "$reader" || true
unbroken a.jsonl
json "$work/a.jsonl" 'len(v) > 40'

# ---- stopped while it waits for one: who waits is told no, and the daemon ends well ----
exec 3>"$work/slow3"
write
reload four
four=$!
while captures b; do sleep 0.02; done
expect 0 "$percept" privacy on
expect 0 "$percept" privacy off
kill -TERM "$daemon"
until grep -q 'stopping: ' "$work/daemon.log"; do sleep 0.02; done
# Until then it still answers.
"$percept" status --json | tr -d ' \n' | grep -q '"state":"stopping","config"' || fail "it does not wait"
expect 0 "$percept" topics
kill -0 "$daemon" || fail "it has left its thread behind"
exec 3>&-
! wait "$four" || fail "told that it was done"
daemon_ends 0
[ "$(grep -c 'reloaded: ' "$work/daemon.log")" = 3 ] || fail "it has switched, in the end"
