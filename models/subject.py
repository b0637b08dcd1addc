"""What a family of models has to say about one of its nets, so that lowering and checking need not know the family."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .pins import Model

CALIBRATION_STRIDE = 3  # every third sample calibrates int8; the others are left to check it with

Outputs = list[np.ndarray]


class UnsupportedError(Exception):
    """A package holds something that an importer or a reader does not take: what, and where in the file."""


@dataclass(frozen=True)
class Sample:
    """Real inputs of one method, in its order."""

    inputs: tuple[torch.Tensor, ...]
    method: str = "forward"


@dataclass(frozen=True)
class Method:
    """A method of the program. `shapes` is what torch.export takes as dynamic_shapes; None if all shapes are fixed."""

    module: nn.Module
    example: tuple
    shapes: tuple | None = None


@dataclass(frozen=True)
class Result:
    """One line of the check: `value` is what the limit is for, `worst` the worst of the samples."""

    model: str
    subject: str
    samples: int
    value: float
    worst: float
    limit: float
    unit: str

    @property
    def passed(self) -> bool:
        return self.value <= self.limit  # false for NaN


@dataclass
class Subject:
    """A net on its way. A family derives from this; what is set here are the defaults of most.

    - peer: the distribution whose engine runs the original file.
    - fp32_limit: the largest error of fp32 that passes, relative to an output's largest value. It allows for rounding in
      another order of summation, and nothing else.
    - int8_limit, int4_limit, unit: the same for int8 and int4 in the unit that matters, as `distance` measures it.
    - portable: how many samples the check runs on ExecuTorch's portable kernels, which take seconds to minutes each.
    - dynamic: int8 quantises activations as they come (per token, for linear layers), and needs no calibration.
    - whole: int8 has the layers that make the outputs, too.
    """

    model: Model
    out: Path
    peer: str = "onnxruntime"
    fp32_limit: float = 1e-4
    int8_limit: float = 0.1
    int4_limit: float = 0.0  # of those that have int4
    unit: str = "relative"
    portable: int = 1
    dynamic: bool = False
    whole: bool = False
    constants: dict = field(default_factory=dict)

    def original_file(self, number: int = 0) -> Path:
        return self.out / "models" / "original" / self.model.parts[number].file

    def methods(self) -> dict[str, Method]:
        raise NotImplementedError

    def samples(self) -> list[Sample]:
        """Real inputs; computed once by those who call this."""
        raise NotImplementedError

    def probes(self, samples: list[Sample]) -> list[Sample]:
        """The few that become verification cases: never one that int8 is calibrated on."""
        return [sample for i, sample in enumerate(samples) if i % CALIBRATION_STRIDE][:2]

    def judged(self, samples: list[Sample]) -> list[Sample]:
        """Those the check looks at."""
        return samples if self.dynamic else [s for i, s in enumerate(samples) if i % CALIBRATION_STRIDE] or samples

    def original(self, sample: Sample) -> Outputs:
        """The outputs of the original engine."""
        raise NotImplementedError

    def error(self, outputs: Outputs, reference: Outputs) -> float:
        """How far fp32 is off, to be at most fp32_limit."""
        return relative(outputs, reference)

    def distance(self, outputs: Outputs, reference: Outputs) -> float:
        """How far int8 or int4 is off, in `unit`."""
        return relative(outputs, reference)

    def quantizable(self, precision: str) -> dict[str, Method]:
        """The methods as they are before a precision that changes weights by hand (int4); the same by default."""
        return self.methods()

    def more_checks(self) -> Iterator[Result]:
        """Checks of the whole task, such as a text that must come out the same."""
        return iter(())


def spread(outputs: Iterable[np.ndarray], reference: Iterable[np.ndarray]) -> list[float]:
    """The largest absolute difference of each output."""
    return [float(np.abs(a.reshape(b.shape) - b).max()) for a, b in zip(outputs, reference, strict=True)]


def relative(outputs: Outputs, reference: Outputs) -> float:
    return max(far / max(float(np.abs(b).max()), 1e-30) for far, b in zip(spread(outputs, reference), reference, strict=True))


def nchw(image: np.ndarray) -> torch.Tensor:
    """An image [height, width, 3] as a net's input [1, 3, height, width]."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
