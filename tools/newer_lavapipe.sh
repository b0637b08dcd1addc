#!/usr/bin/env bash
# newer_lavapipe.sh DIR: the tests of build/release that Debian 12's drivers cannot run, in a chroot DIR of Debian's unstable
# suite, whose lavapipe has cooperative matrices (Mesa 26), under its validation layer. Needs root, debootstrap and 2 GB.
# On a machine whose own GPU lists VK_KHR_cooperative_matrix these tests run as they are:
#   ctest --test-dir build/release -R 'vulkan_(ways|layers_large)' --output-on-failure
set -euo pipefail
dir=$(realpath -m "$1")
cd "$(dirname "$0")/.."
[ -x build/release/tests/test_vulkan_ways ] || { echo "build the release preset first" >&2; exit 1; }
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources | head -n 1)
leave() { for place in percept dev proc; do ! mountpoint -q "$dir/$place" || umount "$dir/$place"; done; }
trap leave EXIT
[ -e "$dir/percept" ] || { debootstrap --variant=minbase sid "$dir" "$mirror" >&2 && mkdir "$dir/percept"; }
cp -L /etc/resolv.conf "$dir/etc/"
for file in /etc/apt/apt.conf.d/99*; do [ ! -e "$file" ] || cp -L "$file" "$dir/etc/apt/apt.conf.d/"; done
mount --bind /proc "$dir/proc"
mount --bind /dev "$dir/dev"
mount --bind "$PWD" "$dir/percept"
chroot "$dir" sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    mesa-vulkan-drivers libvulkan1 vulkan-validationlayers libsubunit0' >&2
failed=0
run() { # CASE TEST; the compiling of its shaders is what takes lavapipe minutes
    chroot "$dir" env CK_RUN_CASE="$1" CK_TIMEOUT_MULTIPLIER=10 GALLIVM_PERF=nopt VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation \
        VK_LAYER_VALIDATE_SYNC=1 "/percept/build/release/tests/$2" >"$dir/log" 2>&1 || failed=1
    cat "$dir/log"
    ! grep -qE 'VUID|SYNC-|Validation (Error|Warning)|skipped:' "$dir/log" || failed=1
}
run matrices test_vulkan_ways
run halves test_vulkan_layers_large
exit $failed
