#!/bin/sh
# What is installed is enough to build the example with pkg-config, and is what programs that are built
# already believe of it: the functions of abi.txt with their versions, and the structs of abi.c.
# usage: test_install.sh BUILD SOURCE CC CMAKE
set -eu
build=$1 source=$2 cc=$3 cmake=$4
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT

"$cmake" --install "$build" --prefix "$prefix" >"$prefix/log"
library=$(find "$prefix" -name libpercept.so)
PKG_CONFIG_PATH=$(dirname "$library")/pkgconfig
export PKG_CONFIG_PATH

flags=$(pkg-config --define-variable=prefix="$prefix" --cflags --libs percept)
# shellcheck disable=SC2086 # flags are words
"$cc" -std=c17 -Wall -Wextra -Werror "$source/examples/fingertips.c" -o "$prefix/fingertips" $flags

# Without a daemon it says so in one line and fails.
if output=$(PERCEPT_SOCKET="$prefix/none" LD_LIBRARY_PATH=$(dirname "$library") \
    "$prefix/fingertips" 2>&1); then
    echo "the example succeeded without a daemon: $output"
    exit 1
fi
[ "$output" = "fingertips: no daemon listens on '$prefix/none'" ] || {
    echo "unexpected: $output"
    exit 1
}

# shellcheck disable=SC2086 # flags are words
"$cc" -std=c17 -Wall -Wextra -Werror "$source/tests/ipc/abi.c" -o "$prefix/abi" $flags
LD_BIND_NOW=1 LD_LIBRARY_PATH=$(dirname "$library") "$prefix/abi"
nm -D --defined-only "$library" | awk '$2 == "T" { print $3 }' | LC_ALL=C sort >"$prefix/exported"
diff "$source/tests/ipc/abi.txt" "$prefix/exported"

# Whoever needs a newer library than there is learns it from the loader, by the version of the node.
readelf --version-info "$prefix/fingertips" | grep -q 'Name: PERCEPT_0 ' || {
    echo "the example needs no version of libpercept"
    exit 1
}
