"""Programs of Cadence's quantised operators, one each, beside what Cadence's own reference kernels compute: cadence_export.py FOLDER

The forms whose numbers are tensors and those that are named by a type are one translator each, so each is here once.

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

# The sum of two codes times their scales is often half-way between two, and the reference computes it in floats of its own order; sums of
# products of 16 bits have more than the 24 that its floats keep.
TIES = 1
# Of a sum of products: such that hardly one is half-way.
SCALE = 2.0037e-4


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
                zero, w + weight_zero, SCALE, out, 5 if letter == "s" else 118, *multiplier(out / SCALE)]  # fmt: skip

    first, last = codes(dtype, 1, 8, 9, 11), codes(dtype, 1, 9, 11, 8)
    yield f"nchw_{letter}", f"quantized_conv2d_nchw_{typed}", conv(first, codes(dtype, 6, 8, 3, 3))
    yield f"nchw_dilated_{letter}", f"quantized_conv2d_nchw_dilated_{typed}", conv(first, codes(dtype, 6, 8, 3, 3), dilation=2, padding=2)
    yield f"nchw_depthwise_{letter}", f"quantized_conv2d_nchw_depthwise_{typed}", conv(first, codes(dtype, 8, 1, 3, 3), groups=8, out=0.3)
    yield f"nhwc_{letter}", f"quantized_conv2d_nhwc_{typed}", conv(last, codes(dtype, 6, 3, 3, 8), stride=2)
    depthwise = conv(last, codes(dtype, 3, 3, 8), groups=8, out=0.3)
    depthwise[2] = biases(8)
    yield f"weight_zero_{letter}", "quantized_conv2d_nchw", conv(first, codes(dtype, 6, 8, 3, 3), weight_zero=-9, out=1.5)
    line, line_last = codes(dtype, 2, 8, 21), codes(dtype, 2, 21, 8)

    def single(x, weight, outputs, **kwargs):
        made = conv(x, weight, **kwargs)
        made[2] = biases(outputs)
        made[3:6] = [[n[0]] for n in made[3:6]]
        return made

    if letter == "s":
        yield "nhwc_dilated", f"quantized_conv2d_nhwc_dilated_{typed}", conv(last, codes(dtype, 6, 3, 3, 8), dilation=2, padding=2)
        yield "nhwc_depthwise_typed", f"quantized_conv2d_nhwc_depthwise_{typed}", depthwise
        yield "ncl", "quantized_conv1d_ncl", single(line, codes(dtype, 6, 8, 3), 6, stride=2, out=0.5)
        yield "nlc", "quantized_conv1d_nlc", single(line_last, codes(dtype, 6, 3, 8), 6, out=0.5)
        yield "ncl_depthwise", "quantized_depthwise_conv1d_ncl", single(line, codes(dtype, 8, 1, 3), 8, groups=8, out=0.2)
        yield "nlc_depthwise", "quantized_depthwise_conv1d_nlc", single(line_last, codes(dtype, 8, 3, 1), 8, groups=8, out=0.2)
        yield "nhwc_depthwise", "quantized_conv2d_depthwise_nhwc", depthwise
        for name in ("conv2d_nchw", "conv2d_nhwc", "conv1d_ncl", "conv1d_nlc"):
            x = {"conv2d_nchw": first, "conv2d_nhwc": last, "conv1d_ncl": line, "conv1d_nlc": line_last}[name]
            shape = {"conv2d_nchw": (6, 8, 3, 3), "conv2d_nhwc": (6, 3, 3, 8), "conv1d_ncl": (6, 8, 3), "conv1d_nlc": (6, 3, 8)}[name]
            args = conv(x, codes(dtype, *shape)) if "2d" in name else single(x, codes(dtype, *shape), 6)
            yield f"{name[7:]}_tensors", f"quantized_{name}.default", tensors(args, 8, 9, 12, 13)
        yield "nchw", "quantized_conv2d_nchw", conv(first, codes(dtype, 6, 4, 3, 3), groups=2, out=0.6)
        yield "nchw_weight_zero", "quantized_conv2d_nchw", conv(first, codes(dtype, 6, 8, 1, 1), padding=0, weight_zero=7, out=0.5)
        yield "nhwc", "quantized_conv2d_nhwc", conv(last, codes(dtype, 6, 1, 1, 8), padding=0, out=0.5)


def tensors(args, *places):
    """Numbers as constant tensors."""
    return [torch.tensor([a], dtype=torch.float32 if isinstance(a, float) else torch.int32) if i in places else a for i, a in enumerate(args)]


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
    norm = [codes(dtype, 4, 32), 0.04, zero, [32], torch.randn(32), torch.randn(32), 1e-5, 0.03, result]
    yield f"layer_norm_{letter}", "quantized_layer_norm", norm
    softmax = [codes(dtype, 3, 5, 20), torch.zeros(3, 5, 1, dtype=torch.int32), -1, 0, torch.zeros(1, dtype=torch.int64), 0.03, zero, 1 / 256, result - 120]
    yield f"softmax_{letter}", "quantized_softmax", softmax
    images = codes(dtype, 1, 3, 9, 7)
    window = [[3, 2], [2, 1], [1, 0], [1, 2], False]
    yield f"max_pool_{letter}", "quantized_max_pool2d_nchw", [images, *window]
    if letter == "s":
        yield "layer_norm_flat", "quantized_layer_norm", [codes(dtype, 3, 4, 5), 0.004, zero, [4, 5], *torch.randn(2, 4, 5), 1e-2, 0.02, result]
        yield "softmax_across", "quantized_softmax", [*softmax[:2], 1, *softmax[3:7], 0.004, softmax[8]]
        yield "max_pool_last", "quantized_max_pool2d_nhwc", [codes(dtype, 1, 9, 7, 3), *window]
        yield "average", "avg_pool2d", [images, [3, 3], [2, 2], [1, 1], False, True, None, torch.tensor([zero], dtype=torch.int32), False]
        yield "im2row", "im2row", [images, [3, 2], [1, 2], [1, 1], [2, 1], zero, False]
        yield "im2row_last", "im2row", [codes(dtype, 2, 9, 7, 3), [2, 2], [1, 1], [0, 1], [1, 2], zero, True]
        yield "linear_tensors", "quantized_linear.default", tensors(linear, 4, 5, 6)
        yield "add_tensors", "quantized_add.default", tensors([x, 0.05, zero, y, 0.03, result, 0.07, zero], 1, 2, 4, 5)
        yield "relu_tensors", "quantized_relu.default", tensors([x, zero, result, *multiplier(1.7)], 1, 3, 4)
        yield "requantize_tensors", "requantize.default", tensors([x, 0.05, zero, 0.031, result, dtype], 1, 2, 3, 4)
        yield "layer_norm_tensors", "quantized_layer_norm.default", tensors(norm, 1, 2)
        yield "softmax_tensors", "quantized_softmax.default", tensors(softmax, 5, 6, 7, 8)
        spread = [images, [3, 2], [1, 2], [1, 1], [2, 3], [1, 0], torch.tensor([zero], dtype=torch.int32), False]
        yield "transposed_im2row", "transposed_im2row", spread
        yield "transposed_im2row_last", "transposed_im2row", [codes(dtype, 1, 5, 4, 3), *spread[1:7], True]
        yield "weight_zero_linear", "quantized_linear", [*linear[:4], 11, *multiplier(1200.0), *linear[7:]]
        yield "linear", "quantized_linear", linear
        yield "add", "quantized_add", [x, 0.05, zero, y, 0.03, result, 0.07, zero]


def transposed(dtype, letter):
    """Cadence has the operator and no kernel for it: the one for floats, on codes less their zero point, and its quantisation."""
    zero, weight_zero, out = (3, 0, 5) if letter == "s" else (120, 128, 118)
    for name, x, weight, single in (("transposed", codes(dtype, 1, 5, 6, 7), codes(dtype, 4, 5, 3, 2), False),
                                    ("transposed_line", codes(dtype, 2, 5, 9), codes(dtype, 4, 5, 3), True)):  # fmt: skip
        window = [[n[0]] if single else n for n in ([2, 3], [1, 0], [1, 2], [1, 1])]
        bias = biases(4)
        args = [x, weight, bias, *window, 1, zero, weight_zero, SCALE, 0.9, out, *multiplier(0.9 / SCALE), False]

        def expected(x=x, weight=weight, bias=bias, window=window):
            real = torch.ops.cadence.transposed_convolution(x.float() - zero, weight.float() - weight_zero, bias.float(), *window, 1, False)
            return torch.ops.cadence.quantize_per_tensor(real * SCALE, 0.9, out, torch.iinfo(dtype).min, torch.iinfo(dtype).max, dtype)

        if letter == "s" or not single:
            yield f"{name}_{letter}", "quantized_transposed_conv", tensors(args, 9, 10, 13, 14), expected


@torch.library.register_fake("cadence::quantized_add_Scalar")
@torch.library.register_fake("cadence::quantized_mul_Scalar")
def like_first(x, *_):
    return torch.empty_like(x)


@torch.library.register_fake("cadence::quantized_transposed_conv")
def transposed_sizes(x, weight, bias, stride, padding, dilation, output_padding, *_):
    sizes = [(x.shape[2 + i] - 1) * stride[i] - 2 * padding[i] + (weight.shape[2 + i] - 1) * dilation[i] + 1 + output_padding[i] for i in range(len(stride))]
    return x.new_empty([x.shape[0], weight.shape[0], *sizes])


def numbers(dtype, letter):
    """A tensor and a number. Cadence has kernels for them in C++ alone: what these say, in its conversions."""
    info = torch.iinfo(dtype)
    x, zero, out = codes(dtype, 2, 3, 50), 3 if letter == "s" else 120, -4 if letter == "s" else 130
    for name, number, scale, apply in (("add", 1.37, 0.071, torch.add), ("mul", -1.37, 0.093, torch.mul)):

        def expected(number=number, scale=scale, apply=apply):
            real = torch.ops.cadence.dequantize_per_tensor(x, 0.05, zero, info.min, info.max, dtype)
            return torch.ops.cadence.quantize_per_tensor(apply(real, number), scale, out, info.min, info.max, dtype)

        args = [x, 0.05, zero, number, scale, out]
        yield f"number_{name}_{letter}", f"quantized_{name}_Scalar.default", tensors(args, 1, 2), expected


def wide():
    """Codes of 16 bits, where the kernels allow them."""
    dtype = torch.int16
    x, near = codes(dtype, 2, 7, 32), codes(dtype, 2, 7, 32)
    linear = [x, codes(torch.int8, 10, 32), biases(10), 17, 0, *multiplier(250.0), -40, None]
    yield "linear_wide", "quantized_linear", linear
    yield "linear_zero_wide", "quantized_linear", [*linear[:4], -7, *linear[5:]]
    yield "linear_tensors_wide", "quantized_linear.default", tensors(linear, 4, 5, 6)
    yield "fully_connected_wide", "quantized_fully_connected", [codes(dtype, 1, 32), *linear[1:]]
    matmul = [codes(dtype, 2, 5, 24), 17, codes(dtype, 2, 24, 9), -300, None, *multiplier(70000.0), 1]
    yield "matmul_wide", "quantized_matmul", matmul
    yield "matmul_turned_wide", "quantized_matmul", [*matmul[:2], codes(dtype, 2, 9, 24), *matmul[3:], True]
    yield "relu_wide", "quantized_relu", [x, 17, -300, *multiplier(1.7)]
    yield "relu_tensors_wide", "quantized_relu.default", tensors([x, 17, -300, *multiplier(1.7)], 1, 3, 4)
    yield "requantize_wide", "requantize", [x, 0.001, 17, 0.3, 5, torch.int8]
    yield "requantize_same_wide", "requantize", [near, 0.001, 17, 0.0013, -500, dtype]
    yield "requantize_unsigned_wide", "requantize", [near, 0.001, 17, 0.0013, 33000, torch.uint16]
    yield "requantize_widens_wide", "requantize", [codes(torch.uint8, 60), 0.04, 120, 0.0007, -500, dtype]
    softmax = [codes(dtype, 3, 5, 20), torch.zeros(3, 5, 1, dtype=torch.int32), -1, 0, torch.zeros(1, dtype=torch.int64), 1e-4, 17, 1 / 65536, -32768]
    yield "softmax_wide", "quantized_softmax", softmax
    yield "softmax_across_wide", "quantized_softmax", [*softmax[:2], 1, *softmax[3:]]
    first, last = codes(dtype, 1, 8, 9, 11), codes(dtype, 1, 9, 11, 8)

    def conv(x, weight, count=None, **other):
        o = {"stride": [1, 1], "padding": [1, 1], "dilation": [1, 1], "groups": 1, "zero": 0, **other}
        bias = biases(count or weight.shape[0])
        return [x, weight, bias, o["stride"], o["padding"], o["dilation"], o["groups"], 17, o["zero"], SCALE, 0.11, -40, *multiplier(0.11 / SCALE)]

    yield "nchw_wide", "quantized_conv2d_nchw", conv(first, codes(torch.int8, 6, 8, 3, 3))
    yield "nchw_zero_wide", "quantized_conv2d_nchw", conv(first, codes(torch.int8, 6, 8, 3, 3), zero=9, dilation=[2, 2])
    yield "nchw_groups_wide", "quantized_conv2d_nchw", conv(first, codes(torch.int8, 6, 4, 3, 3), groups=2, stride=[2, 1])
    yield "nchw_depthwise_wide", "quantized_conv2d_nchw", conv(first, codes(torch.int8, 8, 1, 3, 3), groups=8)
    yield "nhwc_wide", "quantized_conv2d_nhwc", conv(last, codes(torch.int8, 6, 3, 3, 8))
    yield "nhwc_depthwise_wide", "quantized_conv2d_depthwise_nhwc", conv(last, codes(torch.int8, 3, 3, 8), 8, groups=8)
    single = {"stride": [1], "padding": [1], "dilation": [1]}
    yield "ncl_wide", "quantized_conv1d_ncl", conv(codes(dtype, 2, 8, 21), codes(torch.int8, 6, 8, 3), **single)
    yield "nlc_wide", "quantized_conv1d_nlc", conv(codes(dtype, 2, 21, 8), codes(torch.int8, 6, 3, 8), **single)
    images, window = codes(dtype, 1, 3, 9, 7), [[3, 2], [2, 1], [1, 0], [1, 2], False]
    yield "max_pool_wide", "quantized_max_pool2d_nchw", [images, *window]
    yield "max_pool_last_wide", "quantized_max_pool2d_nhwc", [codes(dtype, 1, 9, 7, 3), *window]
    yield "average_wide", "avg_pool2d", [images, [3, 3], [2, 2], [1, 1], False, True, None, torch.tensor([17], dtype=torch.int32), False]
    yield "im2row_wide", "im2row", [images, [3, 2], [1, 2], [1, 1], [2, 1], 17, False]


def reals():
    """Real numbers with weights of codes: what the host computes."""
    yield "reals_linear", "quantized_w8a32_linear", [torch.randn(3, 1, 16), codes(torch.int8, 16, 16), 0.02, codes(torch.int8, 16), 0.1]
    yield "reals_conv", "quantized_w8a32_conv", [torch.randn(2, 15, 8), codes(torch.int8, 3, 4, 8), 0.02, codes(torch.int8, 4), 0.1]
    x, h = torch.randn(1, 1, 12), torch.randn(1, 1, 8)
    weights = [codes(torch.int8, 24, 12), 0.01, codes(torch.int8, 24, 8), 0.02, codes(torch.int8, 24), 0.01, codes(torch.int8, 24)]

    def step():
        """Of one step with one dimension less: the kernel refuses what the rule of shapes wants."""
        return ref_implementations.quantized_w8a32_gru(x[0], h[0], *weights)[:, :, :1]

    yield "reals_gru", "quantized_w8a32_gru", [x, h, *weights], step
    rows, indices = codes(torch.int8, 20, 16), torch.randint(0, 20, (2, 7))
    yield "reals_embedding", "quantized_embedding_byte", [rows, torch.rand(20, 4), codes(torch.int8, 20, 4), indices]
    yield "reals_embedding_plain", "quantized_embedding_byte", [codes(torch.uint8, 20, 16), torch.rand(20, 1), None, indices]


def calls():
    yield from wide()
    yield from reals()
    for letter, dtype in (("s", torch.int8), ("u", torch.uint8)):
        yield from convolutions(dtype, letter)
        yield from rows(dtype, letter)
        yield from transposed(dtype, letter)
        yield from numbers(dtype, letter)


def activations(name):
    """Which arguments are given; the others are constants."""
    if name == "reals_gru":
        return [0, 1]
    kind = name.removeprefix("reals_").split("_")[0]
    return {"matmul": [0, 2], "add": [0, 3], "mul": [0, 3], "embedding": [3]}.get(kind, [0])


def reference(op, args):
    """The kernel of a softmax wants no mask, its operator wants one, and the compiler gives one that does not count."""
    numbers = [a.item() if isinstance(a, torch.Tensor) else a for a in args[5:]]
    return ref_implementations.quantized_softmax_per_tensor_common(args[0], None, *args[2:5], *numbers)


def tolerance(name, expected):
    if expected.dtype == torch.float32:
        return {"atol": 1e-5, "rtol": 1e-5}
    return {"atol": TIES if name.startswith("add") or name.endswith("_wide") else 0}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    dtypes = {getattr(torch, name): name for name in ("int8", "uint8", "int16", "uint16", "int64", "float32")}

    def entry(name, tensor):
        tensor.contiguous().numpy().tofile(folder / name)
        return {"kind": "tensor", "dtype": dtypes[tensor.dtype], "shape": list(tensor.shape), "file": name}

    lines = []
    for name, op, args, *other in calls():
        op, _, form = op.partition(".")
        packet = getattr(torch.ops.cadence, op)
        call = getattr(packet, form or ("per_tensor" if "per_tensor" in packet.overloads() else "default"))
        given = activations(name)
        inputs = tuple(args[i] for i in given)
        module = Call(call, given, args)
        expected = reference(op, args) if op == "quantized_softmax" else other[0]() if other else module(*inputs)
        edge = to_edge(export(module, inputs, strict=False), compile_config=EdgeCompileConfig(_check_ir_validity=False))
        (folder / f"{name}.pte").write_bytes(bytes(edge.to_executorch().buffer))
        lines.append({"test": name, "status": "ok", "pte": f"{name}.pte",
                      "inputs": [entry(f"{name}.input{i}", x) for i, x in enumerate(inputs)],
                      "outputs": [entry(f"{name}.output", expected)],
                      **tolerance(name, expected)})  # fmt: skip
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
