#!/usr/bin/env bash
# The layer through Debian's loader: by name, by its implicit manifest, and not at all.
. "$(dirname "$0")/lib.sh"

exported=$(nm -D --defined-only "$build/lib/libXrApiLayer_percept.so" | awk '$2 == "T" {print $3}')
[ "$exported" = xrNegotiateLoaderApiLayerInterface ] || fail "the layer exports $exported"

XR_API_LAYER_PATH=$manifests/explicit.d XR_ENABLE_API_LAYERS=$layer pass "by name"
implicit=$build/share
ENABLE_XR_APILAYER_PERCEPT_1=1 XDG_DATA_DIRS=$implicit pass "implicitly"
XDG_DATA_DIRS=$implicit miss "an implicit layer must be asked for"
DISABLE_XR_APILAYER_PERCEPT_1=1 ENABLE_XR_APILAYER_PERCEPT_1=1 XDG_DATA_DIRS=$implicit miss "disabled, it is not there"
