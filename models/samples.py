"""Real inputs for each task, made from the sample media: what int8 is calibrated on and what exports are checked with."""

from pathlib import Path

import numpy as np

from . import hands, images
from .litert import LiteRT

CALIBRATION_STRIDE = 3  # every third sample calibrates int8; the others are left to check it with

HAND_FILES = ("nocurl.jpg", "halfcurl.jpg", "fullcurl.jpg", "fingers-lq.gif")


def hand_frames(media: Path) -> list[images.Frame]:
    return [frame for name in HAND_FILES for frame in images.read(media / "hands" / name)]


def palm_detection(media: Path, originals: Path) -> list[np.ndarray]:
    """The letterboxed frames."""
    return [
        images.crop(frame.pixels, images.letterbox(*frame.size), hands.PALM_SIZE) for frame in hand_frames(media)
    ]


def hand_landmark(media: Path, originals: Path) -> list[np.ndarray]:
    """The crops around the best palm of each frame, found by the original detector."""
    net = LiteRT(originals / "palm_detection_full.tflite")
    crops = []
    for frame in hand_frames(media):
        square = hands.hand_square(hands.detect(frame.pixels, net)[0])
        crops.append(images.crop(frame.pixels, square, hands.LANDMARK_SIZE))
    return crops


TASKS = {"palm_detection": palm_detection, "hand_landmark": hand_landmark}
