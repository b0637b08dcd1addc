"""Made-up scenes, seen by two eyes, with the disparity known exactly.

A scene is a pile of surfaces. Each lives in coordinates of the left image: a texture T(x, y), a coverage A(x, y) and a disparity
d(x, y). The left eye looks straight at it; the right eye sees a surface's point (x, y) at (x - d(x, y), y - v(x)), where v is the
small vertical error of a calibration. That is inverted for each pixel of the right image by fixed-point iteration, so both images
sample the same texture once and neither is softer than the other. Each pixel of either image keeps what is nearest; a left pixel
is hidden if something nearer stands at its place in the right image, or if that place is outside.

The same seed gives the same pairs. Pairs come in blocks that share a set of textures, for those take longest to make.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from . import sensors, shapes, textures
from .nets import CANDIDATES
from .textures import Random

LARGEST = CANDIDATES - 2.0  # a disparity; one more candidate stands above it, which interpolation asks for
BLOCK = 64  # pairs
TILES = 48  # textures of a block
STEPS = 8  # of the fixed-point iteration; slopes are below 0.35, so what remains is below 0.35^8 of the first guess


@dataclass(frozen=True)
class Pair:
    """left, right: uint8 [h, w, 3], RGB; disparity: float32 [h, w], pixels, of the left image; hidden: bool [h, w]."""

    left: np.ndarray
    right: np.ndarray
    disparity: np.ndarray
    hidden: np.ndarray


@dataclass
class Surface:
    """d = base + slope . ((x, y) - centre) + bump, clipped to low..LARGEST; box: x, y, width, height in the left image."""

    base: float
    slope: tuple[float, float]
    centre: tuple[float, float]
    box: tuple[int, int, int, int]
    coverage: np.ndarray | None  # of the box; None covers everything
    bump: np.ndarray | None  # of the box
    low: float
    texture: np.ndarray
    placing: np.ndarray  # 2 x 3: from left pixels to the texture's
    contrast: tuple[float, float, np.ndarray]  # gain, offset, and the colour that less contrast tends to

    def disparity(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        d = self.base + self.slope[0] * (x - self.centre[0]) + self.slope[1] * (y - self.centre[1])
        if self.bump is not None:
            d += cv2.remap(self.bump, x - self.box[0], y - self.box[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.clip(d, self.low, LARGEST).astype(np.float32)

    def covers(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.coverage is None:
            return np.ones_like(x)
        return cv2.remap(self.coverage, x - self.box[0], y - self.box[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)

    def colours(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        (a, b, c), (d, e, f) = self.placing.tolist()
        seen = cv2.remap(self.texture, a * x + b * y + c, d * x + e * y + f, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        gain, offset, middle = self.contrast
        return (seen - middle) * gain + (middle + offset)

    def span(self, width: int, reach: float) -> tuple[int, int]:
        """The columns of an image it can appear in when shifted left by at most `reach`."""
        if self.coverage is None:
            return 0, width
        return max(0, int(self.box[0] - reach) - 1), min(width, self.box[0] + self.box[2] + 1)


@dataclass
class View:
    """What one eye sees so far."""

    image: np.ndarray
    nearest: np.ndarray  # the disparity of what is seen

    @classmethod
    def empty(cls, width: int, height: int) -> "View":
        return cls(np.zeros((height, width, 3), np.float32), np.full((height, width), -1.0, np.float32))

    def add(self, surface: Surface, where: tuple[slice, slice], x: np.ndarray, y: np.ndarray, d: np.ndarray) -> None:
        """Puts the surface's points (x, y), of disparity d, where they are nearer than what is there."""
        image, nearest = self.image[where], self.nearest[where]
        share = surface.covers(x, y) * (d > nearest)
        image += share[..., None] * (surface.colours(x, y) - image)
        np.copyto(nearest, d, where=share > 0.5)


def _contrast(random: Random, texture: np.ndarray, faint: bool):
    strength = random.uniform(0.05, 0.35) if faint else random.choice([1.0, random.uniform(0.3, 1)])
    light = random.uniform(0.5, 1.2)
    middle = texture[::16, ::16].mean((0, 1))
    return float(strength * light), (light - 1) * middle + random.uniform(-20, 20), middle


def _placing(random: Random) -> np.ndarray:
    angle = random.uniform(0, 2 * np.pi) if random.random() < 0.5 else random.normal(0, 0.1)
    scale = np.exp(random.uniform(-0.9, 0.35))
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    at = random.uniform(0, textures.SIZE, 2)
    return np.array([[c, -s, at[0]], [s, c, at[1]]])


def _bump(random: Random, width: int, height: int, amount: float) -> np.ndarray:
    if random.random() < 0.5:  # half a ball
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        ball = np.sqrt(np.clip(1 - x**2 - y**2, 0.02, 1)).astype(np.float32) * amount
        return cv2.GaussianBlur(ball, (0, 0), max(2.0, width / 12))
    cells = random.standard_normal((random.integers(3, 6), random.integers(3, 6)), np.float32)
    return cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC) * amount * 0.4


class Block:
    """Pairs number 0, 1, ... of one block: a generator that goes on for as long as it is asked."""

    def __init__(self, seed: int, number: int = 0):
        self.random = np.random.default_rng([seed, number])
        self.tiles = [textures.tile(self.random) for _ in range(TILES)]

    def _look(self, faint: bool) -> dict:
        texture = self.tiles[self.random.integers(TILES)]
        faint = faint and self.random.random() < 0.6
        return {"texture": texture, "placing": _placing(self.random), "contrast": _contrast(self.random, texture, faint)}

    def _background(self, kind: str, base: float, width: int, height: int, faint: bool) -> Surface:
        random, slope, centre = self.random, (0.0, 0.0), (width / 2, height / 2)
        if kind == "wall" and random.random() < 0.5:
            slope = (float(random.normal(0, 0.03)), float(random.normal(0, 0.03)))
        elif kind == "floor":
            slope, centre = (0.0, float(random.uniform(0.03, 0.3))), (width / 2, float(random.uniform(0.3, 0.9) * height))
        elif kind == "side":
            tilt = float(random.uniform(0.03, 0.25) * random.choice([-1, 1]))
            slope, centre = (tilt, 0.0), (float(width / 2 + np.sign(tilt) * random.uniform(0.1, 0.5) * width), height / 2)
        box = (0, 0, width + CANDIDATES, height)
        amount = random.choice([0, 0, random.uniform(0, 3)])
        bump = _bump(random, box[2], box[3], amount) if amount else None
        return Surface(base, slope, centre, box, None, bump, base * 0.5, **self._look(faint))

    def _thing(self, base: float, width: int, height: int, faint: bool) -> Surface:
        random = self.random
        large = random.random() < 0.4
        w = int(random.uniform(30, 190) if large else random.uniform(8, 70))
        h = int(random.uniform(30, 170) if large else random.uniform(8, 70))
        centre = (float(random.uniform(-10, width + base + 10)), float(random.uniform(0, height)))
        coverage = np.pad(shapes.outline(random, w, h), 2)
        box = (int(centre[0] - w / 2) - 2, int(centre[1] - h / 2) - 2, w + 4, h + 4)
        slope = (0.0, 0.0)
        if random.random() < 0.6:
            slope = (float(np.clip(random.normal(0, 0.05), -0.2, 0.2)), float(np.clip(random.normal(0, 0.06), -0.3, 0.3)))
        amount = random.choice([0, random.uniform(0, 4) * min(1, w / 60)])
        bump = _bump(random, box[2], box[3], amount) if amount else None
        return Surface(base, slope, centre, box, coverage, bump, 0.0, **self._look(faint))

    def surfaces(self, width: int, height: int) -> list[Surface]:
        random = self.random
        low = random.choice([0.0, random.uniform(0, 8), random.uniform(0, 25)])
        high = min(LARGEST, low + random.choice([random.uniform(4, 20), random.uniform(15, 62), random.uniform(30, 62)]))
        back = low + random.uniform(0, 0.25) * (high - low)
        faint = random.random() < 0.35
        kinds = ["wall"] + ["floor"] * (random.random() < 0.5) + ["side"] * (random.random() < 0.2)
        made = [self._background(kind, back, width, height, faint) for kind in kinds]
        count = int(random.choice([random.integers(2, 8), random.integers(5, 16), random.integers(10, 28)]))
        bases = np.sort(back + (high - back) * random.beta(1, 1.4, count))
        return made + [self._thing(float(base), width, height, faint) for base in bases]

    def pair(self, width: int = 256, height: int = 192, perfect: bool = False) -> Pair:
        """`perfect`: as ideal cameras see it, without noise, blur, differences of exposure and errors of calibration."""
        random = self.random
        surfaces = self.surfaces(width, height)
        lift, roll = float(random.choice([0, random.normal(0, 0.25), random.normal(0, 0.5)])), 0.0
        if random.random() < 0.4:
            roll = float(random.normal(0, 0.0015))
        if perfect:
            lift = roll = 0.0
        all_x, all_y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        left, right = View.empty(width, height), View.empty(width, height)
        for surface in surfaces:
            top, bottom = max(0, surface.box[1] - 3), min(height, surface.box[1] + surface.box[3] + 3)
            for view, reach in ((left, 0.0), (right, LARGEST)):
                first, last = surface.span(width, reach)
                if last - first < 2 or bottom - top < 2:
                    continue
                where = slice(top, bottom), slice(first, last)
                x, y = all_x[where], all_y[where]
                if view is right:
                    y = y + np.float32(lift) + np.float32(roll) * (x - np.float32(width / 2))
                    at = x
                    for _ in range(STEPS):
                        d = surface.disparity(at, y)
                        at = x + d
                    x = at
                d = surface.disparity(x, y)
                view.add(surface, where, x, y, d)
        there = all_x - left.nearest
        seen = cv2.remap(right.nearest, there, all_y - np.float32(lift), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        hidden = (there < 0) | (seen > left.nearest + 1)
        images = (left.image, right.image)
        images = [np.clip(image, 0, 255) for image in images] if perfect else sensors.expose(random, *images)
        return Pair(*(np.rint(image).astype(np.uint8) for image in images), left.nearest, hidden)
