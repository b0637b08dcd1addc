#!/usr/bin/env bash
# The node that runs any model: on inputs of 16-bit floats, and of dynamic shape, whose sizes change from frame to frame.
. "$(dirname "$0")/lib.sh"
build=$(dirname "$PERCEPT_BIN")
images "$work/images" 1 # all of 64
cat >"$work/policy.yaml" <<YAML
version: 1
rules:
  - {same_user: true, allow: [camera, other]}
YAML
net() { "$build/tests/write_call" "$work/$1.pte" aten::mul.out "$2 \$0 >$2 ="; } # the square of what it gets
net half "f16[1,3,4,6]"
net dynamic "f32[1,3,8,10]^0" # up to 8 high and 10 wide
net fixed "f32[1,3,4,6]"
# config SIZE_OF_B SIZE_OF_C MODEL_OF_C: in b, dynamic takes frames of that size; in c, what MODEL made of frames of another one.
config() {
    cat >"$work/site.yaml" <<YAML
version: 1
daemon: {policy: policy.yaml}
models: {half: {file: half.pte}, dynamic: {file: dynamic.pte}, fixed: {file: fixed.pte}}
pipelines:
  a:
    source: {type: images, paths: images, rate: 50, loop: 0}
    nodes: [{node: model, model: half, scale: 0.01, inputs: {frame: source}}]
    topics: {a: model}
  b:
    source: {type: images, paths: images, rate: 50, loop: 0}
    nodes: [{node: model, name: first, model: dynamic, scale: 0.01, ${1:+size: $1,} inputs: {frame: source}}]
    topics: {b: first}
  c:
    source: {type: images, paths: images, rate: 50, loop: 0}
    nodes:
      - {node: model, name: first, model: $3, scale: 0.02, ${2:+size: $2,} inputs: {frame: source}}
      - {node: model, name: second, model: dynamic, inputs: {tensors: first}}
    topics: {c: second}
YAML
}
# shows TOPIC DTYPE SIZES VALUE: a sample of it
shows() {
    expect 0 "$percept" echo "$1" --json --count 1
    cp "$work/out" "$work/$1.json"
    json "$work/$1.json" "v['data']['tensors'][0]['dtype'] == '$2' and v['data']['tensors'][0]['sizes'] == $3"
    json "$work/$1.json" "len(v['data']['tensors'][0]['data']) > 0 and all(abs(x - $4) < 2e-3 * $4 for x in v['data']['tensors'][0]['data'])"
}

config "[7, 5]" "[9, 8]" dynamic
start_daemon "$work/site.yaml"
shows a float16 "[1, 3, 4, 6]" 0.4096
shows b float32 "[1, 3, 5, 7]" 0.4096
shows c float32 "[1, 3, 8, 9]" 2.6844
# Without a size it has its largest; a model of fixed shape has its own.
kill "$daemon"
daemon_ends 0
config "" "" fixed
start_daemon "$work/site.yaml"
shows b float32 "[1, 3, 8, 10]" 0.4096
shows c float32 "[1, 3, 4, 6]" 2.6844
refused() { # refused MESSAGE SIZE MODEL
    config "[7, 5]" "$2" "$3"
    expect 3 "$percept" reload
    one_line "site.yaml:[0-9]*:[0-9]*: .*$1"
}
refused "size 3 is 11, at most 10" "[11, 8]" dynamic
refused "expected .width, height., 1 to 8192 pixels" "[9]" dynamic
refused "expected .width, height., 1 to 8192 pixels" "[9, 0.5]" dynamic
refused "" "[9, 8]" fixed
kill "$daemon"
daemon_ends 0
