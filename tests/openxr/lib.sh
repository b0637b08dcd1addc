# For tests of the layer through loaders. Sourced by each.
set -euo pipefail
build=$(dirname "${PERCEPT_BIN:?set by CTest}")
manifests=$build/share/openxr/1/api_layers
layer=XR_APILAYER_PERCEPT_perception
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Nothing of the machine's own.
export HOME=$work XDG_DATA_HOME=$work XDG_CONFIG_HOME=$work XDG_CONFIG_DIRS=$work XDG_DATA_DIRS=$work
export XR_RUNTIME_JSON=$build/tests/openxr/mock_runtime.json
unset XR_API_LAYER_PATH XR_ENABLE_API_LAYERS

fail() {
    echo "FAIL: $*" >&2
    tail -n 30 "$work/out" >&2 2>/dev/null || true
    exit 1
}

skip() {
    echo "SKIP: $*"
    exit 77
}

# pass WHAT [CASE]: an app finds the layer, and all goes well.
pass() {
    CK_RUN_CASE=${2-} "$build/tests/test_openxr_loader" >"$work/out" 2>&1 || fail "$1"
}

# miss WHAT: an app does not find the layer.
miss() {
    ! "$build/tests/test_openxr_loader" >"$work/out" 2>&1 || fail "$1"
}
