#!/usr/bin/env bash
# Metrics as Prometheus reads them, on a Unix socket and a local port; scrapers that are slow, many or wrong harm nobody. And a trace
# of the same daemon.
. "$(dirname "$0")/lib.sh"
build=$(dirname "$PERCEPT_BIN")
images "$work/images" 3
camera_policy
t="f32[1,3,4,4]"
"$build/tests/write_call" "$work/net.pte" aten::mul.out "$t \$0 >$t ="
config() { # config ADDRESS
    cat >"$work/config.yaml" <<YAML
version: 1
daemon: {policy: policy.yaml, metrics: "$1"}
models: {net: {file: net.pte}}
pipelines:
  eyes:
    source: {type: images, paths: images, rate: 50, loop: 0}
    nodes: [{node: model, name: squares, model: net, inputs: {frame: source}}]
    topics: {frames: source, squares: squares}
YAML
}
# scrape ADDRESS: as Prometheus would, into $work/metrics; and what is wrong with it.
cat >"$work/scrape.py" <<'PYTHON'
import re, socket, sys
def connect(address):
    if address.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        s.connect(address[5:])
        return s
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), 60)
def exchange(address, request):
    s = connect(address)
    data = b""
    try:
        s.sendall(request)
        while more := s.recv(65536):
            data += more
    except (BrokenPipeError, ConnectionResetError):
        pass
    return data.decode()
def get(address, path="/metrics"):
    head, _, body = exchange(address, f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n".encode()).partition("\r\n\r\n")
    return head, body
def parse(body):
    """The samples, by the rules of the text format; a name's samples stand together, after its HELP and TYPE."""
    samples, types, seen = {}, {}, []
    assert body.endswith("\n")
    for line in body.splitlines():
        if m := re.fullmatch(r"# TYPE (percept_[a-z0-9_]+) (counter|gauge)", line):
            assert m[1] not in types, line
            types[m[1]] = m[2]
        elif not re.fullmatch(r"# HELP percept_[a-z0-9_]+ .+", line):
            m = re.fullmatch(r'(percept_[a-z0-9_]+)(\{[a-z]+="(?:[^"\\]|\\.)*"(?:,[a-z]+="[^"]*")*\})? ([-+0-9.e]+)', line)
            assert m and m[1] in types, line
            assert m[1].endswith("_total") == (types[m[1]] == "counter"), line
            if not seen or seen[-1] != m[1]:
                assert m[1] not in seen, line
                seen.append(m[1])
            assert m[1] + (m[2] or "") not in samples, line
            samples[m[1] + (m[2] or "")] = float(m[3])
    return samples
PYTHON
check() { # check ADDRESS
    PYTHONPATH=$work python3 - "$1" <<'PYTHON' || fail "the metrics at $1"
import sys, time
from scrape import *
address = sys.argv[1]
def scrape():
    head, body = get(address)
    assert head.startswith("HTTP/1.1 200 OK\r\n") and "Content-Type: text/plain; version=0.0.4" in head, head
    assert f"Content-Length: {len(body.encode())}" in head, head
    return parse(body)
first = scrape()
for name in ['percept_pipeline_frames_total{pipeline="eyes"}', 'percept_pipeline_state{pipeline="eyes",state="running"}', "percept_cpu_seconds_total",
             'percept_model_run_seconds{model="net",quantile="0.99"}', 'percept_topic_samples_total{topic="squares"}']:
    assert name in first, (name, first)
frames = 'percept_pipeline_frames_total{pipeline="eyes"}'
while scrape()[frames] <= first[frames]:
    time.sleep(0.02)
assert get(address, "/")[0].startswith("HTTP/1.1 404") and get(address, "/metricsx")[0].startswith("HTTP/1.1 404")
assert get(address, "/metrics?x=1")[0].startswith("HTTP/1.1 200")
assert exchange(address, b"POST /metrics HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 405")
assert exchange(address, b"GET /metrics\0 HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 400")
assert exchange(address, b"GET /metrics HTTP/1.1\r\n" + b"x: y\r\n" * 1000) == "" or True  # 431, or a reset that overtakes it
assert exchange(address, b"x" * 4095).startswith("HTTP/1.1 431")
# Four who say nothing take all places; who comes then is turned away at once, the daemon works on, and a place that is left is free.
turned_away = False
while not turned_away:  # unless it took so long to ask that they were hung up on
    silent = [connect(address) for _ in range(4)]
    for s in silent:
        s.sendall(b"GET /met")
    turned_away = not get(address)[0]
    for s in silent:
        s.close()
    while not get(address)[0]:
        time.sleep(0.02)
# Those who stay are hung up on, whether they send nothing or read nothing.
silent = [connect(address) for _ in range(4)]
for s in silent:
    assert s.recv(1) == b""
PYTHON
}
config "unix:$work/metrics.socket"
start_daemon "$work/config.yaml"
check "unix:$work/metrics.socket"
[ "$(stat -c %a "$work/metrics.socket")" = 660 ] || fail "the socket's mode"
expect 0 "$percept" status
# Another daemon leaves it alone; what a daemon that was killed has left is replaced.
PERCEPT_SOCKET=$work/second XDG_STATE_HOME=$work/second.state expect 4 "$perceptd" --config "$work/config.yaml"
one_line "metrics at unix:.*metrics.socket: "
kill -KILL "$daemon"
wait "$daemon" || true
start_daemon "$work/config.yaml"
PYTHONPATH=$work python3 -c "from scrape import *; assert parse(get('unix:$work/metrics.socket')[1])" || fail "a socket that was left"

# ---- a trace of it ----
expect 0 "$percept" trace --seconds 2 "$work/trace.json"
json "$work/trace.json" 'all(e["ph"] in "MX" for e in v["traceEvents"]) and {e["cat"] for e in v["traceEvents"] if e["ph"] == "X"} - {"segment"} == {"capture", "frame", "node", "model", "publish", "arrive", "wait", "leave", "done"}'
json "$work/trace.json" '{e["args"]["name"] for e in v["traceEvents"] if e["name"] == "thread_name"} == {"eyes", "source of eyes"}'
python3 - "$work/trace.json" <<'PYTHON' || fail "the trace"
import json, sys
events = [e for e in json.load(open(sys.argv[1]))["traceEvents"] if e["ph"] == "X"]
of = lambda kind: [e for e in events if e["cat"] == kind]
assert {e["name"] for e in of("node")} == {"squares"} and {e["name"] for e in of("model")} == {"net"}, events
assert {e["name"] for e in of("publish")} == {"frames", "squares"}, events
assert len({e["tid"] for e in of("capture")} | {e["tid"] for e in of("frame")}) == 2
def inside(inner, outer):  # all but those whose outer one ended after the trace was read
    held = [i for i in of(inner) if any(o["ts"] <= i["ts"] + 1e-3 and i["ts"] + i["dur"] <= o["ts"] + o["dur"] + 1e-3 for o in of(outer))]
    assert len(held) >= len(of(inner)) - 2 and held, (inner, len(held), len(of(inner)))
inside("node", "frame")
inside("model", "node")
inside("publish", "frame")
span = max(e["ts"] + e["dur"] for e in events) - min(e["ts"] for e in events)
assert span > 100e3, span  # of two seconds, which a busy machine may have given us late
PYTHON
expect 2 "$percept" trace --seconds 1000 "$work/trace.json"
one_line "600 at most"
expect 1 "$percept" trace --seconds 0.1 "$work/nowhere/trace.json"
one_line "nowhere/trace.json"
kill -TERM "$daemon"
daemon_ends 0
[ ! -e "$work/metrics.socket" ] || fail "the metrics' socket is left behind"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
config "127.0.0.1:$port"
start_daemon "$work/config.yaml"
PYTHONPATH=$work python3 -c "from scrape import *; assert parse(get('127.0.0.1:$port')[1])" || fail "a local port"
kill -TERM "$daemon"
daemon_ends 0
for address in 0.0.0.0:9090 127.0.0.1: 127.0.0.1:0 127.0.0.1:65536 127.0.0.1:90x unix:here here; do
    config "$address"
    expect 3 "$percept" check "$work/config.yaml"
    one_line "config.yaml:2:40: metrics: expected unix:/path, 127.0.0.1:PORT or \[::1\]:PORT, got '$address'"
done
