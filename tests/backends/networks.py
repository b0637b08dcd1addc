"""Networks for the tests of backends that run what a vendor's compiler made, and how their cases are written.

A hand network is among them when the zoo's original file is there.
"""

import json
import os
from pathlib import Path

import torch
from torch import nn


class Convolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 16, 3, padding=1)

    def forward(self, x):
        return torch.relu(self.layer(x))


def mobilenet() -> nn.Module:
    """MobileNetV1's layers, with weights that keep the size of its activations."""

    def block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
        depthwise = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
        pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        return [depthwise, nn.BatchNorm2d(inputs), nn.ReLU6(), pointwise, nn.BatchNorm2d(outputs), nn.ReLU6()]

    layers = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
    widths = [64, 128, 128, 256, 256] + [512] * 6 + [1024, 1024]
    for i, (inputs, outputs) in enumerate(zip([32, *widths], widths)):
        layers += block(inputs, outputs, 2 if i in (1, 3, 5, 11) else 1)
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000))
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return net


def hand() -> tuple[nn.Module, tuple[torch.Tensor, ...]] | None:
    """hand_landmark_lite and a photo's crop, when the zoo has fetched it."""
    if "PERCEPT_MODELS" not in os.environ:
        return None
    from models import families, pins

    out = Path(os.environ["PERCEPT_MODELS"]).parent
    subject = families.subject(pins.load().models["hand_landmark_lite"], out)
    if not subject.original_file().exists():
        return None
    return subject.methods()["forward"].module, subject.samples()[0].inputs


def computed(net: nn.Module, inputs: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    with torch.no_grad():
        outputs = net(*inputs)
    return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]


def networks(between):
    """name, network, inputs, whether its layers are to be of 8 bits"""
    picture = (torch.randn(1, 3, 32, 32),)
    yield "conv", Convolution(), picture, False
    yield "conv_int8", Convolution(), picture, True
    yield "between", *between(), False
    yield "mobilenet", mobilenet(), (torch.randn(1, 3, 224, 224),), False
    found = hand()
    if found:
        yield "hand", *found, False


def write_cases(folder: Path, between, lower) -> None:
    """FOLDER/NAME.pte and FOLDER/manifest.jsonl, for `percept model verify`.

    between() yields a network, and inputs, in whose middle is something that is not for the compiler. lower(network, inputs, whether of
    8 bits) yields the program's bytes, the tensors that it is to compute, and how far it may be from them, absolute and as much relative.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)

    def entry(name: str, tensor: torch.Tensor) -> dict:
        tensor.detach().contiguous().numpy().tofile(folder / name)
        return {"kind": "tensor", "dtype": str(tensor.dtype)[6:], "shape": list(tensor.shape), "file": name}

    rows = []
    for name, net, inputs, of_8_bits in networks(between):
        program, outputs, tolerance = lower(net.eval(), inputs, of_8_bits)
        (folder / f"{name}.pte").write_bytes(program)
        rows.append(
            {
                "test": name,
                "status": "ok",
                "pte": f"{name}.pte",
                "inputs": [entry(f"{name}.input{i}", x) for i, x in enumerate(inputs)],
                "outputs": [entry(f"{name}.output{i}", y) for i, y in enumerate(outputs)],
                "atol": tolerance,
                "rtol": tolerance,
            }
        )
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
