#!/usr/bin/env bash
# Apps that know our own extensions read what configs/text.yaml sees and configs/captions.yaml hears: one in Python, by pyopenxr, and the
# example in C.
. "$(dirname "$0")/../daemon/lib.sh"
kept=$PERCEPT_SOURCE_DIR/build/openxr
[ -e "$kept/requirements.txt" ] || skip "no build/openxr; tools/setup_openxr.sh makes it"
for model in text_detection_v4 text_angle text_recognition_v4 voice_activity whisper_tiny_en_encoder whisper_tiny_en_decoder \
    translation_en_pt_encoder translation_en_pt_decoder; do
    need "${PERCEPT_MODELS:-}/$model.fp32.pte"
done
need "${PERCEPT_MEDIA:-}/text/scenetext01.jpg"
need "${PERCEPT_MEDIA:-}/speech/sense_and_sensibility_01_austen_64kb-0870.wav"
build=$(dirname "$PERCEPT_BIN")
. "$(dirname "$0")/environment.sh"

cat >"$work/both.yaml" <<END
version: 1
include: [$PERCEPT_SOURCE_DIR/configs/text.yaml, $PERCEPT_SOURCE_DIR/configs/captions.yaml]
pipelines:
  text: {source: {loop: 0, rate: 0.3}}
  captions: {source: {loop: 0}}
END
start_daemon "$work/both.yaml"
XR_API_LAYER_PATH=$manifests/explicit.d PYTHONPATH=$kept/site \
    expect 0 "$PERCEPT_SOURCE_DIR/build/venv/bin/python" "$(dirname "$0")/percept_client.py"

ENABLE_XR_APILAYER_PERCEPT_1=1 XDG_DATA_DIRS=$build/share "$build/examples/openxr_text" 250 >"$work/printed" 2>&1 &
example=$!
for _ in $(seq 2000); do
    grep -q '^text [0-9]*: PARKING = ESTACIONAMENTO, at .* of some length$' "$work/printed" &&
        grep -q '^caption [0-9]*: .*Dashwood.* = ..*' "$work/printed" && break
    kill -0 $example 2>/dev/null || break
    sleep 0.1
done
kill $example 2>/dev/null || true
wait $example 2>/dev/null || true
grep -q '^text [0-9]*: PARKING = ESTACIONAMENTO' "$work/printed" || fail "the example prints no text: $(tail -n 5 "$work/printed")"
grep -q '^caption [0-9]*: .*Dashwood' "$work/printed" || fail "the example prints no caption: $(tail -n 5 "$work/printed")"
kill "$daemon"
