#!/usr/bin/env bash
# The layer through Debian's loader: by name, by its implicit manifest, and not at all.
. "$(dirname "$0")/lib.sh"

exported=$(nm -D --defined-only "$build/lib/libXrApiLayer_percept.so" | awk '$2 == "T" {print $3}')
[ "$exported" = xrNegotiateLoaderApiLayerInterface ] || fail "the layer exports $exported"

XR_API_LAYER_PATH=$manifests/explicit.d XR_ENABLE_API_LAYERS=$layer pass "by name"
implicit=$build/share
ENABLE_XR_APILAYER_PERCEPT_1=1 XDG_DATA_DIRS=$implicit pass "implicitly"
program=loader_percept XDG_DATA_DIRS=$implicit ENABLE_XR_APILAYER_PERCEPT_1=1 pass "our own extensions"
XDG_DATA_DIRS=$implicit miss "an implicit layer must be asked for"
DISABLE_XR_APILAYER_PERCEPT_1=1 ENABLE_XR_APILAYER_PERCEPT_1=1 XDG_DATA_DIRS=$implicit miss "disabled, it is not there"

# What is installed finds its parts, wherever it is.
prefix=$work/prefix
for folder in openxr ipc; do
    cmake -DCMAKE_INSTALL_PREFIX="$prefix" -P "$build/$folder/cmake_install.cmake" >"$work/out"
done
ENABLE_XR_APILAYER_PERCEPT_1=1 XDG_DATA_DIRS=$prefix/share pass "installed"
ldd "$(find "$prefix" -name libXrApiLayer_percept.so)" >"$work/out"
grep -q "libpercept.so.0 => $prefix/" "$work/out" || fail "the installed layer loads another libpercept"
