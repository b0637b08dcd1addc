#!/usr/bin/env bash
# Run every fuzz target for some seconds: fuzz.sh [SECONDS] [TARGET ...]
# The corpus grows in build/corpus/TARGET, seeded from tests/fuzz/corpus/TARGET. A finding stops the run, and its input is kept
# in build/corpus/TARGET-crash-*.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
targets=("$@")
((${#targets[@]})) || targets=(build/fuzz/fuzz/fuzz_*)
passed=0
for binary in "${targets[@]}"; do
    name=$(basename "$binary")
    name=${name#fuzz_}
    corpus=build/corpus/$name
    mkdir -p "$corpus"
    [ -d "tests/fuzz/corpus/$name" ] && cp -n tests/fuzz/corpus/"$name"/* "$corpus"/
    dictionary=tests/fuzz/$name.dict
    echo "fuzz $name for $seconds s"
    "build/fuzz/fuzz/fuzz_$name" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 \
        -artifact_prefix="build/corpus/$name-" $([ -f "$dictionary" ] && echo "-dict=$dictionary") "$corpus" 2>&1 |
        tee "build/corpus/$name.log" | grep -E "ERROR|SUMMARY|number_of_executed_units|Test unit written"
    passed=$((passed + 1))
done
echo "$passed passed, 0 failed"
