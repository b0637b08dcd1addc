#!/usr/bin/env bash
# percept report: whole files or none, and they say what was published.
. "$(dirname "$0")/lib.sh"
frames_config "$work/short.yaml" 40

# Started first, it waits for the daemon; every sample is accounted for.
"$percept" report --wait 60 --out "$work/new/report" >"$work/report.log" 2>&1 &
reader=$!
start_at_rest "$work/short.yaml"
go 1
wait "$reader" || fail "report: exit $?"
daemon_ends 0
report=$work/new/report/report.json
json "$report" 'v["complete"] and v["topics"][0]["name"] == "frames"'
json "$report" 'sum(v["topics"][0][k] for k in ("messages", "lost_by_reader", "missed_before")) + v["pipelines"][0]["dropped_late"] == 120'
json "$report" '0 < v["topics"][0]["latency_p50_ms"] <= v["topics"][0]["latency_p99_ms"]'
json "$report" 'v["topics"][0]["rate_hz"] > 0 and v["pipelines"][0]["state"] == "done"'
json "$report" '(v["first_published_s"] is None) == (v["topics"][0]["missed_before"] > 0)'
html=$work/new/report/report.html
for part in '<svg' 'data:image/jpeg;base64,' '</html>' 'capture to client'; do
    grep -qF "$part" "$html" || fail "report.html has no $part"
done
[ "$(stat -c %s "$html")" -lt 4000000 ] || fail "report.html is too large to be mailed"
! grep -qE '(src|href)="?(https?:)?//' "$html" || fail "report.html loads something"
python3 - "$html" <<'PYTHON' || fail "report.html: tags"
import html.parser, sys
class Check(html.parser.HTMLParser):
    stack = []
    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.stack.append(tag)
    def handle_startendtag(self, tag, attrs):
        pass
    def handle_endtag(self, tag):
        assert self.stack and self.stack.pop() == tag, tag
check = Check()
check.feed(open(sys.argv[1]).read())
assert not check.stack, check.stack
PYTHON
[ "$(ls "$work/new/report" | wc -l)" = 2 ] || fail "more than two files are left"

# Time is up before the end.
frames_config "$work/endless.yaml" 0
start_daemon "$work/endless.yaml"
expect 0 "$percept" echo frames --count 1
expect 0 "$percept" report --seconds 2 --out "$work/part"
json "$work/part/report.json" 'not v["complete"] and v["topics"][0]["messages"] > 0'

# Topics by name, and one that is not there.
expect 0 "$percept" report frames --seconds 0.3 --out "$work/named"
json "$work/named/report.json" '[t["name"] for t in v["topics"]] == ["frames"]'
expect 1 "$percept" report frames faces --seconds 0.3 --out "$work/unnamed"
one_line "no topic 'faces'"

# A folder that can't be.
expect 1 "$percept" report --seconds 0.3 --out "$work/images/0.ppm/x"
one_line "$work/images/0.ppm"

# The daemon goes away for good: what was read is written, and the exit tells.
"$percept" report --out "$work/gone" >"$work/gone.log" 2>"$work/err" &
reader=$!
until [ -s "$work/gone.log" ]; do sleep 0.02; done
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
code=0
wait "$reader" || code=$?
[ "$code" = 4 ] || fail "exit $code instead of 4"
one_line "the daemon has gone"
json "$work/gone/report.json" 'not v["complete"]'
expect 4 "$percept" report --out "$work/none"
one_line "no daemon"
