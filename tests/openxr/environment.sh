# For tests that have the layer found by a loader: sourced with $build and $work set. Nothing of the machine's own is found.
manifests=$build/share/openxr/1/api_layers
export HOME=$work XDG_DATA_HOME=$work XDG_CONFIG_HOME=$work XDG_CONFIG_DIRS=$work XDG_DATA_DIRS=$work
export XR_RUNTIME_JSON=$build/tests/openxr/mock_runtime.json
unset XR_API_LAYER_PATH XR_ENABLE_API_LAYERS
