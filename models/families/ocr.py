"""PP-OCR: the nets that find text in a picture, turn lines that stand on their head, and read a line."""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .. import images, onnx_import, signs
from ..ort import Onnxruntime
from ..pins import Model
from ..subject import Method, Outputs, Result, Sample, Subject, nchw

DETECTION, RECOGNITION, ANGLE = (1, 3, 320, 320), (1, 3, 48, 320), (1, 3, 48, 192)
LARGEST, LONGEST = 2048, 2560  # sides of what text is looked for in; columns of a line
PHOTOS = ("nocurl.jpg", "halfcurl.jpg", "fullcurl.jpg", "fingers-lq.gif")
SCENES = 15


def normalised(pixels: np.ndarray) -> torch.Tensor:
    """RGB bytes as these nets take them: blue first, -1..1."""
    return nchw(pixels[:, :, ::-1].astype(np.float32) / 127.5 - 1)


def read_ctc(probabilities: np.ndarray, alphabet: list[str]) -> str:
    """The text of [1, steps, classes]: best class a step, repeats joined, blank (class 0) left out."""
    best = probabilities[0].argmax(-1)
    kept = best[np.insert(best[1:] != best[:-1], 0, True)]
    return "".join(alphabet[i - 1] for i in kept if i)


class Picture(nn.Module):
    """A net of one input by its name: of *inputs, torch.export takes sizes in one form before quantising and in another after."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, picture: torch.Tensor):
        return self.net(picture)


class Ocr(Subject):
    """`shape` is that of the samples. A net that takes others too has an `other` one, and `sizes` says which."""

    other: tuple[int, ...] | None = None

    def __init__(self, model: Model, out: Path, shape: tuple[int, ...], **more):
        super().__init__(model, out, **more)
        self.shape = shape

    @cached_property
    def graph(self) -> onnx_import.Graph:
        return onnx_import.load(self.original_file())

    @cached_property
    def net(self) -> onnx_import.OnnxModule:
        return onnx_import.build(self.graph, self.shape, other=[self.other] if self.other else None)

    @cached_property
    def engine(self) -> Onnxruntime:
        return Onnxruntime(self.original_file())

    def sizes(self) -> tuple | None:
        """What torch.export takes as dynamic_shapes."""
        return None

    def methods(self) -> dict[str, Method]:
        return {"forward": Method(Picture(self.net), (torch.zeros(self.shape),), self.sizes())}

    def original(self, sample: Sample) -> Outputs:
        return self.engine(sample.inputs[0].numpy())

    def line(self, number: int, shape: tuple[int, ...]) -> Sample:
        return Sample((normalised(signs.strip(signs.LINES[number], *shape[2:], number)),))

    def samples(self) -> list[Sample]:
        return [self.line(i, self.shape) for i in range(len(signs.LINES))]

    def of_other_shape(self) -> Sample:
        return self.line(2, self.other)

    def probes(self, samples: list[Sample]) -> list[Sample]:
        return super().probes(samples) + ([self.of_other_shape()] if self.other else [])


class Detection(Ocr):
    """int8 is judged by the share of pixels that fall on the other side of the threshold that makes boxes, 0.3."""

    other = (1, 3, 352, 640)

    def sizes(self) -> tuple:
        dims = (torch.export.Dim(name, min=2, max=LARGEST // 32) for name in ("height", "width"))
        return ({axis: 32 * dim for axis, dim in zip((2, 3), dims, strict=True)},)

    def frames(self) -> list[np.ndarray]:
        return [frame.pixels for name in PHOTOS for frame in images.read(self.out / "media" / "hands" / name)][:SCENES]

    def samples(self) -> list[Sample]:
        size = self.shape[2]
        return [Sample((normalised(signs.scene(pixels, size, i)),)) for i, pixels in enumerate(self.frames())]

    def of_other_shape(self) -> Sample:
        height, width = self.other[2:]
        return Sample((normalised(signs.scene(self.frames()[1], width, 1)[:height]),))

    def distance(self, outputs: Outputs, reference: Outputs) -> float:
        return float(((outputs[0] > 0.3) != (reference[0].reshape(outputs[0].shape) > 0.3)).mean())


class Recognition(Ocr):
    """int8 is judged by the share of steps that read another character than the original does."""

    other = (1, 3, 48, 640)

    def sizes(self) -> tuple:
        return ({3: 8 * torch.export.Dim("steps", min=2, max=LONGEST // 8)},)

    @property
    def alphabet(self) -> list[str]:
        return [*self.graph.metadata["character"].splitlines(), " "]

    def distance(self, outputs: Outputs, reference: Outputs) -> float:
        return float((outputs[0].argmax(-1) != reference[0].argmax(-1)).mean())

    def more_checks(self):
        """The lines have to be read as they were written, blanks aside; the original misses none either."""
        wrong = 0
        for line, sample in zip(signs.LINES, self.samples(), strict=True):
            with torch.no_grad():
                text = read_ctc(self.net(*sample.inputs)[0].numpy(), self.alphabet)
            wrong += text.replace(" ", "") != line.replace(" ", "")
        yield Result(self.model.name, "lines read", len(signs.LINES), float(wrong), float(wrong), 0.0, "wrong")


class Angle(Ocr):
    """Every other line stands on its head. int8 is judged by how far its probability is off."""

    def samples(self) -> list[Sample]:
        samples = super().samples()
        return [Sample((s.inputs[0].flip(2, 3),)) if i % 2 else s for i, s in enumerate(samples)]

    def distance(self, outputs: Outputs, reference: Outputs) -> float:
        return float(np.abs(outputs[0] - reference[0]).max())


def subject(model: Model, out: Path) -> Subject:
    if model.task == "text_detection":
        return Detection(model, out, DETECTION, int8_limit=0.02, unit="pixels")
    if model.task == "text_recognition":
        return Recognition(model, out, RECOGNITION, int8_limit=0.05, unit="steps")
    return Angle(model, out, ANGLE, int8_limit=0.1, unit="prob")
