#!/usr/bin/env bash
# Spanish is heard, known for Spanish, and said in English and in Portuguese: configs/interpreter.yaml as it is, but as fast as it goes.
# Its nets are too large for `make test` to export (docs/captions.md says how); without them this is skipped.
. "$(dirname "$0")/lib.sh"
models=${PERCEPT_MODELS:-$PERCEPT_SOURCE_DIR/build/models} media=${PERCEPT_MEDIA:-$PERCEPT_SOURCE_DIR/build/media}
export PERCEPT_MODELS=$models PERCEPT_SPEECH=$media/speech_read/13697_11991_000000.opus
need "$models/whisper_base_encoder.fp32.pte"
need "$models/whisper_base_decoder.fp32.pte"
need "$models/translation_en_pt_encoder.fp32.pte"
need "$models/voice_activity.fp32.pte"
need "$PERCEPT_SPEECH"
sed 's/type: audio_files/type: audio_files\n      real_time: false/' "$PERCEPT_SOURCE_DIR/configs/interpreter.yaml" >"$work/interpreter.yaml"
expect 0 "$percept" check "$work/interpreter.yaml"
start_daemon "$work/interpreter.yaml"
timeout 300 "$percept" echo heard --json >"$work/heard.jsonl" &
heard=$!
timeout 300 "$percept" echo captions --json >"$work/captions.jsonl" || fail "captions"
wait "$heard" || fail "heard"
daemon_ends 0
json "$work/heard.jsonl" '[(c["language"], "sorpresa" in c["text"] and "Carlos" in c["text"]) for c in v[-1]["data"]["captions"]] == [("es", True)]'
json "$work/captions.jsonl" '[(c["language"], "surprise" in c["text"] and "Carlos" in c["text"]) for c in v[-1]["data"]["captions"]] == [("en", True)]'
json "$work/captions.jsonl" '[(c["translation_language"], "surpresa" in c["translation"]) for c in v[-1]["data"]["captions"]] == [("pt", True)]'
