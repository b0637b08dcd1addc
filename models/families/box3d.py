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
    """int8 is judged by how far its points are off, in pixels of the crop. The samples show none of the objects: they compare
    numbers."""

    def __init__(self, model: Model, out: Path):
        super().__init__(model, out, int8_limit=10.0, unit="px")

    def samples(self) -> list[Sample]:
        frames = hand_frames(self.out / "media")[:FRAMES]
        squares = [images.crop(frame.pixels, images.letterbox(*frame.size), SIZE) for frame in frames]
        return [Sample((nchw(square),)) for square in squares]

    def error(self, outputs: Outputs, reference: Outputs) -> float:
        """Of the points, relative to the crop; and of the probability."""
        points, probability = (float(np.abs(a - b).max()) for a, b in zip(outputs, reference, strict=True))
        return max(points / SIZE, probability)

    def distance(self, outputs: Outputs, reference: Outputs) -> float:
        points = (outputs[0] - reference[0]).reshape(-1, 2)
        return float(np.hypot(points[:, 0], points[:, 1]).mean())


def subject(model: Model, out: Path) -> Subject:
    return Box3d(model, out)
