#!/bin/sh
# What is installed is enough to build the example with pkg-config and with CMake, and libprt shows nothing but what
# libprt.map lists.
# usage: test_install.sh BUILD SOURCE CC CMAKE
set -eu
build=$1 source=$2 cc=$3 cmake=$4
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT

"$cmake" --install "$build" --prefix "$prefix" --component prt >"$prefix/log"
library=$(find "$prefix" -name libprt.so)
LD_LIBRARY_PATH=$(dirname "$library")
PKG_CONFIG_PATH=$LD_LIBRARY_PATH/pkgconfig
export PKG_CONFIG_PATH LD_LIBRARY_PATH

# shellcheck disable=SC2046 # flags are words
"$cc" -std=c17 -Wall -Wextra -Werror "$source/examples/run_pte.c" -o "$prefix/run_pte" \
    $(pkg-config --define-variable=prefix="$prefix" --cflags --libs prt)

# shellcheck disable=SC2046
"$cc" -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror "$source/examples/run_frame.c" -o "$prefix/run_frame" \
    $(pkg-config --define-variable=prefix="$prefix" --cflags --libs prt)

mkdir "$prefix/app"
cat >"$prefix/app/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(app C)
find_package(prt 0.1 REQUIRED)
add_executable(app run_pte.c)
target_link_libraries(app PRIVATE prt::prt)
CMAKE
cp "$source/examples/run_pte.c" "$prefix/app"
"$cmake" -S "$prefix/app" -B "$prefix/app/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" >>"$prefix/log"
"$cmake" --build "$prefix/app/build" >>"$prefix/log"

for program in "$prefix/run_pte" "$prefix/run_frame" "$prefix/app/build/app"; do
    if output=$("$program" "$prefix/none.pte" 2>&1); then
        echo "the example succeeded without a file: $output"
        exit 1
    fi
    [ "$output" = "$prefix/none.pte: cannot open: No such file or directory" ] || {
        echo "unexpected: $output"
        exit 1
    }
done

nm -D --defined-only "$library" | sed -n 's/.* [TDBR] \([a-z0-9_]*\)@.*/\1/p' | sort >"$prefix/exported"
sed -n 's/^ *\([a-z0-9_]*\);/\1/p' "$source/backends/libprt.map" | sort >"$prefix/listed"
diff "$prefix/listed" "$prefix/exported"
