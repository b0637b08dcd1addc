"""The two real pairs that the nets are judged on and never learn from, and what sensors and calibrations do to such pairs."""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

FOLDERS = {"aloe", "stereo"}  # of the sample media


@dataclass(frozen=True)
class RealPair:
    """left, right: uint8 [h, w, 3], RGB; disparity: float32 [h, w], pixels, of the left image; known, hidden: bool [h, w]."""

    name: str
    left: np.ndarray
    right: np.ndarray
    disparity: np.ndarray
    known: np.ndarray
    hidden: np.ndarray


def hidden(disparity: np.ndarray, known: np.ndarray) -> np.ndarray:
    """What the right eye does not see, from the left eye's truth alone: outside the image, or something nearer by more than a
    pixel comes to the same place."""
    height, width = disparity.shape
    row, column = np.mgrid[:height, :width]
    there = column - disparity
    nearest = np.full((height, width), -1.0, np.float32)
    for side in (0, 1):
        at = np.floor(there).astype(int) + side
        inside = known & (at >= 0) & (at < width)
        np.maximum.at(nearest, (row[inside], at[inside]), disparity[inside])
    at = np.clip(np.rint(there).astype(int), 0, width - 1)
    return known & ((there < 0) | (nearest[row, at] > disparity + 1))


def _scaled(name: str, left: np.ndarray, right: np.ndarray, disparity: np.ndarray, width: int, height: int = 0) -> RealPair:
    """Images by area; disparity, which must not be averaged over edges, by the nearest pixel. height 0: proportions stay."""
    height = height or round(disparity.shape[0] * width / disparity.shape[1])
    left, right = (cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) for image in (left, right))
    small = cv2.resize(disparity, (width, height), interpolation=cv2.INTER_NEAREST) * (width / disparity.shape[1])
    known = small > 0.5
    return RealPair(name, left, right, small.astype(np.float32), known, hidden(small, known))


def _rgb(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def load(media: Path, size: tuple[int, int] | None = None) -> list[RealPair]:
    """From the folder of sample media, at the sizes of the tables or all at one. aloeGT is in pixels of the full width, 0 where unknown; motorcycle's unknown is infinite."""
    with Image.open(media / "aloe" / "aloeGT.png") as image:
        aloe = np.asarray(image.convert("L")).astype(np.float32)
    with np.load(media / "stereo" / "motorcycle_disp.npz") as archive:
        motorcycle = archive["arr_0"].astype(np.float32)
    motorcycle = np.where(np.isfinite(motorcycle), motorcycle, 0)
    eyes = [_rgb(media / "aloe" / f"aloe{side}.jpg") for side in "LR"]
    wheels = [_rgb(media / "stereo" / f"motorcycle_{side}.png") for side in ("left", "right")]
    return [_scaled("aloe", *eyes, aloe, *(size or (384,))), _scaled("motorcycle", *wheels, motorcycle, *(size or (448,)))]


def _bytes(image: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _noisy(pair: RealPair) -> RealPair:
    random = np.random.default_rng(16)
    eyes = [_bytes(image + random.normal(0, 16, image.shape)) for image in (pair.left, pair.right)]
    return replace(pair, left=eyes[0], right=eyes[1])


def _faint(pair: RealPair) -> RealPair:
    """A quarter of the contrast, rounded to bytes again, and the noise of a good sensor."""
    random = np.random.default_rng(4)
    eyes = [_bytes((image - 128.0) / 4 + 128 + random.normal(0, 2, image.shape)) for image in (pair.left, pair.right)]
    return replace(pair, left=eyes[0], right=eyes[1])


def _exposed(pair: RealPair) -> RealPair:
    """The right eye 40 % darker, with another gamma."""
    return replace(pair, right=_bytes(255 * (pair.right / 255 * 0.6) ** 1.15))


def _skewed(pair: RealPair) -> RealPair:
    """The right eye one pixel too low, and rolled by a tenth of a degree."""
    height, width = pair.disparity.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 0.1, 1)
    turn[1, 2] += 1
    return replace(pair, right=cv2.warpAffine(pair.right, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


CONDITIONS = {  # name, what it does, and how its pictures end, if there are to be any
    "as it is": (lambda pair: pair, "."),
    "noise, deviation 16": (_noisy, "_noise."),
    "a quarter of the contrast": (_faint, ""),
    "right eye 40 % darker": (_exposed, ""),
    "right eye 1 px lower, 0.1 degree": (_skewed, ""),
}


@dataclass(frozen=True)
class Score:
    """In pixels and per cent."""

    median: float
    over1: float
    over3: float


def score(disparity: np.ndarray, pair: RealPair, visible: bool) -> Score:
    where = pair.known & ~pair.hidden if visible else pair.known
    off = np.abs(disparity - pair.disparity)[where]
    return Score(float(np.median(off)), 100 * float((off > 1).mean()), 100 * float((off > 3).mean()))
