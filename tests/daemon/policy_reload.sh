#!/usr/bin/env bash
# SIGHUP: the policy is read again; who may not read any more loses it at once, and a broken file changes nothing.
. "$(dirname "$0")/lib.sh"
frames_config "$work/config.yaml" 0
cp "$work/policy.yaml" "$work/good.yaml"
start_daemon "$work/config.yaml"

# said COUNT PATTERN: the log has so many such lines.
said() {
    until [ "$(grep -cE -- "$2" "$work/daemon.log")" -ge "$1" ]; do
        kill -0 "$daemon" || fail "the daemon has ended"
        sleep 0.02
    done
}
reading() {
    rm -f "$work/reader.out"
    "$percept" echo frames >"$work/reader.out" 2>"$work/err" &
    reader=$!
    until [ -s "$work/reader.out" ]; do kill -0 "$reader" || fail "the reader never read"; sleep 0.02; done
}

# Broken in several ways: one line with its place, and the reader reads on.
reading
broken=0
while read -r text; do
    printf "$text" >"$work/policy.yaml"
    kill -HUP "$daemon"
    broken=$((broken + 1))
    said "$broken" "error: not reloaded, all is as it was: $work/policy.yaml(:[0-9]+:[0-9]+)?: "
done <<'EOT'
version: 1\nrules: [{anyone: true, deny: [camrea]}]\n
version: 1\nrules: [{user: no-such-user, deny: [camera]}]\n
version: 2\n
version: 1\nrules: {\n
EOT
rm "$work/policy.yaml"
kill -HUP "$daemon"
said 1 "error: not reloaded, all is as it was: $work/policy.yaml.*No such file"
before=$(wc -l <"$work/reader.out")
until [ "$(wc -l <"$work/reader.out")" -gt "$before" ]; do kill -0 "$reader" || fail "the reader has ended"; sleep 0.02; done

# The same again: nobody notices.
cp "$work/good.yaml" "$work/policy.yaml"
kill -HUP "$daemon"
said 1 "reloaded: "
before=$(wc -l <"$work/reader.out")
until [ "$(wc -l <"$work/reader.out")" -gt "$before" ]; do kill -0 "$reader" || fail "the reader has ended"; sleep 0.02; done

# Without the rule the reader ends, and is told why.
printf 'version: 1\nquotas: {connections: 1}\nrules: []\n' >"$work/policy.yaml"
kill -HUP "$daemon"
code=0
wait "$reader" || code=$?
[ "$code" = 1 ] || fail "a reader that lost its permission ends with $code"
one_line "topic 'frames' .* was not granted"
expect 1 "$percept" echo frames --count 1

# Its quotas are the new ones: of two connections the second is too many.
"$percept" echo indicator >"$work/indicator.out" &
reader=$!
until [ -s "$work/indicator.out" ]; do kill -0 "$reader" || fail "no indicator"; sleep 0.02; done
expect 4 "$percept" status
one_line "quota connections"
kill "$reader"
wait "$reader" 2>/dev/null || true

# And with it again he is let in again; all of it is on record.
cp "$work/good.yaml" "$work/policy.yaml"
kill -HUP "$daemon"
said 3 "reloaded: "
expect 0 "$percept" echo frames --count 3
expect 0 "$percept" audit --json
cp "$work/out" "$work/audit.jsonl"
json "$work/audit.jsonl" '[r["event"] for r in v].count("reload") == 3 and "end" in {r["event"] for r in v}'
kill "$daemon"
daemon_ends 0

# Keys are looked at again as well: a policy that was revoked, or altered after it was signed, is not taken.
mkdir "$work/keys"
expect 0 "$percept" model keys new "$work/release" --no-password
cp "$work/release.pub" "$work/keys/"
expect 0 "$percept" model sign --key "$work/release.key" "$work/config.yaml" "$work/policy.yaml"
start_daemon "$work/config.yaml" --keys "$work/keys"
kill -HUP "$daemon"
said 1 "reloaded: "
echo "# more" >>"$work/policy.yaml"
kill -HUP "$daemon"
said 1 "as it was: $work/policy.yaml: it was altered"
expect 0 "$percept" model sign --key "$work/release.key" "$work/policy.yaml"
expect 0 "$percept" model keys revoke "$work/keys" "$work/policy.yaml"
kill -HUP "$daemon"
said 1 "as it was: $work/policy.yaml: it was revoked"
expect 0 "$percept" echo frames --count 3
kill "$daemon"
daemon_ends 0
