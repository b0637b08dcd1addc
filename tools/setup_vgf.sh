#!/usr/bin/env bash
# Arm's emulation layers and its converter in build/vgf, for the tests of the VGF backend. Does nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=build/vgf/requirements.txt
cmp -s tools/vgf_requirements.txt "$stamp" && exit 0
rm -rf build/vgf
mkdir -p build/vgf
if ! build/venv/bin/pip install --disable-pip-version-check -q --no-deps --require-hashes --target build/vgf/site \
    -r tools/vgf_requirements.txt >build/vgf/setup.log 2>&1; then
    tail -n 5 build/vgf/setup.log >&2
    echo "setup: pip install of tools/vgf_requirements.txt failed; the whole output is in build/vgf/setup.log" >&2
    exit 1
fi
# A manifest each in a folder of its own: loaders before 1.3.260 stack layers in the order in which they find them, and the graphs'
# stands on the tensors'.
for layer in Graph Tensor; do
    folder=build/vgf/layers/${layer,,}
    mkdir -p "$folder"
    sed "s|\"libVkLayer_$layer.so\"|\"../../site/emulation_layer/deploy/lib/libVkLayer_$layer.so\"|" \
        "build/vgf/site/emulation_layer/deploy/share/vulkan/explicit_layer.d/VkLayer_$layer.json" >"$folder/VkLayer_$layer.json"
done
cp tools/vgf_requirements.txt "$stamp"
