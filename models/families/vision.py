"""Classifiers and segmentation as published. EfficientNet-lite0 has trained weights; no registry has those of the others,
so theirs are random from a stated seed: they serve to measure and to compare numbers, and recognise nothing. The peer of all
is PyTorch itself: the architecture is written here, and what is checked is what becomes of it.
"""

from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from .. import images
from ..nets import vision
from ..pins import Model
from ..subject import Method, Outputs, Sample, Subject, UnsupportedError, nchw

SEED = 20
PHOTOS = ("nocurl.jpg", "halfcurl.jpg", "fullcurl.jpg", "fingers-lq.gif")
FRAMES = 12


def efficientnet(path: Path) -> nn.Module:
    """The published state dict holds the same layers in the same order as ours, under other names: shapes tell."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    net = vision.Classifier(vision.EFFICIENTNET, epsilon=1e-3)
    names = [name for name in state if not name.endswith("num_batches_tracked")]
    ours = [name for name in net.state_dict() if not name.endswith("num_batches_tracked")]
    if len(names) != len(ours):
        raise UnsupportedError(f"{path.name}: {len(names)} tensors, {len(ours)} expected")
    found = {}
    for name, theirs in zip(ours, names, strict=True):
        if net.state_dict()[name].shape != state[theirs].shape or name.split(".")[-1] != theirs.split(".")[-1]:
            raise UnsupportedError(f"{path.name}: {theirs} does not fit {name}")
        found[name] = state[theirs]
    net.load_state_dict(found, strict=False)
    return net.eval()


class Vision(Subject):
    def __init__(self, model: Model, out: Path, size: int):
        super().__init__(model, out, peer="torch", int8_limit=0.3)
        self.size = size

    @cached_property
    def net(self) -> nn.Module:
        if self.model.task == "image_segmentation":
            return vision.random_weights(vision.DeepLab(), SEED)
        if self.model.parts:
            return efficientnet(self.original_file())
        return vision.random_weights(vision.Classifier(vision.MOBILENET), SEED)

    def methods(self) -> dict[str, Method]:
        return {"forward": Method(self.net, (torch.zeros(1, 3, self.size, self.size),))}

    def samples(self) -> list[Sample]:
        """Photos in a square, -1..1."""
        frames = [frame for name in PHOTOS for frame in images.read(self.out / "media" / "hands" / name)][:FRAMES]
        squares = [images.crop(frame.pixels, images.letterbox(*frame.size), self.size) for frame in frames]
        return [Sample((nchw(square) * 2 - 1,)) for square in squares]

    def original(self, sample: Sample) -> Outputs:
        with torch.no_grad():
            return [self.net(*sample.inputs).numpy()]


def subject(model: Model, out: Path) -> Subject:
    return Vision(model, out, 257 if model.task == "image_segmentation" else 224)
