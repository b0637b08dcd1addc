#!/usr/bin/env bash
# Print how large the runtime is, in bytes of text and data: the shared library, stripped, and what a program takes that is
# linked statically and needs no more than examples/run_pte.c; and of a selective build (docs/selection.md): size.sh [BUILD]
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# text + data of a file
bytes() { size "$1" | awk 'NR == 2 { print $1 + $2 }'; }

strip -o "$work/libprt.so" "$build/lib/libprt.so"
echo "libprt.so: $(bytes "$work/libprt.so") bytes of text and data, $(stat -c %s "$work/libprt.so") bytes stripped"

includes=()
for folder in backends backends/cpu runtime base; do includes+=("-I$build/include/$folder"); done
libraries=("$build"/backends/libpercept_backends.a)
for backend in cpu vulkan vgf openvino; do # the others are left out where what they are built with is not there
    library=$build/backends/$backend/libpercept_$backend.a
    [ ! -f "$library" ] || libraries+=("$library")
done
libraries+=("$build"/{runtime/libpercept_runtime,base/libpercept_base}.a)
cc -O2 -D_GNU_SOURCE "${includes[@]}" examples/run_pte.c "${libraries[@]}" -lm -pthread -Wl,--gc-sections -o "$work/run_pte"
strip "$work/run_pte"
echo "run_pte, all of ours linked statically: $(bytes "$work/run_pte") bytes of text and data"
for library in "${libraries[@]}"; do
    echo "  ${library##*/}: $(size -t "$library" | awk 'END { print $1 + $2 }') bytes"
done
map=$build/tests/selected_add.map # the test runtime_selected made it
[ ! -f "$map" ] || echo "selected for a program that adds: $(tools/map_size.sh "$map") bytes of text and data of ours"
