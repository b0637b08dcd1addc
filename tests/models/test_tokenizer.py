"""The tokenizer of `percept model tokenize` and `generate` gives the same tokens as Hugging Face's `tokenizers`, for every way of
cutting text that it understands, on text of many scripts and on noise."""

import json
import os
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

from models import vocabulary
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, trainers

PERCEPT = Path(os.environ.get("PERCEPT_BIN", "build/release/bin")) / "percept"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
          r"\s+(?!\S)|\s+")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

CORPUS = ["The quick brown fox jumps over the lazy dog. It's we'll they've I'd I'm you're can't.",
          "O rápido cão não saltou; às vezes é assim. Não há problema, pá! Ação, coração, João.",
          "def main():\n    return {'a': 12345, \"b\": 3.14159}\n\n\tif x != y:\n\t\tprint(x)\n" * 3,
          "日本語のテキストと中文文本以及한국어 텍스트", "Привет, мир! Ελληνικά κείμενα", "1 22 333 4444 55555 2026-11-25 ½ ²³ ٣٤٥",
          "emoji 🙂🙃 👩‍👩‍👧‍👦 and signs ±×÷€£", "   spaces   and\t\ttabs\r\nlines\r\n\r\n  end   "] * 4
PIECES = ["'s", "'S", "'ll", "'LL", "'ſ", " ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "a", "Z", "é", "e\u0301", "ß", "日", "語", "가", "ー",
          "0", "12", "345", "½", "٣", "!", "...", "'", "\"", "_", "🙂", "\u200d", "\ufe0f", "<|im_start|>", "<|x", "word", " the", "Ω", "ǅ", "\u0000"]


def strings() -> list[str]:
    random.seed(7)
    made = [*CORPUS, "", " ", "a", "'", "''''s's", "<|im_start|>user\nHi<|im_end|>\n", " <|im_end|> x", "x" * 500]
    made += ["".join(random.choices(PIECES, k=random.randint(1, 20))) for _ in range(1500)]
    made += ["".join(chr(random.choice((random.randint(1, 0x2ff), random.randint(0x300, 0xd7ff), random.randint(0x1f300, 0x1f6ff))))
                     for _ in range(random.randint(1, 12))) for _ in range(500)]
    return made


def byte_level(**options):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, **options)


WAYS = {
    "GPT-2": lambda: byte_level(),
    "GPT-2 with a space in front": lambda: pre_tokenizers.ByteLevel(add_prefix_space=True),
    "SmolLM2": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level()]),
    "runs of digits": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=False), byte_level()]),
    **{name: lambda pattern=pattern: pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level(use_regex=False)])
       for name, pattern in (("GPT-2 as a pattern", GPT2), ("Llama 3", LLAMA3), ("Qwen 2", QWEN2))},
}


class Tokens(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.file = Path(scratch.name) / "tokenizer.json"

    def train(self, way, **model):
        tokenizer = Tokenizer(models.BPE(**model))
        tokenizer.pre_tokenizer = way()
        tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
            vocab_size=700, special_tokens=["<|im_start|>", "<|im_end|>"], show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
        tokenizer.add_tokens([AddedToken("<|x|>", normalized=False)])
        return tokenizer

    def percept(self, *words, texts=()):
        text = "".join(json.dumps(text) + "\n" for text in texts)
        return subprocess.run([PERCEPT, "model", "tokenize", *map(str, words)], input=text, capture_output=True, text=True, check=False)

    def check(self, tokenizer):
        texts = strings()
        tokenizer.save(str(self.file))
        ran = self.percept("--tokenizer", self.file, "--json", texts=texts)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        got = [json.loads(line) for line in ran.stdout.splitlines()]
        self.assertEqual(len(got), len(texts))
        for text, tokens in zip(texts, got):
            want = tokenizer.encode(text, add_special_tokens=False)
            self.assertEqual(tokens, want.ids, f"{text!r}: {[tokenizer.id_to_token(t) for t in tokens]} {want.tokens}")

    def test_every_way_of_cutting(self):
        for name, way in WAYS.items():
            with self.subTest(name):
                self.check(self.train(way))

    def test_whole_words_before_merges(self):
        self.check(self.train(WAYS["Llama 3"], ignore_merges=True))

    def test_vocabulary_of_gguf(self):
        for name, cut in (("SmolLM2", "smollm"), ("GPT-2", "gpt-2")):
            tokenizer = self.train(WAYS[name])
            saved = json.loads(tokenizer.to_str())
            tokens = sorted(tokenizer.get_vocab(with_added_tokens=True), key=tokenizer.token_to_id)
            added = {token["id"] for token in saved["added_tokens"]}
            metadata = {"model": "gpt2", "pre": cut, "tokens": tokens, "token_type": [3 if i in added else 1 for i in range(len(tokens))],
                        "merges": [merge if isinstance(merge, str) else " ".join(merge) for merge in saved["model"]["merges"]]}
            made = vocabulary.tokenizer({f"tokenizer.ggml.{key}": value for key, value in metadata.items()})
            remade = Tokenizer.from_str(json.dumps(made))
            for text in strings():
                self.assertEqual(remade.encode(text).ids, tokenizer.encode(text, add_special_tokens=False).ids)
            self.check(remade)

    def test_other_vocabularies_of_gguf_are_refused(self):
        with self.assertRaisesRegex(vocabulary.VocabularyError, "of kind llama, default"):
            vocabulary.tokenizer({"tokenizer.ggml.model": "llama", "tokenizer.ggml.pre": "default"})

    def test_what_is_not_understood_is_refused(self):
        self.train(WAYS["GPT-2"]).save(str(self.file))
        good = json.loads(self.file.read_text())
        for change, message in (({"normalizer": {"type": "Lowercase"}}, "the normalizer is of the unknown type 'Lowercase'"),
                                ({"model": {"type": "WordPiece", "vocab": {}}}, "not a BPE tokenizer; its type is 'WordPiece'"),
                                ({"pre_tokenizer": {"type": "Metaspace"}}, "the pre-tokenizer is of the unknown type 'Metaspace'"),
                                ({"pre_tokenizer": {"type": "Split", "behavior": "Isolated", "pattern": {"Regex": "x+"}}},
                                 "cannot cut text by 'x+'")):
            self.file.write_text(json.dumps(good | change))
            ran = self.percept("--tokenizer", self.file)
            self.assertEqual(ran.returncode, 3)
            self.assertIn(message, ran.stderr)
        self.file.write_text("{")
        self.assertEqual(self.percept("--tokenizer", self.file).returncode, 3)


if __name__ == "__main__":
    unittest.main()
