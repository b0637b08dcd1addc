"""Programs of Cadence's quantised operators, one each, beside what Cadence's own reference kernels compute: cadence_export.py FOLDER

Writes FOLDER/NAME.pte and FOLDER/manifest.jsonl for `percept model verify`. Codes are random; results are to be the reference's to the code.
"""

import json
import math
import sys
import typing
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
if not hasattr(typing, "override"):  # Python 3.11
    import typing_extensions

    typing.override = typing_extensions.override

import torch
from executorch.backends.cadence.aot import ops_registrations, ref_implementations  # noqa: F401: they register operators and kernels
from executorch.exir import EdgeCompileConfig, to_edge
from torch.export import export

# The sum of two codes times their scales is often half-way between two, and the reference computes it in floats of its own order.
TIES = 1


class Call(torch.nn.Module):
    """One operator; tensors that are not given are its constants."""

    def __init__(self, op, given, args):
        super().__init__()
        self.op, self.given = op, given
        self.args = []
        for i, arg in enumerate(args):
            if isinstance(arg, torch.Tensor) and i not in given:
                self.register_buffer(f"constant{i}", arg)
                arg = f"constant{i}"
            self.args.append(arg)

    def forward(self, *inputs):
        args = [getattr(self, a) if isinstance(a, str) else a for a in self.args]
        for i, x in zip(self.given, inputs):
            args[i] = x
        return self.op(*args)


def codes(dtype, *shape):
    info = torch.iinfo(dtype)
    return torch.randint(info.min, info.max + 1, shape, dtype=dtype)


def biases(count):
    return torch.randint(-3000, 3000, (count,), dtype=torch.int32)


def multiplier(scale):
    """What stands for 1 / scale: a negative number of 2^-31, and a shift."""
    mantissa, exponent = math.frexp(1 / scale)
    return -round(mantissa * 2**31), exponent


def convolutions(dtype, letter):
    """name, operator, given, arguments"""
    typed = f"asym8{letter}xsym8{letter}_asym8{letter}"
    zero = 3 if letter == "s" else 120

    def conv(x, weight, groups=1, stride=1, padding=1, dilation=1, weight_zero=0, out=0.9):
        w = 0 if letter == "s" else 128
        return [x, weight, biases(weight.shape[0]), [stride] * 2, [padding] * 2, [dilation] * 2, groups,
                zero, w + weight_zero, 2e-4, out, 5 if letter == "s" else 118, *multiplier(out / 2e-4)]  # fmt: skip

    first, last = codes(dtype, 1, 8, 9, 11), codes(dtype, 1, 9, 11, 8)
    yield f"nchw_{letter}", f"quantized_conv2d_nchw_{typed}", conv(first, codes(dtype, 6, 8, 3, 3))
    yield f"nchw_dilated_{letter}", f"quantized_conv2d_nchw_dilated_{typed}", conv(first, codes(dtype, 6, 8, 3, 3), dilation=2, padding=2)
    yield f"nchw_depthwise_{letter}", f"quantized_conv2d_nchw_depthwise_{typed}", conv(first, codes(dtype, 8, 1, 3, 3), groups=8, out=0.3)
    yield f"nhwc_{letter}", f"quantized_conv2d_nhwc_{typed}", conv(last, codes(dtype, 6, 3, 3, 8), stride=2)
    if letter == "s":
        yield "nchw", "quantized_conv2d_nchw", conv(first, codes(dtype, 6, 4, 3, 3), groups=2, out=0.6)
        yield "nchw_weight_zero", "quantized_conv2d_nchw", conv(first, codes(dtype, 6, 8, 1, 1), padding=0, weight_zero=7, out=0.5)
        yield "nhwc", "quantized_conv2d_nhwc", conv(last, codes(dtype, 6, 1, 1, 8), padding=0, out=0.5)


def rows(dtype, letter):
    typed = f"asym8{letter}xasym8{letter}_asym8{letter}"
    zero, weight_zero, result = (3, 0, -4) if letter == "s" else (120, 128, 130)
    linear = [codes(dtype, 2, 7, 32), codes(dtype, 10, 32), biases(10), zero, weight_zero, *multiplier(900.0), result, None]
    single = [codes(dtype, 1, 32), *linear[1:]]
    matmul = [codes(dtype, 2, 5, 24), zero, codes(dtype, 2, 24, 9), result, None, *multiplier(1500.0), 1]
    turned = [*matmul[:2], codes(dtype, 2, 9, 24), *matmul[3:], True]
    yield f"linear_{letter}", f"quantized_linear_{typed}", linear
    yield f"fully_connected_{letter}", f"quantized_fully_connected_{typed}", single
    yield f"matmul_{letter}", f"quantized_matmul_{typed}", matmul
    yield f"matmul_turned_{letter}", "quantized_matmul", turned
    x, y = codes(dtype, 2, 3, 50), codes(dtype, 2, 3, 50)
    yield f"add_{letter}", f"quantized_add_{typed}", [x, 0.05, zero, y, 0.03, result, 0.07, zero]
    yield f"mul_{letter}", "quantized_mul", [x, 0.05, zero, y, 0.03, result, 0.11, zero]
    yield f"relu_{letter}", f"quantized_relu_asym8{letter}_asym8{letter}", [x, zero, result, *multiplier(1.7)]
    yield f"requantize_{letter}", "requantize", [x, 0.05, zero, 0.031, result, dtype]
    if letter == "s":
        yield "linear", "quantized_linear", linear
        yield "fully_connected", "quantized_fully_connected", single
        yield "add", "quantized_add", [x, 0.05, zero, y, 0.03, result, 0.07, zero]
        yield "relu", "quantized_relu", [x, zero, result, *multiplier(1.7)]
        yield "layer_norm", "quantized_layer_norm", [codes(dtype, 4, 32), 0.04, zero, [32], torch.randn(32), torch.randn(32), 1e-5, 0.03, result]


def calls():
    for letter, dtype in (("s", torch.int8), ("u", torch.uint8)):
        yield from convolutions(dtype, letter)
        yield from rows(dtype, letter)


def activations(name):
    """Which arguments are given; the others are constants."""
    kind = name.split("_")[0]
    return {"matmul": [0, 2], "add": [0, 3], "mul": [0, 3]}.get(kind, [0])


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    dtypes = {torch.int8: "int8", torch.uint8: "uint8"}

    def entry(name, tensor):
        tensor.contiguous().numpy().tofile(folder / name)
        return {"kind": "tensor", "dtype": dtypes[tensor.dtype], "shape": list(tensor.shape), "file": name}

    lines = []
    for name, op, args in calls():
        packet = getattr(torch.ops.cadence, op)
        call = getattr(packet, "per_tensor" if "per_tensor" in packet.overloads() else "default")
        given = activations(name)
        inputs = tuple(args[i] for i in given)
        module = Call(call, given, args)
        expected = module(*inputs)
        edge = to_edge(export(module, inputs, strict=True), compile_config=EdgeCompileConfig(_check_ir_validity=False))
        (folder / f"{name}.pte").write_bytes(bytes(edge.to_executorch().buffer))
        lines.append({"test": name, "status": "ok", "pte": f"{name}.pte",
                      "inputs": [entry(f"{name}.input{i}", x) for i, x in enumerate(inputs)],
                      "outputs": [entry(f"{name}.output", expected)],
                      "atol": TIES if name.startswith("add") else 0})  # fmt: skip
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
