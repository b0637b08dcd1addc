"""Families of models: one module each, whose `subject(model, out)` says how a net is built, fed and compared."""

from importlib import import_module
from pathlib import Path

from ..pins import Model
from ..subject import Subject


def subject(model: Model, out: Path) -> Subject:
    return import_module(f".{model.family}", __name__).subject(model, out)
