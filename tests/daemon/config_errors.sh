#!/usr/bin/env bash
# A mistake in a configuration: one line with its place, exit 3, from perceptd and from percept check alike.
. "$(dirname "$0")/lib.sh"
images "$work/images" 1

# refused LINE:COLUMN PATTERN, the configuration on standard input
refused() {
    cat >"$work/bad.yaml"
    expect 3 "$perceptd" --config "$work/bad.yaml"
    one_line "^perceptd: error: $work/bad.yaml:$1: .*$2"
    expect 3 "$perceptd" --config "$work/bad.yaml" --check
    one_line "$work/bad.yaml:$1: .*$2"
    expect 3 "$percept" check "$work/bad.yaml"
    one_line "$work/bad.yaml:$1: .*$2"
    expect 3 "$percept" check "$work/bad.yaml" --json
    cp "$work/out" "$work/check.json"
    json "$work/check.json" "not v['ok'] and f\"{v['line']}:{v['column']}\" == '$1'"
}

refused 3:3 "exit_when_don.*exit_when_done" <<YAML
version: 1
daemon:
  exit_when_don: true
pipelines:
  a: {source: {type: images, paths: [$work/images]}, topics: {frames: source}}
YAML
refused 3:36 "rate: expected a number" <<YAML
version: 1
pipelines:
  a: {source: {type: images, rate: fast, paths: [$work/images]}, topics: {frames: source}}
YAML
refused 3:22 "no source type 'image'" <<YAML
version: 1
pipelines:
  a: {source: {type: image, paths: [$work/images]}, topics: {frames: source}}
YAML
refused 4:11 "no-such.pte" <<YAML
version: 1
models:
  palm:
    file: no-such.pte
pipelines:
  a: {source: {type: images, paths: [$work/images]}, topics: {frames: source}}
YAML
refused 2:1 "" <<YAML
version: 1
	tabs: are not YAML
YAML

expect 3 "$perceptd" --config "$work/absent.yaml"
one_line "$work/absent.yaml"
expect 2 "$perceptd"
one_line "--config FILE is missing"
expect 2 "$perceptd" --config x --log loud
one_line "no level 'loud'"
expect 2 "$perceptd" --confg x
one_line "unknown option '--confg'"

frames_config "$work/good.yaml" 1
expect 0 "$percept" check "$work/good.yaml" --json
cp "$work/out" "$work/check.json"
json "$work/check.json" 'v["ok"] and v["pipelines"] == 1 and v["topics"][0]["name"] == "frames"'
expect 0 "$perceptd" --config "$work/good.yaml" --check
