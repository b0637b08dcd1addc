#!/usr/bin/env bash
# An app that draws with Vulkan and knows nothing of Percept sees how far the motorcycle is: configs/depth.yaml, through the loader.
. "$(dirname "$0")/../daemon/lib.sh"
need "${PERCEPT_MEDIA:-}/stereo/motorcycle_left.png"
build=$(dirname "$PERCEPT_BIN")
. "$(dirname "$0")/environment.sh"
example=$build/examples/openxr_depth
[ -x "$example" ] || skip "the example was not built: no Vulkan headers or loader"

sed -e 's/loop: [0-9]*/loop: 0/' -e "s|parts/|$PERCEPT_SOURCE_DIR/configs/parts/|" \
    -e "s|demo_policy|$PERCEPT_SOURCE_DIR/configs/demo_policy|" "$PERCEPT_SOURCE_DIR/configs/depth.yaml" >"$work/depth.yaml"
start_daemon "$work/depth.yaml"
code=0
export XDG_DATA_DIRS=/usr/local/share:/usr/share # Vulkan's loader looks for drivers there
XR_API_LAYER_PATH=$manifests/explicit.d XR_ENABLE_API_LAYERS=XR_APILAYER_PERCEPT_perception \
    timeout 400 "$example" 5 >"$work/out" 2>"$work/err" || code=$?
if [ "$code" = 2 ]; then
    kill "$daemon"
    skip "no Vulkan device: $(cat "$work/err")"
fi
[ "$code" = 0 ] || fail "the example ends with $code: $(cat "$work/err")"
[ "$(grep -cE '^straight ahead: [2-6]\.[0-9]{3} m$' "$work/out")" = 5 ] || fail "the example prints $(cat "$work/out")"

# Without the layer it says what is missing.
expect 1 "$example" 1
tail -n 1 "$work/err" | grep -qx 'openxr_depth: xrCreateInstance: result -9' || fail "the example does not say so"
kill "$daemon"
