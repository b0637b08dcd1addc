#!/usr/bin/env bash
# OpenVINO in build/openvino, for the tests of its backend. Does nothing when it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=build/openvino/requirements.txt
cmp -s tools/openvino_requirements.txt "$stamp" && exit 0
rm -rf build/openvino
mkdir -p build/openvino
if ! build/venv/bin/pip install --disable-pip-version-check -q --no-deps --require-hashes --target build/openvino/site \
    -r tools/openvino_requirements.txt >build/openvino/setup.log 2>&1; then
    tail -n 5 build/openvino/setup.log >&2
    echo "setup: pip install of tools/openvino_requirements.txt failed; the whole output is in build/openvino/setup.log" >&2
    exit 1
fi
cp tools/openvino_requirements.txt "$stamp"
