"""GGUF files: metadata, and tensors of which the zoo needs F32, F16, Q8_0, Q4_0, Q4_1 and Q6_K. Format: gguf.md of ggml."""

from pathlib import Path

import numpy as np

from .cursor import Cursor

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
TEXT, ARRAY = 8, 9
MAGIC, VERSIONS, ALIGNMENT = b"GGUF", (2, 3), 32


def _plain(dtype):
    return lambda blocks: blocks.view(dtype).astype(np.float32)


def _half(blocks: np.ndarray, place: int) -> np.ndarray:
    return np.ascontiguousarray(blocks[:, place : place + 2]).view(np.float16).astype(np.float32)


def _nibbles(blocks: np.ndarray) -> np.ndarray:
    """16 bytes hold 32 values: first the low halves, then the high ones."""
    return np.concatenate([blocks & 15, blocks >> 4], axis=1).astype(np.float32)


def _q6_k(blocks: np.ndarray) -> np.ndarray:
    """256 values of 6 bits: low halves [128], high pairs [64], a scale for each 16, a scale of the scales."""
    low, high = blocks[:, :128].reshape(-1, 2, 2, 32), blocks[:, 128:192].reshape(-1, 2, 1, 32)
    low = np.concatenate([low & 15, low >> 4], axis=2)
    high = np.concatenate([(high >> shift) & 3 for shift in (0, 2, 4, 6)], axis=2)
    values = (low | high << 4).astype(np.float32).reshape(-1, 16, 16) - 32
    scales = np.ascontiguousarray(blocks[:, 192:208]).view(np.int8).astype(np.float32)
    return (values * scales[:, :, None]).reshape(-1, 256) * _half(blocks, 208)


# Of each type: values a block, bytes a block, and how blocks [n, bytes] become values [n, values].
TYPES = {
    0: (1, 4, _plain(np.float32)),
    1: (1, 2, _plain(np.float16)),
    2: (32, 18, lambda b: (_nibbles(b[:, 2:]) - 8) * _half(b, 0)),
    3: (32, 20, lambda b: _nibbles(b[:, 4:]) * _half(b, 0) + _half(b, 2)),
    8: (32, 34, lambda b: np.ascontiguousarray(b[:, 2:]).view(np.int8).astype(np.float32) * _half(b, 0)),
    14: (256, 210, _q6_k),
}


def _value(file: Cursor, kind: int):
    if kind in SCALARS:
        return file.number(SCALARS[kind])
    if kind == TEXT:
        return file.text(file.count("Q", 1))
    if kind == ARRAY:
        inner = file.number("I")
        if inner == ARRAY:
            file.fail("an array of arrays")
        return [_value(file, inner) for _ in range(file.count("Q", 1))]
    file.fail(f"metadata of type {kind}")


def load(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """The metadata, and the tensors as fp32, the slowest axis first."""
    file = Cursor(path)
    if file.take(4) != MAGIC:
        file.fail("not a GGUF file")
    if (version := file.number("I")) not in VERSIONS:
        file.fail(f"version {version}")
    count, pairs = file.count("Q", 24), file.count("Q", 12)
    metadata = {}
    for _ in range(pairs):
        name = file.text(file.count("Q", 1))
        metadata[name] = _value(file, file.number("I"))
    entries = []
    for _ in range(count):
        name = file.text(file.count("Q", 1))
        rank = file.number("I")
        if rank > 4:
            file.fail(f"{name} has {rank} axes")
        shape = tuple(file.number("Q") for _ in range(rank))[::-1]
        kind, offset = file.number("I"), file.number("Q")
        if kind not in TYPES or not shape or shape[-1] % TYPES[kind][0]:
            file.fail(f"{name}: type {kind} of {shape}")
        entries.append((name, shape, kind, offset))
    file.align(metadata.get("general.alignment", ALIGNMENT))
    start, tensors = file.place, {}
    for name, shape, kind, offset in entries:
        values, size, unpack = TYPES[kind]
        file.place = min(start + offset, len(file.data))
        blocks = file.array(np.uint8, (*shape[:-1], shape[-1] // values * size)).reshape(-1, size)
        tensors[name] = unpack(blocks).reshape(shape)
    return metadata, tensors
