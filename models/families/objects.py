"""SSD-MobileNetV2 of MediaPipe's Objectron (23 classes of Open Images), from TFLite."""

from functools import cached_property
from pathlib import Path

import torch

from .. import images, tflite_import
from ..litert import LiteRT
from ..pins import Model
from ..subject import Method, Outputs, Sample, Subject, nchw

SIZE = 300
PHOTOS = ("nocurl.jpg", "halfcurl.jpg", "fullcurl.jpg", "fingers-lq.gif")
FRAMES = 12


class Objects(Subject):
    """int8 is judged by the largest error of a score's logit or of a box, relative to the largest."""

    def __init__(self, model: Model, out: Path):
        super().__init__(model, out, peer="ai-edge-litert", int8_limit=0.3)

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
        return [Sample((nchw(square) * 2 - 1,)) for square in squares]

    def original(self, sample: Sample) -> Outputs:
        return self.engine(sample.inputs[0][0].permute(1, 2, 0).numpy())


def subject(model: Model, out: Path) -> Subject:
    return Objects(model, out)
