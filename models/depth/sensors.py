"""What two real cameras do to a scene: light, exposure, colour, gamma, focus and noise, partly not the same in both."""

import cv2
import numpy as np

from .textures import Random


def _noise(random: Random, shape: tuple[int, ...], deviation: float, coarse: bool) -> np.ndarray:
    if not coarse:
        return random.standard_normal(shape, np.float32) * np.float32(deviation)
    height, width = shape[:2]
    grain = random.standard_normal((height // 2, width // 2, 3), np.float32) * np.float32(deviation)
    return cv2.resize(grain, (width, height))


def expose(random: Random, *eyes: np.ndarray) -> list[np.ndarray]:
    """Images of both eyes, float32 [h, w, 3] in 0..255, as sensors would give them."""
    height, width = eyes[0].shape[:2]
    bright, gamma = random.uniform(0.7, 1.25), np.exp(random.normal(0, 0.25))
    soft = random.choice([0, 0, random.uniform(0.3, 0.9)])
    deviation = random.choice([0, random.uniform(0, 3), random.uniform(0, 8), random.uniform(4, 20)], p=[0.3, 0.3, 0.25, 0.15])
    coarse, differ, uneven = random.random() < 0.25, random.random() < 0.75, random.random() < 0.5
    grey = random.random() < 0.2
    light = cv2.resize(random.normal(0, 0.12, (3, 4)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    exposed = []
    for number, eye in enumerate(eyes):
        share = 1 + 0.3 * random.normal() if differ else 1.0
        image = eye * bright * (1 + light * share)[..., None] if uneven else eye * bright
        sigma = soft + (abs(random.normal(0, 0.25)) if differ and random.random() < 0.4 else 0)
        if sigma > 0.25:
            image = cv2.GaussianBlur(image, (0, 0), sigma)
        power = gamma * np.exp(random.normal(0, 0.08)) if differ else gamma
        image = 255 * (np.clip(image, 0, 255) / 255) ** np.float32(power)
        if number and differ:
            gain = np.exp(random.normal(0, 0.12)) * (1 + random.normal(0, 0.05, 3))
            image = image * gain.astype(np.float32) + np.float32(random.normal(0, 6))
        if grey:
            image = np.repeat(image @ np.array([[0.299], [0.587], [0.114]], np.float32), 3, 2)
        if deviation:
            image = image + _noise(random, image.shape, deviation, coarse)
        exposed.append(np.clip(image, 0, 255).astype(np.float32))
    return exposed
