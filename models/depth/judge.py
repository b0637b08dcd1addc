"""`python -m models depth-judge`: our nets, or the daemon's own matching, beside OpenCV's StereoSGBM, on real pairs that neither learned from.

The yardstick gets the best of its 72 settings in each condition, chosen by the truth of these very pairs; ours are the weights and
options of the repository in all of them. Every pixel counts: the yardstick's holes are filled from behind, as ours are.
"""

import json
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch

from .. import files
from . import pairs, yardstick
from .draw import colours
from .learned import FOLDER, load
from .matcher import Matcher
from .nets import CANDIDATES
from .pairs import RealPair

SHOWN = "Percept"  # in pictures
EXPORTED = (320, 240)  # what the files take
FLOWS = ("fp32-xnnpack", "int8-xnnpack")  # ExecuTorch's portable kernels would take minutes for the others


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


def _errors(disparity: np.ndarray, pair: RealPair) -> np.ndarray:
    """White: off by 3 px and more; blue: not known."""
    off = np.clip(np.abs(disparity - pair.disparity) * (255 / 3), 0, 255).astype(np.uint8)
    shown = cv2.cvtColor(off, cv2.COLOR_GRAY2BGR)
    shown[~pair.known] = (96, 32, 0)
    return shown


def picture(pair: RealPair, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Left image, truth, ours, SGBM; below: the right image, and how far both are off."""
    truth = colours(pair.disparity) * pair.known[..., None]
    above = [np.ascontiguousarray(image) for image in (pair.left[..., ::-1], truth, colours(ours), colours(theirs))]
    below = [pair.right[..., ::-1], np.zeros_like(pair.left), _errors(ours, pair), _errors(theirs, pair)]
    for image, name in zip(above, ("left", "truth", "Percept", "StereoSGBM"), strict=True):
        for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(image, name, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, width, cv2.LINE_AA)
    return np.vstack([np.hstack(above), np.hstack(below)])


def _line(who: str, name: str, row: dict) -> str:
    visible, everything = row["visible"], row["all"]
    return (
        f"  {name:<12}{who:<21}"
        f"{visible['median']:6.2f}{visible['over1']:7.1f}{visible['over3']:7.1f}   "
        f"{everything['median']:6.2f}{everything['over1']:7.1f}{everything['over3']:7.1f}"
    )


def ways() -> dict[str, Matcher]:
    """What is judged: aggregation with the last word, and the net that refines after it."""
    cost = load("cost")
    found = {"Percept": Matcher(cost)}
    if (FOLDER / "refine.pt").is_file():
        found["Percept, refined"] = Matcher(cost, load("refine"))
    return found


class Node:
    """What the node stereo_depth does by the census, in C: bench_depth takes the same way."""

    def __init__(self, program: Path):
        self.program = program

    def __call__(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray]:
        height, width = left.shape[:2]
        with tempfile.TemporaryDirectory() as folder:
            eyes = [Path(folder) / f"{side}.png" for side in ("left", "right")]
            for eye, image in zip(eyes, (left, right), strict=True):
                cv2.imwrite(str(eye), image[..., ::-1])
            out = Path(folder) / "disparity"
            numbers = map(str, (width, height, CANDIDATES, 1, 1))  # one thread, one map
            subprocess.run([self.program, *eyes, *numbers, out], check=True, stdout=subprocess.DEVNULL)
            return (np.fromfile(out, np.float32).reshape(height, width),)


class Exported:
    """A net in a .pte file, as a Matcher wants it."""

    def __init__(self, path: Path):
        from ..pte import Pte

        self.pte = Pte(path)

    def __call__(self, *images: torch.Tensor) -> list[torch.Tensor]:
        return [torch.from_numpy(features) for features in self.pte(*images)]


def judge_files(out: Path, as_json: bool) -> int:
    """The exported files on ExecuTorch's runtime, and PyTorch's net beside them, at the size that the files are for."""
    seen = pairs.load(out / "media", EXPORTED)
    nets = {"PyTorch": load("cost")}
    nets |= {flow: Exported(path) for flow in FLOWS if (path := out / "models" / f"depth_cost.{flow}.pte").is_file()}
    found = {}
    for who, net in nets.items():
        matcher = Matcher(net)
        found[who] = measure([matcher(pair.left, pair.right)[0] for pair in seen], seen)
        if not as_json:
            print("\n".join(_line(who, pair.name, found[who][pair.name]) for pair in seen), flush=True)
    if as_json:
        print(json.dumps(found, indent=1))
    return 0


def judge(out: Path, pictures: Path | None, as_json: bool, node: Path | None = None) -> int:
    """Prints the table and writes OUT/depth/judge.json. node: its program, which is judged in place of the nets."""
    given, results = pairs.load(out / "media"), []
    matchers = {SHOWN: Node(node)} if node else ways()
    for condition, (change, drawn) in pairs.CONDITIONS.items():
        seen = [change(pair) for pair in given]
        setting, theirs, rows = best_yardstick(seen)
        ours = {who: [matcher(pair.left, pair.right)[0] for pair in seen] for who, matcher in matchers.items()}
        found = {who: measure(disparities, seen) for who, disparities in ours.items()} | {"StereoSGBM, filled": rows}
        results.append({"condition": condition, "setting": str(setting), "scores": found})
        if not as_json:
            print(f"{condition}; StereoSGBM: {setting}")
            print(f"  {'':<33}visible: median, % > 1, % > 3   all: median, % > 1, % > 3")
            for pair in given:
                print("\n".join(_line(who, pair.name, row[pair.name]) for who, row in found.items()), flush=True)
        if pictures and drawn:
            pictures.mkdir(parents=True, exist_ok=True)
            for pair, mine, other in zip(seen, ours[SHOWN], theirs, strict=True):
                file = pictures / f"depth_{pair.name}{drawn}jpg"
                cv2.imwrite(str(file), picture(pair, mine, other), [cv2.IMWRITE_JPEG_QUALITY, 88])
    files.write(out / "depth" / "judge.json", json.dumps(results, indent=1) + "\n")
    if as_json:
        print(json.dumps(results, indent=1))
    return 0
