#!/usr/bin/env bash
# A model that is missing or broken stops the daemon before it starts: one line that names the file, exit 3.
. "$(dirname "$0")/lib.sh"
good=${PERCEPT_MODELS:-}/hand_landmark_lite.fp32.pte
need "$good"
images "$work/images" 1
landmark_config "$work/hands.yaml"

refused() {
    for command in "$perceptd --config" "$perceptd --check --config" "$percept check"; do
        expect 3 $command "$work/hands.yaml"
        one_line "$1"
    done
}
refused "$work/hands.yaml:3:.*model.pte"
head -c 100000 "$good" >"$work/model.pte"
refused "model.pte"
LC_ALL=C sed 's/aten::convolution/aten::convolutioX/g' "$good" >"$work/model.pte"
refused "model.pte.*aten::convolutioX"
{ head -c 4 "$good" && printf 'EX99' && tail -c +9 "$good"; } >"$work/model.pte"
refused "model.pte"
# A whole model, but not one that this node can use.
palm=${PERCEPT_MODELS:-}/palm_detection_lite.fp32.pte
need "$palm"
cp "$palm" "$work/model.pte"
refused "hands.yaml:[0-9]+:[0-9]+.*landmark"
cp "$good" "$work/model.pte"
expect 0 "$perceptd" --check --config "$work/hands.yaml"
