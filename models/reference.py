"""`python -m models reference`: what the original nets see in the sample media, for the C pipeline to be compared with.

OUT/reference/hands.json: {"convention": text, "peer": text, "records": [one object per frame and model size]}. A record:
file, frame (index in the file), width, height, model ("lite" or "full"), hands: best first, at most two, each with
  score, box [left, top, width, height], keypoints [7][x, y]      the palm, in image pixels
  square {"x", "y", "side", "rotation"}                            where the landmark net looked; pixels, radians
  landmarks [21][x, y, z]                                          image pixels
  world [21][x, y, z]                                              metres
  presence, handedness                                             probabilities
Every frame is taken by itself: palm detector first, no tracking.
"""

import json
from pathlib import Path

from . import files, hands, images, index, pins
from .litert import LiteRT
from .progress import Progress
from .families.hands import hand_frames

MAX_HANDS = 2
DECIMALS = 6


def _rounded(value):
    if isinstance(value, float):
        return round(value, DECIMALS)
    return [_rounded(item) for item in value]


def _hand(hand: hands.Hand) -> dict:
    square = hand.square
    return {
        "score": _rounded(hand.palm.score),
        "box": _rounded(hand.palm.box.tolist()),
        "keypoints": _rounded(hand.palm.keypoints.tolist()),
        "square": {name: _rounded(getattr(square, name)) for name in ("x", "y", "side", "rotation")},
        "landmarks": _rounded(hand.landmarks.tolist()),
        "world": _rounded(hand.world.tolist()),
        "presence": _rounded(hand.presence),
        "handedness": _rounded(hand.handedness),
    }


def record(frame: images.Frame, size: str, palm_net: hands.Net, landmark_net: hands.Net) -> dict:
    palms = hands.detect(frame.pixels, palm_net)[:MAX_HANDS]
    found = [hands.landmarks(frame.pixels, palm, landmark_net) for palm in palms]
    width, height = frame.size
    return {
        "file": frame.file,
        "frame": frame.index,
        "width": width,
        "height": height,
        "model": size,
        "hands": [_hand(hand) for hand in found],
    }


def _key(zoo: pins.Zoo) -> str:
    nets = " ".join(zoo.models[name].sha256 for name in zoo.of_groups(["hands"]))
    return f"{index.recipe('reference.py')} {nets} " + " ".join(m.sha256 for m in zoo.media if m.folder == "hands")


def current(zoo: pins.Zoo, out: Path) -> bool:
    """Whether the file is there and made by these sources."""
    try:
        return json.loads((out / "reference" / "hands.json").read_text())["key"] == _key(zoo)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def reference(zoo: pins.Zoo, out: Path) -> None:
    """Writes the file. The sample media and the original nets must be there."""
    frames = hand_frames(out / "media")
    progress = Progress(2 * len(frames))
    records = []
    for size in ("lite", "full"):
        palm_net = LiteRT(out / "models" / "original" / f"palm_detection_{size}.tflite")
        landmark_net = LiteRT(out / "models" / "original" / f"hand_landmark_{size}.tflite")
        for frame in frames:
            progress.step(f"{frame.file} {frame.index} {size}")
            records.append(record(frame, size, palm_net, landmark_net))
    content = {
        "key": _key(zoo),
        "peer": f"ai-edge-litert {index.version('ai-edge-litert')}",
        "convention": hands.__doc__,
        "records": records,
    }
    target = out / "reference" / "hands.json"
    files.write(target, json.dumps(content) + "\n")
    progress.done(f"{len(records)} records in {target}")
