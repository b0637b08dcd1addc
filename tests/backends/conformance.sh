#!/usr/bin/env bash
# The zoo's models on the CPU against what PyTorch computed for the same pictures, which models/cases.py wrote beside
# each case with the error that passes: fp32 within 1e-4 of an output's largest value, int8 within twice the distance
# at which ExecuTorch's own runtime ends up. Every flow, one thread and two, and the loops without AVX2.
. "$(dirname "$0")/../daemon/lib.sh"
cases=${PERCEPT_MODELS:-}/cases
[ -d "$cases" ] || skip "no cases in $cases; python -m models makes them"

ran=0
for manifest in "$cases"/*/manifest.jsonl; do
    flow=$(dirname "$manifest")
    for threads in 1 2; do
        expect 0 "$percept" model verify "$flow" --backend cpu --threads $threads
        grep -qx '[1-9][0-9]* passed, 0 failed' "$work/out" || fail "nothing was verified in $flow"
    done
    PERCEPT_CPU_ISA=plain expect 0 "$percept" model verify "$flow" --backend cpu --only lite_0
    grep -qx '[1-9][0-9]* passed, 0 failed' "$work/out" || fail "nothing was verified in $flow"
    ran=$((ran + 1))
done
[ $ran -gt 0 ] || fail "no manifest in $cases"
