"""Marian's binary models as Bergamot ships them: fp32 arrays and int8 matrices with one scale each. Format: marian-dev's
common/binary.cpp; the int8 kind is intgemm8 with the scale of the weights behind them."""

from pathlib import Path

import numpy as np

from .cursor import Cursor

VERSION, FLOAT32, INTGEMM8, BYTES = 1, 0x404, 0x4101, 0x101
EMBEDDING = "Wemb"  # stored as it is used; every other int8 matrix is stored transposed, [out, in]


def load(path: Path) -> dict[str, np.ndarray]:
    """The arrays as fp32; int8 matrices as [out, in], what a linear layer takes. Scales of activations are left out."""
    file = Cursor(path)
    if (version := file.number("Q")) != VERSION:
        file.fail(f"version {version}, not {VERSION}")
    heads = [tuple(file.number("Q") for _ in range(4)) for _ in range(file.count("Q", 32))]
    names = [file.text(length) for length, *_ in heads]
    shapes = [tuple(file.number("i") for _ in range(min(rank, 9))) for _, _, rank, _ in heads]
    file.take(file.number("Q"))  # up to an aligned place
    arrays = {}
    for name, shape, (_, kind, _, size) in zip(names, shapes, heads, strict=True):
        end = file.place + size
        if kind == INTGEMM8 and len(shape) == 2 and not name.endswith("QuantMultA"):
            order = shape if name == EMBEDDING else shape[::-1]
            values = file.array(np.int8, order).astype(np.float32)
            scale = file.number("f")
            if not np.isfinite(scale) or scale == 0:
                file.fail(f"{name}: scale {scale}")
            arrays[name] = values / np.float32(scale)
        elif kind == FLOAT32 and not name.endswith("QuantMultA"):
            arrays[name] = file.array(np.float32, shape).copy()
        elif kind not in (FLOAT32, INTGEMM8, BYTES):
            file.fail(f"{name} has type {kind:#x}")
        if end < file.place:
            file.fail(f"{name}: {size} bytes for {shape}")
        file.take(end - file.place)
    return arrays
