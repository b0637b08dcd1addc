"""Networks as ExecuTorch exports them for Arm's TOSA, beside what TOSA's reference model computes: tosa_export.py FOLDER PACKAGES

PACKAGES has tosa-tools (tests/conformance/packages). Writes FOLDER/integer and FOLDER/float, each with NAME.pte and a manifest.jsonl for `percept model verify`. The integer ones have codes
of 8 bits at their borders, so that all of them is TOSA, and their outputs are to be those of the reference model to the bit.
"""

import json
import sys
import warnings
from pathlib import Path

sys.path.append(sys.argv[2])  # behind the environment's own
warnings.filterwarnings("ignore")

import torch
from executorch.backends.arm.quantizer import TOSAQuantizer, get_symmetric_quantization_config
from executorch.backends.arm.test.runner_utils import TosaReferenceModelDispatch
from executorch.backends.arm.tosa.compile_spec import TosaCompileSpec
from executorch.backends.arm.tosa.partitioner import TOSAPartitioner
from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower
from executorch.exir.passes.quantize_io_pass import QuantizeInputs, QuantizeOutputs
from torch import nn
from torch.export import export
from torch.nn import functional as F
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

FLOAT, INTEGER = "TOSA-1.0+FP", "TOSA-1.0+INT"
IN_FLOATS = {"conv", "residual", "linear", "functions", "average_pool", "attention", "layer_norm"}


class Net(nn.Module):
    """Some layers, and what is done with them."""

    def __init__(self, run, **layers: nn.Module):
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, *inputs):
        return self.run(self, *inputs)


def block(net, x):
    y = F.relu6(net.depth(F.relu(net.wide(x))))
    return net.narrow(y) + x


def attention(net, x):
    q, k, v = net.q(x), net.k(x), net.v(x)
    return torch.softmax(q @ k.transpose(1, 2), -1) @ v


def mobilenet(widths=(16, 32, 32, 64, 64)) -> nn.Module:
    layers = [nn.Conv2d(3, widths[0], 3, 2, 1), nn.ReLU6()]
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        layers += [nn.Conv2d(a, a, 3, 1 + i % 2, 1, groups=a), nn.ReLU6(), nn.Conv2d(a, b, 1), nn.ReLU6()]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 10))
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return net


def networks():
    def picture(channels, size=12):
        return torch.randn(1, channels, size, size)

    yield "conv", Net(lambda n, x: F.relu(n.a(x)), a=nn.Conv2d(3, 16, 3, padding=1)), (picture(3),)
    yield "conv_strided", Net(lambda n, x: n.a(x), a=nn.Conv2d(8, 12, 5, 2, (1, 2))), (picture(8),)
    yield "conv_dilated", Net(lambda n, x: n.a(x), a=nn.Conv2d(4, 8, 3, 1, 2, dilation=2, bias=False)), (picture(4),)
    yield "depthwise", Net(lambda n, x: n.a(x), a=nn.Conv2d(16, 16, 3, 2, 1, groups=16)), (picture(16),)
    yield "depthwise_twice", Net(lambda n, x: n.a(x), a=nn.Conv2d(8, 16, 3, 1, 1, groups=8)), (picture(8),)
    yield "transposed", Net(lambda n, x: n.a(x), a=nn.ConvTranspose2d(8, 8, 3, 2, 1, 1)), (picture(8, 6),)
    bottleneck = {"wide": nn.Conv2d(8, 24, 1), "depth": nn.Conv2d(24, 24, 3, 1, 1, groups=24), "narrow": nn.Conv2d(24, 8, 1)}
    yield "residual", Net(block, **bottleneck), (picture(8),)
    mlp = {"a": nn.Linear(32, 48), "b": nn.Linear(48, 10)}
    yield "linear", Net(lambda n, x: n.b(F.relu(n.a(x))), **mlp), (torch.randn(5, 32),)
    two = (torch.randn(2, 6, 8), torch.randn(1, 6, 8))
    yield "add", Net(lambda n, x, y: x + y), two
    yield "sub", Net(lambda n, x, y: x - y), two
    yield "mul", Net(lambda n, x, y: x * y), two
    yield "extremes", Net(lambda n, x, y: (torch.maximum(x, y), torch.minimum(x, y))), two
    yield "sigmoid", Net(lambda n, x: torch.sigmoid(x)), (torch.randn(4, 64) * 3,)
    yield "functions", Net(lambda n, x: (torch.tanh(x), F.hardswish(x), F.gelu(x), torch.exp(-x.abs()))), (torch.randn(4, 64) * 2,)
    yield "max_pool", Net(lambda n, x: F.max_pool2d(x, 3, 2, 1)), (picture(8),)
    yield "average_pool", Net(lambda n, x: F.avg_pool2d(x, 3, 2, 1)), (picture(8),)
    yield "mean", Net(lambda n, x: x.mean((2, 3), keepdim=True)), (picture(8, 7),)
    yield "moves", Net(lambda n, x, y: F.pad(torch.cat((x, y), 1)[:, 1:5].permute(0, 2, 3, 1), (1, 2))), (picture(4), picture(3))
    yield "nearest", Net(lambda n, x: F.interpolate(x, scale_factor=2, mode="nearest")), (picture(4, 6),)
    yield "bilinear", Net(lambda n, x: F.interpolate(x, size=(11, 11), mode="bilinear", align_corners=True)), (picture(4, 6),)
    yield "softmax", Net(lambda n, x: torch.softmax(x, -1)), (torch.randn(3, 20) * 2,)
    yield "layer_norm", Net(lambda n, x: n.a(x), a=nn.LayerNorm(24)), (torch.randn(3, 24),)
    yield "attention", Net(attention, q=nn.Linear(16, 16), k=nn.Linear(16, 16), v=nn.Linear(16, 16)), (torch.randn(2, 6, 16),)
    yield "mobilenet", mobilenet(), (picture(3, 32),)


def lower(net: nn.Module, inputs: tuple[torch.Tensor, ...], profile: str):
    """The program, its inputs and what the reference model makes of them."""
    spec = TosaCompileSpec(profile)
    net = net.eval()
    if profile == INTEGER:
        quantizer = TOSAQuantizer(spec)
        quantizer.set_global(get_symmetric_quantization_config(is_per_channel=True))
        prepared = prepare_pt2e(export(net, inputs).module(check_guards=False), quantizer)
        for scale in (1.0, 0.5):
            prepared(*(x * scale for x in inputs))
        net = convert_pt2e(prepared)
    edge = to_edge_transform_and_lower(
        export(net, inputs), partitioner=[TOSAPartitioner(spec)], compile_config=EdgeCompileConfig(_check_ir_validity=False)
    )
    if profile == INTEGER:
        outputs = len(edge.exported_program().graph_signature.user_outputs)
        edge = edge.transform([QuantizeInputs(edge, list(range(len(inputs)))), QuantizeOutputs(edge, list(range(outputs)))])
        inputs = tuple(torch.randint(-128, 128, x.shape, dtype=torch.int8) for x in inputs)
    with torch.no_grad(), TosaReferenceModelDispatch():
        outputs = edge.exported_program().module()(*inputs)
    program = edge.to_executorch()
    return bytes(program.buffer), inputs, list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]


def write(folder: Path, profile: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    tolerance = 0 if profile == INTEGER else 1e-5  # absolute, and as much relative

    def entry(name: str, tensor: torch.Tensor) -> dict:
        tensor.detach().contiguous().numpy().tofile(folder / name)
        return {"kind": "tensor", "dtype": str(tensor.dtype)[6:], "shape": list(tensor.shape), "file": name}

    rows = []
    for name, net, example in networks():
        if profile == FLOAT and name not in IN_FLOATS:
            continue
        program, inputs, outputs = lower(net, example, profile)
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
    for name, profile in ("integer", INTEGER), ("float", FLOAT):
        write(Path(sys.argv[1]) / name, profile)
