"""The module made from an ONNX graph: its layers in order, and the values that pass between them."""

from collections import Counter
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from ..subject import UnsupportedError
from .fold import fold
from .graph import Graph
from .layers import BUILDERS, BatchNorm, Convolution, Operands, parameter


class OnnxModule(nn.Module):
    """forward(*inputs) takes and returns tensors in the order of the ONNX file, of the shapes it was built for.

    With `other`, the same graph built for other shapes, it takes all shapes that follow the same rule: sizes that differ between the
    two are left to be computed as it runs.
    """

    def __init__(self, graph: Graph, shapes: list[tuple[int, ...]], other: "OnnxModule | None" = None):
        super().__init__()
        self.layers = nn.ModuleDict()
        self.steps: list[tuple[str, tuple[str, ...], str]] = []
        self.sources = graph.inputs
        self.input_shapes = shapes
        self.constants = constants = dict(graph.constants)
        values = dict(zip(graph.inputs, map(torch.zeros, shapes), strict=True))  # only their shapes matter
        uses = Counter([*graph.outputs, *(name for node in graph.nodes for name in node.inputs)])
        same: dict[str, str] = {}  # what a norm gives that has become part of the convolution before it
        convolutions: dict[str, Convolution] = {}
        for number, node in enumerate(graph.nodes):
            node = replace(node, inputs=tuple(same.get(name, name) for name in node.inputs))
            if (known := fold(node, constants, values)) is not None:
                constants[node.outputs[0]] = known
                continue
            if node.kind not in BUILDERS:
                raise UnsupportedError(f"ONNX operator {node.kind}")
            known = [constants.get(name) for name in node.inputs]
            others = [other.constants.get(name) for name in node.inputs] if other else None
            sizes = [tuple(values[name].shape) if name in values else None for name in node.inputs]
            layer = BUILDERS[node.kind](Operands(node, known, sizes, others))
            source, target = node.inputs[0], node.outputs[0]
            if isinstance(layer, BatchNorm) and source in convolutions and uses[source] == 1:
                join(convolutions[source], layer)
                same[target] = source
                continue
            if isinstance(layer, Convolution):
                convolutions[target] = layer
            name, operands = f"{node.kind.lower()}_{number}", tuple(i for i in node.inputs if i in values)
            self.layers[name] = layer
            self.steps.append((name, operands, target))
            with torch.no_grad():
                values[target] = layer(*(values[i] for i in operands))
        self.results = tuple(same.get(name, name) for name in graph.outputs)

    def forward(self, *inputs: torch.Tensor):
        values = dict(zip(self.sources, inputs, strict=True))
        for name, operands, target in self.steps:
            values[target] = self.layers[name](*(values[i] for i in operands))
        return tuple(values[i] for i in self.results)


def join(convolution: Convolution, norm: BatchNorm) -> None:
    """Puts a batch norm into the convolution before it, computed in double precision."""
    weight = convolution.weight.numpy().astype(np.float64)
    bias = 0.0 if convolution.bias is None else convolution.bias.numpy().astype(np.float64)
    convolution.weight = parameter(weight * norm.factor.reshape(-1, *[1] * (weight.ndim - 1)))
    convolution.bias = parameter(bias * norm.factor + norm.shift)


def build(graph: Graph, *shapes: tuple[int, ...], other: list[tuple[int, ...]] | None = None) -> OnnxModule:
    """For inputs of these shapes; with `other` shapes, for all that are like both."""
    return OnnxModule(graph, list(shapes), OnnxModule(graph, other) if other else None).eval()
