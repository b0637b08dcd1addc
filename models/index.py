"""index.json: what the zoo made, from what, and what the check of each file said.

One object a .pte file. `key` is a hash over everything the file was made from, so an entry whose key and file hash
still hold needs no work. `percept model list` reads the rest.
"""

import ast
import hashlib
import json
from functools import cache
from importlib import metadata
from pathlib import Path

from . import files
from .pins import FLOWS, Model, Zoo

TOOLS = ("torch", "torchao", "executorch", "numpy")


def version(tool: str) -> str:
    try:
        return metadata.version(tool)
    except metadata.PackageNotFoundError:
        return "missing"


@cache
def _imports(path: Path) -> frozenset[Path]:
    """The sources of this package that a source imports, read from its text: nothing is executed."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for place in (base, *(base / name.name for name in node.names)):
                found.update(file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file())
    return frozenset(found)


@cache
def sources(*names: str) -> tuple[Path, ...]:
    """The named sources of the package and all of it that they import: what decides about a file, and no more, so that
    work on one family of models does not make the files of the others stale."""
    root = Path(__file__).parent
    pending, found = [root / name for name in names], set()
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending.extend(_imports(path))
    return tuple(sorted(found))


@cache
def recipe(*names: str) -> str:
    """A hash of the named sources with all that they import, and of the tools they drive."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sources(*names):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    for tool in TOOLS:
        digest.update(f"{tool}=={version(tool)}\n".encode())
    return digest.hexdigest()


def family_source(model: Model) -> str:
    return f"families/{model.family}.py"


def key(zoo: Zoo, model: Model, flow: str) -> str:
    """What a file is made from: the sources, the pins of the net and of those that make its inputs, the media."""
    digest = hashlib.sha256(f"{recipe('lower.py', family_source(model))} {flow}".encode())
    for each in (model, *(zoo.models[name] for name in model.needs)):
        digest.update(f" {each.name} {each.sha256}".encode())
    digest.update(f" {model.input} {model.output} {model.licence}".encode())
    for medium in zoo.media:
        if medium.folder in model.media:
            digest.update(f" {medium.member} {medium.sha256}".encode())
    return digest.hexdigest()


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


def present(folder: Path, model: Model) -> tuple[str, ...]:
    """The flows of a model that have an entry."""
    rows = read(folder)
    return tuple(flow for flow in model.flows if file_name(model.name, flow) in rows)


def broken(folder: Path, models: list[Model], flows=lambda model: model.flows) -> list[str]:
    """The files of these models that are missing or not what the index says."""
    rows = read(folder)
    wanted = [file_name(model.name, flow) for model in models for flow in flows(model)]
    return [file for file in wanted if not whole(folder, rows.get(file))]


def exported(folder: Path, zoo: Zoo) -> list[str]:
    """The models that have files."""
    names = {row.get("name") for row in read(folder).values()}
    return [name for name in zoo.models if name in names]
