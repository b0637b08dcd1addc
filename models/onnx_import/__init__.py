"""ONNX files as PyTorch modules with fixed shapes: `load(path)` reads one, `build(graph, shape)` makes the module.

All shapes follow from that of the input, so what a graph computes about shapes is computed here, once, and only tensors
that depend on the input's values are left in the module.
"""

from .graph import Graph, Node, load
from .module import OnnxModule, build

__all__ = ["Graph", "Node", "OnnxModule", "build", "load"]
