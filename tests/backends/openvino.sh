#!/usr/bin/env bash
# OpenvinoBackend payloads, made by ExecuTorch's exporter for OpenVINO's CPU, give what PyTorch computes. tools/setup_openvino.sh installs
# OpenVINO in build/openvino. Without it, backend and error say so.
. "$(dirname "$0")/../daemon/lib.sh"
kept=$PERCEPT_SOURCE_DIR/build/openvino
conv=$PERCEPT_SOURCE_DIR/tests/fuzz/corpus/program/openvino_conv

# Where there is none: absent, and a model says what it needs.
export PERCEPT_OPENVINO=$work
expect 0 "$percept" backends
grep -q '^openvino *- .*no libopenvino_c.so in ' "$work/out" || fail "no reason why openvino is absent"
expect 2 "$percept" model run "$conv" --backend openvino
one_line "backend 'openvino' is absent: .*no libopenvino_c.so in "
expect 3 "$percept" model run "$conv" --backend cpu
one_line "no backend of the list runs delegate 'OpenvinoBackend'.*docs/openvino.md"

[ -d "$kept/site" ] || skip "no OpenVINO in build/openvino; tools/setup_openvino.sh gets it"
export PERCEPT_OPENVINO=$kept/site
version=$(sed -n 's/^openvino==\([0-9.]*\) .*/\1/p' "$kept/requirements.txt")
"$percept" backends | grep -q "^openvino *yes *$version .*CPU" || fail "OpenVINO is not found in a folder of Python packages"

# It runs a payload, and nothing else of a list that begins with it.
expect 0 "$percept" model inspect "$conv" --backend openvino --graph
grep -q 'blob(v0) OpenvinoBackend([0-9]* bytes for CPU)' "$work/out" || fail "no payload in the graph"
expect 0 "$percept" model run "$conv" --backend openvino

# Networks, exported anew when the exporter of this test has changed.
python=$PERCEPT_SOURCE_DIR/build/venv/bin/python
exporter() { cat "$PERCEPT_SOURCE_DIR/tests/backends/"{networks,openvino_export}.py "$kept/requirements.txt"; }
if ! exporter | cmp -s - "$kept/cases/made_by"; then
    rm -rf "$kept/cases"
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PERCEPT_SOURCE_DIR:$kept/site \
        expect 0 "$python" "$PERCEPT_SOURCE_DIR/tests/backends/openvino_export.py" "$kept/cases"
    exporter >"$kept/cases/made_by"
fi
expect 0 "$percept" model verify "$kept/cases" --backend openvino
grep -qx "$(wc -l <"$kept/cases/manifest.jsonl") passed, 0 failed" "$work/out" || fail "not all were verified"
expect 0 "$percept" model inspect "$kept/cases/between.pte" --backend openvino --graph
[ "$(grep -c 'blob(.*OpenvinoBackend' "$work/out")" = 2 ] || fail "no two payloads with something between them"

# A pipeline whose landmarks such a payload computes gives the hands that the CPU gives.
picture=${PERCEPT_MEDIA:-}/hands/nocurl.jpg
need "$kept/cases/hand.pte"
need "$PERCEPT_MODELS/palm_detection_lite.fp32.pte"
need "$picture"

# hands NAME [SED]: three samples of the picture, so far apart in time that none is tracked, into $work/NAME; the landmark model as SED
# changes it.
hands() {
    { [ "$1" = cpu ] || printf 'backends: {openvino: {library: "%s", device: AUTO}}\n' "$kept/site" && cat "$PERCEPT_SOURCE_DIR/configs/demo.yaml"; } |
        sed -e '/halfcurl\|fullcurl\|fingers-lq/d' -e 's/loop: 7/loop: 0/' -e 's/rate: 30/rate: 1/' \
            -e 's/^    source:/    when_late: wait\n    source:/' -e "${2:-}" >"$work/$1.yaml"
    start_daemon "$work/$1.yaml"
    "$percept" echo hands --json --count 3 >"$work/$1" || fail "no hands: $1"
    kill -TERM "$daemon"
    daemon_ends 0
}
unset PERCEPT_OPENVINO
hands cpu
hands openvino "/^  landmark:/,/backends:/{s|file: .*|file: $kept/cases/hand.pte|;s|backends: .*|backends: [openvino, cpu]|}"
grep -q 'openvino, cpu' "$work/openvino.yaml" || fail "the configuration was not changed"
same_hands cpu openvino 0.01

# What the daemon says of a device that the payload was not compiled for, and of one that there is nowhere.
sed 's/device: AUTO/device: NPU/' "$work/openvino.yaml" >"$work/npu.yaml"
expect 3 "$perceptd" --config "$work/npu.yaml"
one_line "npu.yaml:[0-9]+:[0-9]+: .*openvino: the blob was compiled for CPU, but device is NPU in the configuration"
sed 's/device: AUTO/device: TPU/' "$work/openvino.yaml" >"$work/tpu.yaml"
expect 3 "$perceptd" --config "$work/tpu.yaml"
one_line "tpu.yaml:1:[0-9]+: .*device: expected CPU, GPU, NPU"
