#!/usr/bin/env bash
# RapidOCR in build/ocr, for bench/ocr. Does nothing when it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=build/ocr/requirements.txt
cmp -s tools/ocr_requirements.txt "$stamp" && exit 0
rm -rf build/ocr
mkdir -p build/ocr
if ! build/venv/bin/pip install --disable-pip-version-check -q --no-deps --require-hashes --target build/ocr/site \
    -r tools/ocr_requirements.txt >build/ocr/setup.log 2>&1; then
    tail -n 5 build/ocr/setup.log >&2
    echo "setup: pip install of tools/ocr_requirements.txt failed; the whole output is in build/ocr/setup.log" >&2
    exit 1
fi
cp tools/ocr_requirements.txt "$stamp"
