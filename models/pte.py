"""A .pte program on ExecuTorch's own runtime, the other peer."""

from pathlib import Path

import executorch.kernels.quantized  # noqa: F401  the q/dq operators of plain int8 files, for lowering and for running
import numpy as np
import torch
from executorch.extension.llm.custom_ops import custom_ops  # noqa: F401  llama::update_cache and custom_sdpa
from executorch.runtime import Runtime


class Pte:
    """A program from a file or from its bytes. Calling it returns copies of the outputs; state lasts as long as it does."""

    def __init__(self, source: Path | bytes):
        self.program = Runtime.get().load_program(source)
        self.methods = {}

    def __call__(self, *tensors: torch.Tensor, method: str = "forward") -> list[np.ndarray]:
        if method not in self.methods:
            self.methods[method] = self.program.load_method(method)
        return [output.numpy().copy() for output in self.methods[method].execute(list(tensors))]
