"""The readers of weight files, on small files made here; and what they say to files that are cut short or lie."""

import struct
import tempfile
import unittest
from pathlib import Path

import numpy as np
from models.readers import ctranslate2, gguf, marian
from models.subject import UnsupportedError

RANDOM = np.random.default_rng(3)


class Reader(unittest.TestCase):
    load = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "weights.bin"

    def read(self, content: bytes):
        self.path.write_bytes(content)
        return type(self).load(self.path)

    def refused(self, content: bytes, message: str = ""):
        with self.assertRaisesRegex(UnsupportedError, "weights.bin: .*" + message):
            self.read(content)

    def refused_when_cut(self, content: bytes):
        """At every length."""
        for length in range(len(content)):
            self.refused(content[:length])


class Ctranslate2(Reader):
    load = staticmethod(ctranslate2.load)

    @staticmethod
    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    def file(self, version=6, code=4, size=12, target="a/weight") -> bytes:
        weight = np.arange(6, dtype=np.float16).tobytes()
        variable = self.text("a/weight") + struct.pack("<BII", 2, 2, 3) + struct.pack("<BI", code, size) + weight
        alias = struct.pack("<I", 1) + self.text("b/weight") + self.text(target)
        head = struct.pack("<I", version) + self.text("WhisperSpec") + struct.pack("<I", 3)
        return head + struct.pack("<I", 1) + variable + alias

    def test_variables_and_aliases(self):
        name, variables = self.read(self.file())
        self.assertEqual((name, sorted(variables)), ("WhisperSpec", ["a/weight", "b/weight"]))
        np.testing.assert_array_equal(variables["b/weight"], np.arange(6).reshape(2, 3))
        self.assertEqual(variables["a/weight"].dtype, np.float16)

    def test_what_is_wrong_is_named(self):
        self.refused_when_cut(self.file())
        self.refused(self.file(version=5), "version 5")
        self.refused(self.file(code=9), "a/weight has type 9")
        self.refused(self.file(size=10), "10 bytes for")
        self.refused(self.file(target="c/weight"), "b/weight stands for c/weight")


class Gguf(Reader):
    load = staticmethod(gguf.load)

    @staticmethod
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    def file(self, kind, shape, data, version=3) -> bytes:
        pairs = self.text("general.architecture") + struct.pack("<I", 8) + self.text("llama")
        pairs += self.text("numbers") + struct.pack("<IIQ3i", 9, 5, 3, 1, -2, 3)
        entry = self.text("w") + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape[::-1])
        entry += struct.pack("<IQ", kind, 0)
        head = b"GGUF" + struct.pack("<IQQ", version, 1, 2) + pairs + entry
        return head + b"\0" * (-len(head) % 32) + data

    def test_metadata_and_plain_floats(self):
        values = RANDOM.standard_normal((2, 3)).astype(np.float32)
        metadata, tensors = self.read(self.file(0, (2, 3), values.tobytes()))
        self.assertEqual(metadata, {"general.architecture": "llama", "numbers": [1, -2, 3]})
        np.testing.assert_array_equal(tensors["w"], values)

    def blocks(self, kind, values, scale, low=None):
        """Two blocks of 32 in one row, written as ggml does."""
        rows = b""
        for block in values.reshape(2, 32):
            rows += np.float16(scale).tobytes() + (b"" if low is None else np.float16(low).tobytes())
            rows += block.astype(np.int8).tobytes() if kind == 8 else (block[:16] | block[16:] << 4).astype(np.uint8).tobytes()
        return self.read(self.file(kind, (1, 64), rows))[1]["w"]

    def test_blocks_of_four_and_eight_bits(self):
        four, eight = RANDOM.integers(0, 16, 64), RANDOM.integers(-127, 128, 64)
        np.testing.assert_allclose(self.blocks(2, four, 0.25), (four[None] - 8) * 0.25)
        np.testing.assert_allclose(self.blocks(3, four, 0.25, -1.5), four[None] * 0.25 - 1.5)
        np.testing.assert_allclose(self.blocks(8, eight, 0.25), eight[None] * 0.25)

    def test_blocks_of_six_bits(self):
        values, scales = RANDOM.integers(0, 64, 256), RANDOM.integers(-127, 128, 16)
        low, high = np.zeros(128, np.uint8), np.zeros(64, np.uint8)
        for i, value in enumerate(values):  # the layout, value by value: halves of 128, in each four runs of 32
            half, run, column = i // 128, i // 32 % 4, i % 32
            low[half * 64 + run % 2 * 32 + column] |= (value & 15) << (4 * (run // 2))
            high[half * 32 + column] |= (value >> 4) << (2 * run)
        block = low.tobytes() + high.tobytes() + scales.astype(np.int8).tobytes() + np.float16(0.5).tobytes()
        got = self.read(self.file(14, (1, 256), block))[1]["w"][0]
        np.testing.assert_allclose(got, (values - 32) * np.repeat(scales, 16) * 0.5)

    def test_what_is_wrong_is_named(self):
        content = self.file(0, (2, 3), bytes(24))
        self.refused_when_cut(content)
        self.refused(b"GGML" + content[4:], "not a GGUF file")
        self.refused(self.file(0, (2, 3), bytes(24), version=1), "version 1")
        self.refused(self.file(12, (1, 256), bytes(144)), "type 12")
        self.refused(self.file(3, (1, 33), bytes(40)), r"\(1, 33\)")
        self.refused(self.file(0, (2**40, 2**40), bytes(24)), "cut short")


class Marian(Reader):
    load = staticmethod(marian.load)

    def file(self, items, version=1) -> bytes:
        """`items`: name, kind, shape, content."""
        heads = b"".join(struct.pack("<4Q", len(n) + 1, k, len(s), len(c)) for n, k, s, c in items)
        names = b"".join(n.encode() + b"\0" for n, _, _, _ in items)
        shapes = b"".join(struct.pack(f"<{len(s)}i", *s) for _, _, s, _ in items)
        body = struct.pack("<Q", 4) + b"\0" * 4 + b"".join(c for _, _, _, c in items)
        return struct.pack("<2Q", version, len(items)) + heads + names + shapes + body

    def matrix(self, scale=4.0) -> bytes:
        return np.arange(-3, 3, dtype=np.int8).tobytes() + struct.pack("<f", scale) + b"\0" * 6

    def test_floats_and_scaled_matrices(self):
        bias = np.array([[0.5, -1, 2]], np.float32)
        arrays = self.read(
            self.file(
                [
                    ("w", marian.INTGEMM8, (2, 3), self.matrix()),
                    ("Wemb", marian.INTGEMM8, (2, 3), self.matrix()),
                    ("w_QuantMultA", marian.FLOAT32, (1,), struct.pack("<f", 9)),
                    ("special:model.yml", marian.BYTES, (3,), b"abc"),
                    ("b", marian.FLOAT32, (1, 3), bias.tobytes()),
                ]
            )
        )
        values = np.arange(-3, 3) / 4
        self.assertEqual(sorted(arrays), ["Wemb", "b", "w"])
        np.testing.assert_allclose(arrays["w"], values.reshape(3, 2))  # [out, in]: as it lies in the file
        np.testing.assert_allclose(arrays["Wemb"], values.reshape(2, 3))
        np.testing.assert_array_equal(arrays["b"], bias)

    def test_what_is_wrong_is_named(self):
        whole = self.file([("w", marian.INTGEMM8, (2, 3), self.matrix()), ("b", marian.FLOAT32, (1,), bytes(4))])
        self.refused_when_cut(whole)
        self.refused(self.file([], version=2), "version 2")
        self.refused(self.file([("w", 0x999, (1,), bytes(4))]), "w has type 0x999")
        self.refused(self.file([("w", marian.INTGEMM8, (2, 3), self.matrix(0.0))]), "scale 0")
        self.refused(self.file([("b", marian.FLOAT32, (9,), bytes(4))]), "")
        self.refused(self.file([("b", marian.FLOAT32, (-1,), bytes(4))]), "negative")


del Reader  # it holds no tests of its own


if __name__ == "__main__":
    unittest.main()
