"""Networks as ExecuTorch exports them for Arm's VGF backend, beside what PyTorch computes: vgf_export.py FOLDER

Writes FOLDER/NAME.pte and FOLDER/manifest.jsonl, for `percept model verify`. Needs what tools/setup_vgf.sh installs. A hand network
is among them when the zoo's original file is there.
"""

import json
import os
import sys
from pathlib import Path

import torch
from executorch.backends.arm.quantizer import VgfQuantizer, get_symmetric_quantization_config
from executorch.backends.arm.vgf import VgfCompileSpec, VgfPartitioner
from executorch.exir import to_edge_transform_and_lower
from torch import nn
from torch.export import export
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

FLOAT, INTEGER = "TOSA-1.0+FP", "TOSA-1.0+INT"


class Convolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 16, 3, padding=1)

    def forward(self, x):
        return torch.relu(self.layer(x))


class Between(nn.Module):
    """Its sort and index are for the CPU; what stands around them is not."""

    def __init__(self):
        super().__init__()
        self.first, self.last = Convolution(), nn.Conv2d(16, 4, 1)

    def forward(self, x):
        y = self.first(x)
        values, order = torch.sort(y, dim=1)
        return self.last(values), order


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


def networks():
    """name, network, inputs, TOSA profile"""
    picture = (torch.randn(1, 3, 32, 32),)
    yield "conv", Convolution(), picture, FLOAT
    yield "conv_int8", Convolution(), picture, INTEGER
    yield "between", Between(), picture, FLOAT
    yield "mobilenet", mobilenet(), (torch.randn(1, 3, 224, 224),), FLOAT
    found = hand()
    if found:
        yield "hand", *found, FLOAT


def lower(net: nn.Module, inputs: tuple[torch.Tensor, ...], profile: str) -> tuple[bytes, list[torch.Tensor]]:
    """The program, and what it is to compute."""
    compile_spec = VgfCompileSpec(profile)
    net = net.eval()
    if profile == INTEGER:
        quantizer = VgfQuantizer(compile_spec)
        quantizer.set_global(get_symmetric_quantization_config(is_per_channel=True))
        prepared = prepare_pt2e(export(net, inputs).module(), quantizer)
        prepared(*inputs)
        net = convert_pt2e(prepared)
    with torch.no_grad():
        outputs = net(*inputs)
    program = to_edge_transform_and_lower(export(net, inputs), partitioner=[VgfPartitioner(compile_spec)]).to_executorch()
    return bytes(program.buffer), list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)

    def entry(name: str, tensor: torch.Tensor) -> dict:
        tensor.detach().contiguous().numpy().tofile(folder / name)
        return {"kind": "tensor", "dtype": str(tensor.dtype)[6:], "shape": list(tensor.shape), "file": name}

    rows = []
    for name, net, inputs, profile in networks():
        tolerance = 0 if profile == INTEGER else 1e-5  # absolute, and as much relative
        program, outputs = lower(net, inputs, profile)
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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
