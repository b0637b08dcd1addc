#!/usr/bin/env bash
# TOSABackend payloads, as Arm's partitioner makes them for an Ethos-U, compute what TOSA's reference model computes: integers to the
# bit, on the CPU, on a GPU and on the remote processor with the CPU for what it leaves, which is little.
. "$(dirname "$0")/../daemon/lib.sh"
kept=$PERCEPT_SOURCE_DIR/build/tosa
python=$PERCEPT_SOURCE_DIR/build/venv/bin/python
export_script=$PERCEPT_SOURCE_DIR/tests/backends/tosa_export.py

# Exported anew when the exporter has changed; complete or not there.
if ! cmp -s "$export_script" "$kept/cases/made_by"; then
    [ -x "$python" ] || skip "no exporter in build/venv; tools/setup.sh gets it"
    expect 0 bash "$PERCEPT_SOURCE_DIR/tests/conformance/packages"
    rm -rf "$kept/cases"
    mkdir -p "$kept"
    PYTHONDONTWRITEBYTECODE=1 expect 0 "$python" "$export_script" "$kept/cases" "$PERCEPT_SOURCE_DIR/build/conformance/site"
    cp "$export_script" "$kept/cases/made_by"
fi

# verify FOLDER BACKEND: all of the folder.
verify() {
    expect 0 "$percept" model verify "$kept/cases/$1" --backend "$2"
    grep -qx "$(wc -l <"$kept/cases/$1/manifest.jsonl") passed, 0 failed" "$work/out" || fail "not all of $1 were verified on $2"
}
# whole NET BACKEND: all nodes of an integer network run there.
whole() {
    expect 0 "$percept" model inspect "$kept/cases/integer/$1.pte" --backend "$2"
    grep -qE "^compiled forward: .* in 1 segments on $2," "$work/out" || fail "$1 is not on $2 as a whole"
}

verify integer cpu
verify float cpu
verify integer dsp
for net in conv depthwise_twice residual linear add mul sigmoid max_pool average_pool moves mobilenet; do
    whole "$net" dsp
done
# A processor with little memory of its own cuts the same into tiles.
PERCEPT_DSP_MEMORY=16384 verify integer dsp
if "$percept" backends | grep -q '^vulkan *yes'; then
    verify integer vulkan
    verify float vulkan
    whole mobilenet vulkan
fi

# A code that is off by one is seen: the gold is compared to the bit.
cp -r "$kept/cases/integer" "$work/off"
"$python" -c 'import sys; p = sys.argv[1]; d = bytearray(open(p, "rb").read()); d[0] ^= 1; open(p, "wb").write(d)' "$work/off/mobilenet.output0"
expect 1 "$percept" model verify "$work/off" --only mobilenet
