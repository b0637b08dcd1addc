"""`python -m models check`: the exported files against the original engine, on real input they were not calibrated on.

For each model, each row one comparison with the engine that the original file is made for (ai-edge-litert, onnxruntime, ...):
- torch: the imported module, as PyTorch runs it. Proves the importer.
- fp32-xnnpack, fp32: the files on ExecuTorch's runtime. Proves the export. The figure is the largest error of any output
  relative to that output's largest value; the limit allows the rounding of some 60 layers summed in different orders
  (1e-6 to 1e-5 is typical) and nothing else: a wrong pixel of padding shows as 1e-2.
- int8-xnnpack, int8, int4-xnnpack, int4: in the unit that matters, which the family says; the mean over all samples.
- further rows of the family: texts that must come out the same.
The plain files run on ExecuTorch's portable kernels, which take seconds, so they see few samples, or none where a
sample takes minutes.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from . import families, files, index
from .pins import Model, Zoo
from .pte import Pte
from .subject import Outputs, Result, Sample, Subject


class Eager:
    """The methods of a subject as PyTorch runs them."""

    def __init__(self, subject: Subject):
        self.methods = subject.methods()

    def __call__(self, *inputs: torch.Tensor, method: str = "forward") -> Outputs:
        with torch.no_grad():
            outputs = self.methods[method].module(*inputs)
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        return [output.numpy() for output in outputs]


def compare(run: Callable, samples: list[Sample], reference: list[Outputs], measure) -> np.ndarray:
    pairs = zip(samples, reference, strict=True)
    return np.array([measure(run(*sample.inputs, method=sample.method), want) for sample, want in pairs])


def check_model(model: Model, out: Path) -> Iterator[Result]:
    subject = families.subject(model, out)
    samples = subject.judged(subject.samples())
    reference = [subject.original(sample) for sample in samples]

    def row(name, run, count, measure, limit, unit, total) -> Result:
        values = compare(run, samples[:count], reference[:count], measure)
        return Result(model.name, name, len(values), float(total(values)), float(values.max()), limit, unit)

    yield row("torch", Eager(subject), None, subject.error, subject.fp32_limit, "relative", np.max)
    for flow in sorted(index.present(out / "models", model), key=lambda flow: flow.replace("-xnnpack", "")):
        precision, _, backend = flow.partition("-")
        count = None if backend else subject.portable
        if subject.dynamic and precision == "int8" and not backend:
            count = 0  # ExecuTorch's portable kernels abort on these graphs (dequantize_per_channel); PyTorch made their cases
        if count == 0:
            continue
        run = Pte(out / "models" / index.file_name(model.name, flow))
        if precision == "fp32":
            yield row(flow, run, count, subject.error, subject.fp32_limit, "relative", np.max)
        else:
            limit = subject.int8_limit if precision == "int8" else subject.int4_limit
            yield row(flow, run, count, subject.distance, limit, subject.unit, np.mean)
    yield from subject.more_checks()


def check(zoo: Zoo, names: list[str], out: Path, as_json: bool) -> int:
    """Prints a row a comparison, writes them to OUT/models/check.json; 0 if all passed."""
    torch.set_num_threads(1)
    results = []
    for name in names:
        for result in check_model(zoo.models[name], out):
            results.append(vars(result) | {"passed": result.passed})
            if not as_json:
                verdict = "ok" if result.passed else "FAILED"
                print(
                    f"{verdict:<7}{name:<24} {result.subject:<13} {result.samples:>3} samples "
                    f"{result.value:9.3g} {result.unit:<8} (limit {result.limit:g}, worst {result.worst:.3g})",
                    flush=True,
                )
    failed = sum(not result["passed"] for result in results)
    files.write(out / "models" / "check.json", json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1) if as_json else f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0
