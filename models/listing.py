"""`python -m models list`: every pinned model and what has been made of it, from zoo.toml and index.json."""

import json
from pathlib import Path

from . import index
from .pins import Zoo


def _row(zoo: Zoo, name: str, rows: dict[str, dict]) -> dict:
    model = zoo.models[name]
    made = [rows[file] for flow in model.flows if (file := index.file_name(name, flow)) in rows]
    return {
        "name": name,
        "task": model.task,
        "group": model.group,
        "licence": model.licence,
        "source": model.source,
        "input": model.input,
        "output": model.output,
        "sha256": model.sha256,
        "files": [{key: row[key] for key in ("file", "bytes", "sha256", "precision", "flow", "check")} for row in made],
    }


def listing(zoo: Zoo, out: Path, as_json: bool) -> int:
    rows = index.read(out / "models")
    table = [_row(zoo, name, rows) for name in zoo.models]
    if as_json:
        print(json.dumps(table, indent=1))
        return 0
    for model in table:
        print(f"{model['name']}  {model['task']}  {model['licence']}  (group {model['group']})")
        for label in ("source", "sha256", "input", "output"):
            print(f"  {label:<6} {model[label]}")
        for file in model["files"]:
            check = file["check"]
            error = f"max error {check['max_abs']:.2g} of {check['max_ref']:.3g} ({check['engine']} against {check['peer']})"
            print(f"  {file['file']:<38} {file['bytes'] / 1e6:6.1f} MB  {file['sha256'][:12]}  {error}")
        if not model["files"]:
            print("  not exported yet")
    return 0
