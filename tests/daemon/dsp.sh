#!/usr/bin/env bash
# Landmarks in int8 moved to the remote processor by one line are those that the CPU gives; when the processor is killed on the
# way, too. (Palms stay fp32: in int8 they are too coarse for two backends to agree on where to look. models/README.md)
. "$(dirname "$0")/lib.sh"
need "${PERCEPT_MODELS:-}/hand_landmark_lite.int8.pte"
need "${PERCEPT_MODELS:-}/palm_detection_lite.fp32.pte"
need "${PERCEPT_MEDIA:-}/hands/nocurl.jpg"
export PERCEPT_DSP_DEADLINE_MS=120000 # what is not fast here is no fault

# hands NAME BACKENDS [kill]: the hands of three pictures, so far apart in time that none is tracked, into $work/NAME.
hands() {
    sed -e "/hand_landmark_lite/{s/fp32/int8/;n;s/backends: \[cpu\]/backends: $2/}" -e '/fingers-lq/d' -e 's/loop: 7/loop: 1/' -e 's/rate: 30/rate: 1/' \
        -e 's/^    source:/    when_late: wait\n    source:/' "$PERCEPT_SOURCE_DIR/configs/demo.yaml" >"$work/$1.yaml"
    start_at_rest "$work/$1.yaml"
    "$percept" echo hands --json >"$work/$1" &
    local reader=$! processor
    if [ "${3:-}" = kill ]; then
        processor=$(pgrep -P "$daemon" percept-dsp) || fail "the daemon has no remote processor"
        kill -STOP "$processor" # so that it does not get done with a frame before it is killed
    fi
    go 1
    [ "${3:-}" != kill ] || kill -KILL "$processor"
    wait "$reader" || fail "no hands on $2"
    daemon_ends 0
    cp "$work/daemon.log" "$work/$1.log"
}

# Each landmark within eight pixels. The zoo lets int8 be 3.2 pixels of a crop of 224 off; crops of these pictures are about twice as
# wide, and here two such results meet.
same() { same_hands "$1" "$2" 8; }

hands cpu "[cpu]"
hands dsp "[dsp, cpu]"
same cpu dsp
! grep -q 'goes on without' "$work/dsp.log" || fail "the remote processor was given up"
hands killed "[dsp, cpu]" kill
same cpu killed
grep -q "model '[a-z]*' goes on without a backend: dsp: the remote processor is gone" "$work/killed.log" || fail "no line about the processor"
! pgrep -P "$daemon" percept-dsp >/dev/null || fail "a process is left"
