#!/bin/sh
# What is installed is enough to build the example with pkg-config, and libpercept shows nothing
# but what libpercept.map lists.
# usage: test_install.sh BUILD SOURCE CC CMAKE
set -eu
build=$1 source=$2 cc=$3 cmake=$4
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT

"$cmake" --install "$build" --prefix "$prefix" >"$prefix/log"
library=$(find "$prefix" -name libpercept.so)
PKG_CONFIG_PATH=$(dirname "$library")/pkgconfig
export PKG_CONFIG_PATH

# shellcheck disable=SC2046 # flags are words
"$cc" -std=c17 -Wall -Wextra -Werror "$source/examples/fingertips.c" -o "$prefix/fingertips" \
    $(pkg-config --define-variable=prefix="$prefix" --cflags --libs percept)

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

nm -D --defined-only "$library" | sed -n 's/.* T \([a-z_]*\)@.*/\1/p' | sort >"$prefix/exported"
sed -n 's/^ *\(percept_[a-z_]*\);/\1/p' "$source/ipc/libpercept.map" | sort >"$prefix/listed"
diff "$prefix/listed" "$prefix/exported"
