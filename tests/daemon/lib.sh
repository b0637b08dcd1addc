# For the tests of the programs as a user meets them: a private folder and socket, exit codes, one line of error.
# Sourced by each test. Nothing here or in the tests asserts a time; waits end as soon as what they wait for is there.
set -euo pipefail
: "${PERCEPT_BIN:?set by CTest}" "${PERCEPT_SOURCE_DIR:?set by CTest}"
perceptd=$PERCEPT_BIN/perceptd
percept=$PERCEPT_BIN/percept
work=$(mktemp -d)
export PERCEPT_SOCKET=$work/socket XDG_STATE_HOME=$work/state
unset STATE_DIRECTORY
cp "$PERCEPT_SOURCE_DIR/configs/demo_policy.yaml" "$work" # for edited copies of configs/demo.yaml, which names it
trap 'kill -KILL $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
# CTest's time for it is nearly over: say where it is. (In line 1 is only what this does.)
trap '((LINENO == 1)) || at_line=$LINENO' DEBUG
trap 'fail "its time is over, in line $at_line"' TERM

fail() {
    echo "FAIL: $*" >&2
    for file in "$work"/out "$work"/err "$work"/*.log; do
        [ -s "$file" ] && { echo "--- ${file##*/}"; tail -n 20 "$file"; } >&2
    done
    exit 1
}

skip() {
    echo "SKIP: $*"
    exit 77
}

# expect CODE COMMAND...: run it, its output in $work/out and $work/err.
expect() {
    local want=$1 code=0
    shift
    "$@" >"$work/out" 2>"$work/err" || code=$?
    [ "$code" = "$want" ] || fail "exit $code instead of $want: $*"
}

# The error is one line, and says so: one_line PATTERN (an extended regular expression).
one_line() {
    [ "$(wc -l <"$work/err")" = 1 ] || fail "not one line of error"
    grep -qE -- "$1" "$work/err" || fail "the error does not match '$1'"
}

# Pictures that need no other program: images FOLDER COUNT
images() {
    mkdir -p "$1"
    local i
    for ((i = 0; i < $2; i++)); do
        { printf 'P6\n64 48\n255\n' && head -c $((64 * 48 * 3)) /dev/zero | tr '\0' "\\$((100 + i % 10))"; } >"$1/$i.ppm"
    done
}

# A policy, $work/policy.yaml, by which whoever runs the test may read what a camera sees.
camera_policy() {
    cat >"$work/policy.yaml" <<YAML
version: 1
rules:
  - {same_user: true, allow: camera}
YAML
}

# A configuration that publishes frames without a model: frames_config FILE LOOPS. Loops 0: for ever.
frames_config() {
    images "$work/images" 3
    camera_policy
    cat >"$1" <<YAML
version: 1
daemon: {exit_when_done: true, policy: policy.yaml}
pipelines:
  pictures:
    source: {type: images, paths: [$work/images], rate: 100, loop: $2}
    topics: {frames: source}
YAML
}

# landmark_config FILE [LINE]: pictures of $work/images through one net, $work/model.pte; and a line of the top level.
landmark_config() {
    printf '%s\n' "version: 1" ${2:+"$2"} >"$1"
    cat >>"$1" <<YAML
models:
  landmark: {file: model.pte}
pipelines:
  hands:
    source: {type: images, paths: [$work/images]}
    nodes:
      - node: hand_tracker
        name: tracker
        inputs: {frame: source, hands: {previous: landmarks.hands}}
      - node: hand_regions
        name: regions
        inputs: {tracked: tracker.regions}
      - node: hand_landmarks
        name: landmarks
        model: landmark
        inputs: {frame: source, regions: regions.regions}
    topics: {hands: landmarks.hands}
YAML
}

# build_sample EXAMPLE CFLAGS: a plugin of examples/, built with nothing but what is installed, by $cc from $build into $prefix; it is
# $sample, in the folder $plugins, and has one symbol and wants none of ours.
build_sample() {
    prefix=$work/prefix
    cmake --install "$build" --prefix "$prefix" --component prt >"$work/install.log"
    cp -r "$PERCEPT_SOURCE_DIR/examples/$1" "$work/src"
    local package=percept-${1%_plugin}
    pc=$(dirname "$(find "$prefix" -name "$package.pc")")
    export PKG_CONFIG_PATH=$pc PKG_CONFIG="pkg-config --define-variable=prefix=$prefix"
    make -C "$work/src" CC="$cc" CFLAGS="$2" install >"$work/make.log" 2>&1 || fail "the sample does not build"
    plugins=$($PKG_CONFIG --variable=plugindir "$package")
    sample=$plugins/sample.so
    [ "$(nm -D --defined-only "$sample" | wc -l)" = 1 ] || fail "the sample exports more than its entry"
    ! nm -D --undefined-only "$sample" | grep -E ' (percept|prt|base|pipe)_' || fail "the sample wants symbols of ours"
}

# Start it in the background and wait until it answers: start_daemon CONFIG [OPTION...]; its id is in $daemon.
start_daemon() {
    "$perceptd" --config "$@" 2>"$work/daemon.log" &
    daemon=$!
    until "$percept" status >/dev/null 2>&1; do
        kill -0 "$daemon" 2>/dev/null || fail "the daemon has ended"
        sleep 0.02
    done
}

daemon_state() {
    "$percept" status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["daemon"]["state"])'
}

# For readers that are to see all from the first frame on: started with the privacy switch on, so that no source runs until there are so
# many subscriptions. start_at_rest CONFIG [OPTION...]; go COUNT
start_at_rest() {
    mkdir -p -m 700 "$XDG_STATE_HOME/percept"
    echo on >"$XDG_STATE_HOME/percept/privacy"
    start_daemon "$@"
}
go() {
    until "$percept" topics --json >"$work/topics" && [ "$(python3 -c 'import json, sys
print(sum(t["subscribers"] for t in json.load(open(sys.argv[1]))["topics"]) >= int(sys.argv[2]))' "$work/topics" "$1")" = True ]; do
        kill -0 "$daemon" 2>/dev/null || fail "the daemon has ended"
        sleep 0.02
    done
    "$percept" privacy off >/dev/null || fail "the privacy switch"
}

# read_all TOPIC NAME: of the daemon at rest, all of a topic into $work/NAME.
read_all() {
    "$percept" echo "$1" --json >"$work/$2" &
    local reader=$!
    go 1
    wait "$reader" || fail "no $1: exit $?"
}

# It ends with this code: daemon_ends CODE
daemon_ends() {
    local code=0
    wait "$daemon" || code=$?
    [ "$code" = "$1" ] || fail "the daemon's exit is $code instead of $1"
    [ ! -e "$PERCEPT_SOCKET" ] || fail "the socket is left behind"
}

# json FILE EXPRESSION: true in Python, with the parsed file as `v` (a list of objects for .jsonl).
json() {
    python3 - "$1" "$2" <<'PYTHON' || fail "$1: not so: $2"
import json, sys
text = open(sys.argv[1]).read()
v = [json.loads(line) for line in text.splitlines()] if sys.argv[1].endswith(".jsonl") else json.loads(text)
sys.exit(0 if eval(sys.argv[2]) else 1)
PYTHON
}

# unbroken FILE: of the frames that `percept echo --json` wrote to $work/FILE, the daemon has published every one on one and the same topic.
# Those that came faster than they were written are not missing: the reader tells of them.
unbroken() {
    sed -i '/}$/!d' "$work/$1" # a line that the end of the reader has cut
    json "$work/$1" 'all(b["sequence"] == a["sequence"] + 1 + b["lost"] for a, b in zip(v, v[1:]))'
    json "$work/$1" 'all(b["data"]["frame"] - a["data"]["frame"] == b["sequence"] - a["sequence"] for a, b in zip(v, v[1:]))'
}

# need FILE: a file of the zoo, without which the test is skipped.
need() {
    [ -f "$1" ] || skip "no $1 (make models)"
}

# same_hands A B PIXELS: as many hands in the three samples of each file in $work, and each landmark so near.
same_hands() {
    python3 - "$work/$1" "$work/$2" "$3" <<'PY' || fail "$2 has other hands than $1"
import json, sys
a, b = ([json.loads(line)["data"] for line in open(name)] for name in sys.argv[1:3])
assert len(a) == len(b) == 3, (len(a), len(b))
assert all(x["hand_count"] == y["hand_count"] for x, y in zip(a, b))
points = [(p, q) for x, y in zip(a, b) for g, h in zip(x["hands"], y["hands"]) for p, q in zip(g["image"], h["image"])]
worst = max(abs(m - n) for p, q in points for m, n in zip(p, q))
assert len(points) >= 3 * 21 and worst < float(sys.argv[3]), (len(points), worst)
PY
}
