"""What the surfaces of made-up scenes look like: square tiles of noise, stripes, checks, bricks, dots, writing, scribbles.

Everything here is drawn from the random generator that is handed in, and from nothing else.
"""

import cv2
import numpy as np

SIZE = 320  # of a tile, pixels

Random = np.random.Generator


def noise(random: Random, size: int) -> np.ndarray:
    """Octaves of smoothed white noise, mean 0, deviation 1: from clouds to grain."""
    low = int(random.integers(2, 7))
    high = min(8, low + int(random.integers(1, 6)))
    falloff = random.uniform(0.0, 1.3)
    total = np.zeros((size, size), np.float32)
    for octave in range(low, high + 1):
        cells = random.standard_normal((2**octave, 2**octave), np.float32)
        total += 2.0 ** (-falloff * (octave - low)) * cv2.resize(cells, (size, size), interpolation=cv2.INTER_CUBIC)
    return (total - total.mean()) / (total.std() + 1e-6)


def colour(random: Random) -> np.ndarray:
    strong = random.random() < 0.5
    value = random.uniform(20, 235, 3) if strong else random.uniform(20, 235) + random.normal(0, 12, 3)
    return np.clip(value, 5, 250).astype(np.float32)


def _blend(random: Random, mix: np.ndarray) -> np.ndarray:
    """A tile between two colours."""
    first, second = colour(random), colour(random)
    return first + (second - first) * mix[..., None].astype(np.float32)


def _clouds(random: Random) -> np.ndarray:
    return _blend(random, 1 / (1 + np.exp(-random.uniform(0.5, 3) * noise(random, SIZE))))


def _patches(random: Random) -> np.ndarray:
    where, first, second = (noise(random, SIZE) for _ in range(3))
    return _blend(random, np.clip(0.5 + 0.3 * np.where(where > 0, first, second), 0, 1))


def _waves(random: Random) -> np.ndarray:
    """Stripes or checks: what looks the same a period away."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    period, angle = random.uniform(4, 40), random.uniform(0, np.pi)
    bend = noise(random, SIZE) * random.choice([0, 0, 2, 6])
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle) + bend) / period)
    if random.random() < 0.4:
        wave *= np.sin(2 * np.pi * (y * np.cos(angle) - x * np.sin(angle) + bend) / period)
    return _blend(random, 1 / (1 + np.exp(-random.choice([1.0, 3.0, 20.0]) * wave)))


def _slope(random: Random) -> np.ndarray:
    """Nearly nothing to match: one colour runs into another."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE
    angle = random.uniform(0, 2 * np.pi)
    return _blend(random, 0.5 + 0.35 * (x * np.cos(angle) + y * np.sin(angle)))


def _bricks(random: Random) -> np.ndarray:
    mix = np.zeros((SIZE, SIZE), np.float32)
    width, height = int(random.integers(16, 50)), int(random.integers(8, 24))
    for row, y in enumerate(range(0, SIZE, height)):
        for x in range(-width + row % 2 * width // 2, SIZE, width):
            cv2.rectangle(mix, (x + 1, y + 1), (x + width - 2, y + height - 2), float(random.uniform(0.4, 1)), -1)
    return _blend(random, mix)


def _drawn(random: Random, draw, count: int) -> np.ndarray:
    """A tile of one colour with `count` things drawn on it in a few colours."""
    tile = np.empty((SIZE, SIZE, 3), np.uint8)  # OpenCV smooths edges in bytes only
    tile[:] = colour(random).astype(np.uint8)
    palette = [colour(random) for _ in range(int(random.integers(1, 7)))]
    for _ in range(count):
        ink = np.clip(palette[random.integers(len(palette))] + random.normal(0, 15, 3), 0, 255)
        draw(tile, tuple(int(v) for v in random.integers(0, SIZE, 2)), tuple(map(float, ink)))
    return tile.astype(np.float32)


def _dots(random: Random) -> np.ndarray:
    largest = random.uniform(3, 30)

    def dot(tile, at, ink):
        axes = tuple(int(v) for v in random.uniform(1, largest, 2))
        cv2.ellipse(tile, at, axes, float(random.uniform(0, 180)), 0, 360, ink, -1, cv2.LINE_AA)

    return _drawn(random, dot, int(random.integers(30, 300)))


def _writing(random: Random) -> np.ndarray:
    def word(tile, at, ink):
        text = "".join(chr(random.integers(33, 126)) for _ in range(random.integers(1, 9)))
        size, thick = float(random.uniform(0.3, 2.0)), int(random.integers(1, 4))
        cv2.putText(tile, text, (at[0] - 40, at[1]), int(random.integers(0, 8)), size, ink, thick, cv2.LINE_AA)

    return _drawn(random, word, int(random.integers(15, 80)))


def _polygons(random: Random) -> np.ndarray:
    largest = random.uniform(3, 30)

    def polygon(tile, at, ink):
        corners = np.array(at) + random.normal(0, largest, (random.integers(3, 6), 2))
        cv2.fillPoly(tile, [corners.astype(np.int32)], ink, cv2.LINE_AA)

    return _drawn(random, polygon, int(random.integers(30, 300)))


def _scribbles(random: Random) -> np.ndarray:
    def line(tile, at, ink):
        end = tuple(int(v) for v in np.array(at) + random.normal(0, 60, 2))
        cv2.line(tile, at, end, ink, int(random.integers(1, 4)), cv2.LINE_AA)

    return _drawn(random, line, int(random.integers(30, 300)))


KINDS = (  # and how often
    (_clouds, 0.28),
    (_patches, 0.14),
    (_waves, 0.12),
    (_slope, 0.08),
    (_bricks, 0.06),
    (_dots, 0.09),
    (_writing, 0.08),
    (_polygons, 0.1),
    (_scribbles, 0.05),
)


def tile(random: Random) -> np.ndarray:
    """One texture: float32 [SIZE, SIZE, 3] in 0..255, often with grain on top, sometimes soft."""
    made = KINDS[random.choice(len(KINDS), p=[share for _, share in KINDS])][0](random)
    if grain := random.choice([0, 3, 8, 20], p=[0.25, 0.3, 0.3, 0.15]):
        made = made + grain * noise(random, SIZE)[..., None] * random.normal(1, 0.3, 3).astype(np.float32)
    if random.random() < 0.3:
        made = cv2.GaussianBlur(made, (0, 0), random.uniform(0.5, 2))
    return np.clip(made, 0, 255).astype(np.float32)
