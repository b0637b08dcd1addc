#!/usr/bin/env bash
# An app is what a pipeline hears: who may, what is made of it, and what becomes of one that dies.
. "$(dirname "$0")/lib.sh"
me=$(id -u)
models=${PERCEPT_MODELS:-$PERCEPT_SOURCE_DIR/build/models} media=${PERCEPT_MEDIA:-$PERCEPT_SOURCE_DIR/build/media}
clip=$media/speech/001.wav
need "$models/voice_activity.fp32.pte"
need "$models/whisper_tiny_en_encoder.fp32.pte"
need "$clip"
cat >"$work/policy.yaml" <<YAML
version: 1
rules:
  - {same_user: true, allow: [captions]}
YAML
cat >"$work/config.yaml" <<YAML
version: 1
daemon: {policy: policy.yaml}
models:
  voice: {file: $models/voice_activity.fp32.pte}
  encoder: {file: $models/whisper_tiny_en_encoder.fp32.pte}
  decoder: {file: $models/whisper_tiny_en_decoder.fp32.pte}
pipelines:
  phone:
    source: {type: audio_stream}
    nodes:
      - {node: voice_activity, name: voice, model: voice, inputs: {audio: source}}
      - node: speech_recognizer
        name: speech
        encoder: encoder
        decoder: decoder
        tokenizer: $models/original/whisper_tiny_en.tokenizer.json
        config: $models/original/whisper_tiny_en.config.json
        inputs: {audio: source, speech: voice}
    topics: {captions: speech}
  radio:
    source: {type: audio_stream}
YAML

# row PIPELINE KEY: of the status
row() {
    "$percept" status --json | python3 -c 'import json, sys
print(next(p for p in json.load(sys.stdin)["pipelines"] if p["name"] == sys.argv[1])[sys.argv[2]])' "$1" "$2"
}
# until_row PIPELINE KEY VALUE
until_row() {
    for _ in $(seq 1500); do
        [ "$(row "$1" "$2")" = "$3" ] && return
        sleep 0.02
    done
    fail "$1 never has $2 $3, but $(row "$1" "$2")"
}
# said COUNT: the texts of the last so many captions, once they are final
said() {
    for _ in $(seq 1500); do
        timeout 500 "$percept" echo captions --latest --count 1 --json >"$work/said.jsonl" || fail "no captions"
        python3 - "$work/said.jsonl" "$1" <<'PYTHON' && return
import json, sys
captions = json.loads(open(sys.argv[1]).readlines()[-1])["data"]["captions"]
if len(captions) < int(sys.argv[2]) or not all(c["final"] for c in captions):
    sys.exit(1)
print(" / ".join(c["text"] for c in captions[-int(sys.argv[2]):]))
PYTHON
        sleep 0.02
    done
    fail "never $1 captions"
}

# ---- mistakes ----
expect 2 "$percept" push "$clip"
one_line "--to is missing"
expect 2 "$percept" push "$clip" --to phone --rate 8000
one_line "--rate and --channels are of standard input"
echo "no sound" >"$work/text"
expect 3 "$percept" push "$work/text" --to phone
one_line "text: not a known format of sound"
expect 3 "$percept" push "$work/none.wav" --to phone
one_line "none.wav: .*No such file"
sed 's/captions\]/"push:fone"]/' "$work/policy.yaml" >"$work/wrong_policy.yaml"
sed 's/policy.yaml/wrong_policy.yaml/' "$work/config.yaml" >"$work/wrong.yaml"
expect 3 "$percept" check "$work/wrong.yaml"
one_line "wrong_policy.yaml:3:[0-9]+: no topic or class of topics 'push:fone'; did you mean 'push:phone'"

# ---- off until it is granted ----
start_daemon "$work/config.yaml"
expect 1 "$percept" push "$clip" --to phone
one_line "user $me was not granted to push sound to 'phone' .*percept grant push:phone --to $me"
expect 1 "$percept" grant push:fone --to "$me"
one_line "no topic or class of topics 'push:fone'"
expect 0 "$percept" grant push:phone --to "$me"
expect 1 "$percept" push "$clip" --to radio
one_line "was not granted to push sound to 'radio'"
expect 0 "$percept" grant push --to "$me"
expect 1 "$percept" push "$clip" --to television
one_line "no pipeline 'television'"

# ---- heard: a file, and what comes from another program ----
expect 0 "$percept" push "$clip" --to phone --json
json "$work/out" 'v["to"] == "phone" and 1 < v["seconds"] < 2'
first=$(said 1)
[ -n "$first" ] || fail "nothing was understood"
tail -c +45 "$clip" >"$work/samples"
expect 0 "$percept" push - --to phone <"$work/samples"
[ "$(said 2)" = "$first / $first" ] || fail "other words from the same samples: $(said 2)"
[ "$(row phone state)" = running ] || fail "a fault: $(row phone cause)"

# ---- one that is killed in mid-sentence: the next is heard, and others did not notice ----
(cat "$work/samples"; exec sleep 600) | "$percept" push - --to phone >/dev/null 2>&1 &
pusher=$!
said 3 >/dev/null # a pause ends the sentence
"$percept" push - --to radio </dev/zero >/dev/null 2>"$work/flood.log" & # as fast as it may
flood=$!
expect 1 "$percept" push "$clip" --to phone
one_line "somebody pushes sound to pipeline 'phone'"
kill -KILL "$pusher"
until_row phone state degraded
row phone cause | grep -q 'broke off' || fail "$(row phone cause)"
expect 0 "$percept" push - --to phone <"$work/samples"
[ "$(said 1)" = "$first" ] || fail "another word after a client that died: $(said 1)"
until_row phone state running

# ---- taken away ----
kill -0 "$flood" || fail "$(cat "$work/flood.log")"
expect 0 "$percept" revoke push
code=0
wait "$flood" || code=$?
[ "$code" = 1 ] || fail "exit $code of who was revoked"
grep -q "pushing was ended: user $me was not granted" "$work/flood.log" || fail "$(cat "$work/flood.log")"
expect 0 "$percept" audit --json
python3 - "$work/out" <<'PYTHON' || fail "the record"
import json, sys
events = [(e["event"], e["topic"]) for e in map(json.loads, open(sys.argv[1])) if e.get("topic", "").startswith("push:")]
assert events[:3] == [("refuse", "push:phone"), ("refuse", "push:radio"), ("push", "push:phone")], events
assert events.count(("push", "push:phone")) == events.count(("pushed", "push:phone")) == 4, events
assert events[-1] == ("end", "push:radio"), events
PYTHON
kill "$daemon"
daemon_ends 0
