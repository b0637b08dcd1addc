"""The peer: the original .onnx file run by onnxruntime."""

from pathlib import Path

import numpy as np
import onnxruntime


class Onnxruntime:
    """A net of tensors: called with arrays in the file's order, returns the outputs in the file's order."""

    def __init__(self, path: Path, threads: int = 1):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = [value.name for value in self.session.get_inputs()]

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        return self.session.run(None, dict(zip(self.inputs, arrays, strict=True)))
