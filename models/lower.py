"""One net from .tflite to its .pte files, each compared with the original engine on real input.

Imported only where there is work to do: it brings in torch and executorch.
"""

import gc
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

warnings.filterwarnings("ignore", module=r"torch|torchao|executorch|copyreg")

import numpy as np
import torch
import torch.fx.traceback
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from torch.export import ExportedProgram, export

from . import cases, files, index, samples, tflite_import
from .litert import LiteRT
from .pins import Model
from .pte import Pte, nchw, spread
from .quantize import quantize

PROBES = (1, 31)  # samples that become verification cases: a photo and a frame of the animation, neither calibrated on

# Lowering retraces a graph some sixty times and deep-copies each node's provenance, which only grows, every time: a
# quarter of all the time. Nobody edits provenance in place, so sharing it gives the same bytes.
torch.fx.traceback.NodeSource.__deepcopy__ = lambda source, memo: source


def serialise(program: ExportedProgram, delegate: bool) -> bytes:
    partitioner = [XnnpackPartitioner()] if delegate else []
    return bytes(to_edge_transform_and_lower(program, partitioner=partitioner).to_executorch().buffer)


class Lowering:
    """The state of one model's way through the flows."""

    def __init__(self, model: Model, out: Path):
        self.model, self.folder = model, out / "models"
        original = self.folder / "original" / f"{model.name}.tflite"
        self.net = tflite_import.build(tflite_import.load(original))
        self.inputs = samples.TASKS[model.task](out / "media", self.folder / "original")
        peer = LiteRT(original)
        self.probes = [nchw(self.inputs[i]) for i in PROBES]
        self.peer = [peer(self.inputs[i]) for i in PROBES]
        self.fp32 = export(self.net, (self.probes[0],))
        self.int8 = None

    def calibrate(self) -> None:
        graph = quantize(self.fp32, map(nchw, self.inputs[:: samples.CALIBRATION_STRIDE]))
        self.int8 = export(graph, (self.probes[0],))

    def program(self, flow: str) -> ExportedProgram:
        return self.int8 if flow.startswith("int8") else self.fp32

    @cache
    def content(self, flow: str) -> bytes:
        return serialise(self.program(flow), delegate=flow.endswith("-xnnpack"))

    @cache
    def eager(self, precision: str) -> list[list[np.ndarray]]:
        """The outputs of each probe, computed by PyTorch."""
        module = self.program(precision).module()
        with torch.no_grad():
            return [[output.numpy() for output in module(probe)] for probe in self.probes]

    @cache
    def stock(self, precision: str) -> list[list[np.ndarray]]:
        """The outputs of each probe, computed by ExecuTorch with its XNNPACK backend."""
        pte = Pte(self.content(f"{precision}-xnnpack"))
        return [pte(probe) for probe in self.probes]

    def flow(self, flow: str, key: str) -> dict:
        """Writes one file and its cases; its index row."""
        precision, _, backend = flow.partition("-")
        path = self.folder / index.file_name(self.model.name, flow)
        content = self.content(flow)
        files.write(path, content)
        # The plain file goes to the index as PyTorch runs its graph: ExecuTorch's portable kernels take seconds a run
        # and are left to `check`.
        ran = self.stock(precision) if backend else self.eager(precision)
        errors = [spread(got, want) for got, want in zip(ran, self.peer, strict=True)]
        return {
            "name": self.model.name,
            "task": self.model.task,
            "precision": precision,
            "flow": backend or "plain",
            "file": path.name,
            "bytes": len(content),
            "sha256": files.sha256(path),
            "licence": self.model.archive.licence,
            "source": f"{self.model.archive.source}:{self.model.member}",
            "inputs": [list(shape) for shape in self.net.input_shapes],
            "outputs": [list(array.shape) for array in self.peer[0]],
            "check": {
                "engine": f"executorch {index.version('executorch')}" if backend else f"torch {index.version('torch')}",
                "peer": f"ai-edge-litert {index.version('ai-edge-litert')}",
                "max_abs": max(max(row) for row in errors),
                "max_ref": max(float(np.abs(array).max()) for row in self.peer for array in row),
            },
            "cases": self.cases(flow, path.name),
            "key": key,
        }

    def cases(self, flow: str, file: str) -> list[str]:
        precision, _, backend = flow.partition("-")
        reference = self.peer if precision == "fp32" else self.eager(precision)
        scale = [max(float(np.abs(array).max()) for array in column) for column in zip(*reference)]
        if precision == "fp32":
            atol = [cases.FP32_TOLERANCE * largest for largest in scale]
        else:
            distances = [spread(got, want) for got, want in zip(self.stock(precision), reference, strict=True)]
            far = [cases.INT8_SPREAD * max(column) for column in zip(*distances)]
            atol = [max(a, cases.INT8_FLOOR * largest) for a, largest in zip(far, scale, strict=True)]
        names = []
        for i, probe in enumerate(self.probes):
            entry = {"input": probe.numpy(), "outputs": reference[i], "atol": atol}
            if backend:
                entry["et_outputs"] = self.stock(precision)[i]
            names.append(cases.write(self.folder, f"{self.model.name}_{i}", flow, file, entry))
        return names


def lower(model: Model, out: Path, keys: dict[str, str], step: Callable[[str], None]) -> list[dict]:
    """Writes the files of the flows in `keys` under `out`/models and returns their index rows."""
    torch.set_num_threads(1)  # the zoo runs one process a model
    gc.freeze()  # what the imports made lives to the end; collections need not look at it
    step(f"{model.name}: read")
    lowering = Lowering(model, out)
    if any(flow.startswith("int8") for flow in keys):
        step(f"{model.name}: calibrate int8")
        lowering.calibrate()
    rows = []
    for flow, key in keys.items():
        step(f"{model.name}: {flow}")
        rows.append(lowering.flow(flow, key))
    return rows
