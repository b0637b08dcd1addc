"""Outlines of things: how much of each pixel they cover, 0..1. Leaves, bars, fences, rings and letters are there because
thin parts and holes are what stereo loses first."""

import cv2
import numpy as np

from .textures import Random

Size = tuple[int, int]  # width, height of the canvas, which has twice the pixels of the outline each way


def _polygon(random: Random, canvas: np.ndarray, size: Size) -> None:
    count = int(random.integers(3, 9))
    angle = np.sort(random.uniform(0, 2 * np.pi, count))
    reach = random.uniform(0.4, 1, count) if random.random() < 0.5 else np.full(count, 0.95)
    corners = np.stack([np.cos(angle) * reach * size[0] / 2 + size[0] / 2, np.sin(angle) * reach * size[1] / 2 + size[1] / 2], 1)
    cv2.fillPoly(canvas, [corners.astype(np.int32)], 255, cv2.LINE_AA)


def _box(random: Random, canvas: np.ndarray, size: Size) -> None:
    cv2.rectangle(canvas, (2, 2), (size[0] - 3, size[1] - 3), 255, -1)


def _ellipse(random: Random, canvas: np.ndarray, size: Size) -> None:
    axes = (max(1, size[0] // 2 - 2), max(1, size[1] // 2 - 2))
    cv2.ellipse(canvas, (size[0] // 2, size[1] // 2), axes, 0, 0, 360, 255, -1, cv2.LINE_AA)


def _blob(random: Random, canvas: np.ndarray, size: Size) -> None:
    field = random.standard_normal((random.integers(3, 8), random.integers(3, 8)), np.float32)
    field = cv2.resize(field, size, interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
    canvas[field + 0.8 - 2.2 * (x**2 + y**2) > 0] = 255  # an outline has no width: what is half there has no one disparity


def _bars(random: Random, canvas: np.ndarray, size: Size) -> None:
    thick = int(random.integers(2, 14))
    for _ in range(random.integers(1, 5)):
        x0, x1 = random.integers(0, size[0], 2)
        y0, y1 = random.integers(0, size[1], 2)
        if random.random() < 0.4:
            x1 = x0
        cv2.line(canvas, (int(x0), int(y0)), (int(x1), int(y1)), 255, thick, cv2.LINE_AA)


def _letters(random: Random, canvas: np.ndarray, size: Size) -> None:
    text = "".join(chr(random.integers(48, 91)) for _ in range(3))
    cv2.putText(canvas, text, (2, size[1] - 4), int(random.integers(0, 4)), max(0.5, size[1] / 40), 255, int(random.integers(3, 14)), cv2.LINE_AA)


def _ring(random: Random, canvas: np.ndarray, size: Size) -> None:
    axes = (max(2, size[0] // 2 - 14), max(2, size[1] // 2 - 14))
    cv2.ellipse(canvas, (size[0] // 2, size[1] // 2), axes, 0, 0, 360, 255, int(random.integers(4, 20)), cv2.LINE_AA)


def _fence(random: Random, canvas: np.ndarray, size: Size) -> None:
    period, thick = int(random.integers(14, 60)), int(random.integers(2, 9))
    for x in range(thick, size[0], period):
        cv2.line(canvas, (x, 0), (x, size[1]), 255, thick)
    if random.random() < 0.6:
        for y in range(thick, size[1], period):
            cv2.line(canvas, (0, y), (size[0], y), 255, thick)


def _leaves(random: Random, canvas: np.ndarray, size: Size) -> None:
    for _ in range(random.integers(2, 12)):
        length = random.uniform(0.2, 0.5) * max(size)
        at = (int(random.uniform(0.2, 0.8) * size[0]), int(random.uniform(0.2, 0.8) * size[1]))
        axes = (int(length), int(length * random.uniform(0.06, 0.3)) + 1)
        cv2.ellipse(canvas, at, axes, float(random.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)


KINDS = (  # and how often
    (_polygon, 0.17),
    (_box, 0.07),
    (_ellipse, 0.12),
    (_blob, 0.14),
    (_bars, 0.17),
    (_letters, 0.06),
    (_ring, 0.06),
    (_fence, 0.05),
    (_leaves, 0.16),
)


def outline(random: Random, width: int, height: int) -> np.ndarray:
    """Coverage, float32 [height, width] in 0..1, smooth by drawing at twice the size."""
    canvas = np.zeros((2 * height, 2 * width), np.uint8)
    KINDS[random.choice(len(KINDS), p=[share for _, share in KINDS])][0](random, canvas, (2 * width, 2 * height))
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
