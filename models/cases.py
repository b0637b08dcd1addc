"""Verification cases: inputs and expected outputs of each exported file, for `percept model verify OUT/models/cases/FLOW`.

The manifest holds one object a line: test, flow, status, pte, method (if it is not "forward"), inputs, outputs, et_outputs, et_max_abs; tensors are raw
row-major files beside it. On top of that format every output carries "atol", the largest absolute error that passes:
- fp32: outputs are the original engine's; atol is the family's fp32_limit (1e-4 for most) of the output's largest value;
- int8, int4: outputs are what the q/dq graph itself computes (PyTorch); atol is INT8_SPREAD times how far ExecuTorch's
  XNNPACK kernels are from it on the same inputs, or PyTorch itself when these inputs are off by INPUT_NOISE of their
  largest value, and at least INT8_FLOOR of the output's largest value. Rounding can go either way at each layer, so
  another runtime's result may lie that far on the other side.
"""

import json
from pathlib import Path

import numpy as np

from . import files

INT8_SPREAD = 2.0
INT8_FLOOR = 2e-3
INPUT_NOISE = 1e-5  # a hundredth of a step of an 8-bit input and less: a code in a hundred comes out differently
NOISE_RUNS = 6


def _tensor(folder: Path, name: str, array: np.ndarray) -> dict:
    files.write(folder / name, np.ascontiguousarray(array).tobytes())
    order = list(range(array.ndim))
    return {"kind": "tensor", "dtype": str(array.dtype), "shape": list(array.shape), "dim_order": order, "file": name}


def write(folder: Path, test: str, flow: str, file: str, method: str, entry: dict) -> str:
    """Writes one case of `file` and returns its path under `folder`, the models directory.

    `entry` holds inputs, outputs, atol (one per output) and, if the stock runtime was run, et_outputs.
    """
    place = folder / "cases" / flow
    outputs = []
    for i, (array, atol) in enumerate(zip(entry["outputs"], entry["atol"], strict=True)):
        outputs.append(_tensor(place, f"{test}.out{i}.bin", array) | {"atol": atol})
    row = {
        "test": test,
        "flow": flow,
        "status": "ok",
        "pte": f"../../{file}",
        "inputs": [_tensor(place, f"{test}.in{i}.bin", array) for i, array in enumerate(entry["inputs"])],
        "outputs": outputs,
    }
    if method != "forward":
        row["method"] = method
    if "et_outputs" in entry:
        pairs = list(enumerate(zip(entry["et_outputs"], entry["outputs"], strict=True)))
        row["et_outputs"] = [_tensor(place, f"{test}.etout{i}.bin", array) for i, (array, _) in pairs]
        row["et_max_abs"] = max(float(np.abs(got - want).max()) for _, (got, want) in pairs)
    files.write(place / f"{test}.json", json.dumps(row) + "\n")
    return f"cases/{flow}/{test}.json"
