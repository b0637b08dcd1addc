"""Whisper: speech to text, in two files. The encoder runs once in 30 s of sound and profits from all cores; the decoder
runs once a token, keeps state, and is what an application swaps or quantises by itself. So each is a program of its own:
- *_encoder: forward(log-mel) gives the states; cross_attention(states) gives the keys and values that the decoder's layers
  have for them, which do not change from token to token.
- *_decoder: forward(token, position, those) gives the logits of the next token and remembers this one. Position 0 begins a
  new text.
The peer is CTranslate2, whose file the weights come from.
"""

import json
from functools import cached_property
from pathlib import Path

import ctranslate2
import numpy as np
import torch

from .. import audio, files, index
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
            # Whole or not at all: encoder and decoder are exported at the same time.
            files.write(joined, b"".join(part.read_bytes() for part in parts))
        for i, part in enumerate(self.model.parts):
            if ".bin" not in part.file:
                files.write(place / part.file.split(".", 1)[1], self.original_file(i).read_bytes())
        return place

    @cached_property
    def engine(self) -> ctranslate2.models.Whisper:
        return ctranslate2.models.Whisper(str(self.folder), compute_type="float32", intra_threads=1)

    @cached_property
    def cross_keys(self) -> whisper.CrossKeys:
        return whisper.CrossKeys(self.variables).eval()

    def keys_of(self, states: torch.Tensor) -> tuple[torch.Tensor, ...]:
        with torch.no_grad():
            return self.cross_keys(states)

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
        encoder, keys = whisper.Encoder(self.variables).eval(), self.cross_keys
        states = torch.zeros(1, whisper.FRAMES, len(encoder.norm.weight))
        return {"forward": Method(encoder, (torch.zeros(1, 80, 3000),)), "cross_attention": Method(keys, (states,))}

    def samples(self) -> list[Sample]:
        mels = self.mels()
        sound = [Sample((torch.from_numpy(mel),)) for mel in mels]
        return sound + [Sample((torch.from_numpy(self.states(mels[0])),), "cross_attention")]

    def probes(self, samples: list[Sample]) -> list[Sample]:
        return [samples[0], samples[-1]]

    def original(self, sample: Sample) -> Outputs:
        """CTranslate2 does not show keys: they are held against PyTorch here, and by the decoder's texts."""
        if sample.method == "forward":
            return [self.states(sample.inputs[0].numpy())]
        return [output.numpy() for output in self.keys_of(sample.inputs[0])]


class Decoder(Whisper):
    @cached_property
    def net(self) -> whisper.Decoder:
        return whisper.Decoder(self.variables).eval()

    def methods(self) -> dict[str, Method]:
        sound = self.keys_of(torch.zeros(1, whisper.FRAMES, len(self.net.norm.weight)))
        return {"forward": Method(self.net, (torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, dtype=torch.long), *sound))}

    def samples(self) -> list[Sample]:
        """The first token of each text, where no state is needed."""
        start = torch.tensor([[self.prompt[0]]]), torch.tensor([0])
        return [Sample((*start, *self.keys_of(torch.from_numpy(self.states(mel))))) for mel in self.mels()]

    def probes(self, samples: list[Sample]) -> list[Sample]:
        return samples[:1]

    def original(self, sample: Sample) -> Outputs:
        """CTranslate2 does not show logits, only their consequences: the peer here is PyTorch, and `more_checks` holds the
        tokens of whole texts against CTranslate2."""
        with torch.no_grad():
            return [self.net(*sample.inputs).numpy()]

    def say(self, run, mel: np.ndarray) -> list[int]:
        """The most likely token each time, by the rules that CTranslate2's search has: no text begins with a blank or an
        end, and special tokens are never said."""
        end, blank = self.special["<|endoftext|>"], 220
        sound = self.keys_of(torch.from_numpy(self.states(mel)))
        said: list[int] = []
        tokens = list(self.prompt)
        for place in range(LONGEST):
            logits = run(torch.tensor([[tokens[place]]]), torch.tensor([place]), *sound)[0]
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
        runs = {"text, torch": lambda *inputs: self.net(*inputs).detach().numpy()}
        path = self.out / "models" / index.file_name(self.model.name, "fp32-xnnpack")
        if path.is_file():
            pte = Pte(path)
            runs["text, xnnpack"] = lambda *inputs: pte(*inputs)[0]
        for name, run in runs.items():
            wrong, count = 0, 0
            for mel, text in zip(self.mels(), wanted, strict=True):
                said = self.say(run, mel)
                wrong += sum(a != b for a, b in zip(said, text)) + abs(len(said) - len(text))
                count += len(text)
            yield Result(self.model.name, name, count, float(wrong), float(wrong), 0.0, "tokens")


def subject(model: Model, out: Path) -> Subject:
    return (Encoder if model.task == "speech_encoder" else Decoder)(model, out)
