#!/usr/bin/env bash
# A daemon's life: it serves, stops on a signal and at the end of its input, and tells who started it.
. "$(dirname "$0")/lib.sh"

# Stopped by a signal: exit 0, no socket left.
frames_config "$work/endless.yaml" 0
for signal in TERM INT; do
    start_daemon "$work/endless.yaml"
    kill -"$signal" "$daemon"
    daemon_ends 0
done

# Ends by itself with its input; a reader gets everything up to the end.
frames_config "$work/short.yaml" 20
start_at_rest "$work/short.yaml"
read_all frames echo.jsonl
daemon_ends 0
json "$work/echo.jsonl" 'v[-1]["data"]["frame"] == 59 and v[0]["schema"] == "percept.frame/1"'
json "$work/echo.jsonl" 'all(b["sequence"] == a["sequence"] + 1 + b["lost"] for a, b in zip(v, v[1:]))'
json "$work/echo.jsonl" 'all(a["capture_ns"] < a["publish_ns"] < b["publish_ns"] for a, b in zip(v, v[1:]))'

# Readiness, as service managers want to hear it.
python3 - "$work/notify" >"$work/notified" <<'PYTHON' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
for _ in range(2):
    print(s.recv(100).decode(), flush=True)
PYTHON
listener=$!
until [ -S "$work/notify" ]; do sleep 0.02; done
NOTIFY_SOCKET=$work/notify start_daemon "$work/endless.yaml"
until grep -q READY=1 "$work/notified"; do sleep 0.02; done
kill "$daemon"
daemon_ends 0
wait "$listener"
[ "$(cat "$work/notified")" = $'READY=1\nSTOPPING=1' ] || fail "notified: $(cat "$work/notified")"

# Two daemons on one socket: the second gives way, the first goes on.
start_daemon "$work/endless.yaml"
expect 4 "$perceptd" --config "$work/endless.yaml"
one_line "another daemon.*$PERCEPT_SOCKET"
expect 0 "$percept" echo frames --count 1
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
# One that was killed leaves its socket; that stops nobody.
start_daemon "$work/endless.yaml"
kill "$daemon"
daemon_ends 0

# The folder of the socket is made when it is not there, as after a boot.
PERCEPT_SOCKET=$work/run/socket start_daemon "$work/endless.yaml"
PERCEPT_SOCKET=$work/run/socket expect 0 "$percept" echo frames --count 1
kill "$daemon"
PERCEPT_SOCKET=$work/run/socket daemon_ends 0
