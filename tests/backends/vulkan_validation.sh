#!/usr/bin/env bash
# Khronos' validation has nothing to say about what we ask of a driver, nor about who waits for whom.
. "$(dirname "$0")/../daemon/lib.sh"
"$percept" backends | grep -q '^vulkan *yes' || skip "no Vulkan device"
[ -f /usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json ] || skip "no validation layer"
export VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation
export VK_LAYER_ENABLES=VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT

silent() {
    expect 0 "$@"
    ! grep -hE 'VUID|SYNC-|Validation (Error|Warning)' "$work/out" "$work/err" || fail "validation complains about $*"
}
for test in move gather image layers attention along integer ways; do
    silent "$PERCEPT_BIN/../tests/test_vulkan_$test"
done
cases=${PERCEPT_MODELS:-}/cases
for flow in fp32 int8; do
    [ -f "$cases/$flow/manifest.jsonl" ] || continue
    silent "$percept" model verify "$cases/$flow" --backend vulkan --only lite
    silent "$percept" model run "$PERCEPT_MODELS/hand_landmark_lite.$flow.pte" --backend vulkan --fp16
done
# Of several models at once, of all priorities. The layer that makes queues stands below the validation, which takes a submission
# that it refuses for made: so none of the cases in which the device is lost.
CK_RUN_CASE=start VK_LAYER_PATH=/usr/share/vulkan/explicit_layer.d:$PERCEPT_BIN/../tests/vulkan_layer \
    VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation:VK_LAYER_PERCEPT_faults silent "$PERCEPT_BIN/../tests/test_vulkan_start"
# And of a device with memory of its own, which needs copies.
export PERCEPT_VULKAN_FAULTS=discrete VK_LAYER_PATH=/usr/share/vulkan/explicit_layer.d:$PERCEPT_BIN/../tests/vulkan_layer
export VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation:VK_LAYER_PERCEPT_faults
silent "$PERCEPT_BIN/../tests/test_vulkan_branch"
# Memory from elsewhere, of each kind.
CK_RUN_CASE=buffers silent "$PERCEPT_BIN/../tests/test_vulkan_buffer"
[ ! -f "$cases/fp32/manifest.jsonl" ] || silent "$percept" model verify "$cases/fp32" --backend vulkan --only lite
