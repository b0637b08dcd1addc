"""The hands pipeline around its two nets: what is fed to them and what their numbers mean.

This is the geometry of MediaPipe's hand tracking, stated once, without tracking from frame to frame. The C nodes of
`pipelines/` follow it and are compared to it, so every choice is spelled out here and in models/README.md.

1. Letterbox. The palm net sees the smallest upright square around the whole image (images.letterbox), 192 x 192.
2. Palm decode. 2016 anchors: cells of a 24 x 24 grid with 2 anchors each, then of a 12 x 12 grid with 6 each, rows first;
   an anchor is the centre ((column + 0.5) / n, (row + 0.5) / n) of its cell, its size is 1. A raw box holds 18 numbers in
   pixels of the 192 square: centre x, y relative to the anchor, width, height, then 7 keypoints x, y relative to the anchor.
   Score: sigmoid of the raw score clipped to +-100. Boxes with a score below 0.5 are dropped.
3. Weighted non-maximum suppression. Take the best box, gather every remaining box whose IoU with it exceeds 0.3 (itself
   included), replace its corners and keypoints by the means weighted with the scores, keep its own score; repeat. The IoU is
   with the best box as it was, not with the mean.
4. Crop square. With wrist = keypoint 0 and middle finger = keypoint 2, rotation = pi/2 - atan2(wrist.y - middle.y,
   middle.x - wrist.x), brought into [-pi, pi): 0 when the fingers point up. The box centre moves by half the box height
   towards the fingers: (+sin(rotation), -cos(rotation)) * 0.5 * height. Side = 2.6 * max(width, height).
5. Landmark net: the crop at 224 x 224. Landmarks are x, y, z in pixels of the crop; x and y go back through
   the square; z (depth relative to the wrist, negative towards the camera) is scaled by side / 224 / 0.4, which makes it
   about as large as x and y are. World landmarks are metres from the hand's geometric centre, in the crop's axes: x and y
   are turned by `rotation` into the image's axes. Presence is the probability that the crop holds a hand; handedness the
   probability that it is a right hand, if the image is not mirrored.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .images import Square, crop, letterbox

PALM_SIZE, LANDMARK_SIZE = 192, 224
SCORE_THRESHOLD, OVERLAP_THRESHOLD = 0.5, 0.3
WRIST, MIDDLE = 0, 2  # palm keypoints that give the rotation
SHIFT, SCALE = 0.5, 2.6
DEPTH_SCALE = 1 / 0.4

# A net takes float32 [size, size, 3] in 0..1 and gives its outputs in the order of the TFLite file.
Net = Callable[[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True)
class Palm:
    """A detection. `box` is (left, top, width, height), `keypoints` [7, 2]; both in the units of whoever made it."""

    score: float
    box: np.ndarray
    keypoints: np.ndarray


@dataclass(frozen=True)
class Hand:
    """Landmarks of one crop: [21, 3] in image pixels and in metres; presence and handedness as probabilities."""

    palm: Palm
    square: Square
    landmarks: np.ndarray
    world: np.ndarray
    presence: float
    handedness: float


def anchors() -> np.ndarray:
    rows = []
    for cells, count in ((24, 2), (12, 6)):
        centres = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(centres, centres)
        rows.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), count, axis=0))
    return np.concatenate(rows)


ANCHORS = anchors()


def decode(boxes: np.ndarray, scores: np.ndarray) -> list[Palm]:
    """Raw outputs [2016, 18] and [2016] to the candidates above the threshold, in 0..1 of the letterbox, best first."""
    score = 1 / (1 + np.exp(-np.clip(scores.astype(np.float64), -100, 100)))
    palms = []
    for i in np.argsort(-score, kind="stable"):
        if score[i] < SCORE_THRESHOLD:
            break
        centre, size = boxes[i, 0:2] / PALM_SIZE + ANCHORS[i], boxes[i, 2:4] / PALM_SIZE
        keypoints = boxes[i, 4:].reshape(7, 2) / PALM_SIZE + ANCHORS[i]
        palms.append(Palm(float(score[i]), np.concatenate([centre - size / 2, size]), keypoints))
    return palms


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    edges = np.minimum(a[:2] + a[2:], b[:2] + b[2:]) - np.maximum(a[:2], b[:2])
    shared = float(np.prod(np.maximum(edges, 0)))
    union = float(a[2] * a[3] + b[2] * b[3]) - shared
    return shared / union if union > 0 else 0.0


def suppress(palms: list[Palm]) -> list[Palm]:
    """Weighted non-maximum suppression of candidates that are sorted best first."""
    kept = []
    while palms:
        best = palms[0]
        group = [palm for palm in palms if overlap(palm.box, best.box) > OVERLAP_THRESHOLD]
        if not group:  # a box without area overlaps nothing, not even itself
            palms = palms[1:]
            continue
        weights = np.array([palm.score for palm in group])
        weights /= weights.sum()
        box = np.tensordot(weights, np.stack([palm.box for palm in group]), 1)
        keypoints = np.tensordot(weights, np.stack([palm.keypoints for palm in group]), 1)
        kept.append(Palm(best.score, box, keypoints))
        palms = [palm for palm in palms if overlap(palm.box, best.box) <= OVERLAP_THRESHOLD]
    return kept


def to_image(palm: Palm, square: Square) -> Palm:
    """From 0..1 of an upright square to image pixels."""
    corner = square.to_image(palm.box[None, :2])[0]
    return Palm(palm.score, np.concatenate([corner, palm.box[2:] * square.side]), square.to_image(palm.keypoints))


def hand_square(palm: Palm) -> Square:
    """Where the landmark net looks, from a palm in image pixels."""
    across, down = palm.keypoints[MIDDLE] - palm.keypoints[WRIST]
    rotation = np.pi / 2 - np.arctan2(-down, across)
    rotation -= 2 * np.pi * np.floor((rotation + np.pi) / (2 * np.pi))
    x, y = palm.box[:2] + palm.box[2:] / 2
    width, height = palm.box[2:]
    shift = SHIFT * height
    side = SCALE * max(width, height)
    return Square(float(x + shift * np.sin(rotation)), float(y - shift * np.cos(rotation)), float(side), float(rotation))


def detect(pixels: np.ndarray, net: Net) -> list[Palm]:
    """The palms of an image, in its pixels, best first."""
    square = letterbox(pixels.shape[1], pixels.shape[0])
    boxes, scores = net(crop(pixels, square, PALM_SIZE))
    palms = suppress(decode(boxes.reshape(-1, 18), scores.reshape(-1)))
    return [to_image(palm, square) for palm in palms]


def landmarks(pixels: np.ndarray, palm: Palm, net: Net) -> Hand:
    square = hand_square(palm)
    points, presence, handedness, world = net(crop(pixels, square, LANDMARK_SIZE))
    points = points.reshape(21, 3).astype(np.float64) / LANDMARK_SIZE
    world = world.reshape(21, 3).astype(np.float64)
    image = np.column_stack([square.to_image(points[:, :2]), points[:, 2] * square.side * DEPTH_SCALE])
    turned = np.column_stack([world[:, :2] @ square.axes().T, world[:, 2]])
    return Hand(palm, square, image, turned, float(presence.item()), float(handedness.item()))
