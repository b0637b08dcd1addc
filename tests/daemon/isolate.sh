#!/usr/bin/env bash
# One line puts a backend into a process of its own, and the hands are the same. When that process is killed or stopped while they
# run, no frame is lost, the status counts it, and the next one takes its place.
. "$(dirname "$0")/lib.sh"
need "${PERCEPT_MODELS:-}/hand_landmark_lite.fp32.pte"
need "${PERCEPT_MODELS:-}/palm_detection_lite.fp32.pte"
need "${PERCEPT_MEDIA:-}/hands/nocurl.jpg"

# config NAME BACKENDS-LINE RATE LOOPS: three pictures, in $work/NAME.yaml
config() {
    sed -e '/fingers-lq/d' -e "s/loop: 7/loop: $4/" -e "s/rate: 30/rate: $3/" -e 's/^    source:/    when_late: wait\n    source:/' \
        -e "s/^models:/backends: $2\nmodels:/" "$PERCEPT_SOURCE_DIR/configs/demo.yaml" >"$work/$1.yaml"
}

# A member of the host's row in the status of the running daemon.
host() {
    "$percept" status --json 2>/dev/null | python3 -c "import json, sys; print(json.load(sys.stdin)['hosts'][0]['$1'])" 2>/dev/null
}

wait_for() { # MEMBER VALUE
    until [ "$(host "$1")" = "$2" ]; do
        kill -0 "$daemon" 2>/dev/null || fail "the daemon has ended before $1 was $2"
        sleep 0.1
    done
}
at_least() { # MEMBER NUMBER
    until [ "$(host "$1")" -ge "$2" ] 2>/dev/null; do
        kill -0 "$daemon" 2>/dev/null || fail "the daemon has ended before there were $2 $1"
        sleep 0.1
    done
}

config plain '{}' 1 1
start_at_rest "$work/plain.yaml"
read_all hands plain
daemon_ends 0

# What is slow here is no fault.
isolate='{cpu: {isolate: true, deadline_ms: 60000, backoff_ms: 1, backoff_most_ms: 20}}'
config isolated "$isolate" 1 1
start_at_rest "$work/isolated.yaml"
read_all hands isolated
daemon_ends 0
! grep -q 'goes on without' "$work/daemon.log" || fail "the host was lost"
! pgrep -P "$daemon" percept-host >/dev/null || fail "a host is left"
same_hands plain isolated 0.001

config killed "$isolate" 30 0
start_daemon "$work/killed.yaml"
for ((kills = 1; kills <= 4; kills++)); do
    wait_for state running
    kill -KILL "$(host pid)"
    at_least restarts "$kills"
done
wait_for state running
"$percept" echo hands --json --count 3 >"$work/after" || fail "no hands after the kills"
at_least runs 1 # where all is slow, hosts may have died before they had one
"$percept" status >"$work/table"
"$percept" status --json >"$work/status.json"
kill -TERM "$daemon"
daemon_ends 0
json "$work/status.json" "(lambda h: h['backend'] == 'cpu' and h['died'] == 4 and h['hung'] == h['garbage'] == h['failed'] == 0)(v['hosts'][0])"
json "$work/status.json" "v['hosts'][0]['cause'] == 'its host is gone' and v['hosts'][0]['runs'] > 0"
json "$work/status.json" "v['pipelines'][0]['node_errors'] == 0" # not one frame
grep -q '^HOST OF ' "$work/table" || fail "the status does not show the host"
grep -q "host of cpu is lost: its host is gone; killed by signal 9" "$work/daemon.log" || fail "no line about the loss"
grep -q "host of cpu runs again" "$work/daemon.log" || fail "no line about its return"
! pgrep -P "$daemon" percept-host >/dev/null || fail "a host is left"

# Stopped, it is noticed by its deadline, and the frame is computed here.
config hung '{cpu: {isolate: true, deadline_ms: 4000}}' 30 0
start_daemon "$work/hung.yaml"
wait_for state running
kill -STOP "$(host pid)"
at_least restarts 1 # more, where a run takes so long by itself
"$percept" status --json >"$work/status.json"
kill -TERM "$daemon"
daemon_ends 0
json "$work/status.json" "v['hosts'][0]['hung'] >= 1 and v['pipelines'][0]['node_errors'] == 0"
grep -q "its host did not answer in 4000 ms" "$work/daemon.log" || fail "nobody noticed that the host hung"

# A mistake in an option is told with its place.
config wrong '{cpu: {isolate: true, deadline_ms: soon}}' 5 1
expect 3 "$perceptd" --config "$work/wrong.yaml"
one_line "wrong.yaml:[0-9]+:[0-9]+: backend 'cpu': deadline_ms: expected a number of milliseconds"
config wrong '{cpu: {isolate: true, speed: 9}}' 5 1
expect 3 "$perceptd" --config "$work/wrong.yaml"
one_line "backend 'cpu': it has no options of its own, and so no 'speed'"
