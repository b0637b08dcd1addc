#!/usr/bin/env bash
# The structs that we declare for older headers are as pyopenxr has them.
. "$(dirname "$0")/lib.sh"
kept=$PERCEPT_SOURCE_DIR/build/openxr
[ -e "$kept/requirements.txt" ] || skip "no build/openxr; tools/setup_openxr.sh makes it"
PYTHONPATH=$kept/site "$PERCEPT_SOURCE_DIR/build/venv/bin/python" "$(dirname "$0")/layouts.py" "$build/tests/openxr_layouts"
