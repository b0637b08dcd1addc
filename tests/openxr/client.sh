#!/usr/bin/env bash
# Apps that know nothing of Percept see the hands of the demo: one in Python, by pyopenxr, and the example in C.
. "$(dirname "$0")/../daemon/lib.sh"
kept=$PERCEPT_SOURCE_DIR/build/openxr
[ -e "$kept/requirements.txt" ] || skip "no build/openxr; tools/setup_openxr.sh makes it"
need "${PERCEPT_MODELS:-}/palm_detection_lite.fp32.pte"
need "${PERCEPT_MODELS:-}/hand_landmark_lite.fp32.pte"
need "${PERCEPT_MEDIA:-}/hands/fingers-lq.gif"
build=$(dirname "$PERCEPT_BIN")
. "$(dirname "$0")/environment.sh"

sed 's/loop: [0-9]*/loop: 0/' "$PERCEPT_SOURCE_DIR/configs/demo.yaml" >"$work/demo.yaml"
start_daemon "$work/demo.yaml"
XR_API_LAYER_PATH=$manifests/explicit.d PYTHONPATH=$kept/site \
    expect 0 "$PERCEPT_SOURCE_DIR/build/venv/bin/python" "$(dirname "$0")/client.py"
example=$build/examples/openxr_joints
ENABLE_XR_APILAYER_PERCEPT_1=1 XDG_DATA_DIRS=$build/share expect 0 timeout 400 "$example" 20
grep -qE '^(left|right) index tip: -?[0-9.]+ -?[0-9.]+ -[0-9.]+ m$' "$work/out" || fail "the example prints no joint"

# Without the layer there are no hands to be had, and the example says so.
expect 1 "$example" 1
tail -n 1 "$work/err" | grep -qx 'openxr_joints: xrCreateInstance: result -9' || fail "the example does not say so"
kill "$daemon"
