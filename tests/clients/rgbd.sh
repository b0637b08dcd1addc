#!/usr/bin/env bash
# configs/rgbd.yaml: a frame that a depth camera recorded, by way of 16-bit PNG and daemon, beside the metres of its archive.
. "$(dirname "$0")/../daemon/lib.sh"
media=${PERCEPT_MEDIA:-}/rgbd
need "$media/depth.png"
[ -x "${PERCEPT_PYTHON:?set by CTest}" ] || skip "no Python with NumPy in build/venv"

prepare() { # prepare NAME [SED...]: the configuration, every frame however slow this build is
    local name=$1
    shift
    sed -e 's/^    source:/    when_late: wait\n    source:/' -e 's/loop: [0-9]*/loop: 0/' \
        -e "s|demo_policy|$PERCEPT_SOURCE_DIR/configs/demo_policy|" "$@" \
        "$PERCEPT_SOURCE_DIR/configs/rgbd.yaml" >"$work/$name.yaml"
}

prepare rgbd
start_daemon "$work/rgbd.yaml"
"$PERCEPT_PYTHON" - "$media" <<'PYTHON' || fail "the topic is not what the camera measured"
import json, pathlib, sys
import numpy as np
import percept

media = pathlib.Path(sys.argv[1])
info = json.loads((media / "camera_info.json").read_text())
truth = np.nan_to_num(np.load(media / "data.npz")["depth"])
with percept.connect() as client:
    subscription = client.subscribe("depth")
    sample = subscription.next(60)
    depth, confidence = (np.array(sample.tensors[name]) for name in ("depth", "confidence"))
    data = sample.data
fx, _, cx, _, fy, cy = info["K"][:6]
assert (data["fx"], data["fy"], data["baseline_m"], data["flags"]) == (np.float32(fx), np.float32(fy), 0, 0), data
# Without the lens's distortion: each pixel of the map has the value of the nearest one of the camera's.
k1, k2, p1, p2, k3 = info["D"]
v, u = np.mgrid[:480, :640]
x, y = (u - cx) / fx, (v - cy) / fy
r2 = x * x + y * y
radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
column = fx * (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)) + cx + 0.5
row = fy * (y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y) + cy + 0.5
clear = (abs(column - np.rint(column)) > 1e-3) & (abs(row - np.rint(row)) > 1e-3)  # not between two pixels
inside = clear & (column >= 0) & (column < 640) & (row >= 0) & (row < 480)
expected = np.zeros((480, 640))
expected[inside] = truth[row[inside].astype(int), column[inside].astype(int)]
measured = confidence > 1
off = np.abs(depth / 1000 - expected)[measured & inside]
assert off.max() <= 0.00051, off.max()
# Nothing is invented: what is filled in lies beside what is measured, and what is neither is 0.
assert not depth[confidence == 0].any() and depth[confidence == 1].all()
known = (expected >= 0.1) & (expected <= 10)
assert measured[known].mean() > 0.97, measured[known].mean()
assert abs(data["known"] - measured.mean()) < 1e-4, data["known"]
assert 0 < (confidence == 1).mean() < 0.2, (confidence == 1).mean()
PYTHON
expect 0 "$percept" echo planes --count 1
kill -TERM "$daemon"
daemon_ends 0

# A unit that is wrong, so all is farther than `far`: nothing is known, and everybody can ask why.
prepare unit -e 's/unit: 0.001/unit: 1/'
start_daemon "$work/unit.yaml"
expect 0 "$percept" echo depth --count 2 # with the second it is known of the first
grep -q 'nothing known; nothing measured' "$work/out" || fail "echo: $(cat "$work/out")"
expect 0 "$percept" status
grep -q 'degraded.*the camera measures nothing' "$work/out" || fail "status: $(cat "$work/out")"
kill -TERM "$daemon"
daemon_ends 0
