"""What a graph computes from constants and from shapes alone, computed once in numpy."""

import numpy as np
from onnx import helper

from ..subject import UnsupportedError
from .graph import Node


def _slice(node: Node, data, first=None, last=None, axes=None, steps=None):
    first = node.attributes.get("starts") if first is None else first
    last = node.attributes.get("ends") if last is None else last
    axes = node.attributes.get("axes", range(len(first))) if axes is None else axes
    cuts = [slice(None)] * data.ndim
    for i, axis in enumerate(axes):
        cuts[axis] = slice(int(first[i]), int(last[i]), 1 if steps is None else int(steps[i]))
    return data[tuple(cuts)]


def _axes(node: Node, rest) -> tuple[int, ...]:
    return tuple(int(i) for i in (node.attributes.get("axes") if not rest else rest[0]))


FOLDS = {
    "Cast": lambda node, x: x.astype(helper.tensor_dtype_to_np_dtype(node.attributes["to"])),
    "Concat": lambda node, *xs: np.concatenate([np.atleast_1d(x) for x in xs], node.attributes["axis"]),
    "Gather": lambda node, x, i: np.take(x, i, node.attributes.get("axis", 0)),
    "Identity": lambda node, x: x,
    "Reshape": lambda node, x, shape: x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(shape)]),
    "Slice": _slice,
    "Squeeze": lambda node, x, *rest: np.squeeze(x, _axes(node, rest)),
    "Unsqueeze": lambda node, x, *rest: np.expand_dims(x, _axes(node, rest)),
    "Transpose": lambda node, x: x.transpose(node.attributes["perm"]),
    "Add": lambda node, a, b: a + b,
    "Sub": lambda node, a, b: a - b,
    "Mul": lambda node, a, b: a * b,
    "Div": lambda node, a, b: a // b if np.issubdtype(np.asarray(a).dtype, np.integer) else a / b,
}


def fold(node: Node, constants: dict[str, np.ndarray], values: dict) -> np.ndarray | None:
    """The node's output if it is known before the net runs, else None. `values` holds what is not, with its shapes."""
    if node.kind == "Shape":
        return np.array(values[node.inputs[0]].shape if node.inputs[0] in values else constants[node.inputs[0]].shape)
    if not all(name in constants for name in node.inputs if name):
        return None
    if node.kind not in FOLDS:
        raise UnsupportedError(f"ONNX operator {node.kind} of constants")
    return np.asarray(FOLDS[node.kind](node, *(constants[name] for name in node.inputs if name)))
