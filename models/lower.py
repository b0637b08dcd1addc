"""One net from its original to its .pte files, each compared with the original engine on real input.

Imported only where there is work to do: it brings in torch and executorch.
"""

import gc
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

warnings.filterwarnings("ignore", module=r"torch|torchao|executorch|copyreg")

import numpy as np
import torch
import torch.fx.traceback
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower
from torch.export import ExportedProgram, export

from . import cases, families, files, index
from .pins import Model
from .pte import Pte
from .quantize import quantize, quantize_dynamic
from .subject import CALIBRATION_STRIDE, Sample, spread

# Lowering retraces a graph some sixty times and deep-copies each node's provenance, which only grows, every time: a
# quarter of all the time. Nobody edits provenance in place, so sharing it gives the same bytes.
torch.fx.traceback.NodeSource.__deepcopy__ = lambda source, memo: source

Programs = dict[str, ExportedProgram]


def forget_pending(program: ExportedProgram) -> None:
    """A lowering leaves symbols in the program's shape environment that it made and has no more use for (those of numbers that
    come out of tensors); the next lowering of the same program would stop at them."""
    for node in program.graph.nodes:
        environment = getattr(getattr(node.meta.get("val"), "fake_mode", None), "shape_env", None)
        if environment is not None:
            environment.pending_fresh_unbacked_symbols.clear()
            return


def serialise(programs: Programs, constants: dict, delegate: bool) -> bytes:
    partitioner = {name: [XnnpackPartitioner()] for name in programs} if delegate else None
    for program in programs.values():
        forget_pending(program)
    # Without no_grad, retracing several methods of which one reads a position as a number fails on "pending symbols".
    with torch.no_grad():
        lowered = to_edge_transform_and_lower(
            programs,
            partitioner=partitioner,
            constant_methods=constants or None,
            compile_config=EdgeCompileConfig(_check_ir_validity=False),
        )
        return bytes(lowered.to_executorch().buffer)


class Lowering:
    """The state of one model's way through the flows."""

    def __init__(self, model: Model, out: Path):
        self.model, self.folder = model, out / "models"
        self.subject = families.subject(model, out)
        self.samples = self.subject.samples()
        self.probes = self.subject.probes(self.samples)
        self.peer = [self.subject.original(probe) for probe in self.probes]

    @cache
    def programs(self, precision: str) -> Programs:
        """The methods as exported programs; int8 with q/dq operators around what runs in int8."""
        methods = self.subject.quantizable(precision)
        with torch.no_grad():
            programs = {name: export(m.module, m.example, dynamic_shapes=m.shapes) for name, m in methods.items()}
        if precision != "int8":
            return programs
        for name, method in methods.items():
            if self.subject.dynamic:
                graph = quantize_dynamic(programs[name], method.example)
            else:
                calibration = [s.inputs for s in self.samples[::CALIBRATION_STRIDE] if s.method == name]
                graph = quantize(programs[name], calibration, self.subject.whole)
            with torch.no_grad():
                programs[name] = export(graph, method.example, dynamic_shapes=method.shapes)
        return programs

    @cache
    def content(self, flow: str) -> bytes:
        precision, _, backend = flow.partition("-")
        return serialise(self.programs(precision), self.subject.constants, delegate=bool(backend))

    @cache
    def eager(self, precision: str) -> list[list[np.ndarray]]:
        """The outputs of each probe, computed by PyTorch."""
        return [run_program(self.programs(precision)[probe.method], probe) for probe in self.probes]

    @cache
    def stock(self, precision: str) -> list[list[np.ndarray]]:
        """The outputs of each probe, computed by ExecuTorch with its XNNPACK backend."""
        pte = Pte(self.content(f"{precision}-xnnpack"))
        return [pte(*probe.inputs, method=probe.method) for probe in self.probes]

    @cache
    def wander(self, precision: str, i: int) -> list[float]:
        """How far each output of probe i goes when its inputs are off by less than anybody could see.

        One output of one number says little of the spread of rounding, by ExecuTorch's distance alone: it may have been lucky.
        """
        probe, far = self.probes[i], [0.0] * len(self.eager(precision)[i])
        generator = torch.Generator().manual_seed(i)
        for _ in range(cases.NOISE_RUNS if any(t.is_floating_point() for t in probe.inputs) else 0):
            noisy = tuple(_off(tensor, generator) if tensor.is_floating_point() else tensor for tensor in probe.inputs)
            outputs = run_program(self.programs(precision)[probe.method], replace(probe, inputs=noisy))
            far = [max(pair) for pair in zip(far, spread(outputs, self.eager(precision)[i]), strict=True)]
        return far

    def flow(self, flow: str, key: str) -> dict:
        """Writes one file and its cases; its index row."""
        start = time.monotonic()
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
            "group": self.model.group,
            "precision": precision,
            "flow": backend or "plain",
            "file": path.name,
            "bytes": len(content),
            "sha256": files.sha256(path),
            "licence": self.model.licence,
            "source": self.model.source,
            "methods": list(self.programs(precision)),
            "inputs": [list(tensor.shape) for tensor in self.probes[0].inputs],
            "outputs": [list(array.shape) for array in self.peer[0]],
            "input": self.model.input,
            "output": self.model.output,
            "check": {
                "engine": f"executorch {index.version('executorch')}" if backend else f"torch {index.version('torch')}",
                "peer": f"{self.subject.peer} {index.version(self.subject.peer)}",
                "max_abs": max(max(row) for row in errors),
                "max_ref": max(float(np.abs(array).max()) for row in self.peer for array in row),
            },
            "cases": self.cases(flow, path.name),
            "seconds": round(time.monotonic() - start, 1),
            "key": key,
        }

    def cases(self, flow: str, file: str) -> list[str]:
        precision, _, backend = flow.partition("-")
        # A delegated layer of dynamic int8 takes the range of each row, PyTorch that of all of them: the file means the former.
        own = bool(backend) and precision != "fp32" and self.subject.dynamic
        reference = self.peer if precision == "fp32" else self.stock(precision) if own else self.eager(precision)
        names = []
        for i, probe in enumerate(self.probes):
            same = [j for j, other in enumerate(self.probes) if other.method == probe.method]
            scale = [max(float(np.abs(a).max()) for a in column) for column in zip(*(reference[j] for j in same))]
            atol = [self.subject.fp32_limit * largest for largest in scale]
            if precision != "fp32":
                stock = self.stock(precision)
                distances = zip(*(spread(stock[j], reference[j]) for j in same))
                most = [max(*column, moved) for column, moved in zip(distances, self.wander(precision, i), strict=True)]
                far = [cases.INT8_SPREAD * distance for distance in most]
                atol = [max(a, cases.INT8_FLOOR * largest) for a, largest in zip(far, scale, strict=True)]
            entry = {"inputs": [t.numpy() for t in probe.inputs], "outputs": reference[i], "atol": atol}
            if backend:
                entry["et_outputs"] = self.stock(precision)[i]
            names.append(cases.write(self.folder, f"{self.model.name}_{i}", flow, file, probe.method, entry))
        return names


def _off(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    noise = torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype) * 2 - 1
    return tensor + noise * tensor.abs().max() * cases.INPUT_NOISE


def run_program(program: ExportedProgram, sample: Sample) -> list[np.ndarray]:
    """The outputs of an exported program from its first state, computed by PyTorch."""
    with torch.no_grad():
        outputs = program.module()(*sample.inputs)
    outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
    return [output.numpy() for output in outputs]


def lower(model: Model, out: Path, keys: dict[str, str], step: Callable[[str], None]) -> Iterator[dict]:
    """Writes the files of the flows in `keys` under `out`/models, each before its index row is given."""
    torch.set_num_threads(1)  # the zoo runs one process a model
    gc.freeze()  # what the imports made lives to the end; collections need not look at it
    step(f"{model.name}: read")
    lowering = Lowering(model, out)
    for flow, key in keys.items():
        step(f"{model.name}: {flow}")
        yield lowering.flow(flow, key)
