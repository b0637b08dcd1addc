"""MediaPipe's hand tracking: palm detector and landmark net, from TFLite, on photos and an animation of hands."""

from pathlib import Path

import numpy as np

from .. import hands, images
from ..litert import LiteRT
from ..pins import Model
from ..subject import Outputs, Sample, Subject, nchw
from ..tflite_subject import TfliteSubject

HAND_FILES = ("nocurl.jpg", "halfcurl.jpg", "fullcurl.jpg", "fingers-lq.gif")
PROBES = (1, 31)  # a photo and a frame of the animation, neither calibrated on
LOST = 50.0  # pixels that an image counts in which int8 finds no palm


def hand_frames(media: Path) -> list[images.Frame]:
    return [frame for name in HAND_FILES for frame in images.read(media / "hands" / name)]


class Hands(TfliteSubject):
    def __init__(self, model: Model, out: Path, int8_limit: float):
        super().__init__(model, out, int8_limit=int8_limit, unit="px")

    def samples(self) -> list[Sample]:
        return [Sample((nchw(image),)) for image in self.images()]

    def probes(self, samples: list[Sample]) -> list[Sample]:
        return [samples[i] for i in PROBES]

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
