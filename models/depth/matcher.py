"""The whole of it in Python: two images in, a disparity and a confidence at every pixel out."""

import cv2
import numpy as np
import torch

from . import aggregate, nets


def tensor(image: np.ndarray) -> torch.Tensor:
    """An image, uint8 [h, w, 3], as a net's input, float32 [1, 3, h, w] in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))[None].astype(np.float32) / 255)


class Matcher:
    """cost and refine are the nets, or whatever else computes the same; without refine, aggregation has the last word."""

    def __init__(self, cost, refine=None, options: aggregate.Options = aggregate.DEFAULT):
        self.cost, self.refine, self.options = cost, refine, options

    def __call__(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        height, width = left.shape[:2]
        border = (0, -height % nets.MULTIPLE, 0, -width % nets.MULTIPLE)
        left, right = (cv2.copyMakeBorder(image, *border, cv2.BORDER_REPLICATE) for image in (left, right))
        with torch.no_grad():
            features = self.cost(tensor(left), tensor(right))
            disparity, confidence = aggregate.match(tuple(f[0].numpy() for f in features), left, right, self.options)
            if self.refine:
                maps = (torch.from_numpy(map)[None, None] for map in (disparity, confidence))
                disparity, confidence = (map[0, 0].numpy() for map in self.refine(tensor(left), *maps))
            else:
                disparity = aggregate.median(disparity)
        return disparity[:height, :width], confidence[:height, :width]
