#!/usr/bin/env bash
# A pipeline moved to the GPU by one line gives the hands that the CPU gives; when the GPU is lost on the way, too.
. "$(dirname "$0")/lib.sh"
need "${PERCEPT_MODELS:-}/hand_landmark_lite.fp32.pte"
need "${PERCEPT_MODELS:-}/palm_detection_lite.fp32.pte"
need "${PERCEPT_MEDIA:-}/hands/nocurl.jpg"
"$percept" backends | grep -q '^vulkan *yes' || skip "no Vulkan device"
layer=$PERCEPT_BIN/../tests/vulkan_layer

# hands NAME BACKENDS [FAULTS]: the hands of three pictures, so far apart in time that none is tracked, into $work/NAME.
hands() {
    sed -e "s/backends: \[cpu\]/backends: $2/" -e '/fingers-lq/d' -e 's/loop: 7/loop: 1/' -e 's/rate: 30/rate: 1/' \
        -e 's/^    source:/    when_late: wait\n    source:/' "$PERCEPT_SOURCE_DIR/configs/demo.yaml" >"$work/$1.yaml"
    PERCEPT_VULKAN_FAULTS=${3:-none} VK_LAYER_PATH=$layer VK_INSTANCE_LAYERS=VK_LAYER_PERCEPT_faults start_at_rest "$work/$1.yaml"
    read_all hands "$1"
    daemon_ends 0
    cp "$work/daemon.log" "$work/$1.log"
}

# Each landmark within two pixels.
same() { same_hands "$1" "$2" 2; }

hands cpu "[cpu]"
hands gpu "[vulkan, cpu]"
same cpu gpu
! grep -q 'goes on without' "$work/gpu.log" || fail "the GPU was given up"
hands half "[vulkan, cpu]\n    precision: fp16"
same cpu half
hands lost "[vulkan, cpu]" lose=3
same cpu lost
grep -q "model '[a-z]*' goes on without a backend: vulkan: .*the device was lost" "$work/lost.log" || fail "no line about the GPU"
