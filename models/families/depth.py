"""Stereo on our own net. The peer is PyTorch itself: the net is written and trained here, and what is checked is what becomes
of it. Features are judged by what matching makes of them: the share of pixels whose disparity is another by more than one.
"""

from functools import cached_property

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from .. import images
from ..depth import aggregate, nets
from ..pins import Model
from ..subject import Method, Outputs, Sample, Subject

WIDTH, HEIGHT = 320, 240
PHOTOS = ("nocurl.jpg", "halfcurl.jpg", "fullcurl.jpg", "fingers-lq.gif")
FRAMES = 12
SHIFTS = (4, 11, 23)  # disparities of two eyes made of one photo: its top, middle and bottom


def _eyes(square: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """A photo and what an eye further right would see of three boards that show it."""
    left = square[40 : 40 + HEIGHT]
    right = np.empty_like(left)
    for number, shift in enumerate(SHIFTS):
        rows = slice(number * HEIGHT // 3, (number + 1) * HEIGHT // 3)
        right[rows] = np.roll(left[rows], -shift, 1)
    return tuple(torch.from_numpy(np.ascontiguousarray(eye.transpose(2, 0, 1)))[None] for eye in (left, right))


class Half(nn.Module):
    """The net on images of half the size: a quarter of the arithmetic, features of half the size."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.net(functional.avg_pool2d(left, 2), functional.avg_pool2d(right, 2))


class Features(Subject):
    def __init__(self, model: Model, out):
        super().__init__(model, out, peer="torch", unit="of pixels", int8_limit=0.05, whole=True)

    @cached_property
    def net(self) -> nn.Module:
        net = nets.Cost()
        net.load_state_dict(torch.load(self.original_file(), map_location="cpu", weights_only=True))
        return (Half(net) if self.model.name.endswith("_half") else net).eval()

    def methods(self) -> dict[str, Method]:
        # Two tensors: the same one twice would be exported as one input, which both eyes see.
        return {"forward": Method(self.net, tuple(torch.zeros(1, 3, HEIGHT, WIDTH) for _ in range(2)))}

    def samples(self) -> list[Sample]:
        frames = [frame for name in PHOTOS for frame in images.read(self.out / "media" / "hands" / name)][:FRAMES]
        return [Sample(_eyes(images.crop(frame.pixels, images.letterbox(*frame.size), WIDTH))) for frame in frames]

    def original(self, sample: Sample) -> Outputs:
        with torch.no_grad():
            return [output.numpy() for output in self.net(*sample.inputs)]

    def distance(self, outputs: Outputs, reference: Outputs) -> float:
        flat = np.zeros(outputs[0].shape[2:], np.uint8)
        alone = aggregate.Options(census=0)
        found = [aggregate.sums(aggregate.costs((a[0], b[0]), (flat, flat), alone), flat).argmin(2) for a, b in (outputs, reference)]
        return float((np.abs(found[0] - found[1]) > 1).mean())


def subject(model: Model, out) -> Subject:
    return Features(model, out)
