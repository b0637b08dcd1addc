"""Where are the tips of the index fingers? With the daemon of `make run`, from the source tree:

    make run &
    export PERCEPT_SOCKET=build/demo/percept.sock PERCEPT_LIBRARY=build/release/lib/libpercept.so
    PYTHONPATH=clients/python build/venv/bin/python examples/fingertips.py

Ends with the topic. docs/python.md explains it.
"""

import sys

import percept

INDEX_TIP = 8  # ipc/topics.h


def daemon_changed(connected: bool) -> None:
    print("the daemon is back" if connected else "the daemon has gone; waiting", file=sys.stderr)


with percept.connect(on_connection=daemon_changed, wait=10) as client:
    for sample in client.subscribe("hands"):
        age_ms = (sample.publish_ns - sample.capture_ns) / 1e6
        for hand in sample["hands"]:
            x, y, _ = hand["image"][INDEX_TIP]
            side = "right" if hand["handedness"] == 1 else "left"
            print(f"frame {sample['frame']}, {age_ms:.1f} ms: {side} index finger at {x:.0f}, {y:.0f}")
