"""SSD-MobileNetV2 of MediaPipe's Objectron (23 classes of Open Images), from TFLite."""

from pathlib import Path

from .. import images
from ..pins import Model
from ..subject import Sample, Subject, nchw
from ..tflite_subject import TfliteSubject
from .hands import hand_frames

SIZE = 300
FRAMES = 12


class Objects(TfliteSubject):
    """int8 is judged by the largest error of a score's logit or of a box, relative to the largest."""

    def __init__(self, model: Model, out: Path):
        super().__init__(model, out, int8_limit=0.3)

    def samples(self) -> list[Sample]:
        frames = hand_frames(self.out / "media")[:FRAMES]
        squares = [images.crop(frame.pixels, images.letterbox(*frame.size), SIZE) for frame in frames]
        return [Sample((nchw(square) * 2 - 1,)) for square in squares]


def subject(model: Model, out: Path) -> Subject:
    return Objects(model, out)
