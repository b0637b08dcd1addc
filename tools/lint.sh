#!/usr/bin/env bash
# What a reviewer should not have to say: formatting, bug patterns, includes that climb.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files '*.c' '*.h')
clang-format --dry-run --Werror "${files[@]}"
if grep -nE '#include *"\.\./' "${files[@]}"; then
    echo "lint: include by folder (\"base/status.h\"), never upward" >&2
    exit 1
fi
# clang-tidy wants the flags of a build that clang understands: the debug preset's compile commands.
mapfile -t sources < <(git ls-files 'base/*.c' 'runtime/*.c' 'backends/*.c' 'ipc/*.c' 'pipelines/*.c' 'daemon/*.c' 'cli/*.c' 'examples/*.c')
printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy -p build/release --quiet 2>&1 |
    grep -vE 'warnings? (generated|treated)|^$' && exit 1
echo "lint: ${#files[@]} files clean"
