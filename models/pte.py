"""A .pte program on ExecuTorch's own runtime, the other peer."""

from pathlib import Path

import executorch.kernels.quantized  # noqa: F401  the q/dq operators of plain int8 files, for lowering and for running
import numpy as np
import torch
from executorch.runtime import Runtime


def nchw(image: np.ndarray) -> torch.Tensor:
    """An image [size, size, 3] as a net's input [1, 3, size, size]."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]


class Pte:
    """The method `forward` of a file or of its bytes: takes one tensor, returns copies of the outputs."""

    def __init__(self, source: Path | bytes):
        self.method = Runtime.get().load_program(source).load_method("forward")

    def __call__(self, tensor: torch.Tensor) -> list[np.ndarray]:
        return [output.numpy().copy() for output in self.method.execute([tensor])]


def spread(outputs: list[np.ndarray], reference: list[np.ndarray]) -> list[float]:
    """The largest absolute difference of each output."""
    return [float(np.abs(a.reshape(b.shape) - b).max()) for a, b in zip(outputs, reference, strict=True)]
