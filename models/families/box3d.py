"""Objectron's second stage, one net a kind of object: where the centre and the corners of the box around it lie in the crop, from
which its pose follows. From TFLite.
"""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from .. import images, tflite_import
from ..litert import LiteRT
from ..pins import Model
from ..subject import Method, Outputs, Sample, Subject, nchw

SIZE = 224
PHOTOS = ("nocurl.jpg", "halfcurl.jpg", "fullcurl.jpg", "fingers-lq.gif")
FRAMES = 12


class Box3d(Subject):
    """int8 is judged by how far its points are off, in pixels of the crop. The samples show none of the objects: they compare
    numbers."""

    def __init__(self, model: Model, out: Path):
        super().__init__(model, out, peer="ai-edge-litert", int8_limit=10.0, unit="px")

    @cached_property
    def net(self) -> tflite_import.TfliteModule:
        return tflite_import.build(tflite_import.load(self.original_file()))

    @cached_property
    def engine(self) -> LiteRT:
        return LiteRT(self.original_file())

    def methods(self) -> dict[str, Method]:
        return {"forward": Method(self.net, tuple(map(torch.zeros, self.net.input_shapes)))}

    def samples(self) -> list[Sample]:
        frames = [frame for name in PHOTOS for frame in images.read(self.out / "media" / "hands" / name)][:FRAMES]
        squares = [images.crop(frame.pixels, images.letterbox(*frame.size), SIZE) for frame in frames]
        return [Sample((nchw(square),)) for square in squares]

    def original(self, sample: Sample) -> Outputs:
        return self.engine(sample.inputs[0][0].permute(1, 2, 0).numpy())

    def error(self, outputs: Outputs, reference: Outputs) -> float:
        """Of the points, relative to the crop; and of the probability."""
        points, probability = (float(np.abs(a - b).max()) for a, b in zip(outputs, reference, strict=True))
        return max(points / SIZE, probability)

    def distance(self, outputs: Outputs, reference: Outputs) -> float:
        points = (outputs[0] - reference[0]).reshape(-1, 2)
        return float(np.hypot(points[:, 0], points[:, 1]).mean())


def subject(model: Model, out: Path) -> Subject:
    return Box3d(model, out)
