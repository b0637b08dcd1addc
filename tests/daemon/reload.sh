#!/usr/bin/env bash
# A configuration is read again while it runs: what means the same goes on without a gap, the rest changes, and what is wrong
# changes nothing.
. "$(dirname "$0")/lib.sh"
build=$(dirname "$PERCEPT_BIN")
images "$work/images" 4
mkdir "$work/site.d"
cat >"$work/policy.yaml" <<YAML
version: 1
rules:
  - {same_user: true, allow: [camera, other]}
YAML
t="f32[1,3,4,4]"
"$build/tests/write_call" "$work/net.pte" aten::mul.out "$t \$0 >$t ="
"$build/tests/write_call" "$work/other.pte" aten::abs.out "$t >$t ="

# write RATE_OF_B [MORE]: pipeline a with a model, which stays; b, which does not.
write() {
    cat >"$work/site.yaml" <<YAML
version: 1
daemon: {policy: policy.yaml}
models: {net: {file: net.pte}, other: {file: ${model:-net.pte}}}
pipelines:
  a:
    source: {type: images, paths: images, rate: 50, loop: 0}
    when_late: wait
    nodes: [{node: model, model: net, inputs: {frame: source}}]
    topics: {a.frames: source, a.tensors: model}
  b:
    source: {type: images, paths: images, rate: $1, loop: 0}
    nodes: [{node: model, model: other, inputs: {frame: source}}]
    topics: {b.frames: source}
${2:-}
YAML
}
reload() { # reload EXPRESSION: of the answer v
    expect 0 "$percept" reload --json
    cp "$work/out" "$work/reload.json"
    json "$work/reload.json" "$1"
}
state() {
    expect 0 "$percept" status --json
    cp "$work/out" "$work/status.json"
}

write 10
start_daemon "$work/site.yaml"
: >"$work/a.jsonl" >"$work/b.jsonl"
"$percept" echo a.frames --json >"$work/a.jsonl" &
reader=$!
"$percept" echo b.frames --json >"$work/b.jsonl" &
other=$!
until [ "$(wc -l <"$work/b.jsonl")" -ge 2 ]; do sleep 0.02; done

# ---- ten reloads, of which every second changes b, its order of keys but not its meaning the others ----
for i in 1 2 3 4 5 6 7 8 9 10; do
    seen=$(wc -l <"$work/a.jsonl")
    if [ $((i % 2)) = 1 ]; then
        write $((10 + i))
        reload 'v == {"ok": True, "kept": 1, "changed": 1, "added": 0, "removed": 0}'
    else
        sed -i 's/{type: images, paths: images, rate: \([0-9]*\), loop: 0}/{loop: 0, rate: \1, paths: images, type: images} # moved/' "$work/site.yaml"
        reload 'v == {"ok": True, "kept": 2, "changed": 0, "added": 0, "removed": 0}'
    fi
    until [ "$(wc -l <"$work/a.jsonl")" -gt "$seen" ]; do sleep 0.02; done
done
kill "$reader"
wait "$reader" || true
unbroken a.jsonl
# b's topic lasted, and its reader with it.
kill -0 "$other" || fail "b's reader has ended"
seen=$(wc -l <"$work/b.jsonl")
until [ "$(wc -l <"$work/b.jsonl")" -gt "$seen" ]; do sleep 0.02; done
json "$work/b.jsonl" 'all(b["sequence"] == a["sequence"] + 1 + b["lost"] for a, b in zip(v, v[1:]))'
state
json "$work/status.json" '[p["name"] for p in v["pipelines"]] == ["a", "b"] and all(p["state"] == "running" for p in v["pipelines"])'
runs=$(python3 -c 'import json, sys; print([m["runs"] for m in json.load(open(sys.argv[1]))["models"]][0])' "$work/status.json")

# ---- by a signal: one more pipeline, from a drop-in ----
cat >"$work/site.d/50-more.yaml" <<YAML
pipelines:
  more:
    source: {type: images, paths: ../images, rate: 20, loop: 0}
    topics: {more.frames: source}
YAML
kill -HUP "$daemon"
until "$percept" topics | grep -q more.frames; do sleep 0.02; done
grep -q 'reloaded: of the pipelines 2 are as they were, 0 changed, 1 new, 0 gone' "$work/daemon.log" || fail "not said"
expect 0 "$percept" echo more.frames --json --count 2
state
json "$work/status.json" "v['models'][0]['runs'] >= $runs and v['models'][0]['name'] == 'net'" # the model was not loaded again
"$percept" echo more.frames --json >/dev/null 2>"$work/more.err" &
more=$!
until [ "$("$percept" status --json | python3 -c 'import json, sys; print(sum(t["subscribers"] for t in json.load(sys.stdin)["topics"] if t["name"] == "more.frames"))')" = 1 ]; do sleep 0.02; done
rm "$work/site.d/50-more.yaml"
reload 'v == {"ok": True, "kept": 2, "changed": 0, "added": 0, "removed": 1}'
wait "$more" || fail "the reader of a topic that is gone ends well"
! "$percept" topics | grep more.frames || fail "a topic that is gone is in the list"

# ---- what is wrong changes nothing, and says where ----
refused() { # refused PATTERN
    expect 3 "$percept" reload
    one_line "$1"
    expect 3 "$percept" reload --json
    cp "$work/out" "$work/reload.json"
    json "$work/reload.json" 'v["ok"] is False and v["message"] and v["file"]'
    grep -q "not reloaded, all is as it was: " "$work/daemon.log" || fail "the log does not say so"
    seen=$(wc -l <"$work/b.jsonl")
    until [ "$(wc -l <"$work/b.jsonl")" -gt "$seen" ]; do sleep 0.02; done
}
write 19 "  bad: {source: {type: imagse, paths: .}}"
refused "site.yaml:14:24: no source type 'imagse'.*did you mean 'images'"
write 19 "  bad: {source: {type: images, paths: nothing.jpg}, topics: {bad: source}}"
refused "site.yaml:14:24: source of pipeline 'bad': .*nothing.jpg"
head -c 64 "$work/net.pte" >"$work/cut.pte"
model=cut.pte write 19
refused "site.yaml:3:32: model 'other': .*cut.pte"
write 19 "daemon: {policy: policy.yaml}"
refused "site.yaml:14:1: key 'daemon' again"
write 19
sed -i 's/daemon: {policy/daemon: {threads: 2, policy/' "$work/site.yaml"
refused "site.yaml:2:9: 'daemon' has changed: that needs a restart"
: >"$work/site.yaml"
refused "the configuration needs 'version'"
state
json "$work/status.json" '[p["name"] for p in v["pipelines"]] == ["a", "b"] and all(p["state"] == "running" for p in v["pipelines"])'

# ---- a model's file is part of what is said of it ----
write 21
reload 'v["kept"] == 1 and v["changed"] == 1'
cp "$work/other.pte" "$work/new.pte"
mv "$work/new.pte" "$work/net.pte"
reload 'v == {"ok": True, "kept": 0, "changed": 2, "added": 0, "removed": 0}'
seen=$(wc -l <"$work/b.jsonl")
until [ "$(wc -l <"$work/b.jsonl")" -gt "$seen" ]; do sleep 0.02; done

kill -TERM "$daemon"
daemon_ends 0

# ---- when what is left has ended, that is the end ----
ending() {
    cat >"$work/ending.yaml" <<YAML
version: 1
daemon: {exit_when_done: true, policy: policy.yaml}
pipelines:
  short:
    source: {type: images, paths: images, rate: 100, loop: 1}
    topics: {short.frames: source}
${1:-}
YAML
}
ending '  endless: {source: {type: images, paths: images, rate: 10, loop: 0}, topics: {endless.frames: source}}'
start_daemon "$work/ending.yaml"
until "$percept" status --json | grep -q '"done"'; do sleep 0.05; done
ending
expect 0 "$percept" reload
daemon_ends 0
