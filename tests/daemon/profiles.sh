#!/usr/bin/env bash
# The profiles that are shipped are right. Nets that were not exported here are stood in for by others of their inputs.
. "$(dirname "$0")/lib.sh"
need "${PERCEPT_MODELS:-}/hand_landmark_lite.fp32.pte"
build=$(dirname "$PERCEPT_BIN")
mkdir "$work/models"
stand_in() { # stand_in NAME SIZES
    [ -f "$PERCEPT_MODELS/$1" ] || "$build/tests/write_call" "$work/models/$1" aten::abs.out "f32[$2] >f32[$2] ="
}
ln -s "$PERCEPT_MODELS"/*.pte "$work/models"
stand_in objects_ssd.fp32.pte 1,3,300,300
stand_in text_detection_v4.fp32.pte 1,3,320,320
stand_in efficientnet_lite0.fp32.pte 1,3,224,224
export PERCEPT_MODELS=$work/models
# A profile is right with and without a GPU; lavapipe leaks, which a sanitizer takes amiss.
export VK_DRIVER_FILES=/dev/null VK_ICD_FILENAMES=/dev/null
for profile in headset:"hands .*objects .*room" glasses:"text.lines .*scene" sport-glasses:"hands .*objects" camera:"hands .*frames"; do
    expect 0 "$percept" check "$PERCEPT_SOURCE_DIR/configs/${profile%%:*}.yaml"
    grep -qE "${profile#*:}" "$work/out" || fail "${profile%%:*}: its topics"
done
