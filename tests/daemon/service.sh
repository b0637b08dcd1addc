#!/usr/bin/env bash
# What a service manager sees: a unit that leaves little exposed and under whose filter CPU and GPU work, a socket that it hands
# over, and a watchdog that falls silent when a pipeline hangs.
. "$(dirname "$0")/lib.sh"
tests=$PERCEPT_BIN/../tests
units=$PERCEPT_SOURCE_DIR/daemon/systemd
picture=${PERCEPT_MEDIA:-}/hands/nocurl.jpg
model=${PERCEPT_MODELS:-}/hand_landmark_lite.fp32.pte
need "$picture"
need "$model"

# hands CONFIG BACKEND: a picture again and again.
hands() {
    sed -e '/halfcurl\|fullcurl\|fingers-lq/d' -e 's/loop: 7/loop: 0/' -e "s/backends: .*/backends: [$2, cpu]/" \
        "$PERCEPT_SOURCE_DIR/configs/demo.yaml" >"$1"
}

# ---- each thread of it is confined
hands "$work/cpu.yaml" cpu
start_daemon "$work/cpu.yaml"
"$percept" echo hands --count 1 >/dev/null || fail "no hands"
for thread in /proc/"$daemon"/task/*; do
    grep -q '^NoNewPrivs:.1' "$thread/status" || fail "new privileges are to be had"
    grep -q '^Seccomp:.2' "$thread/status" || fail "a thread without a filter"
    grep -Eq '^CapEff:.0000000000(88|00|80|08)0000$' "$thread/status" || fail "capabilities: $(grep CapEff "$thread/status")"
done
kill -TERM "$daemon"
daemon_ends 0

# ---- the socket comes from the manager, and stays its own
python3 - "$perceptd" "$work/cpu.yaml" "$work/given" 2>"$work/daemon.log" <<'PY' &
import os, socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.bind(sys.argv[3])
server.listen()
if server.fileno() != 3:
    os.dup2(server.fileno(), 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.argv[1], [sys.argv[1], "--config", sys.argv[2]])
PY
daemon=$!
until [ -S "$work/given" ] && "$percept" status --socket "$work/given" >/dev/null 2>&1; do
    kill -0 "$daemon" || fail "the daemon has ended"
    sleep 0.05
done
[ ! -e "$PERCEPT_SOCKET" ] || fail "it made a socket of its own"
kill -TERM "$daemon"
wait "$daemon" || fail "exit $?"
[ -S "$work/given" ] || fail "it removed the manager's socket"
LISTEN_FDS=1 LISTEN_PID=1 expect 3 "$perceptd" --config "$work/none.yaml" # not meant for us, and not taken

# ---- the watchdog hears of every pipeline: the dsp hangs, the loop does not
hands "$work/dsp.yaml" dsp
sed -i "s|hand_landmark_lite.fp32.pte|hand_landmark_lite.int8.pte|" "$work/dsp.yaml"
python3 - "$work/notify" >"$work/heard" <<'PY' &
import os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
    manager.bind(sys.argv[1])
    while True:
        print(manager.recv(4096).decode(), flush=True)
PY
until [ -S "$work/notify" ]; do sleep 0.05; done
heard() { grep -c WATCHDOG=1 "$work/heard" || true; }
export NOTIFY_SOCKET=$work/notify WATCHDOG_USEC=400000 PERCEPT_DSP_DEADLINE_MS=600000
start_daemon "$work/dsp.yaml"
unset NOTIFY_SOCKET WATCHDOG_USEC
until [ "$(heard)" -ge 3 ] && "$percept" echo hands --count 1 >/dev/null; do sleep 0.1; done
grep -qx READY=1 "$work/heard" || fail "it did not say that it is ready"
processor=$(pgrep -P "$daemon" -x percept-dsp) || fail "no processor"
kill -STOP "$processor"
until grep -q "does not get on" "$work/daemon.log"; do sleep 0.05; done
for _ in $(seq 10); do # what was said before may still be on its way
    before=$(heard)
    sleep 1
    [ "$(heard)" = "$before" ] && break
done
[ "$(heard)" = "$before" ] || fail "the watchdog was fed while a pipeline hung"
kill -CONT "$processor"
until [ "$(heard)" -gt "$before" ]; do sleep 0.05; done
kill -TERM "$daemon"
daemon_ends 0

# ---- the unit
command -v systemd-analyze >/dev/null || skip "all but the unit: systemd-analyze is not there"
sed "s|@CMAKE_INSTALL_FULL_BINDIR@|$PERCEPT_BIN|" "$units/perceptd.service.in" >"$work/perceptd.service"
cp "$units/perceptd.socket" "$work/"
expect 0 systemd-analyze security --offline=true --threshold=20 --no-pager "$work/perceptd.service"

# The system calls that its SystemCallFilter lines leave, in their order.
names() { # GROUP-OR-NAME
    case $1 in
    @*) systemd-analyze syscall-filter "$1" | sed -n 's/^    \([@a-z0-9_-]\+\)$/\1/p' | while read -r name; do names "$name"; done ;;
    *) echo "$1" ;;
    esac
}
: >"$work/calls"
sed -n 's/^SystemCallFilter=//p' "$work/perceptd.service" | while read -r line; do
    for name in ${line#\~}; do names "$name"; done | sort -u >"$work/line"
    if [ "${line:0:1}" = '~' ]; then
        sort -u "$work/calls" | comm -23 - "$work/line" >"$work/left" && mv "$work/left" "$work/calls"
    else
        cat "$work/line" >>"$work/calls"
    fi
done
expect 0 "$tests/filtered" "$work/calls" true
for backend in cpu vulkan; do
    "$percept" backends | grep -q "^$backend *yes" || continue
    hands "$work/filtered.yaml" "$backend"
    "$tests/filtered" "$work/calls" "$perceptd" --config "$work/filtered.yaml" 2>"$work/daemon.log" &
    daemon=$!
    until "$percept" status >/dev/null 2>&1; do
        kill -0 "$daemon" 2>/dev/null || fail "the daemon has ended under the unit's filter"
        sleep 0.05
    done
    "$percept" echo hands --json --count 1 >"$work/hands.$backend" || fail "no hands under the unit's filter on $backend"
    "$percept" status --json >"$work/status"
    json "$work/status" "all('$backend' in m['backend'] for m in v['models'])"
    kill -TERM "$daemon"
    daemon_ends 0
done

# ---- under both filters the transcript can be written, searched and erased
images "$work/images" 3
echo "0 en said under a filter" >"$work/speech"
printf '%s\n' "version: 1" "rules: [{same_user: true, allow: transcript}]" >"$work/policy.yaml"
cat >"$work/transcript.yaml" <<YAML
version: 1
daemon: {policy: policy.yaml}
node_plugins: $tests/captions
pipelines:
  talk:
    source: {type: images, paths: images, rate: 100, loop: 0}
    nodes: [{node: said, file: speech, inputs: {frame: source}}]
    topics: {captions: said}
transcript: {topics: captions}
YAML
"$tests/filtered" "$work/calls" "$perceptd" --config "$work/transcript.yaml" 2>"$work/daemon.log" &
daemon=$!
until "$percept" transcript --search filter 2>/dev/null | grep -q 'said under a filter'; do
    kill -0 "$daemon" 2>/dev/null || fail "the daemon has ended under the unit's filter"
    sleep 0.05
done
for thread in /proc/"$daemon"/task/*; do
    grep -q '^Seccomp:.2' "$thread/status" || fail "a thread without a filter"
done
expect 0 "$percept" transcript --forget all
[ "$(cat "$work/out")" = "1 line forgotten" ] || fail "forgetting under a filter"
kill -TERM "$daemon"
daemon_ends 0

# ---- and Apertium's programs run
if [ -e /usr/share/apertium/modes/eng-spa.mode ]; then
    printf '%s\n' "version: 1" "rules: [{same_user: true, allow: captions}]" >"$work/policy.yaml"
    echo "0 en The dogs eat." >"$work/speech"
    sed -e '/^transcript:/d' -e 's/captions: said}/captions: spanish}/' -e '/nodes:/c\
    nodes:\
      - {node: said, file: speech, inputs: {frame: source}}\
      - {node: translate_captions, name: spanish, from: en, to: es, apertium: eng-spa, inputs: {captions: said}}' \
        "$work/transcript.yaml" >"$work/spanish.yaml"
    "$tests/filtered" "$work/calls" "$perceptd" --config "$work/spanish.yaml" 2>"$work/daemon.log" &
    daemon=$!
    until "$percept" echo captions --latest --count 1 2>/dev/null | grep -q 'Los perros comen.'; do
        kill -0 "$daemon" 2>/dev/null || fail "the daemon has ended under the unit's filter"
        sleep 0.05
    done
    kill -TERM "$daemon"
    daemon_ends 0
fi
