# For tests of the layer through loaders. Sourced by each.
set -euo pipefail
build=$(dirname "${PERCEPT_BIN:?set by CTest}")
layer=XR_APILAYER_PERCEPT_perception
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/environment.sh"

fail() {
    echo "FAIL: $*" >&2
    tail -n 30 "$work/out" >&2 2>/dev/null || true
    exit 1
}

skip() {
    echo "SKIP: $*"
    exit 77
}

program=loader # test_openxr_PROGRAM is the app

# pass WHAT [CASE]: an app finds the layer, and all goes well.
pass() {
    CK_RUN_CASE=${2-} "$build/tests/test_openxr_$program" >"$work/out" 2>&1 || fail "$1"
}

# miss WHAT: an app does not find the layer.
miss() {
    ! "$build/tests/test_openxr_loader" >"$work/out" 2>&1 || fail "$1"
}
