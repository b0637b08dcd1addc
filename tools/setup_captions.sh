#!/usr/bin/env bash
# faster-whisper in build/captions, for bench/captions. Does nothing when it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=build/captions/requirements.txt
cmp -s tools/captions_requirements.txt "$stamp" && exit 0
rm -rf build/captions
mkdir -p build/captions
if ! build/venv/bin/pip install --disable-pip-version-check -q --no-deps --require-hashes --target build/captions/site \
    -r tools/captions_requirements.txt >build/captions/setup.log 2>&1; then
    tail -n 5 build/captions/setup.log >&2
    echo "setup: pip install of tools/captions_requirements.txt failed; the whole output is in build/captions/setup.log" >&2
    exit 1
fi
cp tools/captions_requirements.txt "$stamp"
