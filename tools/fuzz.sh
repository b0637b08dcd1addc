#!/usr/bin/env bash
# Run every fuzz target for some seconds, as many at once as there are processors: fuzz.sh [SECONDS] [TARGET ...]
# Without names the readers of model files get all of that time, the others a third.
# The corpus grows in build/corpus/TARGET, seeded from tests/fuzz/corpus/TARGET. A finding fails the run; the input that shows it is
# kept in build/corpus/.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
targets=("$@")
third=$seconds
if ((${#targets[@]} == 0)); then
    third=$(((seconds + 2) / 3))
    for binary in build/fuzz/fuzz/fuzz_*; do
        targets+=("${binary##*/fuzz_}")
    done
fi

fuzz() {
    local seconds=$1 name=$3 corpus=build/corpus/$3
    case $name in
    program | model | xnnpack | vulkan | tosa | data | bundle) ;;
    *) seconds=$2 ;;
    esac
    local options=(-max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 -artifact_prefix="build/corpus/$name-")
    mkdir -p "$corpus"
    [ -f "tests/fuzz/$name.dict" ] && options+=("-dict=tests/fuzz/$name.dict")
    [ -d "tests/fuzz/corpus/$name" ] && cp -n tests/fuzz/corpus/"$name"/* "$corpus"/
    if ! "build/fuzz/fuzz/fuzz_$name" "${options[@]}" "$corpus" >"$corpus.log" 2>&1; then
        tail -n 40 "$corpus.log"
        echo "fuzz $name: found something; the whole log is in $corpus.log"
        return 255 # tells xargs to start no other
    fi
    echo "fuzz $name: $(tail -n 1 "$corpus.log")"
}
export -f fuzz
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'fuzz "$@"' fuzz "$seconds" "$third" {}
echo "${#targets[@]} passed, 0 failed"
