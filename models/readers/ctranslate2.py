"""CTranslate2's model.bin: a specification's name, named variables, aliases. Format: ctranslate2/specs/model_spec.py there."""

from pathlib import Path

import numpy as np

from .cursor import Cursor

DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
VERSION = 6


def load(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """The name of the specification, such as WhisperSpec, and the variables as they are stored; aliases are resolved."""
    file = Cursor(path)

    def text() -> str:
        return file.text(file.number("H"))

    if (version := file.number("I")) != VERSION:
        file.fail(f"version {version}, not {VERSION}")
    specification, _revision = text(), file.number("I")
    variables: dict[str, np.ndarray] = {}
    for _ in range(file.count("I", 8)):
        name = text()
        shape = tuple(file.number("I") for _ in range(file.number("B")))
        code, size = file.number("B"), file.number("I")
        if code not in DTYPES:
            file.fail(f"{name} has type {code}")
        if size != int(np.prod(shape, dtype=np.int64)) * np.dtype(DTYPES[code]).itemsize:
            file.fail(f"{name}: {size} bytes for {shape}")
        variables[name] = file.array(DTYPES[code], shape)
    for _ in range(file.count("I", 4)):
        alias, name = text(), text()
        if name not in variables:
            file.fail(f"{alias} stands for {name}, which is not there")
        variables[alias] = variables[name]
    return specification, variables
