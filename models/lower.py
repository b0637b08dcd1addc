"""One net from .tflite to its four .pte files, each compared with the original engine on a real input."""

import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TORCHAO_SKIP_LOADING_SO_FILES", "1")  # GPU kernels of no use here; loading them only warns
warnings.filterwarnings("ignore", module=r"torch|torchao|executorch|copyreg")
logging.getLogger("torch").setLevel(logging.ERROR)

import executorch.kernels.quantized  # noqa: F401  registers the out variants of q/dq that int8 programs call
import numpy as np
import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from executorch.runtime import Runtime
from torch.export import ExportedProgram, export

from . import files, index, samples, tflite_import
from .litert import LiteRT
from .pins import Model
from .quantize import quantize

CALIBRATION_STRIDE = 3  # every third sample calibrates int8; the others are left to check it with


def nchw(image: np.ndarray) -> torch.Tensor:
    """An image [size, size, 3] as the net's input [1, 3, size, size]."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]


def serialise(program: ExportedProgram, delegate: bool) -> bytes:
    partitioner = [XnnpackPartitioner()] if delegate else []
    return bytes(to_edge_transform_and_lower(program, partitioner=partitioner).to_executorch().buffer)


def run_pte(path: Path, tensor: torch.Tensor) -> list[np.ndarray]:
    """The outputs of ExecuTorch's own runtime."""
    method = Runtime.get().load_program(path).load_method("forward")
    return [output.numpy().copy() for output in method.execute([tensor])]


def difference(outputs: list[np.ndarray], reference: list[np.ndarray]) -> tuple[float, float]:
    """The largest absolute difference over all outputs, and the largest absolute reference value."""
    pairs = list(zip(outputs, reference, strict=True))
    largest = max(float(np.abs(a.reshape(b.shape) - b).max()) for a, b in pairs)
    return largest, max(float(np.abs(b).max()) for _, b in pairs)


def lower(model: Model, out: Path, key: str, step: Callable[[str], None]) -> list[dict]:
    """Writes the model's files under `out`/models and returns their index rows."""
    torch.set_num_threads(1)
    folder = out / "models"
    step(f"{model.name}: samples")
    inputs = samples.TASKS[model.task](out / "media", folder / "original")
    original = folder / "original" / f"{model.name}.tflite"
    net = tflite_import.build(tflite_import.load(original))
    probe = nchw(inputs[0])
    reference = LiteRT(original)(inputs[0])
    step(f"{model.name}: calibrate int8")
    fp32 = export(net, (probe,))
    int8 = export(quantize(fp32, map(nchw, inputs[::CALIBRATION_STRIDE])), (probe,))
    rows = []
    for flow in index.FLOWS:
        step(f"{model.name}: {flow}")
        precision, _, backend = flow.partition("-")
        program = int8 if precision == "int8" else fp32
        path = folder / index.file_name(model.name, flow)
        content = serialise(program, delegate=backend == "xnnpack")
        files.write(path, content)
        if backend:
            outputs, engine = run_pte(path, probe), f"executorch {index.version('executorch')}"
        else:  # its portable kernels take seconds; `check` runs them
            with torch.no_grad():
                outputs, engine = [o.numpy() for o in program.module()(probe)], f"torch {index.version('torch')}"
        largest, scale = difference(outputs, reference)
        rows.append(
            {
                "name": model.name,
                "task": model.task,
                "precision": precision,
                "flow": backend or "plain",
                "file": path.name,
                "bytes": len(content),
                "sha256": files.sha256(path),
                "licence": model.archive.licence,
                "source": f"{model.archive.source}:{model.member}",
                "inputs": [list(shape) for shape in net.input_shapes],
                "outputs": [list(array.shape) for array in reference],
                "check": {
                    "engine": engine,
                    "peer": f"ai-edge-litert {index.version('ai-edge-litert')}",
                    "max_abs": largest,
                    "max_ref": scale,
                },
                "key": key,
            }
        )
    return rows


STEPS = 2 + len(index.FLOWS)  # how often lower() calls step()
