"""Images as numpy arrays: photos and every frame of an animation, and the one sampling rule of all crops."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence


@dataclass(frozen=True)
class Frame:
    """One picture. `pixels` is RGB uint8 [height, width, 3]; `index` its place in its file (0 for a photo)."""

    file: str
    index: int
    pixels: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[1], self.pixels.shape[0]


def read(path: Path) -> Iterator[Frame]:
    """The frames of a file as they are shown: animations composed onto what came before. EXIF rotation is not applied."""
    with Image.open(path) as image:
        for index, frame in enumerate(ImageSequence.Iterator(image)):
            yield Frame(path.name, index, np.asarray(frame.convert("RGB")))


@dataclass(frozen=True)
class Square:
    """A rotated square of the image: centre and side in pixels, rotation in radians, clockwise on screen (y is down).

    Image coordinates are continuous: pixel (column, row) covers [column, column + 1) x [row, row + 1), so its
    centre is at (column + 0.5, row + 0.5).
    """

    x: float
    y: float
    side: float
    rotation: float

    def axes(self) -> np.ndarray:
        c, s = np.cos(self.rotation), np.sin(self.rotation)
        return np.array([[c, -s], [s, c]])

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Points [n, 2] in [0, 1] x [0, 1] of the square, to image pixels."""
        return (np.asarray(points) - 0.5) @ self.axes().T * self.side + (self.x, self.y)


def letterbox(width: int, height: int) -> Square:
    """The smallest upright square that holds the whole image, centred on it."""
    return Square(width / 2, height / 2, max(width, height), 0.0)


def crop(pixels: np.ndarray, square: Square, size: int) -> np.ndarray:
    """Samples `square` at size x size points: float32 [size, size, 3] in 0..1.

    Output pixel (u, v) takes the image at square.to_image((u + 0.5) / size, (v + 0.5) / size), bilinear between the
    four nearest pixel centres. Each of the four that lies outside the image counts as 0 (black). No averaging over the
    output pixel's footprint and no rounding to bytes on the way.
    """
    height, width = pixels.shape[:2]
    steps = (np.arange(size) + 0.5) / size
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    points = square.to_image(grid) - 0.5
    corner = np.floor(points).astype(np.int64)
    weight = points - corner
    result = np.zeros((size * size, 3))
    for dy in (0, 1):
        for dx in (0, 1):
            x, y = corner[:, 0] + dx, corner[:, 1] + dy
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            share = np.abs(1 - dx - weight[:, 0]) * np.abs(1 - dy - weight[:, 1])
            result[inside] += pixels[y[inside], x[inside]] * share[inside, None]
    return (result / 255).astype(np.float32).reshape(size, size, 3)
