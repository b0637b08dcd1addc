"""Objectron's second stage, one net a kind of object: where the centre and the corners of the box around it lie in the crop, from
which its pose follows. From TFLite.
"""

from pathlib import Path

import numpy as np

from .. import images
from ..pins import Model
from ..subject import Outputs, Sample, Subject, nchw
from ..tflite_subject import TfliteSubject
from .hands import hand_frames

SIZE = 224
FRAMES = 12


class Box3d(TfliteSubject):
    """The samples show none of the objects: they compare numbers, and are not what int8 could be calibrated on."""

    def samples(self) -> list[Sample]:
        frames = hand_frames(self.out / "media")[:FRAMES]
        squares = [images.crop(frame.pixels, images.letterbox(*frame.size), SIZE) for frame in frames]
        return [Sample((nchw(square),)) for square in squares]

    def error(self, outputs: Outputs, reference: Outputs) -> float:
        """Of the points, relative to the crop; and of the probability."""
        points, probability = (float(np.abs(a - b).max()) for a, b in zip(outputs, reference, strict=True))
        return max(points / SIZE, probability)


def subject(model: Model, out: Path) -> Subject:
    return Box3d(model, out)
