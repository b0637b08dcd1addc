"""Reading little-endian fields off a file that may be cut short or lie about its sizes."""

import struct
from pathlib import Path

import numpy as np

from ..subject import UnsupportedError


class Cursor:
    """A place in the bytes of a file. Everything that would run past their end is an UnsupportedError."""

    def __init__(self, path: Path):
        self.name, self.data, self.place = Path(path).name, Path(path).read_bytes(), 0

    def fail(self, what: str):
        raise UnsupportedError(f"{self.name}: {what} (byte {self.place})")

    def take(self, count: int) -> bytes:
        if count < 0 or count > len(self.data) - self.place:
            self.fail(f"cut short: {count} bytes wanted, {len(self.data) - self.place} left")
        self.place += count
        return self.data[self.place - count : self.place]

    def number(self, code: str):
        """One number of struct's format `code`."""
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def text(self, length: int) -> str:
        try:
            return self.take(length).rstrip(b"\0").decode()
        except UnicodeDecodeError:
            self.fail("a name that is not UTF-8")

    def count(self, code: str, size: int) -> int:
        """A number of things of at least `size` bytes each that follow."""
        value = self.number(code)
        if value * size > len(self.data) - self.place:
            self.fail(f"{value} things announced, more than fit")
        return value

    def array(self, dtype, shape: tuple[int, ...]) -> np.ndarray:
        count = 1
        for size in shape:
            count *= int(size)
        if min(shape, default=1) < 0:
            self.fail(f"a negative size in {shape}")
        return np.frombuffer(self.take(count * np.dtype(dtype).itemsize), dtype).reshape(shape)

    def align(self, to: int) -> None:
        self.place += -self.place % to
        if self.place > len(self.data):
            self.fail("cut short")
