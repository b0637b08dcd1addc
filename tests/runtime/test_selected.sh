#!/bin/sh
# A runtime built for one program runs it, is small, and refuses what it was built without; `inspect --ops` says what the
# build needs.
# usage: test_selected.sh BUILD SOURCE CMAKE
set -eu
build=$1 source=$2 cmake=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$cmake" --build "$build" --target selected_add write_call percept_command >"$work/log" 2>&1 || {
    cat "$work/log"
    exit 1
}
failed=0
expect() { # WHAT ACTUAL EXPECTED
    [ "$2" = "$3" ] && return
    printf '%s: "%s" is not "%s"\n' "$1" "$2" "$3"
    failed=1
}

"$build/tests/write_call" "$work/add.pte" aten::add.out 'f32[3] f32[3] 1 >f32[3] ='
"$build/tests/write_call" "$work/sub.pte" aten::sub.out 'f32[3] f32[3] 1 >f32[3] ='
"$build/tests/write_call" "$work/integers.pte" aten::add.out 'i64[3] i64[3] 1 >i64[3] ='

expect "needs" "$("$build/bin/percept" model inspect --ops "$work/add.pte" | tr '\n' ' ')" \
    "$(tr '\n' ' ' <"$build/selected/prt_selected_add/words")"
expect "add" "$("$build/tests/selected_add" "$work/add.pte")" "2 4 6 "
refused=$("$build/tests/selected_add" "$work/sub.pte" || true)
expect "sub" "$refused" "-5" # PERCEPT_UNSUPPORTED
"$build/tests/selected_add" "$work/integers.pte" >/dev/null && failed=1

bytes=$(sh "$source/tools/map_size.sh" "$build/tests/selected_add.map")
echo "selected_add: $bytes bytes of text and data"
[ "$bytes" -le 51200 ] || {
    echo "that is too much"
    failed=1
}
exit $failed
