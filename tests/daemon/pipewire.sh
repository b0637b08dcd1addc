#!/usr/bin/env bash
# A microphone by way of PipeWire: one of the test's own plays a clip into a sink, whose monitor ALSA's device `pipewire` hears.
if [ "${1-}" != inside ]; then
    for tool in dbus-run-session pipewire wireplumber pw-cli pw-link pw-play; do
        command -v $tool >/dev/null || { echo "SKIP: there is no $tool"; exit 77; }
    done
    [ -e /usr/share/alsa/alsa.conf.d/50-pipewire.conf ] || { echo "SKIP: there is no pipewire-alsa"; exit 77; }
    exec dbus-run-session -- bash "$0" inside
fi
. "$(dirname "$0")/lib.sh"
models=${PERCEPT_MODELS:-$PERCEPT_SOURCE_DIR/build/models} media=${PERCEPT_MEDIA:-$PERCEPT_SOURCE_DIR/build/media}
clip=$media/speech/sense_and_sensibility_01_austen_64kb-0870.wav
need "$models/voice_activity.fp32.pte"
need "$models/whisper_tiny_en_encoder.fp32.pte"
need "$clip"
cat >"$work/config.yaml" <<YAML
version: 1
daemon: {policy: demo_policy.yaml}
models:
  voice: {file: $models/voice_activity.fp32.pte}
  encoder: {file: $models/whisper_tiny_en_encoder.fp32.pte}
  decoder: {file: $models/whisper_tiny_en_decoder.fp32.pte}
pipelines:
  ear:
    source: {type: microphone, device: pipewire}
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
YAML

export XDG_RUNTIME_DIR=$work/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
pipewire >"$work/pipewire.log" 2>&1 &
for _ in $(seq 500); do [ -S "$XDG_RUNTIME_DIR/pipewire-0" ] && break; sleep 0.02; done
wireplumber >"$work/wireplumber.log" 2>&1 & # gives nodes their ports, and links them
pw-cli create-node adapter '{ factory.name=support.null-audio-sink node.name=sink media.class=Audio/Sink
    object.linger=true audio.position=[FL FR] monitor.channel-volumes=true }' >"$work/sink.log"

has_ports() {
    pw-link -io 2>"$work/link.log" | grep -q '^sink:monitor'
}
for _ in $(seq 500); do has_ports && break; sleep 0.02; done
has_ports || skip "WirePlumber does not work here: $(tail -n 1 "$work/wireplumber.log")"

start_daemon "$work/config.yaml"
"$percept" echo captions --json >"$work/captions.jsonl" &
player=
for _ in $(seq 1500); do
    # Again and again: the first one may have begun before the microphone listened.
    [ -n "$player" ] && kill -0 "$player" 2>/dev/null || { pw-play --target sink "$clip" >"$work/play.log" 2>&1 & player=$!; }
    python3 - "$work/captions.jsonl" <<'PYTHON' && exit 0
import json, sys
lines = [line for line in open(sys.argv[1]) if line.endswith("\n")]
texts = [c["text"] for line in lines for c in json.loads(line)["data"]["captions"] if c["final"]]
sys.exit(not any("had then leisure to consider" in text for text in texts))
PYTHON
    sleep 0.05
done
fail "nothing of the clip was heard: $(tail -c 500 "$work/captions.jsonl")"
