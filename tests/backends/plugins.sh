#!/usr/bin/env bash
# The sample plugin, built with nothing but what is installed, runs its share of a program and of the demo; a folder of plugins
# that are broken in every way is a line each, and what is whole in it runs.
. "$(dirname "$0")/../daemon/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
build=$(dirname "$PERCEPT_BIN")
cc=${CC:-cc}
umask 022
unset PERCEPT_PLUGINS
export VK_ICD_FILENAMES=$work/none VK_DRIVER_FILES=$work/none # whose drivers leak is not the question here

export ASAN_OPTIONS=${ASAN_OPTIONS:-}:handle_segv=0 TSAN_OPTIONS=${TSAN_OPTIONS:-}:handle_segv=0 # a crash is one here, too

# ---- out of tree ----
build_sample backend_plugin "-O2 -Wall -Wextra -Wconversion -Werror"

# list WHAT...: percept backends, as $work/list.json.
list() {
    expect 0 "$percept" backends --json "$@"
    ! grep "^percept" "$work/err" || fail "backends: something on standard error"
    cp "$work/out" "$work/list.json"
}

list --plugins "$plugins"
json "$work/list.json" "[b for b in v if b['name'] == 'sample'] == [{'name': 'sample', 'present': True, 'version': '1.0', 'device': 'the CPU, an element at a time', 'file': '$sample', 'why': ''}]"
json "$work/list.json" 'v[0]["name"] == "cpu" and v[0]["file"] == "" and v[0]["version"]'
PERCEPT_PLUGINS=:$plugins list
json "$work/list.json" 'v[-1]["name"] == "sample" and v[-1]["present"]'
# A program that is installed finds what is installed.
install -D "$percept" "$prefix/bin/percept"
expect 0 "$prefix/bin/percept" backends --json
cp "$work/out" "$work/list.json"
json "$work/list.json" "v[-1]['name'] == 'sample' and v[-1]['file'] == '$(realpath "$sample")'"

# ---- a program of four of its operators and one that it leaves ----
mkdir "$work/suite"
size=3,5000
t="f32[$size]"
"$build/tests/write_call" "$work/suite/chain.pte" \
    aten::add.out "$t $t 2 >$t =" aten::abs.out "\$3 >$t =" aten::mul.out "\$4 \$0 >$t =" \
    aten::floor.out "\$5 >$t =" aten::neg.out "\$6 >$t ="
python3 - "$work/suite" <<'PYTHON'
import json, math, struct, sys
folder, n = sys.argv[1], 15000
def save(name, values):
    open(f"{folder}/{name}", "wb").write(struct.pack(f"<{n}f", *values))
    return {"kind": "tensor", "dtype": "float32", "shape": [3, 5000], "file": name}
x, y = [(i % 17 - 8) / 4 for i in range(n)], [(i % 13 - 6) / 2 for i in range(n)]
out = [-math.floor(abs(a + 2 * b) * a) for a, b in zip(x, y)]
test = {"test": "chain", "status": "ok", "pte": "chain.pte", "inputs": [save("x", x), save("y", y)],
        "outputs": [save("out", out)], "atol": 0, "rtol": 0}
print(json.dumps(test), file=open(f"{folder}/manifest.jsonl", "w"))
PYTHON
on_sample=(--backend sample --plugins "$plugins")
for threads in 1 3; do
    expect 0 "$percept" model verify "$work/suite" "${on_sample[@]}" --threads $threads
    grep -qx '1 passed, 0 failed' "$work/out" || fail "verify"
done
# In a process of its own it runs the same nodes, and this one does not load it.
expect 0 "$percept" model verify "$work/suite" "${on_sample[@]}" --isolate
expect 0 "$percept" model inspect "$work/suite/chain.pte" "${on_sample[@]}" --isolate --json
cp "$work/out" "$work/isolated.json"
expect 0 "$percept" model inspect "$work/suite/chain.pte" "${on_sample[@]}" --json
json "$work/out" "v['split'] == json.load(open('$work/isolated.json'))['split']"
cp "$work/out" "$work/inspect.json"
json "$work/inspect.json" 'v["compiled"]["placement"] == "cpu+sample"'
expect 0 "$percept" model inspect "$work/suite/chain.pte" "${on_sample[@]}"
grep -q 'segment 0: sample, 4 nodes' "$work/out" || fail "inspect: the segment"
grep -q 'left to cpu: 1 unary: it does not have this function' "$work/out" || fail "inspect: what is left, and why"
expect 0 "$percept" model bench "$work/suite/chain.pte" "${on_sample[@]}" --runs 2 --profile --json
cp "$work/out" "$work/bench.json"
json "$work/bench.json" '[n["kernel"] for n in v["profile"]].count("sample") == 4'
expect 2 "$percept" model run "$work/suite/chain.pte" --backend sampel --plugins "$plugins"
one_line "no backend 'sampel'; there are: .*cpu.*sample"

# ---- broken ones ----
bad=$work/bad
mkdir "$bad"
# make_bad NAME FLAGS...
make_bad() {
    local name=$1
    shift
    "$cc" -std=c17 -Wall -Wextra -Werror $($PKG_CONFIG --cflags percept-backend) -fPIC -fvisibility=hidden -shared "$@" -o "$bad/$name.so" "$here/bad_plugin.c"
}
for fault in absent aborts backend_version crashes entry exits function layout size symbol version; do
    make_bad $fault -DNAME="\"$fault\"" -D"BAD_${fault^^}"
done
make_bad name '-DNAME="No Name"'
make_bad taken '-DNAME="cpu"'
make_bad twice1 '-DNAME="twice"'
make_bad twice2 '-DNAME="twice"'
make_bad writable
chmod o+w "$bad/writable.so"
head -c 4000 /dev/urandom >"$bad/garbage.so"
head -c 300 "$sample" >"$bad/cut.so"
: >"$bad/empty.so"
mkdir "$bad/folder.so"
ln -s nowhere "$bad/link.so"
cp "$sample" "$bad/zz_sample.so"
cp "$sample" "$bad/.hidden.so"
echo text >"$bad/README"
mkdir -m 777 "$work/open"
cp "$sample" "$work/open"
ln -s "$work/open/sample.so" "$bad/elsewhere.so" # where everybody may write
list --plugins "$bad" --plugins "$work/open" --plugins "$work/none"

# row PATH EXPRESSION: of the file's entry b.
row() {
    json "$work/list.json" "(lambda b: $2)([b for b in v if b['file'] == '$1'][0])"
}
refused() { row "$bad/$1.so" "not b['present'] and b['name'] == '' and b['why'] == 'refused: $2'"; }
version=$(sed -n 's/^#define PRT_BACKEND_VERSION *//p' "$PERCEPT_SOURCE_DIR/runtime/backend.h")
refused version "it was built for version $((version + 1)) of the backend interface, this program has version $version"
refused backend_version "its backend says version $((version - 1)) of the backend interface, this program has version $version"
row "$bad/entry.so" "b['why'] == \"refused: it is no plugin: it does not export 'percept_backend'\""
refused writable "others may write to it (mode 0757)"
refused link "No such file or directory"
row "$bad/elsewhere.so" "b['why'] == 'refused: $(realpath "$work")/open: others may write to it (mode 0777)'"
row "$work/open" "b['why'] == 'refused: others may write to it (mode 0777)'"
row "$work/none" "b['why'] == 'refused: No such file or directory'"
refused layout "it was built with other headers than this program, though both have version $version of the backend interface"
row "$bad/size.so" "__import__('re').match('refused: its backend has [0-9]+ bytes, those of version $version have [0-9]+', b['why'])"
row "$bad/function.so" "\"has no function 'execute'\" in b['why']"
row "$bad/name.so" "\"name is 'No Name': expected\" in b['why']"
row "$bad/taken.so" "\"name 'cpu' is that of one that is built in\" in b['why']"
row "$bad/twice1.so" "b['present'] and b['name'] == 'twice'"
row "$bad/twice2.so" "\"name 'twice' is that of $bad/twice1.so\" in b['why']"
row "$bad/aborts.so" "b['why'].startswith('refused: it ends the process that loads it: ')"
row "$bad/crashes.so" "b['why'].startswith('refused: it ends the process that loads it')"
row "$bad/exits.so" "b['why'] == 'refused: it ends the process that loads it, with exit status 0'"
row "$bad/symbol.so" "'cannot be loaded: undefined symbol: nobody_has_this' in b['why']"
for name in garbage cut empty folder; do
    row "$bad/$name.so" "b['why'].startswith('refused: it cannot be loaded: ') and not '$bad' in b['why']"
done
row "$bad/absent.so" "b['name'] == 'absent' and not b['present'] and b['why'] == 'no such?device'"
row "$bad/zz_sample.so" "b['name'] == 'sample' and b['present']"
json "$work/list.json" 'not any("hidden" in b["file"] or "README" in b["file"] for b in v)'
expect 2 "$percept" model run "$work/suite/chain.pte" --backend version --plugins "$bad"
one_line "no backend 'version'; there are: .*refused"
if [ "$(id -u)" = 0 ]; then
    cp "$sample" "$plugins/theirs.so"
    chown 12345 "$plugins/theirs.so"
    list --plugins "$plugins"
    row "$plugins/theirs.so" "b['why'] == 'refused: it belongs to user 12345, who is neither root nor who runs this'"
    rm "$plugins/theirs.so"
fi
if command -v c++ >/dev/null; then # the header is one for C++, and what is thrown there goes no further
    sed 's/abort();/throw 1;/' "$here/bad_plugin.c" >"$work/throws.cc"
    mkdir "$work/cpp"
    cxx="c++ -std=c++20 -Wall -Werror $($PKG_CONFIG --cflags percept-backend) -fPIC -fvisibility=hidden -shared"
    $cxx -DBAD_ABORTS -o "$work/cpp/throws.so" "$work/throws.cc"
    $cxx -o "$work/cpp/whole.so" "$work/throws.cc"
    expect 0 "$percept" backends --json --plugins "$work/cpp" # says what was thrown on standard error
    cp "$work/out" "$work/list.json"
    row "$work/cpp/throws.so" "b['why'].startswith('refused: it ends the process that loads it: ')"
    row "$work/cpp/whole.so" "b['present']"
fi

# ---- the daemon ----
images "$work/images" 1
# config BACKENDS_OF_THE_FILE LINE...: a configuration without nodes, with a model on the sample.
config() {
    printf '%s\n' "version: 1" "daemon: {exit_when_done: true}" "$@" \
        "models: {chain: {file: $work/suite/chain.pte, backends: [sample, cpu]}}" \
        "pipelines: {a: {source: {type: images, paths: $work/images, rate: 100}, topics: {frames: source}}}" >"$work/config.yaml"
}
config "plugins: [$bad, $plugins]" "backends: {sample: {off: false}}"
expect 0 "$perceptd" --config "$work/config.yaml" --check
grep -q "backend sample is from $bad/zz_sample.so" "$work/err" || fail "perceptd: what it loaded"
grep -q "plugin refused: $bad/version.so: it was built for version $((version + 1))" "$work/err" || fail "perceptd: what it refused"
[ "$(grep -c 'plugin refused: ' "$work/err")" = "$(ls -d "$bad"/*.so "$plugins"/*.so | wc -l | awk '{ print $1 - 3 }')" ] || fail "perceptd: not a line each"
expect 0 "$percept" check "$work/config.yaml"
grep -q "plugin refused: $bad/version.so: " "$work/err" || fail "check: what was refused"
config "plugins: prefix/$(realpath --relative-to="$prefix" "$plugins")" # from the file's folder
expect 0 "$perceptd" --config "$work/config.yaml" --check
config "plugins: $plugins" "backends: {sample: {off: maybe}}"
expect 3 "$percept" check "$work/config.yaml"
one_line "config.yaml:4:21: backend 'sample': off: expected true or false, got 'maybe'"
config "plugins: $plugins" "backends: {sample: {of: true}}"
expect 3 "$percept" check "$work/config.yaml"
one_line "config.yaml:4:21: backend 'sample': no option 'of'; it has: off"
config "plugins: $plugins" "backends: {cpu: {off: true}}"
expect 3 "$percept" check "$work/config.yaml"
one_line "config.yaml:4:18: backend 'cpu': it has no options"
config "plugins: $bad/absent.so"
expect 3 "$perceptd" --config "$work/config.yaml" --check
grep -q "there is no backend 'sample'" "$work/err" || fail "perceptd: a backend that is not there"
config "plugins: $plugins" "backends: {sample: {off: true}}"
sed -i 's/\[sample, cpu\]/[sample]/' "$work/config.yaml"
expect 3 "$percept" check "$work/config.yaml"
one_line "model 'chain' has no backend to run on: its option 'off' says so"

# With --keys, only what somebody signed; and then the copy that was checked is what is loaded.
mkdir "$work/keys"
config "plugins: $plugins"
expect 0 "$percept" model keys new "$work/release" --no-password
cp "$work/release.pub" "$work/keys"
expect 0 "$percept" model sign --key "$work/release.key" "$work/config.yaml" "$work/suite/chain.pte"
expect 3 "$perceptd" --config "$work/config.yaml" --check --keys "$work/keys"
grep -q "plugin refused: $sample: it is not signed" "$work/err" || fail "perceptd: a plugin that nobody signed"
expect 0 "$percept" model sign --key "$work/release.key" "$sample"
expect 0 "$perceptd" --config "$work/config.yaml" --check --keys "$work/keys"
grep -q "backend sample is from $sample" "$work/err" || fail "perceptd: a plugin that was signed"
expect 0 "$percept" check "$work/config.yaml" --keys "$work/keys"
printf x >>"$sample"
expect 3 "$percept" check "$work/config.yaml" --keys "$work/keys"
grep -q "plugin refused: $sample: it was altered after it was signed" "$work/err" || fail "check: a plugin that was altered"
cp "$work/src/sample.so" "$sample"

# ---- the demo, with what the sample takes of it ----
palm=${PERCEPT_MODELS:-}/palm_detection_lite.fp32.pte
[ -f "$palm" ] && [ -f "${PERCEPT_MEDIA:-}/hands/nocurl.jpg" ] || exit 0
# hands NAME BACKENDS: of three pictures, so far apart in time that none is tracked.
hands() {
    sed -e "/palm_detection_lite/{n;s/backends: \[cpu\]/backends: $2/}" -e '/fingers-lq/d' -e 's/loop: 7/loop: 1/' -e 's/rate: 30/rate: 1/' \
        -e 's/^    source:/    when_late: wait\n    source:/' -e "s|^models:|plugins: $plugins\nmodels:|" "$PERCEPT_SOURCE_DIR/configs/demo.yaml" >"$work/$1.yaml"
    start_at_rest "$work/$1.yaml"
    "$percept" status --json >"$work/$1.json"
    read_all hands "$1"
    daemon_ends 0
}
hands cpu "[cpu]"
hands sample "[sample, cpu]"
json "$work/sample.json" 'any("sample" in m["backend"] for m in v["models"])'
same_hands cpu sample 0.01
