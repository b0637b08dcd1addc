#!/usr/bin/env bash
# A configuration of several files: what comes later wins, and each mistake is told with the file that it is in.
. "$(dirname "$0")/lib.sh"
images "$work/vendor/images" 1
mkdir "$work/site" "$work/site/main.d" "$work/site/parts"
main=$work/site/main.yaml
cat >"$work/vendor/base.yaml" <<YAML
version: 1
pipelines:
  a:
    source: {type: images, paths: images, rate: 10}
    topics: {base: source}
  b: {source: {type: images, paths: images}, topics: {of.b: source}}
YAML
printf 'include: ../vendor/base.yaml\npipelines:\n  a:\n    source: {rate: 20}\n' >"$main"
topics() { # topics NAME...
    expect 0 "$percept" check "$main" --json
    cp "$work/out" "$work/check.json"
    json "$work/check.json" "sorted(t['name'] for t in v['topics']) == sorted('$*'.split())"
}
wrong() { # wrong PATTERN
    expect 3 "$percept" check "$main"
    one_line "$1"
}
topics base of.b # and the images lie beside the file that names them
# Drop-ins come last, by name; a topic map is joined, and hidden files and others are not for us.
printf 'pipelines: {a: {topics: {one: source}}, c: {source: {type: images, paths: ../../vendor/images}, topics: {of.c: source}}}\n' >"$work/site/main.d/20.yaml"
printf 'pipelines: {a: {when_late: drop}}\n' >"$work/site/main.d/10.yaml"
printf 'nonsense' >"$work/site/main.d/README"
printf 'nonsense' >"$work/site/main.d/.30.yaml"
topics base of.b one of.c
# The place is that of the value that counts.
printf 'pipelines:\n  a:\n    when_late: dorp\n' >"$work/site/main.d/10.yaml"
wrong "site/main.d/10.yaml:3:16: when_late: expected drop or wait, got 'dorp'; did you mean 'drop'"
printf 'pipelines: {a: {when_late: wait}}\n' >"$work/site/main.d/30.yaml"
topics base of.b one of.c # a later one wins
sed -i 's/paths: images, rate: 10/paths: none, rate: 10/' "$work/vendor/base.yaml"
wrong "vendor/base.yaml:4:20: source of pipeline 'a': .*vendor/none"
sed -i 's/paths: none, rate: 10/paths: images, rate: ten/' "$work/vendor/base.yaml"
topics base of.b one of.c # nobody reads what was replaced
sed -i 's/source: {rate: 20}/source: {loop: 2}/' "$main"
wrong "vendor/base.yaml:4:49: rate: expected a number, got 'ten'"
sed -i 's/rate: ten/rate: 10/' "$work/vendor/base.yaml"
# Includes of includes, more than one, and what goes wrong with them.
printf 'include: [parts/one.yaml, parts/two.yaml]\nversion: 1\n' >"$main"
printf 'include: ../../vendor/base.yaml\n' >"$work/site/parts/one.yaml"
printf 'pipelines: {b: {topics: {two: source}}}\n' >"$work/site/parts/two.yaml"
topics base of.b one of.c two
printf 'include: deep.yaml\n' >"$work/site/parts/two.yaml"
wrong "site/parts/two.yaml:1:10: include '.*site/parts/deep.yaml': No such file or directory"
printf '\n\ninclude: ../main.yaml\n' >"$work/site/parts/deep.yaml"
wrong "site/parts/deep.yaml:3:10: include '.*main.yaml': .*site/main.yaml includes .*parts/two.yaml includes .*parts/deep.yaml includes .*main.yaml"
printf 'include: deep.yaml\n' >"$work/site/parts/deep.yaml"
wrong "site/parts/deep.yaml:1:10: include .*deep.yaml includes .*deep.yaml"
printf 'include: {a: b}\n' >"$work/site/parts/deep.yaml"
wrong "site/parts/deep.yaml:1:10: include: expected a path or a list, got a mapping"
printf 'version: 1\n  bad: [\n' >"$work/site/parts/deep.yaml"
wrong "site/parts/deep.yaml:2:[0-9]+: not valid YAML"
: >"$work/site/parts/deep.yaml"
topics base of.b one of.c
printf 'include: [%s]\n' "$(printf 'deep.yaml,%.0s' $(seq 70))" >"$work/site/parts/two.yaml"
wrong "site/parts/deep.yaml: more than 64 files in one configuration"
printf 'version: 1\n' >"$work/site/parts/two.yaml"
if [ "$(id -u)" != 0 ]; then
    chmod 0 "$work/site/main.d"
    wrong "site/main.d: Permission denied"
    chmod 755 "$work/site/main.d"
fi
# With --keys every file must be signed.
"$percept" model keys new "$work/release" --no-password >/dev/null
mkdir "$work/keys"
cp "$work/release.pub" "$work/keys"
sign() { "$percept" model sign --key "$work/release.key" "$@" >/dev/null; }
sign "$main" "$work/site/parts/"{one,two}.yaml "$work/vendor/base.yaml" "$work/site/main.d/"{10,20}.yaml
expect 3 "$percept" check "$main" --keys "$work/keys"
one_line "site/main.d/30.yaml: it is not signed"
sign "$work/site/main.d/30.yaml"
expect 0 "$percept" check "$main" --keys "$work/keys"
rm "$work/vendor/base.yaml.minisig"
expect 3 "$percept" check "$main" --keys "$work/keys"
one_line "site/parts/one.yaml:1:10: include '.*base.yaml': it is not signed"
