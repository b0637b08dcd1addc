#!/usr/bin/env bash
# A pair of languages is Apertium's: what is said in English comes with its Spanish, from a daemon that is confined; and again when
# Apertium's programs were killed meanwhile. What is missing is a line that names Debian's package.
. "$(dirname "$0")/lib.sh"
export PERCEPT_NODES=$(dirname "$PERCEPT_BIN")/tests/captions
images "$work/images" 3
cat >"$work/policy.yaml" <<YAML
version: 1
rules:
  - {same_user: true, allow: captions}
YAML
config() { # config FILE MODE
    cat >"$work/$1" <<YAML
version: 1
daemon: {policy: policy.yaml}
pipelines:
  talk:
    source: {type: images, paths: images, rate: 50, loop: 0}
    nodes:
      - {node: said, file: speech, inputs: {frame: source}}
      - {node: translate_captions, name: spanish, from: en, to: es, apertium: $2, inputs: {captions: said}}
    topics: {captions: spanish}
YAML
}
: >"$work/speech"
config missing.yaml eng-xyz
expect 3 "$percept" check "$work/missing.yaml"
one_line "missing.yaml:8:.*apertium: there is no '.*'; Debian has it in the package apertium"
config wrong.yaml ../../eng-spa
expect 3 "$percept" check "$work/wrong.yaml"
one_line "apertium: '../../eng-spa' is no mode of Apertium such as eng-spa"

[ -e /usr/share/apertium/modes/eng-spa.mode ] && [ -x /usr/bin/apertium-wblank-mode ] || skip "no apertium-eng-spa"
config apertium.yaml eng-spa

# translated TEXT: wait until that is the translation of a caption.
translated() {
    until "$percept" echo captions --latest --count 1 --json >"$work/captions.jsonl" && grep -q "\"translation\": *\"$1\"" "$work/captions.jsonl"; do
        kill -0 "$daemon" 2>/dev/null || fail "the daemon has ended"
        sleep 0.05
    done
}

start_daemon "$work/apertium.yaml"
echo "0 en The red house is closed on Sundays." >>"$work/speech"
translated 'La casa roja está cerrada los domingos.'
json "$work/captions.jsonl" 'v[0]["data"]["captions"][-1]["translation_language"] == "es"'
shell=$(pgrep -P "$daemon" sh) || fail "no process of Apertium"
grep -q '^Seccomp:.2' "/proc/$daemon/status" || fail "it is not confined"
kill -KILL -- "-$shell"
echo "0 en The dogs eat." >>"$work/speech"
translated 'Los perros comen.'
! grep -q degraded "$work/daemon.log" || fail "waiting for a translation is no fault"
grep -q 'apertium eng-spa is lost: it is gone' "$work/daemon.log" || fail "nobody says that it was gone"
again=$(pgrep -P "$daemon" sh) || fail "no new process of Apertium"
[ "$again" != "$shell" ] || fail "it is the same process"
kill "$daemon"
daemon_ends 0
for _ in $(seq 1000); do # they are killed, but may not be gone yet
    pgrep -g "$again" -r R,S,D,T >/dev/null || exit 0
    sleep 0.05
done
fail "programs of Apertium are left: $(pgrep -g "$again" -l)"
