"""The module made from a TFLite graph: its layers in order, and the values that pass between them."""

import torch
from torch import nn

from .graph import Graph
from .layers import BUILDERS


class TfliteModule(nn.Module):
    """forward(*inputs) takes and returns tensors, rank 4 as NCHW, in the order of the TFLite file."""

    def __init__(self, graph: Graph):
        super().__init__()
        self.layers = nn.ModuleDict()
        self.steps: list[tuple[str, tuple[int, ...], int]] = []
        self.sources, self.results = graph.inputs, graph.outputs
        self.input_shapes = [nchw(graph.tensors[i].shape) for i in graph.inputs]
        self.output_names = [graph.tensors[i].name for i in graph.outputs]
        for number, op in enumerate(graph.operators):
            if op.kind not in BUILDERS:
                raise NotImplementedError(f"TFLite operator {op.kind}")
            name = f"{op.kind.lower()}_{number}"
            self.layers[name] = BUILDERS[op.kind](graph, op)
            values = tuple(i for i in op.inputs if i >= 0 and graph.tensors[i].data is None)
            self.steps.append((name, values, op.outputs[0]))

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        values = dict(zip(self.sources, inputs, strict=True))
        for name, operands, target in self.steps:
            values[target] = self.layers[name](*(values[i] for i in operands))
        return tuple(values[i] for i in self.results)


def nchw(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], shape[3], shape[1], shape[2]) if len(shape) == 4 else shape


def build(graph: Graph) -> TfliteModule:
    return TfliteModule(graph).eval()
