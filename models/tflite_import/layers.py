"""One builder per TFLite operator: from the operator and its constants to a torch module over its other inputs.

Values of rank 4 arrive and leave as NCHW (see the package docstring); all other ranks as TFLite has them.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .graph import Graph, Operator

SAME = 0  # tflite.Padding
NCHW_AXIS = (0, 2, 3, 1)  # where each NHWC axis lies in NCHW
ACTIVATIONS = {"NONE": nn.Identity, "RELU": nn.ReLU, "RELU6": nn.ReLU6, "TANH": nn.Tanh}


def parameter(array: np.ndarray) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(np.array(array, np.float32, order="C")), requires_grad=False)


def activation(kind: str) -> nn.Module:
    if kind not in ACTIVATIONS:
        raise NotImplementedError(f"fused activation {kind}")
    return ACTIVATIONS[kind]()


def to_nchw(array: np.ndarray) -> np.ndarray:
    """A constant operand, shaped so that it broadcasts against NCHW as the original did against NHWC."""
    if array.ndim in (0, 4):
        return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array
    return to_nchw(array.reshape((1,) * (4 - array.ndim) + array.shape))


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """TFLite's SAME: output = ceil(size / stride), and the odd pixel of padding goes after, not before."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


class Window(nn.Module):
    """What convolutions and pools share: SAME padding, given to the op where symmetric, as a pad before it where not."""

    def __init__(self, padding, shape, kernel, stride, dilation=(1, 1), fill=0.0):
        super().__init__()
        before_after = [(0, 0), (0, 0)]
        if padding == SAME:
            before_after = [same_padding(*axis) for axis in zip(shape[1:3], kernel, stride, dilation)]
        (top, bottom), (left, right) = before_after
        symmetric = top == bottom and left == right
        self.inside = (top, left) if symmetric else (0, 0)
        self.outside = None if symmetric else (left, right, top, bottom)
        self.fill = fill

    def forward(self, x):
        return x if self.outside is None else F.pad(x, self.outside, value=self.fill)


class Convolution(nn.Module):
    def __init__(self, window, weight, bias, stride, dilation, groups, act):
        super().__init__()
        self.window, self.act = window, activation(act)
        self.weight, self.bias = parameter(weight), None if bias is None else parameter(bias)
        self.stride, self.dilation, self.groups = stride, dilation, groups

    def forward(self, x):
        x = self.window(x)
        x = F.conv2d(x, self.weight, self.bias, self.stride, self.window.inside, self.dilation, self.groups)
        return self.act(x)


def convolution(graph: Graph, op: Operator) -> nn.Module:
    shape = graph.tensors[op.inputs[0]].shape
    weight = graph.tensors[op.inputs[1]].data  # OHWI, or 1HWO when depthwise
    bias = graph.tensors[op.inputs[2]].data if len(op.inputs) > 2 and op.inputs[2] >= 0 else None
    depthwise = op.kind == "DEPTHWISE_CONV_2D"
    weight = weight.transpose(3, 0, 1, 2) if depthwise else weight.transpose(0, 3, 1, 2)
    groups = shape[3] // weight.shape[1]
    stride = (op.options.StrideH(), op.options.StrideW())
    dilation = (op.options.DilationHFactor(), op.options.DilationWFactor())
    window = Window(op.options.Padding(), shape, weight.shape[2:], stride, dilation)
    return Convolution(window, weight, bias, stride, dilation, groups, op.activation)


class Pool(nn.Module):
    def __init__(self, window, function, kernel, stride, act):
        super().__init__()
        self.window, self.function, self.act = window, function, activation(act)
        self.kernel, self.stride = kernel, stride

    def forward(self, x):
        return self.act(self.function(self.window(x), self.kernel, self.stride, self.window.inside))


def pool(graph: Graph, op: Operator) -> nn.Module:
    kernel = (op.options.FilterHeight(), op.options.FilterWidth())
    stride = (op.options.StrideH(), op.options.StrideW())
    shape = graph.tensors[op.inputs[0]].shape
    if op.kind == "MAX_POOL_2D":
        window = Window(op.options.Padding(), shape, kernel, stride, fill=float("-inf"))
        return Pool(window, F.max_pool2d, kernel, stride, op.activation)
    window = Window(op.options.Padding(), shape, kernel, stride)
    if window.outside or any(window.inside):
        raise NotImplementedError("average pool with padding: TFLite leaves the padding out of the mean")
    return Pool(window, F.avg_pool2d, kernel, stride, op.activation)


class FullyConnected(nn.Module):
    def __init__(self, weight, bias, act):
        super().__init__()
        self.weight, self.bias = parameter(weight), None if bias is None else parameter(bias)
        self.act = activation(act)

    def forward(self, x):
        if x.dim() == 4:
            x = x.permute(0, 2, 3, 1)
        if x.dim() != 2:
            x = x.reshape(-1, self.weight.shape[1])
        return self.act(F.linear(x, self.weight, self.bias))


def fully_connected(graph: Graph, op: Operator) -> nn.Module:
    if op.options.KeepNumDims():
        raise NotImplementedError("FULLY_CONNECTED with keep_num_dims")
    bias = graph.tensors[op.inputs[2]].data if len(op.inputs) > 2 and op.inputs[2] >= 0 else None
    return FullyConnected(graph.tensors[op.inputs[1]].data, bias, op.activation)


class Binary(nn.Module):
    """An elementwise operation of two values, or of one value and a constant at `position`."""

    def __init__(self, function, constant, position, act):
        super().__init__()
        self.function, self.position, self.act = function, position, activation(act)
        self.constant = None if constant is None else parameter(constant)

    def forward(self, *values):
        if self.constant is not None:
            values = (self.constant, *values) if self.position == 0 else (*values, self.constant)
        return self.act(self.function(*values))


BINARY = {"ADD": torch.add, "SUB": torch.sub, "MUL": torch.mul, "MAXIMUM": torch.maximum, "MINIMUM": torch.minimum}


def binary(graph: Graph, op: Operator) -> nn.Module:
    constants = [(i, graph.tensors[t].data) for i, t in enumerate(op.inputs) if graph.tensors[t].data is not None]
    position, constant = constants[0] if constants else (None, None)
    if constant is not None and len(graph.tensors[op.outputs[0]].shape) == 4:
        constant = to_nchw(constant)
    return Binary(BINARY[op.kind], constant, position, op.activation)


class PRelu(nn.Module):
    def __init__(self, slope):
        super().__init__()
        self.slope = parameter(slope)

    def forward(self, x):
        return F.prelu(x, self.slope)


def prelu(graph: Graph, op: Operator) -> nn.Module:
    slope = graph.tensors[op.inputs[1]].data
    if slope.size != slope.shape[-1]:
        raise NotImplementedError("PRELU with a slope per pixel")
    return PRelu(slope.reshape(-1))


class Pad(nn.Module):
    def __init__(self, amounts):
        super().__init__()
        if len(amounts) == 4:
            amounts = [amounts[axis] for axis in (0, 3, 1, 2)]
        self.amounts = [int(n) for pair in reversed(amounts) for n in pair]  # torch counts from the last axis
        while self.amounts[-2:] == [0, 0]:
            del self.amounts[-2:]

    def forward(self, x):
        return F.pad(x, self.amounts)


class Resize(nn.Module):
    def __init__(self, size, align_corners):
        super().__init__()
        self.size, self.align_corners = size, align_corners

    def forward(self, x):
        return F.interpolate(x, size=self.size, mode="bilinear", align_corners=self.align_corners)


def resize(graph: Graph, op: Operator) -> nn.Module:
    if not (op.options.AlignCorners() or op.options.HalfPixelCenters()):
        raise NotImplementedError("RESIZE_BILINEAR with TF1's asymmetric sampling")
    return Resize([int(n) for n in graph.tensors[op.inputs[1]].data], bool(op.options.AlignCorners()))


class Reshape(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        if x.dim() == 4:
            x = x.permute(0, 2, 3, 1)
        x = x.reshape(self.shape)
        return x.permute(0, 3, 1, 2) if len(self.shape) == 4 else x


class Concatenate(nn.Module):
    def __init__(self, axis, act):
        super().__init__()
        self.axis, self.act = axis, activation(act)

    def forward(self, *values):
        return self.act(torch.cat(values, self.axis))


def concatenate(graph: Graph, op: Operator) -> nn.Module:
    rank = len(graph.tensors[op.outputs[0]].shape)
    axis = op.options.Axis() % rank
    return Concatenate(NCHW_AXIS[axis] if rank == 4 else axis, op.activation)


class Mean(nn.Module):
    def __init__(self, axes, keep):
        super().__init__()
        self.axes, self.keep = axes, keep

    def forward(self, x):
        return x.mean(self.axes, keepdim=self.keep)


def mean(graph: Graph, op: Operator) -> nn.Module:
    rank = len(graph.tensors[op.inputs[0]].shape)
    axes = [int(axis) % rank for axis in np.atleast_1d(graph.tensors[op.inputs[1]].data)]
    keep = bool(op.options.KeepDims())
    if rank == 4:
        if not keep and sorted(axes) not in ([1, 2], [0, 1, 2], [1, 2, 3], [0, 1, 2, 3]):
            raise NotImplementedError("MEAN that leaves a spatial axis without its neighbours")
        axes = [NCHW_AXIS[axis] for axis in axes]
    return Mean(axes, keep)


class Softmax(nn.Module):
    def forward(self, x):
        return torch.softmax(x, 1 if x.dim() == 4 else -1)


BUILDERS = {
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": convolution,
    "FULLY_CONNECTED": fully_connected,
    "MAX_POOL_2D": pool,
    "AVERAGE_POOL_2D": pool,
    "PRELU": prelu,
    "PAD": lambda graph, op: Pad(graph.tensors[op.inputs[1]].data.tolist()),
    "RESIZE_BILINEAR": resize,
    "RESHAPE": lambda graph, op: Reshape(graph.tensors[op.outputs[0]].shape),
    "SQUEEZE": lambda graph, op: Reshape(graph.tensors[op.outputs[0]].shape),
    "CONCATENATION": concatenate,
    "MEAN": mean,
    "RELU": lambda graph, op: nn.ReLU(),
    "RELU6": lambda graph, op: nn.ReLU6(),
    "LOGISTIC": lambda graph, op: nn.Sigmoid(),
    "TANH": lambda graph, op: nn.Tanh(),
    "HARD_SWISH": lambda graph, op: nn.Hardswish(),
    "SOFTMAX": lambda graph, op: Softmax(),
    **dict.fromkeys(BINARY, binary),
}
