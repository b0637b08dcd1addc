#!/usr/bin/env bash
# The sample plugin, built with nothing but what is installed, brings two kinds of nodes to a daemon; a folder of plugins that
# are broken in every way is a line each, and what is whole in it runs.
. "$(dirname "$0")/../daemon/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
build=$(dirname "$PERCEPT_BIN")
cc=${CC:-cc}
umask 022
unset PERCEPT_NODES
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:handle_segv=0 TSAN_OPTIONS=${TSAN_OPTIONS:-}:handle_segv=0 # a crash is one here, too

# ---- out of tree ----
build_sample node_plugin "-O2 -Wall -Wextra -Werror"

# ---- a daemon with both, and a model between them ----
images "$work/images" 3
camera_policy
sed -i 's/allow: camera/allow: [camera, other]/' "$work/policy.yaml"
t="f32[1,3,4,4]"
"$build/tests/write_call" "$work/net.pte" aten::mul.out "$t \$0 >$t ="
# config LINE...: lines of the top level before the pipeline, whose nodes stand on line 6 and after.
config() {
    printf '%s\n' "version: 1" "daemon: {exit_when_done: true, policy: policy.yaml}" "$1" \
        "models: {net: {file: net.pte}}" "pipelines:" "  a:" \
        "    source: {type: images, paths: images, rate: 100, loop: 0}" "    nodes:" "      - ${2:-{node: brightness, inputs: {frame: source\}\}}" \
        "      - {node: model, model: net, inputs: {frame: source}}" \
        "      - {node: top_k, k: 3, inputs: {tensors: model}}" \
        "    topics: {light: brightness, best: top_k}" >"$work/config.yaml"
}
config "node_plugins: $plugins"
expect 0 "$percept" check "$work/config.yaml"
grep -q 'light (percept.tensors/1), best (percept.tensors/1)' "$work/out" || fail "check: the topics"
start_daemon "$work/config.yaml"
grep -q "nodes brightness, top_k are from $sample" "$work/daemon.log" || fail "perceptd: what it loaded"
"$percept" echo light --json --count 1 >"$work/light.json" &
"$percept" echo best --json --count 1 >"$work/best.json" || fail "no topic of the plugin's"
wait $! || fail "no topic of the plugin's"
kill -TERM "$daemon"
daemon_ends 0
# The pictures are 64, 65, 66 of 255 all over, the net squares.
json "$work/light.json" 'abs(v["data"]["tensors"][0]["data"][0] * 255 - 64) < 2.1 and v["data"]["tensors"][0]["name"] == "mean"'
json "$work/best.json" '[(t["name"], t["dtype"], t["sizes"]) for t in v["data"]["tensors"]] == [("class", "int32", [3]), ("score", "float32", [3])]'
json "$work/best.json" 'all(abs(x ** 0.5 * 255 - 64) < 2.1 for x in v["data"]["tensors"][1]["data"]) and len(set(v["data"]["tensors"][0]["data"])) == 3'
# A program that is installed finds what is installed.
install -D "$percept" "$prefix/bin/percept"
config ""
expect 0 "$prefix/bin/percept" check "$work/config.yaml"
PERCEPT_NODES=:$plugins expect 0 "$percept" check "$work/config.yaml"

# ---- check knows its ports and parameters ----
wrong() { # wrong NODE PATTERN
    config "node_plugins: $plugins" "$1"
    expect 3 "$percept" check "$work/config.yaml"
    one_line "config.yaml:9:$2"
}
wrong "{node: brightnes, inputs: {frame: source}}" "16: no kind of node 'brightnes'; did you mean 'brightness'"
wrong "{node: brightness, inputs: {frames: source}}" "37: node 'brightness' has no input 'frames'; did you mean 'frame'"
wrong "{node: brightness, k: 3, inputs: {frame: source}}" "28: unknown key 'k' in node 'brightness'"
wrong "{node: top_k, name: brightness, k: 0, inputs: {tensors: model}}" "44: k: expected a number from 1 to 100, got '0'"
wrong "{node: top_k, name: brightness, inputs: {tensors: source}}" "59: input 'tensors' of node 'brightness' takes tensors, this stream carries a frame"

# ---- broken ones ----
bad=$work/bad
mkdir "$bad"
make_bad() { # make_bad NAME FLAGS...
    local name=$1
    shift
    "$cc" -std=c17 -Wall -Wextra -Werror $($PKG_CONFIG --cflags percept-node) -fPIC -fvisibility=hidden -shared "$@" -o "$bad/$name.so" "$here/bad_node.c"
}
for fault in aborts bytes class_version crashes empty entry exits function help kind layout offset outputs port reserved symbol version; do
    make_bad $fault -DNAME="\"$fault\"" -D"BAD_${fault^^}"
done
make_bad name '-DNAME="No Name"'
make_bad taken '-DNAME="one_euro"'
make_bad twice1 '-DNAME="twice"'
make_bad twice2 '-DNAME="twice"'
make_bad writable
chmod o+w "$bad/writable.so"
head -c 4000 /dev/urandom >"$bad/garbage.so"
head -c 300 "$sample" >"$bad/cut.so"
mkdir -m 777 "$work/open"
cp "$sample" "$work/open"
cp "$sample" "$bad/zz_sample.so"
config "node_plugins: [$bad, $work/open, $work/none]"
expect 0 "$percept" check "$work/config.yaml"
refused() { grep -qF "plugin refused: $1: $2" "$work/err" || fail "not said of $1: $2"; }
version=$(sed -n 's/^#define PIPE_NODE_VERSION *//p' "$PERCEPT_SOURCE_DIR/pipelines/node.h")
refused "$bad/version.so" "it was built for version $((version + 1)) of the node interface, this program has version $version"
refused "$bad/layout.so" "it was built with other headers than this program, though both have version $version of the node interface"
refused "$bad/bytes.so" "it was built with other headers than this program"
refused "$bad/entry.so" "it is no plugin with nodes: it does not export 'percept_nodes'"
refused "$bad/empty.so" "its 'percept_nodes' is empty"
refused "$bad/class_version.so" "node class of version $((version - 1)); this is version $version"
refused "$bad/function.so" "node class 'function': no name or a function missing"
refused "$bad/name.so" "node class 'No Name': its name: expected"
refused "$bad/taken.so" "node class 'one_euro' exists"
refused "$bad/twice2.so" "node class 'twice' exists"
refused "$bad/reserved.so" "node class 'reserved': a parameter with a reserved name"
refused "$bad/kind.so" "node class 'kind': a parameter of a kind that plugins may not have"
refused "$bad/offset.so" "node class 'offset': a parameter outside its struct"
refused "$bad/help.so" "node class 'help': a parameter without help"
refused "$bad/port.so" "node class 'port': a port of unknown type"
refused "$bad/outputs.so" "node class 'outputs': an output of tensors or depth and no function output_bytes"
refused "$bad/aborts.so" "it ends the process that loads it: "
refused "$bad/crashes.so" "it ends the process that loads it"
refused "$bad/exits.so" "it ends the process that loads it, with exit status 0"
refused "$bad/symbol.so" "it cannot be loaded: undefined symbol: nobody_has_this"
refused "$bad/garbage.so" "it cannot be loaded: "
refused "$bad/cut.so" "it cannot be loaded: "
refused "$bad/writable.so" "others may write to it (mode 0757)"
refused "$work/open" "others may write to it (mode 0777)"
refused "$work/none" "No such file or directory"
[ "$(grep -c 'plugin refused: ' "$work/err")" = "$(ls -d "$bad"/*.so "$work/open" "$work/none" 2>/dev/null | wc -l | awk '{ print $1 - 1 }')" ] || fail "not a line each"
# A plugin may be missing: then the message about its node comes after the line that says why.
config "node_plugins: $work/open"
expect 3 "$percept" check "$work/config.yaml"
refused "$work/open" "others may write to it (mode 0777)"
grep -q "config.yaml:9:16: no kind of node 'brightness'" "$work/err" || fail "check: a node whose plugin was refused"

# With --keys, only what somebody signed; and then the copy that was checked is what is loaded.
mkdir "$work/keys"
config "node_plugins: $plugins"
expect 0 "$percept" model keys new "$work/release" --no-password
cp "$work/release.pub" "$work/keys"
expect 0 "$percept" model sign --key "$work/release.key" "$work/config.yaml" "$work/net.pte" "$work/policy.yaml"
expect 3 "$percept" check "$work/config.yaml" --keys "$work/keys"
refused "$sample" "it is not signed"
expect 0 "$percept" model sign --key "$work/release.key" "$sample"
expect 0 "$percept" check "$work/config.yaml" --keys "$work/keys"
printf x >>"$sample"
expect 3 "$percept" check "$work/config.yaml" --keys "$work/keys"
refused "$sample" "it was altered after it was signed"
