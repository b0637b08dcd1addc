#!/usr/bin/env bash
# What the daemon says of itself is JSON, whole, and true; every way to look at it works.
. "$(dirname "$0")/lib.sh"
frames_config "$work/endless.yaml" 0
start_daemon "$work/endless.yaml"
expect 0 "$percept" echo frames --count 3

expect 0 "$percept" status --json
cp "$work/out" "$work/status.json"
json "$work/status.json" 'sorted(v) == ["clients", "daemon", "hosts", "lanes", "models", "pipelines", "topics", "transcript", "users"]'
json "$work/status.json" "v['daemon']['pid'] == $daemon and v['daemon']['state'] == 'running'"
json "$work/status.json" 'v["pipelines"][0]["name"] == "pictures" and v["pipelines"][0]["frames"] >= 3'
json "$work/status.json" 'v["pipelines"][0]["state"] == "running" and v["models"] == []'
json "$work/status.json" 'v["topics"][0]["schema"] == "percept.frame/1" and not v["topics"][0]["closed"]'
json "$work/status.json" 'len(v["clients"]) == 1 and v["clients"][0]["subscriptions"] == 0'
# docs/status.md names every member there is.
python3 - "$work/status.json" "$PERCEPT_SOURCE_DIR/docs/status.md" <<'PYTHON' || fail "docs/status.md lacks a member"
import json, sys
status, text = json.load(open(sys.argv[1])), open(sys.argv[2]).read()
missing = [key for part in status.values() for row in (part if isinstance(part, list) else [part])
           for key in row if f'"{key}"' not in text]
print("missing:", missing)
sys.exit(bool(missing))
PYTHON

expect 0 "$percept" topics --json
cp "$work/out" "$work/topics.json"
json "$work/topics.json" 'list(v) == ["topics"] and v["topics"][0]["name"] == "frames"'
expect 0 "$percept" status
grep -q '^pictures  *images  *running' "$work/out" || fail "no row of the pipeline"
expect 0 "$percept" topics
grep -q '^frames  *percept.frame/1' "$work/out" || fail "no row of the topic"

expect 0 "$percept" top --once --interval 2 --json
cp "$work/out" "$work/top.jsonl"
json "$work/top.jsonl" 'len(v) == 1 and v[0]["topics"][0]["per_s"] > 0 and v[0]["daemon"]["cpu_percent"] >= 0'
expect 0 "$percept" top --once --interval 0.1
grep -q '/S' "$work/out" || fail "no rates"
# On a terminal it stays in place, and q quits and gives the screen back.
python3 - "$percept" <<'PYTHON' || fail "top on a terminal"
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], ["percept", "top", "--interval", "0.1"])
seen = b""
while seen.count(b"q quits") < 3:  # three pictures
    seen += os.read(fd, 4096)
os.write(fd, b"q")
try:
    while data := os.read(fd, 4096):
        seen += data
except OSError:  # how a pty says that its other end is closed
    pass
_, status = os.waitpid(pid, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
assert b"/S" in seen and seen.rstrip().endswith(b"\x1b[?1049l"), seen[-200:]
PYTHON
kill "$daemon"
daemon_ends 0
