"""A progress bar on stderr: redrawn in place on a terminal, one line a step elsewhere (a CI log, a pipe)."""

import sys
import time

WIDTH = 24


class Progress:
    """`step(text)` announces the work that starts; `done()` ends the bar. Steps are counted against `total`."""

    def __init__(self, total: int, stream=None):
        self.total, self.stream = total, stream or sys.stderr
        self.count, self.start = 0, time.monotonic()
        self.in_place = self.stream.isatty()

    def step(self, text: str) -> None:
        self._draw(text)
        self.count = min(self.count + 1, self.total)

    def done(self, text: str) -> None:
        self.count = self.total
        self._draw(text)
        if self.in_place:
            print(file=self.stream, flush=True)

    def _draw(self, text: str) -> None:
        filled = WIDTH * self.count // self.total if self.total else WIDTH
        bar = "#" * filled + "-" * (WIDTH - filled)
        line = f"[{bar}] {self.count}/{self.total} {time.monotonic() - self.start:4.0f} s  {text}"
        if self.in_place:
            print(f"\r\033[K{line}", end="", file=self.stream, flush=True)
        else:
            print(line, file=self.stream, flush=True)
