"""`python -m models depth-judge`: our nets beside OpenCV's StereoSGBM, on real pairs that neither learned from.

The yardstick gets the best of its 72 settings in each condition, chosen by the truth of these very pairs; ours are the weights and
options of the repository in all of them. Every pixel counts: the yardstick's holes are filled from behind, as ours are.
"""

import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from .. import files
from . import pairs, yardstick
from .learned import load
from .matcher import Matcher
from .pairs import RealPair

GOAL = {"aloe": (2.4, 4.9), "motorcycle": (3.3, 6.6)}  # per cent off by more than 3 px: visible, all


def measure(disparities: list[np.ndarray], seen: list[RealPair]) -> dict:
    """Scores by pair, for what both eyes see and for all."""
    rows = {}
    for disparity, pair in zip(disparities, seen, strict=True):
        rows[pair.name] = {name: asdict(pairs.score(disparity, pair, name == "visible")) for name in ("visible", "all")}
    return rows


def _worst(rows: dict) -> float:
    """What the yardstick's setting is chosen by."""
    return float(np.mean([row["all"]["over3"] for row in rows.values()]))


def best_yardstick(seen: list[RealPair]) -> tuple[yardstick.Setting, list[np.ndarray], dict]:
    found = []
    for setting in yardstick.SETTINGS:
        disparities = [yardstick.disparity(pair.left, pair.right, setting) for pair in seen]
        found.append((setting, disparities, measure(disparities, seen)))
    return min(found, key=lambda row: _worst(row[2]))


def _colours(disparity: np.ndarray) -> np.ndarray:
    return cv2.applyColorMap(np.clip(disparity * 4, 0, 255).astype(np.uint8), cv2.COLORMAP_TURBO)


def _errors(disparity: np.ndarray, pair: RealPair) -> np.ndarray:
    """White: off by 3 px and more; blue: not known."""
    off = np.clip(np.abs(disparity - pair.disparity) * (255 / 3), 0, 255).astype(np.uint8)
    shown = cv2.cvtColor(off, cv2.COLOR_GRAY2BGR)
    shown[~pair.known] = (96, 32, 0)
    return shown


def picture(pair: RealPair, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Left image, truth, ours, SGBM; below: right image, confidence is not shown, errors of ours and SGBM."""
    names = ("left", "truth", "Percept", "StereoSGBM")
    blank = np.zeros_like(pair.left)
    above = [pair.left[..., ::-1], _colours(pair.disparity) * pair.known[..., None], _colours(ours), _colours(theirs)]
    below = [pair.right[..., ::-1], blank, _errors(ours, pair), _errors(theirs, pair)]
    for image, name in zip(above, names, strict=True):
        image[:] = image  # own memory, before it is written on
    above = [np.ascontiguousarray(image) for image in above]
    for image, name in zip(above, names, strict=True):
        cv2.putText(image, name, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(image, name, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    return np.vstack([np.hstack(above), np.hstack(below)])


def _line(who: str, name: str, row: dict) -> str:
    visible, everything = row["visible"], row["all"]
    return (
        f"  {name:<11}{who:<28}"
        f"{visible['median']:6.2f}{visible['over1']:7.1f}{visible['over3']:7.1f}   "
        f"{everything['median']:6.2f}{everything['over1']:7.1f}{everything['over3']:7.1f}"
    )


def judge(out: Path, pictures: Path | None, as_json: bool) -> int:
    """Prints the table and writes OUT/depth/judge.json."""
    cost, refine = load("cost"), load("refine")
    ways = {"Percept, nets and paths": Matcher(cost, refine), "Percept, without refining": Matcher(cost)}
    given, results = pairs.load(out / "media"), []
    for condition, change in pairs.CONDITIONS.items():
        seen = [change(pair) for pair in given]
        setting, theirs, rows = best_yardstick(seen)
        if not as_json:
            print(f"{condition}; StereoSGBM: {setting}")
            print(f"  {'':<39}  visible: median, % > 1, % > 3;   all", flush=True)
        found = {"StereoSGBM, filled": rows}
        for who, matcher in ways.items():
            ours = [matcher(pair.left, pair.right)[0] for pair in seen]
            found[who] = measure(ours, seen)
            if who == next(iter(ways)) and pictures:
                pictures.mkdir(parents=True, exist_ok=True)
                for pair, mine, other in zip(seen, ours, theirs, strict=True):
                    if condition in list(pairs.CONDITIONS)[:2]:
                        name = f"depth_{pair.name}{'' if pair is given else ''}"
                        suffix = "" if condition == "as it is" else "_noise"
                        cv2.imwrite(str(pictures / f"{name}{suffix}.jpg"), picture(pair, mine, other), [cv2.IMWRITE_JPEG_QUALITY, 88])
        results.append({"condition": condition, "setting": str(setting), "scores": found})
        if not as_json:
            for pair in given:
                for who, row in found.items():
                    print(_line(who, pair.name, row[pair.name]), flush=True)
    files.write(out / "depth" / "judge.json", json.dumps(results, indent=1) + "\n")
    if as_json:
        print(json.dumps(results, indent=1))
    return 0
