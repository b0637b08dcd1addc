"""Semi-global matching (Hirschmueller, 2008) around the nets, in NumPy: the reference of what the pipelines' node does in C.

From features to costs, along eight paths that pay for each change of disparity, to a disparity for each pixel and how sure it is,
and what one eye does not see filled from behind. Costs and paths are bytes, as there.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .nets import CANDIDATES, NONE


@dataclass(frozen=True)
class Options:
    """Found on made-up pairs (depth-tune); the judged pairs had no say.

    - census: the share of the census transform in costs; scale: costs of a nat of learned similarity. Neither eye's noise fools
      both at once.
    - cap: the most a candidate costs, so that no pixel has more than a say.
    - outside: the census cost of a candidate beyond the right image: more than a good match, less than a bad one.
    - small, large: what a path pays for a change by one, and by more where brightness does not change.
    - soft: the change of brightness (of 255) at which `large` is halved.
    - least: pixels of a region whose neighbours are within a pixel of disparity; smaller ones matched by chance and are rejected.
    - unique: per cent by which the best must beat all but its neighbours, or the pixel is rejected.
    """

    census: float = 0.5
    scale: float = 1.0
    cap: int = 100
    outside: int = 20
    small: int = 8
    large: int = 80
    soft: float = 8.0
    unique: int = 2
    least: int = 50


DEFAULT = Options()
SURE = 20  # per cent better than anything else: as sure as it gets
REACH_X, REACH_Y = 4, 3  # of the census
MOST_GREY = 12  # that a difference of brightness adds to it, for eyes may be exposed differently


def _outside(width: int) -> np.ndarray:
    """[width, CANDIDATES]: beyond the right image."""
    return np.arange(width)[:, None] < np.arange(CANDIDATES)


def _bits(grey: np.ndarray) -> np.ndarray:
    """Which of its 62 neighbours are darker than each pixel, uint64 [h, w]; beyond the border it is as at the border."""
    height, width = grey.shape
    wide = np.pad(grey, ((REACH_Y, REACH_Y), (REACH_X, REACH_X)), "edge")
    bits = np.zeros(grey.shape, np.uint64)
    for y in range(2 * REACH_Y + 1):
        for x in range(2 * REACH_X + 1):
            if (y, x) != (REACH_Y, REACH_X):
                bits = bits << np.uint64(1) | (wide[y : y + height, x : x + width] < grey).astype(np.uint64)
    return bits


def census(left: np.ndarray, right: np.ndarray, options: Options = DEFAULT) -> np.ndarray:
    """Costs of brightness images, uint8 [h, w]: how many neighbours differ in being darker, and a little of the brightness itself."""
    codes = _bits(left), _bits(right)
    made = np.full((*left.shape, CANDIDATES), options.outside, np.uint8)
    for d in range(min(CANDIDATES, left.shape[1])):
        here, there = slice(d, None), slice(0, left.shape[1] - d)
        off = np.abs(left[:, here].astype(np.int16) - right[:, there]) >> 1
        made[:, here, d] = np.bitwise_count(codes[0][:, here] ^ codes[1][:, there]) + np.minimum(off, MOST_GREY).astype(np.uint8)
    return made


def unlikely(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Features [c, h, w] of both eyes to how much less likely each candidate is than the likeliest, in nats: [h, w, CANDIDATES]."""
    _, height, width = left.shape
    rows = left.transpose(1, 2, 0) @ right.transpose(1, 0, 2)  # all pairs of a row: [h, w, w]
    at = np.arange(width)[:, None] - np.arange(CANDIDATES)
    similar = np.take_along_axis(rows, np.maximum(at, 0)[None], 2)
    similar[:, _outside(width)] = NONE
    return np.maximum(similar.max(2, keepdims=True), NONE) - similar


def costs(features: tuple[np.ndarray, np.ndarray], greys: tuple[np.ndarray, np.ndarray], options: Options = DEFAULT) -> np.ndarray:
    """Features [c, h, w] and brightness of both eyes to costs, uint8 [h, w, CANDIDATES]."""
    made = options.scale * unlikely(*features)
    if options.census:
        made += options.census * census(*greys, options)
    return np.rint(np.minimum(made, options.cap)).astype(np.uint8)


def _large_steps(change: np.ndarray, options: Options) -> np.ndarray:
    step = options.large * options.soft / (options.soft + np.abs(change))
    return np.maximum(step, options.small + 1).astype(np.uint8)


def _follow(cost: np.ndarray, before: np.ndarray, small: int, large: np.ndarray, out: np.ndarray) -> None:
    """One step of paths, whose least is 0: cost and before [n, candidates], large [n]."""
    np.minimum(before, large[:, None], out=out)
    np.minimum(out[:, 1:], before[:, :-1] + np.uint8(small), out=out[:, 1:])
    np.minimum(out[:, :-1], before[:, 1:] + np.uint8(small), out=out[:, :-1])
    out += cost
    out -= out.min(1, keepdims=True)


def _sweep(cost: np.ndarray, grey: np.ndarray, shifts: tuple[int, ...], options: Options, total: np.ndarray) -> None:
    """Adds the paths that go down the first axis and sideways by each of `shifts`."""
    count, width, _ = cost.shape
    for shift in shifts:
        # A column of no cost on either side, so that a path begins with a pixel's own cost.
        rows = np.zeros((2, width + 2, cost.shape[2]), np.uint8)
        for y in range(count):
            before, now = rows[y % 2], rows[(y + 1) % 2]
            change = grey[y] - np.roll(grey[y - 1], shift) if y else np.zeros(width, np.float32)
            large = _large_steps(change, options)
            _follow(cost[y], before[1 - shift : width + 1 - shift], options.small, large, now[1 : width + 1])
            total[y] += now[1 : width + 1]


def sums(cost: np.ndarray, grey: np.ndarray, options: Options = DEFAULT) -> np.ndarray:
    """Costs [h, w, candidates] summed along eight paths, each less its least, uint16; grey: brightness of the left image, 0..255."""
    if options.cap + options.large > 255 or options.cap + options.small > 255:
        raise ValueError(f"paths do not fit into bytes: {options}")
    total = np.zeros(cost.shape, np.uint16)
    grey = grey.astype(np.float32)
    _sweep(cost, grey, (-1, 0, 1), options, total)
    _sweep(cost[::-1], grey[::-1], (-1, 0, 1), options, total[::-1])
    across, turned = np.ascontiguousarray(cost.transpose(1, 0, 2)), np.zeros((cost.shape[1], *cost.shape[::2]), np.uint16)
    _sweep(across, grey.T, (0,), options, turned)
    _sweep(across[::-1], grey.T[::-1], (0,), options, turned[::-1])
    return total + turned.transpose(1, 0, 2)


def _right_winners(total: np.ndarray) -> np.ndarray:
    """The best candidate of each pixel of the right image, by the same sums: [h, w]."""
    height, width, candidates = total.shape
    seen = np.full_like(total, np.iinfo(total.dtype).max)
    for d in range(min(candidates, width)):
        seen[:, : width - d, d] = total[:, d:, d]
    return seen.argmin(2)


def choose(total: np.ndarray, options: Options = DEFAULT) -> tuple[np.ndarray, np.ndarray]:
    """Disparity and confidence, float32 [h, w]: 0 is rejected, 1 as sure as it gets."""
    height, width, candidates = total.shape
    y, x = np.mgrid[:height, :width]
    best = total.argmin(2)
    least = total[y, x, best].astype(np.float32)
    below = total[y, x, np.maximum(best - 1, 0)].astype(np.float32)
    above = total[y, x, np.minimum(best + 1, candidates - 1)].astype(np.float32)
    inside = (best > 0) & (best < candidates - 1)
    steep = np.maximum(below, above) - least
    offset = np.where(inside & (steep > 0), 0.5 * (below - above) / np.maximum(steep, 1), 0)  # of two lines of the same slope
    others = total.copy()
    for near in (-1, 0, 1):
        others[y, x, np.clip(best + near, 0, candidates - 1)] = np.iinfo(total.dtype).max
    second = others.min(2).astype(np.int64)
    margin = (second - least.astype(np.int64)) * 100 // (second + 1)
    there = x - best
    agree = (there >= 0) & (np.abs(_right_winners(total)[y, np.maximum(there, 0)] - best) <= 1)
    good = agree & (margin >= options.unique) & (best < candidates - 1)
    sure = np.clip(margin * 255 // SURE, 2, 255)  # bytes, as the node has them
    return (best + offset).astype(np.float32), (np.where(good, sure, 0) / 255).astype(np.float32)


def reject_speckles(disparity: np.ndarray, confidence: np.ndarray, least: int) -> np.ndarray:
    """The confidence, 0 in regions of fewer than `least` pixels. Regions are OpenCV's, of disparities in sixteenths of a pixel."""
    codes = np.where(confidence > 0, np.rint(disparity * 16), -(1 << 14)).astype(np.int16)
    cv2.filterSpeckles(codes, -(1 << 14), least - 1, 16)
    return np.where(codes > -(1 << 14), confidence, 0).astype(np.float32)


def fill(disparity: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Rejected pixels take the farther of the nearest good ones on their row; rows without any, those of the nearest row."""
    height, width = disparity.shape
    column = np.arange(width)[None]
    before = np.maximum.accumulate(np.where(good, column, -1), 1)
    after = np.minimum.accumulate(np.where(good, column, width)[:, ::-1], 1)[:, ::-1]
    row = np.arange(height)[:, None]
    left = np.where(before >= 0, disparity[row, np.maximum(before, 0)], np.inf)
    right = np.where(after < width, disparity[row, np.minimum(after, width - 1)], np.inf)
    filled = np.where(good, disparity, np.minimum(left, right))
    rows = np.flatnonzero(good.any(1))
    if len(rows) == 0:
        return np.zeros_like(disparity)
    for y in np.flatnonzero(~good.any(1)):
        filled[y] = filled[rows[np.abs(rows - y).argmin()]]
    return filled.astype(np.float32)


def median(map: np.ndarray) -> np.ndarray:
    """Of 3 x 3; the border stays as it is."""
    height, width = map.shape
    around = [map[y : y + height - 2, x : x + width - 2] for y in range(3) for x in range(3)]
    result = map.copy()
    result[1:-1, 1:-1] = np.median(np.stack(around), 0)
    return result


def brightness(image: np.ndarray) -> np.ndarray:
    """RGB [h, w, 3] to uint8 [h, w]: what the census compares and the paths see edges in."""
    return np.rint(image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.uint8)


def match(features, left: np.ndarray, right: np.ndarray, options: Options = DEFAULT) -> tuple[np.ndarray, np.ndarray]:
    """From the features [c, h, w] of both eyes and their images, uint8 [h, w, 3], to filled disparity and confidence, float32 [h, w]."""
    greys = brightness(left), brightness(right)
    disparity, confidence = choose(sums(costs(features, greys, options), greys[0], options), options)
    confidence = reject_speckles(disparity, confidence, options.least)
    return fill(disparity, confidence > 0), confidence
