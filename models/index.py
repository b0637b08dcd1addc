"""index.json: what the zoo made, from what, and what the check of each file said.

One object a .pte file. `key` is a hash over everything the file was made from, so an entry whose key and file hash
still hold needs no work. `percept model list` reads the rest.
"""

import hashlib
import json
from importlib import metadata
from pathlib import Path

from . import files
from .pins import Model, Zoo

FLOWS = ("fp32", "fp32-xnnpack", "int8", "int8-xnnpack")
TOOLS = ("torch", "torchao", "executorch", "ai-edge-litert", "tflite", "numpy", "pillow")

# The sources that decide what is in a .pte file: lower.py and all it imports (a test keeps this true), so that work on the
# rest of the package does not make every file stale.
RECIPE = (
    "cases.py",
    "files.py",
    "hands.py",
    "images.py",
    "index.py",
    "litert.py",
    "lower.py",
    "pins.py",
    "pte.py",
    "quantize.py",
    "samples.py",
    "tflite_import/__init__.py",
    "tflite_import/graph.py",
    "tflite_import/layers.py",
    "tflite_import/module.py",
)


def version(tool: str) -> str:
    try:
        return metadata.version(tool)
    except metadata.PackageNotFoundError:
        return "missing"


def recipe(zoo: Zoo, *more: str) -> str:
    """A hash of the sources (`more` names further ones), the tools they drive and the media they calibrate on."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for name in (*RECIPE, *more):
        digest.update(name.encode() + b"\0" + (root / name).read_bytes() + b"\0")
    for tool in TOOLS:
        digest.update(f"{tool}=={version(tool)}\n".encode())
    for medium in zoo.media:
        digest.update(f"{medium.member} {medium.sha256}\n".encode())
    return digest.hexdigest()


def key(recipe_hash: str, model: Model, flow: str) -> str:
    return hashlib.sha256(f"{recipe_hash} {model.name} {model.sha256} {flow}".encode()).hexdigest()


def file_name(model: str, flow: str) -> str:
    return f"{model}.{flow}.pte"


def read(folder: Path) -> dict[str, dict]:
    """The entries by file name. An index that is absent, damaged or of another version of the zoo has none."""
    try:
        rows = json.loads((folder / "index.json").read_text())
        return {row["file"]: row for row in rows if {"key", "sha256", "cases"} <= row.keys()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def write(folder: Path, rows: dict[str, dict]) -> None:
    lines = [json.dumps(rows[name]) for name in sorted(rows)]
    files.write(folder / "index.json", "[\n" + ",\n".join(lines) + "\n]\n")


def write_manifests(folder: Path, rows: dict[str, dict]) -> None:
    """Joins the cases (see cases.py) of all files into one manifest a flow. A manifest names only what is there."""
    for flow in FLOWS:
        names = sorted(name for row in rows.values() for name in row["cases"] if name.startswith(f"cases/{flow}/"))
        if names:
            content = "".join((folder / name).read_text() for name in names)
            files.write(folder / "cases" / flow / "manifest.jsonl", content)


def whole(folder: Path, row: dict | None) -> bool:
    """Whether the file of an entry is there as it was written, and so are the cases that verify it."""
    if row is None or not files.matches(folder / row["file"], row["sha256"]):
        return False
    return all((folder / name).is_file() for name in row["cases"])


def broken(folder: Path, names: list[str]) -> list[str]:
    """The files of the named models that are missing or not what the index says."""
    rows = read(folder)
    wanted = [file_name(name, flow) for name in names for flow in FLOWS]
    return [file for file in wanted if not whole(folder, rows.get(file))]
