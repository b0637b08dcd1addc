"""Whisper: speech to text, in two files. The encoder runs once in 30 s of sound and profits from all cores; the decoder
runs once a token, keeps state, and is what an application swaps or quantises by itself. So each is a program of its own:
- *_encoder: forward(log-mel) gives the states.
- *_decoder: cross_attention(states) gives keys and values of the sound, once; text_decoder(token, position, those) gives
  the logits of the next token and remembers this one. Position 0 begins a new text.
The peer is CTranslate2, whose file the weights come from.
"""

import json
from functools import cached_property
from pathlib import Path

import ctranslate2
import numpy as np
import torch

from .. import audio, index
from ..nets import whisper
from ..pins import Model
from ..pte import Pte
from ..readers import ctranslate2 as reader
from ..subject import Method, Outputs, Result, Sample, Subject, UnsupportedError

SPEECH = ("sense_and_sensibility_01_austen_64kb-0870.wav", "sense_and_sensibility_01_austen_64kb-0880.wav")
LONGEST = 100  # tokens


class Whisper(Subject):
    """`more` of the originals beside model.bin: tokenizer.json and what CTranslate2 needs to find beside it."""

    def __init__(self, model: Model, out: Path):
        super().__init__(model, out, peer="ctranslate2", fp32_limit=5e-4, int8_limit=0.2, portable=0, dynamic=True)

    @cached_property
    def variables(self) -> whisper.Variables:
        name, variables = reader.load(self.folder / "model.bin")
        if name != "WhisperSpec":
            raise UnsupportedError(f"{self.original_file().name}: {name}, not WhisperSpec")
        return variables

    @cached_property
    def folder(self) -> Path:
        """Originals are flat files named after their net; CTranslate2 wants a folder of files with fixed names."""
        place = self.out / "models" / "original" / self.model.parts[0].file.split(".")[0]
        place.mkdir(exist_ok=True)
        joined = place / "model.bin"
        parts = [self.original_file(i) for i, part in enumerate(self.model.parts) if ".bin" in part.file]
        if not joined.is_file() or joined.stat().st_size != sum(part.stat().st_size for part in parts):
            joined.write_bytes(b"".join(part.read_bytes() for part in parts))
        for i, part in enumerate(self.model.parts):
            if ".bin" not in part.file:
                (place / part.file.split(".", 1)[1]).write_bytes(self.original_file(i).read_bytes())
        return place

    @cached_property
    def engine(self) -> ctranslate2.models.Whisper:
        return ctranslate2.models.Whisper(str(self.folder), compute_type="float32", intra_threads=1)

    @cached_property
    def special(self) -> dict[str, int]:
        tokens = json.loads((self.folder / "tokenizer.json").read_text())["added_tokens"]
        return {token["content"]: token["id"] for token in tokens}

    @property
    def prompt(self) -> list[int]:
        english = "<|en|>", "<|transcribe|>"
        names = "<|startoftranscript|>", *(english if self.engine.is_multilingual else ()), "<|notimestamps|>"
        return [self.special[name] for name in names]

    def mels(self) -> list[np.ndarray]:
        return [audio.log_mel(audio.read_wav(self.out / "media" / "speech" / name)) for name in SPEECH]

    def states(self, mel: np.ndarray) -> np.ndarray:
        """What the original encoder makes of a mel."""
        return np.array(self.engine.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(mel))))


class Encoder(Whisper):
    def methods(self) -> dict[str, Method]:
        return {"forward": Method(whisper.Encoder(self.variables).eval(), (torch.zeros(1, 80, 3000),))}

    def samples(self) -> list[Sample]:
        return [Sample((torch.from_numpy(mel),)) for mel in self.mels()]

    def probes(self, samples: list[Sample]) -> list[Sample]:
        return samples[:1]

    def original(self, sample: Sample) -> Outputs:
        return [self.states(sample.inputs[0].numpy())]


class Decoder(Whisper):
    @cached_property
    def nets(self):
        return whisper.CrossKeys(self.variables).eval(), whisper.Decoder(self.variables).eval()

    def methods(self) -> dict[str, Method]:
        keys, decoder = self.nets
        states = torch.zeros(1, whisper.FRAMES, keys.layers[0].weight.shape[1])
        with torch.no_grad():
            sound = keys(states)
        step = (torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, dtype=torch.long), *sound)
        return {"cross_attention": Method(keys, (states,)), "text_decoder": Method(decoder, step)}

    def samples(self) -> list[Sample]:
        """The first token after the start of each text, where no state is needed."""
        samples = []
        for mel in self.mels():
            states = torch.from_numpy(self.states(mel))
            with torch.no_grad():
                sound = self.nets[0](states)
            token = torch.tensor([[self.prompt[0]]])
            samples += [Sample((states,), "cross_attention"), Sample((token, torch.tensor([0]), *sound), "text_decoder")]
        return samples

    def probes(self, samples: list[Sample]) -> list[Sample]:
        return samples[:2]

    def original(self, sample: Sample) -> Outputs:
        """CTranslate2 shows neither keys nor logits, only their consequences: the peer of these two is PyTorch, and
        `more_checks` holds the tokens of whole texts against CTranslate2."""
        method = self.methods()[sample.method]
        with torch.no_grad():
            outputs = method.module(*sample.inputs)
        return [output.numpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]

    def say(self, run, mel: np.ndarray) -> list[int]:
        """The most likely token each time, by the rules that CTranslate2's search has: no text begins with a blank or an
        end, and special tokens are never said."""
        end, blank = self.special["<|endoftext|>"], 220
        sound = run(torch.from_numpy(self.states(mel)), method="cross_attention")
        sound = [torch.from_numpy(np.array(each)) for each in sound]
        said: list[int] = []
        tokens = list(self.prompt)
        for place in range(LONGEST):
            logits = run(torch.tensor([[tokens[place]]]), torch.tensor([place]), *sound, method="text_decoder")[0][0]
            if place + 1 < len(tokens):
                continue
            logits = np.array(logits)
            logits[end + 1 :] = -np.inf
            if not said:
                logits[[blank, end]] = -np.inf
            best = int(logits.argmax())
            if best == end:
                break
            said.append(best)
            tokens.append(best)
        return said

    def more_checks(self):
        """Whole texts, token by token, with the state carried from step to step."""
        wanted = []
        for mel in self.mels():
            features = ctranslate2.StorageView.from_array(mel)
            wanted.append(self.engine.generate(features, [self.prompt], beam_size=1)[0].sequences_ids[0])
        methods = self.methods()

        def eager(*inputs, method):
            with torch.no_grad():
                outputs = methods[method].module(*inputs)
            return [output.numpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]

        runs = {"text, torch": eager}
        path = self.out / "models" / index.file_name(self.model.name, "fp32-xnnpack")
        if path.is_file():
            runs["text, xnnpack"] = Pte(path)
        for name, run in runs.items():
            wrong, count = 0, 0
            for mel, text in zip(self.mels(), wanted, strict=True):
                said = self.say(run, mel)
                wrong += sum(a != b for a, b in zip(said, text)) + abs(len(said) - len(text))
                count += len(text)
            yield Result(self.model.name, name, count, float(wrong), float(wrong), 0.0, "tokens")


def subject(model: Model, out: Path) -> Subject:
    return (Encoder if model.task == "speech_encoder" else Decoder)(model, out)
