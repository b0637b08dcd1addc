#!/usr/bin/env bash
# What is said is kept where the configuration says so, found again by who may, and forgotten for good.
. "$(dirname "$0")/lib.sh"
me=$(id -u)
images "$work/images" 3
export PERCEPT_NODES=$(dirname "$PERCEPT_BIN")/tests/captions
speech=$work/speech store=$work/state/transcript.db
cat >"$work/policy.yaml" <<YAML
version: 1
rules:
  - {same_user: true, allow: captions}
YAML
# config FILE LINE...: a pipeline that says what $speech has; and lines of the top level.
config() {
    local file=$1
    shift
    cat >"$file" <<YAML
version: 1
daemon: {state: state${policy:+, policy: policy.yaml}}
pipelines:
  talk:
    source: {type: images, paths: images, rate: 500, loop: 0}
    on_demand: true
    nodes:
      - {node: said, file: speech, inputs: {frame: source}}
    topics: {captions: said, pictures: source}
YAML
    printf '%s\n' "$@" >>"$file"
}
say() { printf '%s\n' "$@" >>"$speech"; }
# lines COUNT: wait until so many are kept.
lines() {
    for _ in $(seq 600); do
        "$percept" status --json >"$work/status.json"
        [ "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["transcript"]["lines"])' "$work/status.json")" = "$1" ] && return
        sleep 0.02
    done
    fail "never $1 lines: $(tail -n 12 "$work/status.json")"
}
# many FROM TO KEPT: lines with these numbers, when KEPT are kept; no more at once than may wait for a slow disk.
many() {
    local n kept=$3
    for ((n = $1; n <= $2; n++)); do
        say "0 en number $n of many"
        ((++kept % 50)) || lines "$kept"
    done
    lines "$kept"
}
texts() { # texts OPTION...: one a line
    "$percept" transcript --json "$@" >"$work/lines.jsonl" || fail "transcript $*"
    python3 -c 'import json, sys; [print(json.loads(line)["text"]) for line in open(sys.argv[1])]' "$work/lines.jsonl"
}
stop_daemon() {
    kill "$daemon"
    daemon_ends 0
}

# ---- mistakes have a place ----
touch "$speech"
wrong() { # wrong LINE PATTERN
    config "$work/wrong.yaml" "$1"
    expect 3 "$percept" check "$work/wrong.yaml"
    one_line "wrong.yaml:$2"
}
wrong "transcript: {topics: caption}" "10:22: transcript: no pipeline publishes a topic 'caption'; did you mean 'captions'\?"
wrong "transcript: {topics: [captions, pictures]}" "10:33: transcript: topic 'pictures' carries a frame; captions alone can be kept"
wrong "transcript: {days: 3}" "10:.*topics"
wrong "transcript: {topics: captions, days: 0}" "10:38: days: expected a number from 0.01 to 3650, got '0'"
wrong "transcript: {topics: captions, max_line: 5}" "10:32: unknown key 'max_line' .*did you mean 'max_lines'"

# ---- off by default ----
policy=yes config "$work/off.yaml"
policy=yes config "$work/on.yaml" "transcript: {topics: captions}"
say "0 en nobody keeps this"
"$percept" echo captions --wait 60 --latest --count 1 >/dev/null &
early=$!
start_daemon "$work/off.yaml"
wait "$early" || fail "who waited for the daemon reads nothing"
expect 1 "$percept" transcript
one_line "no transcript is kept"
expect 0 "$percept" status --json
json "$work/out" 'v["transcript"]["state"] == "off"'
expect 0 "$percept" transcript --forget all
grep -qx '0 lines forgotten' "$work/out" || fail "what there never was"
[ ! -e "$store" ] || fail "there is a file"
"$percept" transcript --follow --json >"$work/follow.jsonl" 2>"$work/err" &
follower=$!
until grep -q "from now on" "$work/err"; do kill -0 "$follower" || fail "it does not follow"; sleep 0.02; done
say "0 en heard and gone"
until [ -s "$work/follow.jsonl" ]; do kill -0 "$follower" || fail "it does not follow"; sleep 0.02; done
kill -INT "$follower"
wait "$follower" || fail "a follower that is interrupted"
json "$work/follow.jsonl" 'v[0]["id"] is None and v[0]["text"] == "heard and gone"'
stop_daemon

# ---- kept without anybody listening, and shown ----
: >"$speech"
say "0 en Good morning, everybody => Bom dia a todos" "1 en Is <b>this</b> --> 5 & up?" $'0 en bad \xff\xfe bytes\x1b[31m'
start_daemon "$work/on.yaml"
lines 3
texts >"$work/texts"
printf '%s\n' 'Good morning, everybody' 'Is <b>this</b> --> 5 & up?' 'bad ?? bytes [31m' | sed 's/??/\xef\xbf\xbd\xef\xbf\xbd/' | diff - "$work/texts" || fail "texts"
json "$work/lines.jsonl" '[l["id"] for l in v] == [1, 2, 3] and [l["side"] for l in v] == [0, 1, 0] and all(l["topic"] == "captions" for l in v)'
json "$work/lines.jsonl" 'v[0]["translation"] == "Bom dia a todos" and v[0]["translation_language"] == "pt" and v[1]["translation"] == ""'
json "$work/lines.jsonl" 'all(l["begin_ns"] < l["end_ns"] for l in v) and abs(v[0]["begin_ns"] / 1e9 - __import__("time").time()) < 600'
expect 0 "$percept" transcript
grep -qE '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' "$work/out" && grep -qE '^[0-9:]{8}  en  » Is <b>this</b> --> 5 & up\?$' "$work/out" && grep -qE '^ +pt  Bom dia a todos$' "$work/out" || fail "for people"
expect 0 "$percept" transcript --format srt
python3 - "$work/out" <<'PYTHON' || fail "srt: $(cat "$work/out")"
import re, sys
cues = open(sys.argv[1], encoding="utf-8").read().split("\n\n")
assert len(cues) == 3
for n, cue in enumerate(cues):
    rows = cue.rstrip("\n").split("\n")
    assert rows[0] == str(n + 1) and re.fullmatch(r"\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}", rows[1]), rows
    assert all("-->" not in row and "<b" not in row for row in rows[2:]), rows
assert cues[0].startswith("1\n00:00:00,000 --> 00:00:0") and cues[0].endswith("everybody\nBom dia a todos")
assert cues[1].split("\n")[2].replace("\u2060", "") == "Is <b>this</b> --> 5 & up?"
PYTHON
expect 0 "$percept" transcript --format vtt
head -n 3 "$work/out" | grep -q '^00:00:00\.000 --> ' && [ "$(head -n 1 "$work/out")" = WEBVTT ] || fail "vtt: $(cat "$work/out")"
grep -qxF '<v 1>Is &lt;b&gt;this&lt;/b&gt; --&gt; 5 &amp; up?' "$work/out" || fail "vtt: $(cat "$work/out")"
[ "$(grep -c -e '-->' "$work/out")" = 3 ] || fail "vtt: an arrow in a text"

# ---- searching, and words that mean something elsewhere ----
[ "$(texts --search 'MORNING good')" = 'Good morning, everybody' ] || fail "search"
[ "$(texts --search 'everyb*')" = 'Good morning, everybody' ] || fail "search for a beginning"
[ "$(texts --search 'dia')" = 'Good morning, everybody' ] || fail "search in a translation"
for odd in '"' "'; DROP TABLE line --" 'text:good' 'NEAR(' '(' '^good' '*' 'a OR' '-->'; do texts --search "$odd" >/dev/null; done
[ "$(texts | wc -l)" = 3 ] || fail "lines after odd searches"
expect 1 "$percept" transcript --search ' '
one_line "a search needs a word"
expect 1 "$percept" transcript --search $'\xff'
one_line "no UTF-8"
expect 1 "$percept" transcript --topic camera
one_line "no transcript is kept of a topic 'camera'"
expect 0 "$percept" transcript --format vtt --search absent
[ "$(cat "$work/out")" = WEBVTT ] || fail "vtt of nothing"
for wrong in "--limit 0" "--limit many" "--since yesterday" "--format sub" "--json --format srt" "--follow --search x" "--forget 5" "--forget all --limit 3"; do
    # shellcheck disable=SC2086 # words
    expect 2 "$percept" transcript $wrong
    one_line "percept transcript --help"
done

# ---- many lines, page by page; a window of time ----
many 1 600 3
[ "$(texts | wc -l)" = 603 ] || fail "all pages"
json "$work/lines.jsonl" '[l["id"] for l in v] == list(range(1, 604))'
[ "$(texts --limit 550 | sed -n 1p)" = "number 51 of many" ] || fail "the last 550"
json "$work/lines.jsonl" '[l["id"] for l in v] == list(range(54, 604))'
[ "$(texts --limit 2 | tail -n 1)" = "number 600 of many" ] || fail "the last two"
[ "$(texts --since 1h | wc -l)" = 603 ] && [ "$(texts --until 2001-01-01 | wc -l)" = 0 ] || fail "since, until"
[ "$(texts --search 'many' --limit 501 | wc -l)" = 501 ] || fail "pages of a search"

# ---- following: no gap, no double ----
say "0 en With a translation => Com uma"
lines 604
"$percept" transcript --follow --limit 5 --json >"$work/follow.jsonl" 2>"$work/err" &
follower=$!
until [ "$(wc -l <"$work/follow.jsonl")" -ge 5 ]; do kill -0 "$follower" || fail "it does not follow"; sleep 0.02; done
say "0 en Translated later =>> Traduzido depois"
kill -STOP "$follower" # for longer than the topic remembers
many 601 700 605
kill -CONT "$follower"
until [ "$(wc -l <"$work/follow.jsonl")" -ge 106 ]; do kill -0 "$follower" || fail "it does not follow"; sleep 0.05; done
kill -INT "$follower"
wait "$follower" || fail "a follower that is interrupted"
json "$work/follow.jsonl" '[int(l["text"].split()[1]) for l in v if "number" in l["text"]] == list(range(597, 701))'
json "$work/follow.jsonl" '[l["translation"] for l in v if l["text"] == "Translated later"] == ["Traduzido depois"]'
"$percept" transcript --json --limit 106 >"$work/lines.jsonl" || fail "what was followed"
json "$work/follow.jsonl" "[(l['id'], list(l)) for l in v] == [(l['id'], list(l)) for l in map(__import__('json').loads, open('$work/lines.jsonl'))]"
[ "$(texts --search traduzido)" = "Translated later" ] || fail "a translation that comes later"

# ---- what is forgotten is gone from the file, and from what can still be read ----
say "0 en the qzunspeakable secret => o segredo qzindizivel"
lines 706
"$percept" echo captions --latest --json --count 1 >"$work/seen.json"
grep -q qzunspeakable "$work/seen.json" || fail "the topic does not have it"
grep -qa qzunspeakable "$store" "$store-wal" || fail "the file does not have it"
expect 0 "$percept" transcript --forget 10m
grep -qx '706 lines forgotten' "$work/out" || fail "forget: $(cat "$work/out")"
! grep -qa -e unspeakable -e qzindizivel -e everybody "$store" "$store-wal" || fail "bytes are left"
"$percept" echo captions --json --count 3 >"$work/seen.jsonl"
json "$work/seen.jsonl" 'all(s["data"]["caption_count"] == 0 for s in v)'
[ "$(texts | wc -l)" = 0 ] || fail "lines are left"
say "0 en life goes on"
lines 1
[ "$(texts)" = "life goes on" ] || fail "what comes after"
json "$work/lines.jsonl" 'v[0]["id"] == 707'
expect 0 "$percept" audit --json
grep -q '"event":"forget".*"text":"the last 600 s"' "$work/out" && grep -q '"event":"history".*"topic":"captions"' "$work/out" || fail "the record"

# ---- killed, and back ----
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
: >"$speech"
start_daemon "$work/on.yaml"
say "0 en after the crash"
lines 2
[ "$(texts | tail -n 1)" = "after the crash" ] || fail "after the crash"

# ---- who may: as for the topic ----
say "0 en for those who may"
lines 3
sed -i 's/allow: captions/deny: captions/' "$work/policy.yaml"
expect 0 "$percept" reload
expect 1 "$percept" transcript
one_line "the policy \(line 3\) denies topic 'captions' to user $me"
sed -i '/rules/,$d' "$work/policy.yaml"
expect 0 "$percept" reload
expect 1 "$percept" transcript
one_line "topic 'captions' shows what is said, which user $me was not granted \(percept grant transcript --to $me\)"
expect 1 "$percept" transcript --topic captions
expect 0 "$percept" grant transcript --to "$me"
[ "$(texts | wc -l)" = 3 ] || fail "granted by class"
expect 0 "$percept" revoke transcript
expect 1 "$percept" transcript
expect 0 "$percept" grant captions --exe "$(readlink -f "$percept")"
[ "$(texts | wc -l)" = 3 ] || fail "granted by topic, to a program"
if [ "$me" = 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$work"
    chmod 666 "$PERCEPT_SOCKET"
    other=(setpriv --reuid 65534 --clear-groups "$percept")
    expect 1 "${other[@]}" transcript --forget all
    one_line "user 65534 is no administrator, who alone may forget what was said"
    expect 0 "$percept" revoke captions
    expect 1 "${other[@]}" transcript
    one_line "not granted"
    expect 0 "$percept" grant transcript --to 65534
    expect 0 "${other[@]}" transcript
    grep -q 'after the crash' "$work/out" || fail "another user"
    expect 0 "$percept" audit --json --user 65534
    grep -q '"event":"refuse".*forget' "$work/out" && grep -q '"event":"history"' "$work/out" || fail "the record of another"
fi
expect 0 "$percept" grant transcript --to "$me"

# ---- limits, and off again, while it runs ----
for n in $(seq 30); do say "0 en line $n"; done
lines 33
sed -i 's/topics: captions}/topics: captions, max_lines: 16}/' "$work/on.yaml"
expect 0 "$percept" reload
for _ in $(seq 300); do [ "$(texts | wc -l)" -le 16 ] && break; sleep 0.02; done
left=$(texts | wc -l)
[ "$left" -le 16 ] && [ "$left" -ge 14 ] && [ "$(texts | tail -n 1)" = "line 30" ] || fail "$left lines by the limit"
cp "$work/on.yaml" "$work/before.yaml"
sed -i '/^transcript/d' "$work/on.yaml"
expect 0 "$percept" reload
expect 1 "$percept" transcript
one_line "no transcript is kept"
say "0 en qzunkept"
"$percept" echo captions --json --count 400 >"$work/seen.jsonl"
grep -q qzunkept "$work/seen.jsonl" || fail "captions do not go on"
! grep -qa qzunkept "$store" || fail "it was kept"
cp "$work/before.yaml" "$work/on.yaml"
expect 0 "$percept" reload
say "0 en kept again"
lines $((left + 1))
[ "$(texts | tail -n 1)" = "kept again" ] && [ "$(texts | grep -c qzunkept)" = 0 ] || fail "kept again"
stop_daemon
[ "$(stat -c %a "$store")" = 600 ] && [ ! -e "$store-wal" ] || fail "the file: $(ls -l "$work/state")"

# ---- a file of no use: one line, and captions go on ----
printf 'no database at all, but something that somebody else has put there: %0200d' 0 >"$store"
: >"$speech"
start_daemon "$work/on.yaml"
say "0 en heard all the same"
"$percept" echo captions --json --count 200 >"$work/seen.jsonl"
grep -q 'heard all the same' "$work/seen.jsonl" || fail "captions do not go on"
expect 1 "$percept" transcript
one_line "transcript.db: damaged: file is not a database"
expect 0 "$percept" status --json
json "$work/out" 'v["transcript"]["state"] == "failing" and v["transcript"]["lost"] >= 1 and "not a database" in v["transcript"]["cause"]'
[ "$(grep -c 'are not kept' "$work/daemon.log")" = 1 ] || fail "not one line: $(cat "$work/daemon.log")"
grep -q somebody "$store" || fail "it was written to"
rm "$store"
expect 0 "$percept" reload
say "0 en well again"
lines 1
[ "$(texts)" = "well again" ] || fail "well again"
stop_daemon
