"""A net that comes as one TFLite file, and is held against LiteRT on images."""

from functools import cached_property
from pathlib import Path

import torch

from . import tflite_import
from .litert import LiteRT
from .pins import Model
from .subject import Method, Outputs, Sample, Subject


class TfliteSubject(Subject):
    """Its input is one image [1, 3, height, width], which the original takes with the channels last."""

    def __init__(self, model: Model, out: Path, **defaults):
        super().__init__(model, out, peer="ai-edge-litert", **defaults)

    @cached_property
    def net(self) -> tflite_import.TfliteModule:
        return tflite_import.build(tflite_import.load(self.original_file()))

    @cached_property
    def engine(self) -> LiteRT:
        return LiteRT(self.original_file())

    def methods(self) -> dict[str, Method]:
        return {"forward": Method(self.net, tuple(map(torch.zeros, self.net.input_shapes)))}

    def original(self, sample: Sample) -> Outputs:
        return self.engine(sample.inputs[0][0].permute(1, 2, 0).numpy())
