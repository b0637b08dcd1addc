"""Whether the reference of speech is there and current; what imports no engine, as it is asked each time."""

import json
from pathlib import Path

from . import index, pins

MODEL = "whisper_tiny_en_encoder"


def media_of(zoo: pins.Zoo) -> list[pins.Medium]:
    return [medium for medium in zoo.media if medium.folder == "speech" and medium.name.endswith(".wav")]


def key(zoo: pins.Zoo) -> str:
    return f"{index.recipe('speech_reference.py')} {zoo.models[MODEL].sha256} " + " ".join(m.sha256 for m in media_of(zoo))


def current(zoo: pins.Zoo, out: Path) -> bool:
    """Whether the file is there and made by these sources."""
    try:
        return json.loads((out / "reference" / "speech.json").read_text())["key"] == key(zoo)
    except (OSError, ValueError, KeyError, TypeError):
        return False
