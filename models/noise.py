"""Torch, ExecuTorch and LiteRT report on themselves from C++, straight to file descriptor 2. That goes to a log, so that
what a person reads is what the zoo has to say."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def to_log(path: Path) -> Iterator[None]:
    """Inside, standard error is appended to `path`; an exception that leaves is reported on the real one again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    saved = os.dup(2)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 2)
    os.close(log)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
