#!/usr/bin/env bash
# docs/ten_minutes.md, as it stands: its files are written, its commands are run.
. "$(dirname "$0")/lib.sh"
python=$PERCEPT_SOURCE_DIR/build/venv/bin/python
compgen -G "$PERCEPT_SOURCE_DIR/build/venv/lib/python*/site-packages/executorch" >/dev/null || skip "no Python with ExecuTorch in build/venv"
unset PERCEPT_SOCKET
python3 - "$PERCEPT_SOURCE_DIR/docs/ten_minutes.md" "$work" <<'PYTHON'
import re, sys
page, folder = sys.argv[1:]
script = ["set -e"]
for info, text in re.findall(r"^```([^\n]*)\n(.*?)^```$", open(page).read(), re.M | re.S):
    file = re.search(r"file=(\S+)", info)
    if file:
        open(f"{folder}/{file[1]}", "w").write(text)
    elif info == "sh":
        script.append(text)
    elif info == "sh background":  # and wait until it answers
        script.append(text.strip() + " 2>daemon.log &\necho $! >daemon.pid")
        script.append("until percept status --socket ./socket >/dev/null 2>&1; do kill -0 $(cat daemon.pid); sleep 0.02; done")
    elif info:
        sys.exit(f"a block that is neither run nor written: {info}")
assert len(script) >= 6, script
open(f"{folder}/guide.sh", "w").write("\n".join(script))
# One picture with a step from 0 to 1 in the middle: of the net's size, so that what is in it is known.
import os
os.mkdir(f"{folder}/pictures")
open(f"{folder}/pictures/step.ppm", "wb").write(b"P6\n128 96\n255\n" + (b"\0" * 192 + b"\xff" * 192) * 96)
PYTHON
cd "$work"
PATH=$PERCEPT_BIN:$(dirname "$python"):$PATH bash guide.sh >out 2>err || { kill "$(cat daemon.pid)" || true; fail "the guide"; }
kill "$(cat daemon.pid)"
while [ -e "/proc/$(cat daemon.pid)/exe" ]; do sleep 0.02; done # it writes here until then
grep -q 'edges (percept.tensors/1)' out || fail "what check says"
grep -q 'frame [0-9]*: map float32\[1, 1, 12, 16\] .*; strength float32\[1\]' out || fail "what echo shows"
grep -q 'reloaded: of the pipelines 0 are as they were, 1 changed' out || fail "what reload says"
# Beside the step (columns 63 and 64) the kernel's sum is 4 in each row but the first and last, which see black around the image.
json edges.json 'v["data"]["image_rect"] == [0, 0, 128, 96]'
json edges.json '[t["name"] for t in v["data"]["tensors"]] == ["map", "strength"]'
json edges.json 'abs(v["data"]["tensors"][0]["data"][16 + 7] - 4 / 8) < 1e-5 and v["data"]["tensors"][0]["data"][16 + 3] == 0'
