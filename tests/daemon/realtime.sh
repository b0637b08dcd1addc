#!/usr/bin/env bash
# Where and how urgently the daemon's threads run: the configuration's CPUs, and SCHED_FIFO as far as the system lets it.
. "$(dirname "$0")/lib.sh"

# threads PYTHON: one that holds for the list of (name, policy, priority, CPUs) of the daemon's threads.
threads() {
    python3 - "$daemon" "$1" <<'PYTHON' || fail "not so: $1"
import os, sys
v = []
for tid in os.listdir(f"/proc/{sys.argv[1]}/task"):
    try:
        with open(f"/proc/{sys.argv[1]}/task/{tid}/comm") as f:
            v.append((f.read().strip(), os.sched_getscheduler(int(tid)) & ~os.SCHED_RESET_ON_FORK, os.sched_getparam(int(tid)).sched_priority,
                      os.sched_getaffinity(int(tid))))
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        pass
print(v)
sys.exit(not eval(sys.argv[2], {"v": v, "FIFO": os.SCHED_FIFO, "OTHER": os.SCHED_OTHER}))
PYTHON
}

# with SCHEDULER DAEMON: two pipelines, under these keys.
with() {
    frames_config "$work/percept.yaml" 0
    sed -i "s/^daemon: {/scheduler: {$1}\ndaemon: {threads: 2, $2/" "$work/percept.yaml"
    sed -i 's/ pictures:/ pictures:\n    priority: high/' "$work/percept.yaml"
    cat >>"$work/percept.yaml" <<YAML
  more:
    source: {type: images, paths: [$work/images], rate: 10, loop: 0}
    priority: low
    topics: {more: source}
YAML
}

# The thread of a pipeline is there some time after the socket is.
settled() {
    expect 0 "$percept" echo frames --count 1
    expect 0 "$percept" echo more --count 1
}

with "realtime: 7" ""
start_daemon "$work/percept.yaml"
settled
if chrt -f 7 true 2>/dev/null; then
    threads 'all(t[1:3] == (FIFO, 7) for t in v if t[0] == "pictures")'
    threads 'all(t[1:3] == (FIFO, 5) for t in v if t[0] == "more")'
    threads 'sum(t[1:3] == (FIFO, 7) for t in v) >= 2' # a worker is another one
    threads 'max(t[2] for t in v) == 7'
else
    grep -q 'pipeline pictures: realtime: priority 7: .*; going on without' "$work"/*.log || fail "not told"
    threads 'all(t[1] == OTHER for t in v)'
fi
kill "$daemon"
daemon_ends 0

# Without the right to, it says so and goes on.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    (ulimit -r 0 && exec setpriv --bounding-set=-sys_nice --inh-caps=-sys_nice "$perceptd" --config "$work/percept.yaml" 2>"$work/unprivileged.log") &
    daemon=$!
    until grep -qs 'pipeline more: realtime: priority 5' "$work/unprivileged.log"; do sleep 0.05; done
    grep -q 'realtime: workers at priority 7: .*; going on without' "$work/unprivileged.log" || fail "workers"
    expect 0 "$percept" echo frames --count 1
    kill "$daemon"
    daemon_ends 0
fi

cpu=$(python3 -c 'import os; print(min(os.sched_getaffinity(0)))')
with "share: 0.05" "cpus: [$cpu], "
start_daemon "$work/percept.yaml"
settled
threads "all(t[3] == {$cpu} for t in v)"
threads 'all(t[1] == OTHER for t in v)'
expect 0 "$percept" status --json
json "$work/out" 'v["lanes"][0]["slots"] == 1'
kill "$daemon"
daemon_ends 0

with "share: 0.05" "cpus: [1000], "
expect 3 "$perceptd" --config "$work/percept.yaml"
one_line "daemon: cpus: this process may not use CPU 1000, only [0-9]"
with "realtime: 100" ""
expect 3 "$perceptd" --config "$work/percept.yaml"
one_line "percept.yaml:2:23: .*99"
