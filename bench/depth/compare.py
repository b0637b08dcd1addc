"""bench/depth/run: our matcher's program, with the census alone and with each net that is exported, and OpenCV's StereoSGBM in turns, on
motorcycle at 320 x 240, 64 disparities."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np

SIZE, DISPARITIES, ROUNDS, RUNS = (320, 240), 64, 5, 15
# The best of 36 settings each on aloe and motorcycle: block, penalties, cap, uniqueness.
SETTINGS = {
    "3WAY": (cv2.STEREO_SGBM_MODE_SGBM_3WAY, 3, (4, 24), 63, 10),
    "HH": (cv2.STEREO_SGBM_MODE_HH, 3, (2, 8), 63, 5),
}
NETS = ("depth_cost.int8", "depth_cost_half.int8")


def ours(program, media, threads, net):
    files = [str((media / f"motorcycle_{eye}.png").absolute()) for eye in ("left", "right")]
    arguments = [*map(str, SIZE), str(DISPARITIES), str(threads), str(RUNS), *(["-", str(net.absolute())] if net else [])]
    return json.loads(subprocess.run([program, *files, *arguments], check=True, capture_output=True).stdout)


def theirs(images, threads, name):
    """Resize, match, median: what ours does but for the check, the filling and the average over time."""
    mode, block, (small, large), cap, unique = SETTINGS[name]
    cv2.setNumThreads(threads)
    area = 3 * block * block
    matcher = cv2.StereoSGBM_create(0, DISPARITIES, block, small * area, large * area, 1, cap, unique, 100, 2, mode)
    times = []
    for i in range(RUNS + 2):
        if i == 2:
            cpu = time.process_time()
        begin = time.perf_counter()
        left, right = (cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA) for image in images)
        cv2.medianBlur(matcher.compute(left, right).astype(np.float32), 3)
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times[2:]), (time.process_time() - cpu) / RUNS * 1e3


def main():
    program, media, models = sys.argv[1], *map(Path, sys.argv[2:4])
    images = [cv2.imread(str(media / f"motorcycle_{eye}.png")) for eye in ("left", "right")]
    nets = {"census": None, **{name: models / f"{name}.pte" for name in NETS if (models / f"{name}.pte").exists()}}
    rows = []
    for threads in (1, 2):
        mine, peers = {name: [] for name in nets}, {name: [] for name in SETTINGS}
        for turn in range(ROUNDS):
            for name, net in nets.items():
                mine[name].append(ours(program, media, threads, net))
            for name in SETTINGS:
                peers[name].append(theirs(images, threads, name))
        for costs, turns in mine.items():
            row = {"costs": costs, "threads": threads}
            row |= {key: statistics.median(m[key] for m in turns) for key in turns[0] if key.endswith("_ms")}
            row["least_cpu_ms"] = min(m["cpu_ms"] for m in turns)
            row["spread"] = max(m["frame_ms"] for m in turns) / min(m["frame_ms"] for m in turns)
            for name, times in peers.items():
                row[f"sgbm_{name}_ms"] = statistics.median(wall for wall, _ in times)
                row[f"sgbm_{name}_cpu_ms"] = statistics.median(cpu for _, cpu in times)
            rows.append(row)
    if "--json" in sys.argv:
        print(json.dumps({"machine": platform.processor() or platform.machine(), "cpus": os.cpu_count(), "rows": rows}))
        return
    for row in rows:
        stages = ", ".join(f"{k[:-3]} {v:.1f}" for k, v in row.items() if k in
                           ("rectify_ms", "census_ms", "net_ms", "aggregate_ms", "mend_ms"))
        print(f"{row['threads']} thread(s), {row['costs']}: {row['frame_ms']:.1f} ms ({stages}), {row['cpu_ms']:.1f} ms of CPU (least "
              f"{row['least_cpu_ms']:.1f}): {row['threads'] * 1e3 / row['cpu_ms']:.0f} frames/s at most")
        for name in SETTINGS:
            peer = row[f"sgbm_{name}_ms"]
            cpu = row[f"sgbm_{name}_cpu_ms"]
            print(f"   StereoSGBM {name}: {peer:.1f} ms, {cpu:.1f} ms of CPU; ours / theirs {row['frame_ms'] / peer:.2f}, "
                  f"of CPU {row['cpu_ms'] / cpu:.2f}")


main()
