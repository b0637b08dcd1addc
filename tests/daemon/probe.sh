#!/usr/bin/env bash
# A model is loaded by another process first: what takes that down does not take the daemon down.
. "$(dirname "$0")/lib.sh"
good=${PERCEPT_MODELS:-}/hand_landmark_lite.fp32.pte
need "$good"
hostile=$PERCEPT_BIN/../tests/probe_hostile # which crashes on all but words that it knows
landmark_config "$work/hands.yaml" "daemon: {cache: $work/cache}"
images "$work/images" 1
cp "$good" "$work/model.pte"

# One line that names the file and what became of the process; for --check as well.
for option in "" --check; do
    PERCEPT_PROBE=$hostile expect 3 "$perceptd" --config "$work/hands.yaml" $option
    grep perceptd: "$work/err" >"$work/lines" && mv "$work/lines" "$work/err" # without what a sanitizer says of the crash
    one_line "$work/hands.yaml:4:3: model 'landmark': $work/model.pte: the process that loads it first (was killed by signal|has ended)"
done
[ ! -e "$work/cache" ] || [ -z "$(ls "$work/cache")" ] || fail "something is kept of a file that was refused"
PERCEPT_PROBE=$work/nothing expect 1 "$perceptd" --config "$work/hands.yaml"
one_line "cannot run '$work/nothing'"
sed -i 's/^daemon: {/&check_models: false, /' "$work/hands.yaml"
PERCEPT_PROBE=$hostile expect 0 "$perceptd" --config "$work/hands.yaml" --check
sed -i 's/check_models: false/check_models: true/' "$work/hands.yaml"

# What has passed need not again, as long as it is the same.
expect 0 "$perceptd" --config "$work/hands.yaml" --check
[ "$(find "$work/cache" -name 'probed-*' | wc -l)" = 1 ] || fail "no note, or more than one"
PERCEPT_PROBE=$hostile expect 0 "$perceptd" --config "$work/hands.yaml" --check
printf x >>"$work/model.pte"
PERCEPT_PROBE=$hostile expect 3 "$perceptd" --config "$work/hands.yaml" --check

# Not even in a reload, which changes nothing then; what was loaded goes on.
cp "$good" "$work/model.pte"
sed -i 's/images]}/images], loop: 0}/' "$work/hands.yaml"
PERCEPT_PROBE=$hostile start_daemon "$work/hands.yaml"
expect 0 "$percept" echo hands --count 1
printf x >>"$work/model.pte"
kill -HUP "$daemon"
until grep -q "not reloaded, all is as it was: .*model.pte: the process that loads it first" "$work/daemon.log"; do
    kill -0 "$daemon" || fail "the daemon has ended"
    sleep 0.02
done
expect 0 "$percept" echo hands --count 1
kill "$daemon"
daemon_ends 0

# The probe stays, confined daemons start no program, and both end together.
cp "$good" "$work/model.pte"
start_daemon "$work/hands.yaml"
probe=$(pgrep -P "$daemon" -f percept-probe) || fail "no probe"
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
while [ -e "/proc/$probe/exe" ]; do sleep 0.02; done
