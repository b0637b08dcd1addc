"""One builder per ONNX operator: from the node, the values of its constant inputs and the shape of its first one, to a
torch module over its other inputs.

`Operands` hides whether a parameter came as an attribute (older operator sets) or as a constant input (newer ones).
"""

import operator

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..subject import UnsupportedError
from .graph import Node


class Operands:
    """What a builder sees of its node: attributes, constants (None where the value is computed), shapes; of a module for many
    shapes also what the constants are for the others. A constant that depends on the shape can only be read by who asks for it
    as one that varies."""

    def __init__(self, node: Node, constants, shapes, others=None):
        self.node, self.constants, self.shapes, self.others = node, constants, shapes, others

    @property
    def is_flexible(self) -> bool:
        return self.others is not None

    def same(self, position: int) -> np.ndarray | None:
        """Where the constant is the same for all shapes; None: everywhere."""
        if not self.is_flexible or self.constants[position] is None:
            return None
        same = np.equal(self.constants[position], self.others[position])
        return None if np.all(same) else np.atleast_1d(same)

    def __len__(self) -> int:
        return len(self.constants)

    def get(self, name: str, default=None):
        return self.node.attributes.get(name, default)

    def constant(self, position: int) -> np.ndarray:
        if position >= len(self) or self.constants[position] is None:
            raise UnsupportedError(f"ONNX {self.node.kind}: input {position} has to be a constant")
        if self.same(position) is not None:
            raise UnsupportedError(f"ONNX {self.node.kind}: input {position} depends on the shape")
        return self.constants[position]

    def optional(self, position: int) -> np.ndarray | None:
        return self.constant(position) if position < len(self) and self.node.inputs[position] else None

    def integers(self, name: str, position: int) -> list[int]:
        """A list that is the attribute `name` or the constant input at `position`."""
        value = self.get(name)
        return [int(i) for i in np.atleast_1d(value if value is not None else self.constant(position))]

    def spatial(self) -> int:
        return len(self.shapes[0]) - 2


def parameter(array: np.ndarray | None) -> nn.Parameter | None:
    if array is None:
        return None
    return nn.Parameter(torch.from_numpy(np.array(array, np.float32, order="C")), requires_grad=False)


class Lambda(nn.Module):
    """A function without parameters as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *values):
        return self.function(*values)


def padding(op: Operands, kernel, stride, dilation) -> tuple[list[int], list[int]]:
    """Pixels before and after each spatial axis."""
    count, mode = op.spatial(), op.get("auto_pad", "NOTSET")
    if mode in ("NOTSET", "VALID"):
        pads = list(op.get("pads", [0] * 2 * count)) if mode == "NOTSET" else [0] * 2 * count
        return pads[:count], pads[count:]
    before, after = [], []
    for size, k, s, d in zip(op.shapes[0][2:], kernel, stride, dilation, strict=True):
        total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
        small, large = total // 2, total - total // 2
        before.append(small if mode == "SAME_UPPER" else large)
        after.append(large if mode == "SAME_UPPER" else small)
    return before, after


def outside(before, after) -> list[int]:
    """What F.pad takes: from the last axis backwards."""
    return [n for pair in reversed(list(zip(before, after, strict=True))) for n in pair]


class Convolution(nn.Module):
    def __init__(self, weight, bias, stride, before, after, dilation, groups):
        super().__init__()
        self.weight, self.bias = parameter(weight), parameter(bias)
        self.stride, self.dilation, self.groups = stride, dilation, groups
        self.inside = before if before == after else [0] * len(before)
        self.outside = None if before == after else outside(before, after)
        self.function = {3: F.conv1d, 4: F.conv2d}[weight.ndim]

    def forward(self, x):
        if self.outside is not None:
            x = F.pad(x, self.outside)
        return self.function(x, self.weight, self.bias, self.stride, self.inside, self.dilation, self.groups)


def convolution(op: Operands) -> nn.Module:
    weight, count = op.constant(1), op.spatial()
    if weight.ndim not in (3, 4):
        raise UnsupportedError(f"ONNX Conv over {count} axes")
    stride, dilation = list(op.get("strides", [1] * count)), list(op.get("dilations", [1] * count))
    before, after = padding(op, weight.shape[2:], stride, dilation)
    return Convolution(weight, op.optional(2), stride, before, after, dilation, op.get("group", 1))


class Transposed(nn.Module):
    def __init__(self, weight, bias, stride, pads, extra, groups, dilation):
        super().__init__()
        self.weight, self.bias = parameter(weight), parameter(bias)
        self.options = (stride, pads, extra, groups, dilation)

    def forward(self, x):
        return F.conv_transpose2d(x, self.weight, self.bias, *self.options)


def transposed(op: Operands) -> nn.Module:
    weight = op.constant(1)
    before, after = padding(op, weight.shape[2:], [1, 1], [1, 1])
    if op.spatial() != 2 or before != after or op.get("output_shape") or op.get("auto_pad", "NOTSET") != "NOTSET":
        raise UnsupportedError("ONNX ConvTranspose that is not a plain one over two axes")
    stride, dilation = list(op.get("strides", [1, 1])), list(op.get("dilations", [1, 1]))
    extra = list(op.get("output_padding", [0, 0]))
    return Transposed(weight, op.optional(2), stride, before, extra, op.get("group", 1), dilation)


class BatchNorm(nn.Module):
    def __init__(self, scale, bias, mean, variance, epsilon):
        super().__init__()
        factor = scale.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
        self.factor, self.shift = factor, bias - mean * factor
        self.mean, self.variance = parameter(mean), parameter(variance)
        self.scale, self.bias = parameter(scale), parameter(bias)
        self.epsilon = epsilon

    def forward(self, x):
        return F.batch_norm(x, self.mean, self.variance, self.scale, self.bias, False, 0.0, self.epsilon)


BINARY = {"Add": operator.add, "Sub": operator.sub, "Mul": operator.mul, "Div": operator.truediv, "Pow": operator.pow}


class Binary(nn.Module):
    """An elementwise operation of two values, or of one and a constant at `position`; a single number stays a number."""

    def __init__(self, function, constant, position):
        super().__init__()
        self.function, self.position = function, position
        number = constant is not None and constant.size == 1 and constant.ndim <= 1
        self.constant = constant.reshape(-1)[0].item() if number else parameter(constant)

    def forward(self, *values):
        if self.constant is not None:
            values = (self.constant, *values) if self.position == 0 else (*values, self.constant)
        return self.function(*values)


def binary(op: Operands) -> nn.Module:
    position = next((i for i in range(2) if op.constants[i] is not None), None)
    return Binary(BINARY[op.node.kind], None if position is None else op.constants[position], position)


class Product(nn.Module):
    """A matrix product whose right side is a constant: a linear layer without bias."""

    def __init__(self, weight, bias=None):
        super().__init__()
        self.weight, self.bias = parameter(weight), parameter(bias)

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


def product(op: Operands) -> nn.Module:
    if op.constants[1] is None:
        return Lambda(torch.matmul)
    if op.constants[1].ndim != 2:
        raise UnsupportedError("ONNX MatMul with a constant that is not a matrix")
    return Product(op.constants[1].T)


def gemm(op: Operands) -> nn.Module:
    if op.get("transA", 0) or op.get("alpha", 1.0) != 1.0 or op.get("beta", 1.0) != 1.0:
        raise UnsupportedError("ONNX Gemm that is not a linear layer")
    weight = op.constant(1)
    return Product(weight if op.get("transB", 0) else weight.T, op.optional(2))


def clip(op: Operands) -> nn.Module:
    limits = [op.get(name) if len(op) <= i else op.optional(i) for i, name in ((1, "min"), (2, "max"))]
    low, high = (None if limit is None else float(limit) for limit in limits)
    return nn.ReLU6() if (low, high) == (0.0, 6.0) else Lambda(lambda x: torch.clamp(x, low, high))


def hard_sigmoid(op: Operands) -> nn.Module:
    alpha, beta = op.get("alpha", 0.2), op.get("beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return nn.Hardsigmoid()
    return Lambda(lambda x: torch.clamp(x * alpha + beta, 0.0, 1.0))


def pool(op: Operands) -> nn.Module:
    kernel = list(op.get("kernel_shape"))
    stride = list(op.get("strides", [1] * len(kernel)))
    before, after = padding(op, kernel, stride, [1] * len(kernel))
    ceil, largest = bool(op.get("ceil_mode", 0)), op.node.kind == "MaxPool"
    if op.spatial() != 2 or len(op.node.outputs) > 1 or any(d != 1 for d in op.get("dilations", [1])):
        raise UnsupportedError(f"ONNX {op.node.kind} that is not a plain one over two axes")
    if before == after:
        if largest:
            return Lambda(lambda x: F.max_pool2d(x, kernel, stride, before, ceil_mode=ceil))
        counted = bool(op.get("count_include_pad", 0))
        return Lambda(lambda x: F.avg_pool2d(x, kernel, stride, before, ceil, counted))
    if not largest:
        raise UnsupportedError("ONNX AveragePool with more padding on one side")
    if all(s == 1 for s in stride) and all(2 * max(pair) <= k for pair, k in zip(zip(before, after, strict=True), kernel, strict=True)):
        return uneven_pool(kernel, before, after)
    pads, least = outside(before, after), torch.finfo(torch.float32).min  # -inf is no JSON, which delegates are written through
    return Lambda(lambda x: F.max_pool2d(F.pad(x, pads, value=least), kernel, stride, ceil_mode=ceil))


def uneven_pool(kernel: list[int], before: list[int], after: list[int]) -> nn.Module:
    """A step of one pixel: pad both sides alike and leave out what is too much. A border of the least number there is has no place
    among the codes of int8."""
    pads = [max(pair) for pair in zip(before, after, strict=True)]
    kept = [slice(pad - b, a - pad or None) for pad, b, a in zip(pads, before, after, strict=True)]
    return Lambda(lambda x: F.max_pool2d(x, kernel, 1, pads)[:, :, kept[0], kept[1]])


def mean(op: Operands) -> nn.Module:
    axes, keep = op.integers("axes", 1), bool(op.get("keepdims", 1))
    return Lambda(lambda x: x.mean(axes, keepdim=keep))


def reshape(op: Operands) -> nn.Module:
    same = op.same(1) if op.get("shape") is None else None
    if same is not None:
        wanted = [int(n) if kept else -1 for n, kept in zip(op.constants[1], same, strict=True)]
        if wanted.count(-1) != 1:
            raise UnsupportedError("ONNX Reshape of which more than one size depends on the shape")
    else:
        wanted = op.integers("shape", 1)
    if op.is_flexible:
        return Lambda(lambda x: x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]))
    shape = [op.shapes[0][i] if n == 0 else n for i, n in enumerate(wanted)]
    return Lambda(lambda x: x.reshape(shape))


def squeeze(op: Operands) -> nn.Module:
    axes = tuple(op.integers("axes", 1))
    return Lambda(lambda x: x.squeeze(axes))


def unsqueeze(op: Operands) -> nn.Module:
    axes = sorted(axis % (len(op.shapes[0]) + len(op.integers("axes", 1))) for axis in op.integers("axes", 1))

    def apply(x):
        for axis in axes:
            x = x.unsqueeze(axis)
        return x

    return Lambda(apply)


def slice_(op: Operands) -> nn.Module:
    first, last = op.integers("starts", 1), op.integers("ends", 2)
    axes = op.integers("axes", 3) if op.get("axes") is not None or len(op) > 3 else list(range(len(first)))
    steps = [int(i) for i in op.optional(4)] if op.optional(4) is not None else [1] * len(first)
    if any(step < 1 for step in steps):
        raise UnsupportedError("ONNX Slice that runs backwards")
    cuts = [slice(None)] * len(op.shapes[0])
    for axis, *bounds in zip(axes, first, last, steps, strict=True):
        cuts[axis] = slice(*bounds)
    return Lambda(lambda x: x[tuple(cuts)])


def resize(op: Operands) -> nn.Module:
    """Of the ways to resize those that torch has: nearest by whole factors, bilinear between pixel centres or corners."""
    if op.is_flexible:
        return resize_by_factor(op)
    shape = op.shapes[0]
    sizes = op.constants[3] if len(op) > 3 and op.node.inputs[3] else None
    scales = op.constant(2 if len(op) > 2 else 1) if sizes is None else None
    size = [int(n) for n in sizes[2:]] if sizes is not None else [int(n * s) for n, s in zip(shape[2:], scales[2:])]
    mode, where = op.get("mode", "nearest"), op.get("coordinate_transformation_mode", "half_pixel")
    whole = all(to % of == 0 for to, of in zip(size, shape[2:]))
    if len(shape) == 4 and mode == "nearest" and whole:
        return Lambda(lambda x: F.interpolate(x, size=size, mode="nearest"))
    if len(shape) == 4 and mode == "linear" and where in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        corners = where == "align_corners"
        return Lambda(lambda x: F.interpolate(x, size=size, mode="bilinear", align_corners=corners))
    raise UnsupportedError(f"ONNX Resize {mode}, {where}, from {shape} to {size}")


def resize_by_factor(op: Operands) -> nn.Module:
    """For any shape: nearest, by the same whole factors for all."""

    def factors(constants) -> list[float]:
        if len(op) > 3 and op.node.inputs[3]:
            raise UnsupportedError("ONNX Resize to sizes that depend on the shape")
        return [float(n) for n in constants[2 if len(op) > 2 else 1][2:]]

    found = factors(op.constants)
    if op.get("mode", "nearest") != "nearest" or found != factors(op.others) or any(n != int(n) for n in found):
        raise UnsupportedError(f"ONNX Resize {op.get('mode')} by {found}, of any shape")
    return Lambda(lambda x: F.interpolate(x, scale_factor=found, mode="nearest"))


def function(apply):
    return lambda op: Lambda(apply)


BUILDERS = {
    "Conv": convolution,
    "ConvTranspose": transposed,
    "BatchNormalization": lambda op: BatchNorm(*(op.constant(i) for i in range(1, 5)), op.get("epsilon", 1e-5)),
    **dict.fromkeys(BINARY, binary),
    "MatMul": product,
    "Gemm": gemm,
    "Clip": clip,
    "HardSigmoid": hard_sigmoid,
    **dict.fromkeys(("MaxPool", "AveragePool"), pool),
    "GlobalAveragePool": lambda op: Lambda(lambda x, axes=tuple(range(2, len(op.shapes[0]))): x.mean(axes, keepdim=True)),
    "ReduceMean": mean,
    "Reshape": reshape,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Slice": slice_,
    "Resize": resize,
    "Concat": lambda op: Lambda(lambda *xs, axis=op.get("axis"): torch.cat(xs, axis)),
    "Transpose": lambda op: Lambda(lambda x, order=tuple(op.get("perm")): x.permute(order)),
    "Softmax": lambda op: Lambda(lambda x, axis=op.get("axis", -1): torch.softmax(x, axis)),
    "Relu": lambda op: nn.ReLU(),
    "Sigmoid": lambda op: nn.Sigmoid(),
    "Tanh": lambda op: nn.Tanh(),
    "Erf": function(torch.erf),
    "Sqrt": function(torch.sqrt),
    "Identity": lambda op: nn.Identity(),
}
