"""`python -m models check`: the exported files against the original engine, on real input they were not calibrated on.

For each model, each row one comparison with ai-edge-litert running the original file:
- torch: the imported module, as PyTorch runs it. Proves the importer.
- fp32-xnnpack, fp32: the files on ExecuTorch's runtime. Proves the export. The figure is the largest error of any output
  relative to that output's largest value; the limit allows the rounding of some 60 layers summed in different orders
  (1e-6 to 1e-5 is typical) and nothing else: a wrong pixel of padding shows as 1e-2.
- int8-xnnpack, int8: in the unit that matters. Landmarks: mean distance of the 21 points in pixels of the 224 crop; palms:
  mean distance of the 7 keypoints of the best detection in pixels of the 192 square; the mean over all images. An
  image where int8 finds no palm counts as LOST pixels.
The plain files run on ExecuTorch's portable kernels, which take seconds, so they see fewer images.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from . import files, hands, index, samples, tflite_import
from .litert import LiteRT
from .pins import Model, Zoo
from .pte import Pte, nchw, spread
from .samples import CALIBRATION_STRIDE

FP32_LIMIT = 1e-4  # relative
INT8_LIMIT = {"hand_landmark": 2.5, "palm_detection": 6.0}  # pixels
LOST = 50.0  # pixels

Outputs = list[np.ndarray]


@dataclass(frozen=True)
class Result:
    model: str
    subject: str
    images: int
    value: float
    worst: float
    limit: float
    unit: str

    @property
    def passed(self) -> bool:
        return self.value <= self.limit  # false for NaN


def relative(outputs: Outputs, reference: Outputs) -> float:
    return max(far / float(np.abs(b).max()) for far, b in zip(spread(outputs, reference), reference, strict=True))


def landmark_distance(outputs: Outputs, reference: Outputs) -> float:
    difference = (outputs[0] - reference[0]).reshape(21, 3)[:, :2]
    return float(np.linalg.norm(difference, axis=1).mean())


def palm_distance(outputs: Outputs, reference: Outputs) -> float:
    def best(raw: Outputs) -> hands.Palm | None:
        palms = hands.suppress(hands.decode(raw[0].reshape(-1, 18), raw[1].reshape(-1)))
        return palms[0] if palms else None

    found, wanted = best(outputs), best(reference)
    if found is None or wanted is None:
        return LOST
    return float(np.linalg.norm(found.keypoints - wanted.keypoints, axis=1).mean() * hands.PALM_SIZE)


DISTANCE = {"hand_landmark": landmark_distance, "palm_detection": palm_distance}


def compare(run: Callable[[torch.Tensor], Outputs], images: Outputs, reference: list[Outputs], measure) -> np.ndarray:
    return np.array([measure(run(nchw(image)), want) for image, want in zip(images, reference, strict=True)])


def check_model(model: Model, out: Path) -> list[Result]:
    folder = out / "models"
    original = folder / "original" / f"{model.name}.tflite"
    everything = samples.TASKS[model.task](out / "media", folder / "original")
    images = [image for i, image in enumerate(everything) if i % CALIBRATION_STRIDE]
    peer = LiteRT(original)
    reference = [peer(image) for image in images]
    module = tflite_import.build(tflite_import.load(original))

    def eager(tensor: torch.Tensor) -> Outputs:
        with torch.no_grad():
            return [output.numpy() for output in module(tensor)]

    def row(subject, run, count, measure, limit, unit, total) -> Result:
        values = compare(run, images[:count], reference[:count], measure)
        return Result(model.name, subject, len(values), float(total(values)), float(values.max()), limit, unit)

    def pte(flow: str) -> Pte:
        return Pte(folder / index.file_name(model.name, flow))

    distance, limit = DISTANCE[model.task], INT8_LIMIT[model.task]
    return [
        row("torch", eager, None, relative, FP32_LIMIT, "relative", np.max),
        row("fp32-xnnpack", pte("fp32-xnnpack"), None, relative, FP32_LIMIT, "relative", np.max),
        row("fp32", pte("fp32"), 1, relative, FP32_LIMIT, "relative", np.max),
        row("int8-xnnpack", pte("int8-xnnpack"), None, distance, limit, "px", np.mean),
        row("int8", pte("int8"), 2, distance, limit, "px", np.mean),
    ]


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
                    f"{verdict:<7}{name:<20} {result.subject:<13} {result.images:>3} images  "
                    f"{result.value:9.3g} {result.unit:<8} (limit {result.limit:g}, worst {result.worst:.3g})",
                    flush=True,
                )
    failed = sum(not result["passed"] for result in results)
    files.write(out / "models" / "check.json", json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1) if as_json else f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0
