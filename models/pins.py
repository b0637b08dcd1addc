"""zoo.toml as typed rows. Standard library only: `export` must be able to say "nothing to do" without importing torch."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

ZOO = Path(__file__).with_name("zoo.toml")


@dataclass(frozen=True)
class Archive:
    """One file of a package registry. `wheel` names the tags of a platform-specific wheel."""

    name: str
    registry: str
    package: str
    version: str
    licence: str
    filename: str
    sha256: str
    wheel: dict | None = None

    @property
    def source(self) -> str:
        return f"{self.registry}:{self.package}=={self.version}"


@dataclass(frozen=True)
class Model:
    name: str
    task: str
    archive: Archive
    member: str
    sha256: str


@dataclass(frozen=True)
class Medium:
    """One sample file: `folder`/`name` under the media directory."""

    folder: str
    archive: Archive
    member: str
    sha256: str

    @property
    def name(self) -> str:
        return Path(self.member).name


@dataclass(frozen=True)
class Zoo:
    models: dict[str, Model]
    media: list[Medium]


def load(path: Path = ZOO) -> Zoo:
    table = tomllib.loads(path.read_text())
    archives = {name: Archive(name=name, **row) for name, row in table["archives"].items()}
    models = {
        name: Model(name, row["task"], archives[row["archive"]], row["member"], row["sha256"])
        for name, row in table["models"].items()
    }
    media = [
        Medium(folder, archives[row["archive"]], member["path"], member["sha256"])
        for folder, row in table["media"].items()
        for member in row["members"]
    ]
    return Zoo(models, media)
