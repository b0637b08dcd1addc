#!/usr/bin/env bash
# VgfBackend payloads, made by ExecuTorch's exporter, give what PyTorch computes: on a driver with VK_ARM_data_graph, or here on
# lavapipe under Arm's emulation layers, which tools/setup_vgf.sh installs in build/vgf. Without either, backend and error say so.
. "$(dirname "$0")/../daemon/lib.sh"
kept=$PERCEPT_SOURCE_DIR/build/vgf
conv=$PERCEPT_SOURCE_DIR/tests/fuzz/corpus/program/vgf_conv

# Without the layers: absent, and a model says what it needs.
if ! "$percept" backends | grep -q '^vgf *yes'; then
    expect 0 "$percept" backends
    grep -q '^vgf *- .*VK_ARM_data_graph\|^vgf *- .*Vulkan' "$work/out" || fail "no reason why vgf is absent"
    expect 3 "$percept" model run "$conv" --backend cpu
    one_line "no backend of the list runs delegate 'VgfBackend'.*docs/vgf.md"
    export VK_LAYER_PATH=$kept/layers/graph:$kept/layers/tensor
fi
[ -d "$kept/layers" ] || "$percept" backends | grep -q '^vgf *yes' || skip "no layers in build/vgf; tools/setup_vgf.sh gets them"
"$percept" backends | grep -q '^vgf *yes  *[^ ]' || skip "no Vulkan driver that the layers can stand on"

# It runs a payload, and nothing else of a list that begins with it.
expect 0 "$percept" model inspect "$conv" --backend vgf --graph
grep -q 'blob(v0) VgfBackend([0-9]* bytes)' "$work/out" || fail "no payload in the graph"
expect 0 "$percept" model run "$conv" --backend vgf

# One whose constants end outside of it is one error, before anything reaches the driver.
spoiled=$work/spoiled.pte
at=$(LC_ALL=C grep -abo CONST00 "$conv" | cut -d: -f1)
{ head -c $((at + 32)) "$conv" && printf '\377\377\377\377' && tail -c +$((at + 37)) "$conv"; } >"$spoiled"
expect 3 "$percept" model run "$spoiled" --backend vgf
one_line "spoiled.pte: method 'forward', instruction 0, VgfBackend: VGF: constant 0 ends outside of its section"

# Networks, exported anew when the exporter of this test has changed.
python=$PERCEPT_SOURCE_DIR/build/venv/bin/python
exporter() { cat "$PERCEPT_SOURCE_DIR/tests/backends/"{networks,vgf_export}.py; }
if ! exporter | cmp -s - "$kept/cases/made_by"; then
    [ -d "$kept/site" ] || skip "no exporter in build/vgf; tools/setup_vgf.sh gets it"
    rm -rf "$kept/cases"
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PERCEPT_SOURCE_DIR:$kept/site PATH=$kept/site/model_converter/binaries/bin:$PATH \
        expect 0 "$python" "$PERCEPT_SOURCE_DIR/tests/backends/vgf_export.py" "$kept/cases"
    exporter >"$kept/cases/made_by"
fi
expect 0 "$percept" model verify "$kept/cases" --backend vgf
grep -qx "$(wc -l <"$kept/cases/manifest.jsonl") passed, 0 failed" "$work/out" || fail "not all were verified"

# A pipeline whose landmarks such a payload computes gives the hands that the CPU gives. One picture: the emulator takes its time.
picture=${PERCEPT_MEDIA:-}/hands/nocurl.jpg
need "$kept/cases/hand.pte"
need "$PERCEPT_MODELS/palm_detection_lite.fp32.pte"
need "$picture"

# hands NAME [SED]: those of the picture, again and again so far apart in time that none is tracked, into $work/NAME; the landmark model as SED changes it.
hands() {
    sed -e '/halfcurl\|fullcurl\|fingers-lq/d' -e 's/loop: 7/loop: 0/' -e 's/rate: 30/rate: 1/' -e 's/^    source:/    when_late: wait\n    source:/' \
        -e "${2:-}" "$PERCEPT_SOURCE_DIR/configs/demo.yaml" >"$work/$1.yaml"
    start_daemon "$work/$1.yaml"
    "$percept" echo hands --json --count 1 >"$work/$1" || fail "no hands: $1"
    kill -TERM "$daemon"
    daemon_ends 0
}
hands cpu
hands vgf "/^  landmark:/,/backends:/{s|file: .*|file: $kept/cases/hand.pte|;s|backends: .*|backends: [vgf, cpu]|}"
grep -q 'vgf, cpu' "$work/vgf.yaml" || fail "the configuration was not changed"
python3 - "$work/cpu" "$work/vgf" <<'PY' || fail "the payload has other hands than the CPU"
import json, sys
a, b = (json.loads(open(name).readline())["data"]["hands"] for name in sys.argv[1:])
assert len(a) == len(b) > 0, (len(a), len(b))
worst = max(abs(m - n) for g, h in zip(a, b) for p, q in zip(g["image"], h["image"]) for m, n in zip(p, q))
assert worst < 0.01, worst
PY
