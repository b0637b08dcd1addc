"""What the nets are measured against: OpenCV's StereoSGBM in 36 settings and two modes, its holes filled from behind."""

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from .aggregate import fill
from .nets import CANDIDATES

MODES = {"HH": cv2.STEREO_SGBM_MODE_HH, "3WAY": cv2.STEREO_SGBM_MODE_SGBM_3WAY}


@dataclass(frozen=True)
class Setting:
    mode: str
    block: int
    penalties: tuple[int, int]  # times channels and the block's pixels
    clip: int  # preFilterCap
    unique: int

    def __str__(self) -> str:
        return f"{self.mode}, block {self.block}, penalties {self.penalties[0]} and {self.penalties[1]}, cap {self.clip}, uniqueness {self.unique}"


SETTINGS = [Setting(*row) for row in product(MODES, (3, 5, 7), ((8, 32), (4, 24), (2, 8)), (15, 63), (5, 10))]


def disparity(left: np.ndarray, right: np.ndarray, setting: Setting) -> np.ndarray:
    """float32 [h, w], a value at every pixel. The border is widened first, or the leftmost 64 columns would get none."""
    left, right = (cv2.copyMakeBorder(image, 0, 0, CANDIDATES, 0, cv2.BORDER_REPLICATE) for image in (left, right))
    small, large = (penalty * 3 * setting.block**2 for penalty in setting.penalties)
    matcher = cv2.StereoSGBM_create(
        0, CANDIDATES, setting.block, small, large, 1, setting.clip, setting.unique, 100, 2, MODES[setting.mode]
    )
    found = matcher.compute(left, right)[:, CANDIDATES:].astype(np.float32) / 16
    return fill(found, found >= 0)
