"""Silero VAD: is somebody speaking in these 32 ms? The peer runs the package's own ONNX file on onnxruntime."""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from .. import audio, index
from ..nets import silero
from ..ort import Onnxruntime
from ..pins import Model
from ..pte import Pte
from ..subject import Method, Outputs, Result, Sample, Subject

SPEECH = "sense_and_sensibility_01_austen_64kb-0870.wav"
STEPS = 150  # of 32 ms


class Vad(Subject):
    def __init__(self, model: Model, out: Path):
        super().__init__(model, out, fp32_limit=1e-4, int8_limit=0.1, unit="prob", portable=3, dynamic=True)

    @cached_property
    def engine(self) -> Onnxruntime:
        return Onnxruntime(self.original_file(1))

    def methods(self) -> dict[str, Method]:
        net = silero.load(self.original_file())
        samples = silero.SAMPLES + silero.CONTEXT
        return {"forward": Method(net, (torch.zeros(1, samples), torch.ones(1)))}

    def windows(self) -> list[np.ndarray]:
        """Consecutive pieces, each with the 64 samples before it; half a second of silence first."""
        sound = np.pad(audio.read_wav(self.out / "media" / "speech" / SPEECH), (8192 + silero.CONTEXT, 0))
        starts = range(0, len(sound) - silero.SAMPLES - silero.CONTEXT, silero.SAMPLES)
        return [sound[None, i : i + silero.SAMPLES + silero.CONTEXT] for i in starts][:STEPS]

    def samples(self) -> list[Sample]:
        """Pieces heard by themselves, without what came before: these need no state."""
        return [Sample((torch.from_numpy(window), torch.zeros(1))) for window in self.windows()[8::20]]

    def probes(self, samples: list[Sample]) -> list[Sample]:
        return samples[2:4]

    def heard(self, window: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        probability, state = self.engine(window, state, np.array(audio.RATE, np.int64))
        return probability, state

    def original(self, sample: Sample) -> Outputs:
        return [self.heard(sample.inputs[0].numpy(), np.zeros((2, 1, silero.WIDTH), np.float32))[0]]

    def distance(self, outputs: Outputs, reference: Outputs) -> float:
        return float(np.abs(outputs[0] - reference[0]).max())

    def more_checks(self):
        """The whole recording, with the state carried from piece to piece."""
        state, wanted = np.zeros((2, 1, silero.WIDTH), np.float32), []
        for window in self.windows():
            probability, state = self.heard(window, state)
            wanted.append(probability.item())
        net = self.methods()["forward"].module
        runs = {"in turn, torch": lambda *inputs: net(*inputs).detach().numpy()}
        path = self.out / "models" / index.file_name(self.model.name, "fp32-xnnpack")
        if path.is_file():
            pte = Pte(path)
            runs["in turn, xnnpack"] = lambda *inputs: pte(*inputs)[0]
        for name, run in runs.items():
            got = [run(torch.from_numpy(w), torch.tensor([float(i > 0)])).item() for i, w in enumerate(self.windows())]
            far = np.abs(np.array(got) - wanted)
            yield Result(self.model.name, name, len(far), float(far.max()), float(far.max()), 1e-4, "prob")


def subject(model: Model, out: Path) -> Subject:
    return Vad(model, out)
