#!/usr/bin/env bash
# The example that runs a model on shared memory prints the same with a GPU and without, and sees the frame.
. "$(dirname "$0")/../daemon/lib.sh"
model=${PERCEPT_MODELS:-}/hand_landmark_lite.fp32.pte
need "$model"
examples=$PERCEPT_BIN/../examples

# numbers FILE: what the example printed, rounded: a GPU and the CPU differ in the last digits.
numbers() {
    awk '{ v = sprintf("%.3f", $NF); sub(/^-0\.000$/, "0.000", v); print $1, v }' "$1"
}
head -c 602112 /dev/zero | tr '\0' '?' >"$work/frame" # 224 x 224 x 3 floats of 0.747
expect 0 "$examples/run_frame" "$model" "$work/frame"
numbers "$work/out" >"$work/any"
export PERCEPT_VULKAN_DEVICE=none
expect 0 "$examples/run_frame" "$model" "$work/frame"
numbers "$work/out" >"$work/cpu"
diff "$work/any" "$work/cpu" >&2 || fail "a GPU prints something else"
expect 0 "$examples/run_pte" "$model"
numbers "$work/out" >"$work/zeros"
! diff -q "$work/cpu" "$work/zeros" >/dev/null || fail "the frame was not looked at"
expect 1 "$examples/run_frame" "$model" /nonexistent
one_line 'Bad file descriptor'
