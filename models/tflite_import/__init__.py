"""TFLite flatbuffers as PyTorch modules: `load(path)` reads one, `build(graph)` makes the module.

A TFLite graph is NHWC; the module keeps every rank-4 value NCHW, which is what torch.export and every
ExecuTorch backend expect of a convolution, and permutes only where a reshape makes the order visible.
Weights become contiguous fp32 parameters whatever they were stored as (fp16, int8 with scales).
"""

from .graph import Graph, Operator, Tensor, load
from .module import TfliteModule, build

__all__ = ["Graph", "Operator", "Tensor", "TfliteModule", "build", "load"]
