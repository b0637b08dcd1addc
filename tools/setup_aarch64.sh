#!/usr/bin/env bash
# What the preset aarch64 needs on a Debian machine: the cross compiler, qemu-user, and Check for arm64 in
# build/aarch64-sysroot. The machine's own list of architectures stays as it is. Does nothing when everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."
sysroot=build/aarch64-sysroot lists=build/aarch64-lists

packages=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
if ! dpkg-query -W "${packages[@]}" >/dev/null 2>&1; then
    apt-get update -q
    apt-get install -y -q --no-install-recommends "${packages[@]}"
fi
[ ! -e "$sysroot/usr/lib/aarch64-linux-gnu/libcheck.a" ] || exit 0
mkdir -p "$sysroot" "$lists/partial"
arm64=(-oAPT::Architecture=arm64 -oAPT::Architectures=arm64 "-oDir::State::Lists=$PWD/$lists")
apt-get "${arm64[@]}" update -q
(cd "$sysroot" && apt-get "${arm64[@]}" download check libsubunit0 libsubunit-dev)
for package in "$sysroot"/*.deb; do
    dpkg -x "$package" "$sysroot"
done
