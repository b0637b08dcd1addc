#!/usr/bin/env bash
# Every command has --help and a manual page, and both know the same options.
. "$(dirname "$0")/../daemon/lib.sh"
man=$PERCEPT_SOURCE_DIR/docs/man

expect 0 "$percept" --version
release=$(sed 's/^percept //' "$work/out")
for program in perceptd percept-host percept-probe; do
    expect 0 "$PERCEPT_BIN/$program" --version
    [ "$(cat "$work/out")" = "$program $release" ] || fail "$program --version: $(cat "$work/out")"
done

# check PAGE COMMAND...
check() {
    local page=$man/$1 options option
    shift
    expect 0 "$@" --help
    [ -s "$work/out" ] && [ ! -s "$work/err" ] || fail "$* --help says nothing, or complains"
    [ -f "$page" ] || fail "no manual page $page"
    options=$(grep -oE '^  --[a-z0-9-]+' "$work/out")
    for option in $options; do
        grep -qE -- "Fl -${option#--}( |\$)" "$page" || fail "${page##*/} does not have $option of $*"
    done
    expect 2 "$@" --no-such-option
    one_line "unknown option '--no-such-option'"
}

commands() { sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'; }

check perceptd.1 "$perceptd"
check percept-host.1 "$PERCEPT_BIN/percept-host"
check percept-probe.1 "$PERCEPT_BIN/percept-probe"
list=$("$percept" --help | commands)
[ "$(wc -w <<<"$list")" -ge 7 ] || fail "commands: $list"
for command in $list; do
    [ "$command" = model ] && continue
    check "percept-$command.1" "$percept" "$command"
    grep -q "^\.Xr percept-$command 1" "$man/percept.1" || fail "percept.1 does not name $command"
done
expect 0 "$percept" model --help
list=$("$percept" model --help | commands)
[ "$(wc -w <<<"$list")" = 10 ] || fail "commands of model: $list"
for command in $list; do
    [ "$command" = keys ] && continue
    check percept-model.1 "$percept" model "$command"
done
expect 0 "$percept" model keys --help
list=$("$percept" model keys --help | commands)
[ "$(wc -w <<<"$list")" = 4 ] || fail "commands of model keys: $list"
for command in $list; do
    check percept-model.1 "$percept" model keys "$command"
done

expect 2 "$percept"
expect 2 "$percept" no-such-command
one_line "no command 'no-such-command'"
expect 2 "$percept" echo
one_line "missing operand"

if command -v mandoc >/dev/null; then
    mandoc -T lint -W warning "$man"/*.1 || fail "mandoc"
elif command -v groff >/dev/null; then
    for page in "$man"/*.1; do
        [ -z "$(groff -mdoc -Tutf8 -ww "$page" 2>&1 >/dev/null)" ] || fail "groff: $page"
    done
else
    echo "neither mandoc nor groff: the pages were not formatted"
fi
