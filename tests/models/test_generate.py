"""`percept model generate` goes on from a text as PyTorch does with the same model: token by token the likeliest, until a stop token
that the program states, the wanted number, or the end of the context."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower
from executorch.extension.llm.custom_ops import custom_ops  # noqa: F401  registers llama::*
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

PERCEPT = Path(os.environ.get("PERCEPT_BIN", "build/release/bin")) / "percept"
WINDOW, WIDTH = 24, 32


class Net(torch.nn.Module):
    """One layer of causal attention over a window of tokens; logits for each."""

    def __init__(self, vocabulary: int):
        super().__init__()
        torch.manual_seed(11)
        self.embedding = torch.nn.Embedding(vocabulary, WIDTH)
        self.places = torch.nn.Parameter(torch.randn(WINDOW, WIDTH) * 0.5)
        self.query, self.key, self.value = (torch.nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.head = torch.nn.Linear(WIDTH, vocabulary)
        self.register_buffer("mask", torch.triu(torch.full((WINDOW, WINDOW), -1e4), 1))

    def forward(self, tokens):
        x = self.embedding(tokens) + self.places
        scores = self.query(x) @ self.key(x).transpose(1, 2) / WIDTH**0.5 + self.mask
        return self.head(x + torch.softmax(scores, -1) @ self.value(x))


CONTEXT, HEADS, KEPT, HEAD = 32, 4, 2, 8


class CachedNet(torch.nn.Module):
    """One layer of attention over a cache, as ExecuTorch's own exports have it; logits for the last token."""

    def __init__(self, vocabulary: int):
        super().__init__()
        torch.manual_seed(12)
        self.embedding = torch.nn.Embedding(vocabulary, WIDTH)
        self.register_buffer("places", torch.randn(CONTEXT, WIDTH) * 0.5)
        self.query = torch.nn.Linear(WIDTH, HEADS * HEAD)
        self.key, self.value = (torch.nn.Linear(WIDTH, KEPT * HEAD) for _ in range(2))
        self.head = torch.nn.Linear(HEADS * HEAD, vocabulary)
        for cache in ("keys", "values"):
            self.register_buffer(cache, torch.zeros(1, CONTEXT, KEPT, HEAD))

    def forward(self, tokens, position):
        place, count = position[0].item(), tokens.shape[1]
        torch._check(place >= 0)
        torch._check(place + count <= CONTEXT)
        x = self.embedding(tokens) + self.places.narrow(0, place, count)
        query, key, value = (layer(x).unflatten(-1, (-1, HEAD)) for layer in (self.query, self.key, self.value))
        torch.ops.llama.update_cache(key, self.keys, place)
        torch.ops.llama.update_cache(value, self.values, place)
        found = torch.ops.llama.custom_sdpa(query, self.keys, self.values, place, None, 0.0, True)
        return self.head(found.flatten(-2)[:, -1])

    def plain(self, tokens):
        """The same without operators of ExecuTorch: all tokens at once."""
        x = self.embedding(tokens) + self.places[: tokens.shape[1]]
        parts = (layer(x).unflatten(-1, (-1, HEAD)).transpose(1, 2) for layer in (self.query, self.key, self.value))
        found = torch.nn.functional.scaled_dot_product_attention(*parts, is_causal=True, enable_gqa=True)
        return self.head(found.transpose(1, 2).flatten(-2)[:, -1])


class Generated(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        cls.tokenizer = Tokenizer(models.BPE())
        cls.tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        cls.tokenizer.train_from_iterator(["the quick brown fox jumps over the lazy dog"] * 4, trainers.BpeTrainer(
            vocab_size=300, special_tokens=["<s>"], show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
        cls.tokenizer.decoder = decoders.ByteLevel()
        cls.tokenizer.save(str(cls.folder / "tokenizer.json"))
        cls.net = Net(cls.tokenizer.get_vocab_size()).eval()

    def export(self, **constants):
        tokens = torch.zeros(1, WINDOW, dtype=torch.long)
        edge = to_edge_transform_and_lower(torch.export.export(self.net, (tokens,)), constant_methods=constants or None)
        (self.folder / "net.pte").write_bytes(edge.to_executorch().buffer)

    def expected(self, prompt: str, most: int, first=()) -> list[int]:
        tokens = [*first, *self.tokenizer.encode(prompt).ids]
        start = len(tokens)
        while len(tokens) - start < most and len(tokens) < WINDOW:
            padded = torch.tensor([tokens + [0] * (WINDOW - len(tokens))])
            tokens.append(int(self.net(padded)[0, len(tokens) - 1].argmax()))
        return tokens[start:]

    def generate(self, *words):
        ran = subprocess.run([PERCEPT, "model", "generate", self.folder / "net.pte", "--tokenizer", self.folder / "tokenizer.json",
                              "--threads", "1", *words], capture_output=True, check=False)
        return ran.returncode, ran.stdout, ran.stderr.decode()

    def generate_json(self, *words):
        code, out, err = self.generate("--json", *words)
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def test_the_likeliest(self):
        self.export(get_bos_id=0)
        made = self.generate_json("--prompt", "the fox", "--tokens", "8")
        self.assertEqual(made["tokens"], self.expected("the fox", 8))
        self.assertEqual((made["end"], made["prompt_tokens"]), ("length", len(self.tokenizer.encode("the fox").ids)))
        code, out, err = self.generate("--prompt", "the fox", "--tokens", "8")
        self.assertEqual(code, 0)
        self.assertEqual(out.decode(errors="replace"), self.tokenizer.decode(made["tokens"]) + "\n")
        self.assertRegex(err, r"^prompt: \d+ tokens, .* a second; generated: 8, .* a second; end: length\n$")
        self.assertEqual(self.generate_json("--prompt", "a", "--tokens", "5", "--bos")["tokens"], self.expected("a", 5, [0]))

    def test_a_cache_and_as_many_tokens_as_there_are(self):
        net = CachedNet(self.tokenizer.get_vocab_size()).eval()
        example = torch.zeros(1, 4, dtype=torch.long), torch.zeros(1, dtype=torch.long)
        shapes = {1: torch.export.Dim("count", min=1, max=CONTEXT - 1)}, None
        for partitioner in (None, [XnnpackPartitioner()]):
            with torch.no_grad():
                program = torch.export.export(net, example, dynamic_shapes=shapes)
                edge = to_edge_transform_and_lower(program, partitioner=partitioner, constant_methods={"get_max_context_len": CONTEXT},
                                                   compile_config=EdgeCompileConfig(_check_ir_validity=False))
            (self.folder / "net.pte").write_bytes(edge.to_executorch().buffer)
            made = self.generate_json("--prompt", "the fox jumps", "--tokens", "100")
            tokens = self.tokenizer.encode("the fox jumps").ids
            start = len(tokens)
            while len(tokens) < CONTEXT:
                tokens.append(int(net.plain(torch.tensor([tokens])).argmax()))
            self.assertEqual((made["tokens"], made["end"]), (tokens[start:], "context"))

    def test_the_context_ends(self):
        self.export(get_max_context_len=10)
        made = self.generate_json("--prompt", "the fox", "--tokens", "100")
        self.assertEqual(made["end"], "context")
        self.assertEqual(made["prompt_tokens"] + len(made["tokens"]), 10)
        code, _, err = self.generate("--prompt", "x y z " * 30)
        self.assertEqual(code, 3)
        self.assertRegex(err, r"the prompt has \d+ tokens, the model takes 10")

    def test_stop_tokens_of_the_program(self):
        self.export()
        want = self.expected("the fox", 12)
        stop = next(token for token in want[2:] if token not in want[:2])
        self.export(get_eos_ids=[299, stop])
        made = self.generate_json("--prompt", "the fox", "--tokens", "12")
        self.assertEqual((made["tokens"], made["end"]), (want[:want.index(stop)], "stop"))

    def test_chance_repeats_with_its_seed(self):
        self.export()
        words = ("--prompt", "the", "--tokens", "10", "--temperature", "2", "--top-p", "0.95", "--seed")
        one, again, other = (self.generate_json(*words, seed)["tokens"] for seed in ("5", "5", "6"))
        self.assertEqual(one, again)
        self.assertNotEqual(one, other)


if __name__ == "__main__":
    unittest.main()
