#!/usr/bin/env bash
# The demo behind `make run`: the daemon on recorded input, a report of what it publishes. Ends when the input ends.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=build/release/bin
out=build/demo
mkdir -p "$out"
export XDG_STATE_HOME=$PWD/$out/state # grants and the audit record, apart from those of another daemon
rm -f "$out"/report.json "$out"/report.html

# However this ends, by Ctrl-C too, both end with it.
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
"$bin/perceptd" --config configs/demo.yaml --socket "$out/percept.sock" --log warning &
daemon=$!
"$bin/percept" report --socket "$out/percept.sock" --wait 10 --out "$out" &
report=$!

# The first to end ends the demo when it has failed; else the other one's result counts, too.
wait -n "$daemon" "$report"
wait "$report"
wait "$daemon"
