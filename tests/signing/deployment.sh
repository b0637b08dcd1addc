#!/usr/bin/env bash
# A daemon with --keys loads what was signed for it, and names what was not; minisign and Percept take each other's keys and signatures.
. "$(dirname "$0")/../daemon/lib.sh"
model=$PERCEPT_SOURCE_DIR/tests/fuzz/corpus/program/views
images "$work/images" 1
mkdir "$work/keys"
cp "$model" "$work/add.pte"
cat >"$work/config.yaml" <<YAML
version: 1
daemon: {exit_when_done: true}
models:
  add: {file: add.pte}
pipelines:
  a: {source: {type: images, paths: [$work/images], rate: 100}, topics: {frames: source}}
YAML

expect 3 "$perceptd" --config "$work/config.yaml" --keys "$work/keys"
one_line "$work/keys: no key in it"
expect 0 "$percept" model keys new "$work/release" --no-password
[ "$(stat -c %a "$work/release.key")" = 600 ] || fail "others may read the secret key"
expect 1 "$percept" model keys new "$work/release" --no-password
one_line "release.key: File exists"
cp "$work/release.pub" "$work/keys/"

# One after the other: the configuration, the model that it names, a change, and what was revoked.
refused() { # PATTERN
    expect 3 "$perceptd" --config "$work/config.yaml" --keys "$work/keys"
    one_line "$1"
    expect 3 "$percept" check "$work/config.yaml" --keys "$work/keys"
    one_line "$1"
}
refused "config.yaml: it is not signed: there is no .*config.yaml.minisig"
expect 0 "$percept" model sign --key "$work/release.key" "$work/config.yaml"
refused "config.yaml:4:3: model 'add': .*add.pte: it is not signed"
expect 0 "$percept" model sign --key "$work/release.key" "$work/add.pte"
expect 0 "$perceptd" --config "$work/config.yaml" --keys "$work/keys"
expect 0 "$percept" check "$work/config.yaml" --keys "$work/keys"
printf x >>"$work/add.pte"
refused "add.pte: it was altered after it was signed"
cp "$model" "$work/add.pte"
sed -i 's/100/200/' "$work/config.yaml"
refused "config.yaml: it was altered after it was signed"
sed -i 's/200/100/' "$work/config.yaml"
expect 0 "$percept" model keys revoke "$work/keys" "$work/add.pte"
refused "add.pte: it was revoked"
rm "$work/keys/revoked"
expect 0 "$percept" model keys list "$work/keys" --json
cp "$work/out" "$work/list.json"
json "$work/list.json" "[(k['name'], k['revoked']) for k in v] == [('release', False)]"
expect 0 "$percept" model keys revoke "$work/keys" "$(sed -n 's/.*"key": "\([0-9A-F]*\)".*/\1/p' "$work/list.json")"
refused "config.yaml: the key that signed it was revoked: .*'release'"
rm "$work/keys/revoked"
chmod o+w "$work/keys"
refused "$work/keys: others may write to it"
chmod o-w "$work/keys"

# So is what a node reads beside models.
printf '%%YAML:1.0\n---\nnothing: 0\n' >"$work/eyes.yml"
cat >"$work/stereo.yaml" <<YAML
version: 1
pipelines:
  a:
    source: {type: stereo_files, left: [$work/images/0.ppm], right: [$work/images/0.ppm]}
    nodes: [{node: stereo_depth, name: depth, calibration: eyes.yml, inputs: {frame: source}}]
    topics: {depth: depth}
YAML
expect 0 "$percept" model sign --key "$work/release.key" "$work/stereo.yaml"
expect 3 "$percept" check "$work/stereo.yaml" --keys "$work/keys"
one_line "stereo.yaml:5:13: node 'depth': .*eyes.yml: it is not signed"
expect 0 "$percept" model sign --key "$work/release.key" "$work/eyes.yml"
expect 3 "$percept" check "$work/stereo.yaml" --keys "$work/keys"
one_line "eyes.yml: not a whole stereo calibration"

# Who may read what is no less a matter of trust.
printf 'version: 1\n' >"$work/who.yaml"
sed 's/exit_when_done: true/&, policy: who.yaml/' "$work/config.yaml" >"$work/policed.yaml"
expect 0 "$percept" model sign --key "$work/release.key" "$work/policed.yaml"
expect 3 "$perceptd" --config "$work/policed.yaml" --keys "$work/keys"
one_line "who.yaml: it is not signed"
expect 0 "$percept" model sign --key "$work/release.key" "$work/who.yaml"
expect 0 "$perceptd" --config "$work/policed.yaml" --keys "$work/keys"

# A password: three times scrypt, 1 GiB each.
expect 0 "$percept" model keys new "$work/locked" <<<"open sesame"
expect 3 "$percept" model sign --key "$work/locked.key" "$work/add.pte" <<<"open says me"
one_line "locked.key: the password is wrong"
expect 0 "$percept" model sign --key "$work/locked.key" "$work/add.pte" <<<"open sesame"
refused "add.pte: it is signed with the key [0-9A-F]*, which is not in $work/keys"
expect 0 "$percept" model sign --key "$work/release.key" "$work/add.pte"

# A signed program runs from its cache as another does.
expect 0 "$perceptd" --config "$work/config.yaml" --keys "$work/keys"

command -v minisign >/dev/null || skip "all but minisign, which is not there"
expect 0 minisign -V -q -p "$work/release.pub" -m "$work/add.pte"
expect 0 minisign -S -s "$work/release.key" -m "$work/config.yaml"
expect 0 "$percept" model keys check "$work/keys" "$work/config.yaml"
expect 0 minisign -G -W -p "$work/keys/mini.pub" -s "$work/mini.key"
expect 0 "$percept" model sign --key "$work/mini.key" "$work/add.pte"
expect 0 minisign -V -q -p "$work/keys/mini.pub" -m "$work/add.pte"
expect 0 "$percept" model keys check "$work/keys" "$work/add.pte"
grep -q "signed with the key [0-9A-F]*, 'mini'" "$work/out" || fail "it does not say who signed"
