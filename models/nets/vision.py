"""Convolutional nets as their papers publish them: MobileNetV2 (Sandler et al., 2018), EfficientNet-lite0 (Tan, Le, 2019; the
lite form of 2020) and DeepLabV3 (Chen et al., 2017) on MobileNetV2. Batch norms are left to the export, which folds them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvNorm(nn.Module):
    """Convolution, batch norm and, unless it is the last of its block, relu6."""

    def __init__(self, width, out, kernel=1, stride=1, groups=1, dilation=1, active=True, epsilon=1e-5):
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.conv = nn.Conv2d(width, out, kernel, stride, padding, dilation, groups, bias=False)
        self.norm = nn.BatchNorm2d(out, epsilon)
        self.active = active

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return F.relu6(x) if self.active else x


class Inverted(nn.Module):
    """Widen, filter each channel by itself, narrow; the input is added where shapes allow."""

    def __init__(self, width, out, factor, kernel=3, stride=1, dilation=1, epsilon=1e-5):
        super().__init__()
        hidden = width * factor
        self.widen = ConvNorm(width, hidden, epsilon=epsilon) if factor != 1 else nn.Identity()
        self.filter = ConvNorm(hidden, hidden, kernel, stride, hidden, dilation, epsilon=epsilon)
        self.narrow = ConvNorm(hidden, out, active=False, epsilon=epsilon)
        self.residual = stride == 1 and width == out

    def forward(self, x: Tensor) -> Tensor:
        y = self.narrow(self.filter(self.widen(x)))
        return x + y if self.residual else y


@dataclass(frozen=True)
class Stage:
    factor: int
    out: int
    count: int
    stride: int
    kernel: int = 3


MOBILENET = tuple(Stage(*row) for row in (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
))  # fmt: skip
EFFICIENTNET = tuple(Stage(*row) for row in (
    (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3),
))  # fmt: skip


def body(stages, epsilon=1e-5, largest_stride=32) -> nn.ModuleList:
    """The first convolution and all blocks. Strides beyond `largest_stride` become dilation (Chen et al.)."""
    blocks = nn.ModuleList([ConvNorm(3, 32, 3, 2, epsilon=epsilon)])
    width, reached, dilation = 32, 2, 1
    for stage in stages:
        for i in range(stage.count):
            stride, before = stage.stride if i == 0 else 1, dilation
            if reached * stride > largest_stride:
                dilation, stride = dilation * stride, 1
            reached *= stride
            used = before if i == 0 else dilation
            blocks.append(Inverted(width, stage.out, stage.factor, stage.kernel, stride, used, epsilon))
            width = stage.out
    return blocks


class Classifier(nn.Module):
    """RGB [1, 3, 224, 224] to the logits of 1000 classes."""

    def __init__(self, stages, epsilon=1e-5):
        super().__init__()
        self.blocks = body(stages, epsilon)
        self.head = ConvNorm(320, 1280, epsilon=epsilon)
        self.classes = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.classes(self.head(x).mean((2, 3)))


class DeepLab(nn.Module):
    """RGB [1, 3, n, n] to the logits of 21 classes at each pixel: features at 1/16, seen through five windows at once."""

    RATES = (6, 12, 18)

    def __init__(self):
        super().__init__()
        self.blocks = body(MOBILENET, largest_stride=16)
        windows = [ConvNorm(320, 256)] + [ConvNorm(320, 256, 3, dilation=rate) for rate in self.RATES]
        self.windows = nn.ModuleList(windows)
        self.whole = ConvNorm(320, 256)
        self.join = ConvNorm(256 * 5, 256)
        self.classes = nn.Conv2d(256, 21, 1)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        for block in self.blocks:
            x = block(x)
        whole = self.whole(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        x = self.classes(self.join(torch.cat([*(window(x) for window in self.windows), whole], 1)))
        return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def random_weights(net: nn.Module, seed: int) -> nn.Module:
    """Weights that keep a signal alive through all layers, the same on every machine; norms as if trained a little."""
    random = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            inputs = module.weight[0].numel()
            module.weight.data = torch.randn(module.weight.shape, generator=random) * (2 / inputs) ** 0.5
            if module.bias is not None:
                module.bias.data = torch.randn(module.bias.shape, generator=random) * 0.1
        elif isinstance(module, nn.BatchNorm2d):
            count = module.weight.shape
            module.weight.data = 0.8 + 0.4 * torch.rand(count, generator=random)
            module.bias.data = 0.2 * torch.randn(count, generator=random)
            module.running_mean.data = 0.1 * torch.randn(count, generator=random)
            module.running_var.data = 0.8 + 0.4 * torch.rand(count, generator=random)
    return net.eval()
