"""index.json: what the zoo made, from what, and what the check of each file said.

One object a .pte file. `key` is a hash over everything the file was made from (this package's sources, the pin, the
versions of the tools), so an entry whose key and file hash still hold needs no work. `percept model list` reads the rest.
"""

import hashlib
import json
from importlib import metadata
from pathlib import Path

from . import files
from .pins import Model

FLOWS = ("fp32", "fp32-xnnpack", "int8", "int8-xnnpack")
TOOLS = ("torch", "torchao", "executorch", "ai-edge-litert", "tflite", "numpy", "pillow")


def version(tool: str) -> str:
    try:
        return metadata.version(tool)
    except metadata.PackageNotFoundError:
        return "missing"


def recipe() -> str:
    """A hash of the zoo's own sources and the tools it drives."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.toml")]):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    for tool in TOOLS:
        digest.update(f"{tool}=={version(tool)}\n".encode())
    return digest.hexdigest()


def key(recipe_hash: str, model: Model) -> str:
    return hashlib.sha256(f"{recipe_hash} {model.name} {model.sha256}".encode()).hexdigest()


def read(folder: Path) -> dict[str, dict]:
    """The entries by file name; none if the index is absent or not ours."""
    try:
        rows = json.loads((folder / "index.json").read_text())
        return {row["file"]: row for row in rows}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def write(folder: Path, rows: dict[str, dict]) -> None:
    ordered = [rows[name] for name in sorted(rows)]
    files.write(folder / "index.json", json.dumps(ordered, indent=1) + "\n")


def file_name(model: str, flow: str) -> str:
    return f"{model}.{flow}.pte"


def current(folder: Path, rows: dict[str, dict], model: Model, wanted: str) -> bool:
    """Whether every file of a model is there, whole, and made from `wanted`."""
    for flow in FLOWS:
        row = rows.get(file_name(model.name, flow))
        if row is None or row.get("key") != wanted or not files.matches(folder / row["file"], row["sha256"]):
            return False
    return True
