#!/usr/bin/env bash
# The stereo net in the node, on a real pair with known disparity: fp32 and int8 beside the census, and the same files on a GPU.
. "$(dirname "$0")/../daemon/lib.sh"
[ -x "${PERCEPT_PYTHON:?set by CTest}" ] || skip "no Python with NumPy in build/venv"
need "${PERCEPT_MEDIA:-}/stereo/motorcycle_disp.npz"
need "${PERCEPT_MODELS:-}/depth_cost.fp32.pte"
need "${PERCEPT_MODELS:-}/depth_cost.int8.pte"
need "${PERCEPT_MODELS:-}/depth_cost_half.int8.pte"
unset GALLIVM_PERF # a GPU that the CPU emulates is to compile these shaders well: they run for long
maps=(census fp32 int8 half)
"$percept" backends | grep -q '^vulkan *yes' && maps+=(fp32_gpu int8_gpu)

cp "$PERCEPT_SOURCE_DIR/configs/parts/motorcycle.yml" "$work"
{
    echo "version: 1"
    echo "daemon: {exit_when_done: true, policy: demo_policy.yaml}"
    echo "models:"
    for flow in fp32 int8; do
        echo "  $flow: {file: $PERCEPT_MODELS/depth_cost.$flow.pte, backends: [cpu]}"
        echo "  ${flow}_gpu: {file: $PERCEPT_MODELS/depth_cost.$flow.pte, backends: [vulkan, cpu]}"
    done
    echo "  half: {file: $PERCEPT_MODELS/depth_cost_half.int8.pte, backends: [cpu]}"
    echo "pipelines:"
    for map in "${maps[@]}"; do
        net=", model: $map, scale: 1, small_step: 8, large_step: 80"
        [ "$map" = census ] && net=
        cat <<YAML
  $map:
    when_late: wait
    on_demand: true
    linger_ms: 0
    source: {type: stereo_files, left: $PERCEPT_MEDIA/stereo/motorcycle_left.png, right: $PERCEPT_MEDIA/stereo/motorcycle_right.png, loop: 0}
    nodes:
      - {node: stereo_depth, calibration: motorcycle.yml, format: metres, far: 60, inputs: {frame: source}$net}
    topics: {depth.$map: stereo_depth}
YAML
    done
} >"$work/net.yaml"
start_daemon "$work/net.yaml"
"$PERCEPT_PYTHON" - "$PERCEPT_MEDIA/stereo/motorcycle_disp.npz" "${maps[@]}" <<'PYTHON' || fail "the net's depth is not what it should be"
import sys
import numpy as np
import percept

truth = np.load(sys.argv[1])["arr_0"].astype(np.float64)
truth = np.where(np.isfinite(truth), truth, 0)
rows, columns = ((np.arange(n) + 0.5) * size / n for n, size in zip((240, 320), truth.shape))
truth = truth[rows.astype(int)][:, columns.astype(int)] * 320 / 741
shift = (342.279 - 311.193) * 320 / 741  # disparity of what is infinitely far, from the calibration
found, over = {}, {}
with percept.connect() as client:
    for name in sys.argv[2:]:
        with client.subscribe(f"depth.{name}") as subscription:
            sample = subscription.next(200)
        depth, data = np.array(sample.tensors["depth"]), sample.data
        assert data["flags"] == 0 and data["known"] > 0.8, (name, data)
        assert (depth > 0).mean() > 0.99, name
        found[name] = data["fx"] * data["baseline_m"] / np.maximum(depth, 1e-3) - shift
        off = abs(found[name] - truth)[truth > 0]
        over[name] = 100 * (off > 3).mean()
        print(f"{name}: median {np.median(off):.3f} px, {100 * (off > 1).mean():.2f} % > 1, {over[name]:.2f} % > 3")


def differ(a, b):
    return 100 * (abs(found[a] - found[b]) > 1).mean()


# docs/depth_training.md: on good images this net is about as good as the census; at this size 5.8 % against 5.4 %.
assert differ("census", "fp32") > 0.1, "the net says nothing"
assert differ("census", "fp32") < 5 and over["fp32"] < 1.15 * over["census"], over
# The issue's goal: int8 within 5 % of fp32.
assert differ("fp32", "int8") < 1 and over["int8"] < 1.05 * over["fp32"], over
# Features of half the size: a quarter of the time, and nearly as good.
assert differ("fp32", "half") < 6 and over["half"] < 1.15 * over["fp32"], over
# Sums in another order; in int8, where they are rounded, more comes of it.
for flow, most in (("fp32", 0.05), ("int8", 0.3)):
    if f"{flow}_gpu" in found:
        assert differ(flow, f"{flow}_gpu") < most, (flow, differ(flow, f"{flow}_gpu"))
PYTHON
expect 0 "$percept" status --json
cp "$work/out" "$work/status.json"
json "$work/status.json" 'all(m["backend"] == ("vulkan" if "gpu" in m["name"] else "cpu") for m in v["models"] if m["runs"])'
! grep -q 'goes on without' "$work/daemon.log" || fail "the GPU was given up"
kill -TERM "$daemon"
daemon_ends 0
