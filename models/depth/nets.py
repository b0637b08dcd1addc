"""Percept's own stereo nets: one that makes pixels of two eyes comparable, and one that mends what aggregation left.

Between them lies semi-global aggregation (aggregate.py here, a node in C in the pipelines), which keeps edges sharp where a
net of this size would smear them. Both are plain 2-D convolutions of fixed shapes, so that they export to any backend.
"""

import torch
from torch import nn
from torch.nn import functional

CANDIDATES = 64  # disparities 0..63, in pixels of the image
CHANNELS = 16  # of a pixel's features
MULTIPLE = 8  # height and width of an image are multiples of this
NONE = 5.0  # the similarity to "the other eye does not see it", in nats: what candidates must beat
OUTSIDE = -1e4  # stands in for the similarity to a pixel outside the image, where only sums of exponents are taken


def _conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def _twice(image: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(image, scale_factor=2.0, mode="bilinear", align_corners=False)


class Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.first = _conv(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(x + self.second(self.first(x)))


class Tower(nn.Module):
    """Image [n, 3, h, w] in 0..1 to features [n, CHANNELS, h, w].

    Fine detail stays at full resolution all the way; half and quarter resolution tell apart what looks alike near by. The
    length of a feature vector is free: where there is no texture the net makes it short, and the cost flat.
    """

    def __init__(self, fine: int = 16, half: int = 32, quarter: int = 48):
        super().__init__()
        self.stem = nn.Sequential(_conv(3, fine), _conv(fine, fine))
        self.halved = nn.Sequential(_conv(fine, half, stride=2), Residual(half))
        self.quartered = nn.Sequential(_conv(half, quarter, stride=2), Residual(quarter), _conv(quarter, half, 1))
        self.join = _conv(half, fine, 1)
        self.last = _conv(2 * fine, fine)
        self.features = nn.Conv2d(fine, CHANNELS, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        fine = self.stem(image - 0.5)
        half = self.halved(fine)
        half = half + _twice(self.quartered(half))
        return self.features(self.last(torch.cat([fine, _twice(self.join(half))], 1)))


class Cost(nn.Module):
    """An image of the left and one of the right eye, [1, 3, h, w], to their features, whose products are similarities in nats."""

    def __init__(self):
        super().__init__()
        self.tower = Tower()

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.tower(torch.cat([left, right]))  # one pass: weights are read once
        return features[:1], features[1:]


class _Band(torch.autograd.Function):
    """Of all products of two rows' pixels, those with the candidates: autograd's own way back through the view costs thrice this."""

    @staticmethod
    def _view(rows: torch.Tensor, width: int, candidates: int) -> torch.Tensor:
        """Rows [n, w, candidates - 1 + w], to be seen as [n, w, candidates]: row x begins at its own diagonal."""
        stride = rows.stride()
        return rows.as_strided((rows.shape[0], width, candidates), (stride[0], stride[1] + 1, 1))

    @staticmethod
    def forward(ctx, left: torch.Tensor, right: torch.Tensor, candidates: int) -> torch.Tensor:
        ctx.save_for_backward(left, right)
        ctx.candidates = candidates
        n, width, _ = left.shape
        rows = left.new_empty(n, width, candidates - 1 + width)
        rows[..., : candidates - 1] = OUTSIDE
        rows[..., candidates - 1 :] = left @ right
        return _Band._view(rows, width, candidates).float()

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        left, right = ctx.saved_tensors
        n, width, _ = left.shape
        rows = left.new_zeros(n, width, ctx.candidates - 1 + width)
        _Band._view(rows, width, ctx.candidates).copy_(gradient)
        rows = rows[..., ctx.candidates - 1 :]
        return rows @ right.transpose(1, 2), left.transpose(1, 2) @ rows, None


def similarity(left: torch.Tensor, right: torch.Tensor, candidates: int = CANDIDATES) -> torch.Tensor:
    """Features [n, c, h, w] of both eyes to float32 [n, h, w, candidates], the LAST of them disparity 0, the first the largest.
    Candidates outside the right image are OUTSIDE."""
    n, channels, height, width = left.shape
    rows = left.permute(0, 2, 3, 1).reshape(n * height, width, channels)
    columns = right.permute(0, 2, 1, 3).reshape(n * height, channels, width)
    return _Band.apply(rows, columns, candidates).reshape(n, height, width, candidates)


REACH = (-5, -2, 0, 2, 5)  # from where along its row and column a pixel may take its disparity
MOST = 4.0  # pixels that mending adds or takes


def _widened(map: torch.Tensor, by: int) -> torch.Tensor:
    """The border repeated, in operators that every backend has."""
    map = torch.cat([map[:, :, :1]] * by + [map] + [map[:, :, -1:]] * by, 2)
    return torch.cat([map[:, :, :, :1]] * by + [map] + [map[:, :, :, -1:]] * by, 3)


def _around(map: torch.Tensor) -> torch.Tensor:
    """A map [n, 1, h, w] and its neighbours at REACH: [n, 9, h, w]."""
    height, width = map.shape[2:]
    most = max(REACH)
    wide = _widened(map, most)
    places = [(0, x) for x in REACH] + [(y, 0) for y in REACH if y]
    return torch.cat([wide[:, :, most + y : most + y + height, most + x : most + x + width] for y, x in places], 1)


class Refine(nn.Module):
    """The left image, disparity at every pixel and how sure each is, to better ones.

    Each pixel chooses among its own disparity and those some pixels away, so that an edge can move to where the image has it
    without being smeared, and adds a small correction.
    """

    def __init__(self, fine: int = 8, half: int = 16, quarter: int = 32, eighth: int = 48):
        super().__init__()
        self.stem = _conv(5, fine)
        self.down1 = nn.Sequential(_conv(fine, half, stride=2), Residual(half))
        self.down2 = nn.Sequential(_conv(half, quarter, stride=2), Residual(quarter))
        self.down3 = nn.Sequential(_conv(quarter, eighth, stride=2), Residual(eighth), Residual(eighth))
        self.up3, self.up2, self.up1 = _conv(eighth, quarter, 1), _conv(quarter, half, 1), _conv(half, fine, 1)
        self.mix2, self.mix1 = Residual(quarter), Residual(half)
        self.last = _conv(2 * fine, 12)
        self.choice = nn.Conv2d(12, 2 * len(REACH) - 1, 3, padding=1)
        self.change = nn.Conv2d(12, 2, 3, padding=1)
        with torch.no_grad():
            self.choice.weight.mul_(0.1)
            self.change.weight.mul_(0.1)
            self.choice.bias.zero_()
            self.choice.bias[REACH.index(0)] = 3.0  # to begin with, a pixel keeps what it has

    def forward(self, image: torch.Tensor, disparity: torch.Tensor, confidence: torch.Tensor):
        """Disparity, and the probability that it is off by at most a pixel."""
        fine = self.stem(torch.cat([image - 0.5, disparity / 32 - 0.5, confidence], 1))
        half = self.down1(fine)
        quarter = self.down2(half)
        quarter = self.mix2(quarter + _twice(self.up3(self.down3(quarter))))
        half = self.mix1(half + _twice(self.up2(quarter)))
        seen = self.last(torch.cat([fine, _twice(self.up1(half))], 1))
        share = torch.softmax(self.choice(seen).float(), 1)
        change = self.change(seen).float()
        chosen = (share * _around(disparity)).sum(1, keepdim=True)
        return chosen + MOST * torch.tanh(change[:, :1]), torch.sigmoid(change[:, 1:])
