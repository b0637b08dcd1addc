"""MediaPipe's hand tracking: palm detector and landmark net, from TFLite, on photos and an animation of hands."""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from .. import hands, images, tflite_import
from ..litert import LiteRT
from ..pins import Model
from ..subject import Method, Outputs, Sample, Subject, nchw

HAND_FILES = ("nocurl.jpg", "halfcurl.jpg", "fullcurl.jpg", "fingers-lq.gif")
PROBES = (1, 31)  # a photo and a frame of the animation, neither calibrated on
LOST = 50.0  # pixels that an image counts in which int8 finds no palm


def hand_frames(media: Path) -> list[images.Frame]:
    return [frame for name in HAND_FILES for frame in images.read(media / "hands" / name)]


class Hands(Subject):
    def __init__(self, model: Model, out: Path, int8_limit: float):
        super().__init__(model, out, peer="ai-edge-litert", int8_limit=int8_limit, unit="px")

    @cached_property
    def net(self):
        return tflite_import.build(tflite_import.load(self.original_file()))

    @cached_property
    def engine(self) -> LiteRT:
        return LiteRT(self.original_file())

    def methods(self) -> dict[str, Method]:
        return {"forward": Method(self.net, tuple(map(torch.zeros, self.net.input_shapes)))}

    def samples(self) -> list[Sample]:
        return [Sample((nchw(image),)) for image in self.images()]

    def probes(self, samples: list[Sample]) -> list[Sample]:
        return [samples[i] for i in PROBES]

    def original(self, sample: Sample) -> Outputs:
        return self.engine(sample.inputs[0][0].permute(1, 2, 0).numpy())

    def images(self) -> list[np.ndarray]:
        raise NotImplementedError


class Palms(Hands):
    """int8 is judged by the mean distance of the best palm's 7 keypoints, in pixels of the 192 square."""

    def images(self) -> list[np.ndarray]:
        """The letterboxed frames."""
        frames = hand_frames(self.out / "media")
        return [images.crop(frame.pixels, images.letterbox(*frame.size), hands.PALM_SIZE) for frame in frames]

    def distance(self, outputs: Outputs, reference: Outputs) -> float:
        def best(raw: Outputs) -> hands.Palm | None:
            palms = hands.suppress(hands.decode(raw[0].reshape(-1, 18), raw[1].reshape(-1)))
            return palms[0] if palms else None

        found, wanted = best(outputs), best(reference)
        if found is None or wanted is None:
            return LOST
        return float(np.linalg.norm(found.keypoints - wanted.keypoints, axis=1).mean() * hands.PALM_SIZE)


class Landmarks(Hands):
    """int8 is judged by the mean distance of the 21 points, in pixels of the 224 crop."""

    def images(self) -> list[np.ndarray]:
        """The crops around the best palm of each frame, found by the original detector."""
        net = LiteRT(self.out / "models" / "original" / "palm_detection_full.tflite")
        crops = []
        for frame in hand_frames(self.out / "media"):
            square = hands.hand_square(hands.detect(frame.pixels, net)[0])
            crops.append(images.crop(frame.pixels, square, hands.LANDMARK_SIZE))
        return crops

    def distance(self, outputs: Outputs, reference: Outputs) -> float:
        difference = (outputs[0] - reference[0]).reshape(21, 3)[:, :2]
        return float(np.linalg.norm(difference, axis=1).mean())



TASKS = {"palm_detection": (Palms, 6.0), "hand_landmark": (Landmarks, 2.5)}


def subject(model: Model, out: Path) -> Subject:
    kind, limit = TASKS[model.task]
    return kind(model, out, limit)
