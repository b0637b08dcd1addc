#!/usr/bin/env bash
# Who may see a camera's images: nobody, until it is granted, and no longer than it is.
. "$(dirname "$0")/lib.sh"
me=$(id -u)
images "$work/images" 3
cat >"$work/plain.yaml" <<YAML
version: 1
pipelines:
  pictures:
    source: {type: images, paths: [$work/images], rate: 100, loop: 0}
    topics: {frames: source}
YAML
start_daemon "$work/plain.yaml"

# Private by default, for root and the daemon's own user as well; what to do about it is in the error.
expect 1 "$percept" echo frames --count 1
one_line "topic 'frames' shows camera images, which user $me was not granted \(percept grant camera --to $me\)"
expect 1 "$percept" report --seconds 0.2 --out "$work/report"
grep -q "left out: topic 'frames'" "$work/err" || fail "the report does not say what it left out"

# Granted by class or by topic, to a user by name or number.
expect 0 "$percept" grant camera --to "$me"
expect 0 "$percept" echo frames --count 3
expect 0 "$percept" revoke camera
expect 1 "$percept" echo frames --count 1
expect 0 "$percept" grant frames --to "$(id -un)"
expect 0 "$percept" echo frames --count 3
expect 0 "$percept" grants --json
json "$work/out" "len(v) == 1 and v[0]['what'] == 'frames' and v[0]['uid'] == $me and v[0]['seconds_left'] is None"
expect 0 "$percept" grants
grep -q '^frames .*until revoked' "$work/out" || fail "no row of the grant"

# It outlives a restart.
restart() {
    kill "$daemon"
    daemon_ends 0
    start_daemon "$work/plain.yaml"
}
restart
expect 0 "$percept" echo frames --count 3

# Taken from a running reader, which is told why and does not get in again.
# loses_it COMMAND...: a reader that is reading ends by what the command does.
loses_it() {
    rm -f "$work/reader.out" # one from before would be taken for this one's
    "$percept" echo frames >"$work/reader.out" 2>"$work/err" &
    local reader=$! code=0
    until [ -s "$work/reader.out" ]; do kill -0 "$reader" || fail "the reader never read"; sleep 0.02; done
    "$@"
    wait "$reader" || code=$?
    [ "$code" = 1 ] || fail "a reader that lost its permission ends with $code"
    one_line "topic 'frames' .* was not granted"
    expect 1 "$percept" echo frames --count 1
}
loses_it "$percept" revoke frames --to "$me"
expect 0 "$percept" grants --json
json "$work/out" 'v == []'
expect 0 "$percept" grant camera --to "$me"
loses_it "$percept" grant camera --to "$me" --for 1s
# The time of another kind of grant does not matter, nor does giving it twice make two of it.
expect 0 "$percept" grant hands --to "$me" --for 1s
expect 0 "$percept" grant camera --to "$me" --for 1h
expect 0 "$percept" grant camera --to "$me" --for 2h
expect 0 "$percept" grants --json
json "$work/out" '[3600 < g["seconds_left"] <= 7200 for g in v if g["what"] == "camera"] == [True]'
restart
expect 0 "$percept" echo frames --count 1
loses_it "$percept" revoke --all

# To a program, whoever runs it; what it is called does not make it that program.
cp "$percept" "$work/app"
expect 0 "$percept" grant camera --exe "$work/app"
expect 0 "$work/app" echo frames --count 3
expect 1 "$percept" echo frames --count 1
mkdir "$work/elsewhere"
cp "$percept" "$work/elsewhere/app"
expect 1 "$work/elsewhere/app" echo frames --count 1
if unshare --mount true 2>/dev/null; then
    # A liar: in a mount name space of its own its path is the one that was granted.
    expect 1 unshare --mount bash -c "mount --bind '$percept' '$work/app' && exec '$work/app' echo frames --count 1"
    one_line "was not granted"
fi
expect 0 "$percept" revoke --exe "$work/app"

# Nonsense is refused.
expect 1 "$percept" grant cameras --to "$me"
one_line "no topic or class of topics 'cameras'"
expect 1 "$percept" grant camera --exe "$work/nothing"
one_line "is not the full path of a file"
expect 1 "$percept" revoke camera
one_line "no such grant"
expect 2 "$percept" grant camera
one_line "to or --exe is missing"
expect 2 "$percept" grant camera --to "$me" --for soon
one_line "takes a time like"
expect 2 "$percept" grant camera --to no-such-user
one_line "no user 'no-such-user'"
expect 2 "$percept" revoke
one_line "name what to revoke"

# Other users: nothing without a grant, no grants by them, and what one has is not another's.
if [ "$me" = 0 ] && command -v setpriv >/dev/null; then
    chmod 711 "$work"
    chmod 666 "$PERCEPT_SOCKET"
    as() { setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"; }
    expect 1 as 12345 "$percept" echo frames --count 1
    one_line "user 12345 was not granted"
    expect 0 as 12345 "$percept" echo indicator --count 1
    for command in "grant camera --to 12345" "revoke --all" "grants" "audit"; do
        expect 1 as 12345 "$percept" $command
        one_line "user 12345 is no administrator"
    done
    expect 0 "$percept" grant camera --to 12345
    expect 0 as 12345 "$percept" echo frames --count 3
    expect 1 as 12346 "$percept" echo frames --count 1
    expect 1 "$percept" echo frames --count 1
    expect 0 "$percept" revoke --to 12345
    expect 0 "$percept" audit --user 12345 --json
    cp "$work/out" "$work/other.jsonl"
    json "$work/other.jsonl" 'all(r["uid"] == 12345 for r in v)'
    json "$work/other.jsonl" '{"refuse", "connect", "subscribe", "unsubscribe", "disconnect"} <= {r["event"] for r in v}'
fi

# All of it is on record.
expect 0 "$percept" audit --json
cp "$work/out" "$work/audit.jsonl"
json "$work/audit.jsonl" '{"connect", "subscribe", "unsubscribe", "refuse", "grant", "revoke", "expire", "end"} <= {r["event"] for r in v}'
json "$work/audit.jsonl" '[r["n"] for r in v] == sorted(r["n"] for r in v)'
json "$work/audit.jsonl" "any(r['event'] == 'subscribe' and r['topic'] == 'frames' and r['executable'].endswith('/app') for r in v)"
json "$work/audit.jsonl" "all(r['uid'] == $me and r['pid'] > 0 for r in v if r['event'] == 'grant')"
expect 0 "$percept" audit --topic frames --since 1h
grep -q "subscribe .*user $me, .*frames" "$work/out" || fail "no line of a subscription"
! grep -qv frames "$work/out" || fail "--topic lets others through"
expect 0 "$percept" audit --since 2999-01-01
[ ! -s "$work/out" ] || fail "--since lets older ones through"
expect 2 "$percept" audit --since yesterday
"$percept" audit --follow --topic frames >"$work/follow" &
follower=$!
until [ -s "$work/follow" ]; do sleep 0.02; done
before=$(wc -l <"$work/follow")
expect 1 "$percept" echo frames --count 1
until [ "$(wc -l <"$work/follow")" -gt "$before" ]; do sleep 0.05; done
kill "$follower"

# A line that a crash or a full disk has cut short takes no other with it.
printf '{"n":7,"ti' >>"$work/state/percept/audit/$me.jsonl"
expect 1 "$percept" echo absent --count 1
before=$(grep -c '"connect"' "$work/state/percept/audit/$me.jsonl")
expect 0 "$percept" audit --json
[ "$(grep -c '"connect"' "$work/out")" -ge "$before" ] || fail "a record is lost behind one that was cut short"

# What a program is called writes no line of its own, nor anything else on a terminal.
evil=$work/$'evil\n\e[31mforged'
cp "$percept" "$evil"
expect 1 "$evil" echo frames --count 1
expect 0 "$percept" audit --topic frames
grep -q 'refuse .*/evil??\[31mforged  frames' "$work/out" || fail "no line of the program with an evil name"
! grep -q '^[^0-9]' "$work/out" || fail "it forges a line"

# A file of grants that was damaged gives nothing, and that is said.
expect 0 "$percept" grant camera --to "$me"
kill "$daemon"
daemon_ends 0
file=$work/state/percept/grants.json
[ "$(stat -c %a "$file")" = 600 ] || fail "others may read the grants"
cp "$file" "$work/whole"
for damage in 's/camera//' "s/\"uid\": $me/\"uid\": -7/" 's/"version": 1/"version": 2/' '1s/{/[/' '$d'; do
    sed "$damage" "$work/whole" >"$file"
    start_daemon "$work/plain.yaml"
    grep -q "grants.json is damaged: nothing is granted" "$work/daemon.log" || fail "$damage: not a word"
    expect 1 "$percept" echo frames --count 1
    kill "$daemon"
    daemon_ends 0
done
cp "$work/whole" "$file"
chmod 666 "$file"
start_daemon "$work/plain.yaml"
grep -q "grants.json: others may write to it" "$work/daemon.log" || fail "believes what anybody may have written"
expect 1 "$percept" echo frames --count 1

# The folder is one daemon's, and nobody else's.
expect 4 env PERCEPT_SOCKET="$work/second" "$perceptd" --config "$work/plain.yaml"
one_line "another daemon uses the state folder '$work/state/percept'"
kill "$daemon"
daemon_ends 0
chmod 777 "$work/state/percept"
expect 1 "$perceptd" --config "$work/plain.yaml"
one_line "others may write to it"

chmod 700 "$work/state/percept"

# Its quotas hold.
sed 's/^version: 1$/version: 1\ndaemon: {policy: who.yaml}/' "$work/plain.yaml" >"$work/policed.yaml"
printf 'version: 1\nquotas: {connections: 1}\nrules:\n  - {same_user: true, allow: camera}\n' >"$work/who.yaml"
start_daemon "$work/policed.yaml"
rm -f "$work/reader.out" # one from before would be taken for this one's
"$percept" echo frames >"$work/reader.out" &
reader=$!
until [ -s "$work/reader.out" ]; do kill -0 "$reader" || fail "the reader never read"; sleep 0.02; done
expect 4 "$percept" status
one_line "user $me has 1 connections, as many as one may have at present \(quota connections\)"
kill "$reader" "$daemon"
daemon_ends 0

# A policy that is wrong stops the daemon before anything runs.
sed 's/^version: 1$/version: 1\ndaemon: {policy: wrong.yaml}/' "$work/plain.yaml" >"$work/policed.yaml"
printf 'version: 1\nrules:\n  - {anyone: true, deny: [camrea]}\n' >"$work/wrong.yaml"
for command in "$perceptd --config" "$perceptd --check --config" "$percept check"; do
    expect 3 $command "$work/policed.yaml"
    tail -n 1 "$work/err" >"$work/last" && mv "$work/last" "$work/err"
    one_line "wrong.yaml:3:[0-9]+: no topic or class of topics 'camrea'; did you mean 'camera'"
done
