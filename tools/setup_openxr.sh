#!/usr/bin/env bash
# A newer OpenXR loader, the validation layers and a client in Python in build/openxr, for the tests of the API layer. Does nothing when
# they are there.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=build/openxr/requirements.txt
cmp -s tools/openxr_requirements.txt "$stamp" && exit 0
rm -rf build/openxr
mkdir -p build/openxr
if ! build/venv/bin/pip install --disable-pip-version-check -q --no-deps --require-hashes --target build/openxr/site \
    -r tools/openxr_requirements.txt >build/openxr/setup.log 2>&1; then
    tail -n 5 build/openxr/setup.log >&2
    echo "setup: pip install of tools/openxr_requirements.txt failed; the whole output is in build/openxr/setup.log" >&2
    exit 1
fi
# What is for other systems is most of it.
rm -rf build/openxr/site/xr/{library,api_layer}/{android*,aarch64,linux_aarch64,win*}
# Programs look for the loader by its soname.
mkdir build/openxr/lib
ln -s ../site/xr/library/linux_x86_64/libopenxr_loader.so build/openxr/lib/libopenxr_loader.so.1
cp tools/openxr_requirements.txt "$stamp"
