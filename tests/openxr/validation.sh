#!/usr/bin/env bash
# The layer through a loader of OpenXR 1.1 and through Debian's, alone and with the validation layers above and below it, which have
# nothing to say; and that they would. tools/setup_openxr.sh gets them.
. "$(dirname "$0")/lib.sh"
kept=$PERCEPT_SOURCE_DIR/build/openxr
[ -e "$kept/requirements.txt" ] || skip "no build/openxr; tools/setup_openxr.sh makes it"
layers=$kept/site/xr/api_layer/linux_x86_64
core=XR_APILAYER_LUNARG_core_validation best=XR_APILAYER_KHRONOS_best_practices_validation

export LD_LIBRARY_PATH=$kept/lib:$layers XR_API_LAYER_PATH=$manifests/explicit.d:$layers XR_LOADER_DEBUG=warn
export XR_CORE_VALIDATION_EXPORT_TYPE=text XR_CORE_VALIDATION_FILE_NAME=$work/validation

# silent ORDER: what an app may do goes well, and neither loader nor layers say anything.
silent() {
    rm -f "$work/validation"
    XR_ENABLE_API_LAYERS=$1 pass "with $1" use
    if said=$(grep -v VALID_DEBUG "$work/validation" 2>/dev/null); then
        fail "with $1, core_validation says: $said"
    fi
    ! grep -iE 'warning|error' "$work/out" | grep -v 'Failures: 0, Errors: 0' || fail "with $1, somebody complains"
}

for loader in "$kept/lib:" ""; do # the new one, and Debian's
    LD_LIBRARY_PATH=$loader$layers
    for program in loader loader_percept; do
        silent "$layer"
        silent "$core:$layer:$best"
        silent "$best:$layer:$core"
        silent "$core:$best:$layer"
        silent "$layer:$core:$best"
    done
done

# It is seen what they would say.
program=loader
XR_ENABLE_API_LAYERS=$core:$layer pass "misuse" misuse
grep -q 'VUID-XrHandTrackerCreateInfoEXT-type-type' "$work/validation" || fail "core_validation overlooks a wrong type"
