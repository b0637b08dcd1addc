#!/usr/bin/env bash
# A full disk for the report: one line, exit 1, no half of a file.
. "$(dirname "$0")/lib.sh"
# A tiny file system of our own takes a mount, and that a name space where we may.
if [ -z "${PERCEPT_TEST_INSIDE:-}" ]; then
    space=(unshare --mount)
    "${space[@]}" true 2>/dev/null || space+=(--map-root-user)
    "${space[@]}" true 2>/dev/null || skip "no mount name space"
    code=0
    PERCEPT_TEST_INSIDE=1 "${space[@]}" bash "$0" || code=$?
    exit "$code"
fi
mkdir "$work/disk"
mount -t tmpfs -o size=64k tmpfs "$work/disk" || skip "no tmpfs"
head -c 61440 /dev/zero >"$work/disk/ballast"

frames_config "$work/endless.yaml" 0
start_daemon "$work/endless.yaml"
expect 1 "$percept" report --seconds 0.3 --out "$work/disk"
one_line "$work/disk/report.html: No space left on device"
[ "$(ls "$work/disk")" = ballast ] || fail "left behind: $(ls "$work/disk")"
kill "$daemon"
daemon_ends 0
umount "$work/disk"

# And for a recording: what there was room for is whole, even if its end takes the room of a chunk.
frames_config "$work/endless.yaml" 0
start_daemon "$work/endless.yaml"
mkdir "$work/small"
mount -t tmpfs -o size=8m tmpfs "$work/small"
"$percept" record --out "$work/small/full.mcap" >"$work/out" 2>"$work/err" &
recorder=$!
until [ "$(stat -c %s "$work/small/full.mcap" 2>/dev/null || echo 0)" -gt 2000000 ]; do
    kill -0 "$recorder" || fail "the recorder has ended"
    sleep 0.05
done
cat /dev/zero >"$work/small/ballast" 2>/dev/null || true
code=0
wait "$recorder" || code=$?
[ "$code" = 1 ] || fail "a recorder on a full disk: exit $code"
one_line "full.mcap: No space left on device"
expect 0 "$percept" echo --from "$work/small/full.mcap"
[ -s "$work/out" ] && [ ! -s "$work/err" ] || fail "the recording is not whole"
kill "$daemon"
daemon_ends 0
umount "$work/small"

# Standard output can be full as well.
code=0
"$percept" --help >/dev/full 2>"$work/err" || code=$?
[ "$code" = 1 ] || fail "--help to a full device: exit $code"
one_line "standard output: No space left on device"
