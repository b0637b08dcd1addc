"""zoo.toml as typed rows. Standard library only: `export` must be able to say "nothing to do" without importing torch."""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ZOO = Path(__file__).with_name("zoo.toml")
FLOWS = ("fp32", "fp32-xnnpack", "int8", "int8-xnnpack", "int4", "int4-xnnpack")


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
        if self.registry == "repository":  # this one
            return self.registry
        return f"{self.registry}:{self.package}=={self.version}"


@dataclass(frozen=True)
class Part:
    """One member of an archive, kept as OUT/models/original/`file`. `cut` takes [first, end) of its bytes."""

    file: str
    archive: Archive
    member: str
    sha256: str
    cut: tuple[int, int] | None = None


@dataclass(frozen=True)
class Model:
    """A net. `family` is the module of models/families that knows how it is built, fed and compared; `input` and `output`
    say in words what its tensors mean. `needs` are models whose original is used to make its inputs."""

    name: str
    task: str
    group: str
    family: str
    input: str
    output: str
    flows: tuple[str, ...]
    media: tuple[str, ...]
    needs: tuple[str, ...]
    parts: tuple[Part, ...]
    licence: str

    @property
    def source(self) -> str:
        """Where the weights come from, for people; a net without parts has weights drawn at random."""
        if not self.parts:
            return "architecture as published, random weights"
        return f"{self.parts[0].archive.source}:{self.parts[0].member}"

    @property
    def sha256(self) -> str:
        """The hash of all it starts from: the pin of its part, or of its parts together."""
        if len(self.parts) == 1:
            return self.parts[0].sha256
        return hashlib.sha256(" ".join(part.sha256 for part in self.parts).encode()).hexdigest()


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
    """`default` names the groups that `make models` exports."""

    models: dict[str, Model]
    media: list[Medium]
    default: tuple[str, ...]

    @property
    def groups(self) -> list[str]:
        return list(dict.fromkeys(model.group for model in self.models.values()))

    def of_groups(self, groups) -> list[str]:
        return [name for name, model in self.models.items() if model.group in groups]


def _parts(name: str, row: dict, archives: dict[str, Archive]) -> tuple[Part, ...]:
    rows = row.get("parts", [row] if "member" in row else [])
    return tuple(
        Part(
            part.get("file", name + PurePosixPath(part["member"]).suffix),
            archives[part.get("archive", row.get("archive"))],
            part["member"],
            part["sha256"],
            tuple(part["cut"]) if "cut" in part else None,
        )
        for part in rows
    )


def _model(name: str, row: dict, archives: dict[str, Archive]) -> Model:
    parts = _parts(name, row, archives)
    return Model(
        name=name,
        task=row["task"],
        group=row["group"],
        family=row["family"],
        input=row["input"],
        output=row["output"],
        flows=tuple(row.get("flows", FLOWS[:4])),
        media=tuple(row.get("media", ())),
        needs=tuple(row.get("needs", ())),
        parts=parts,
        licence=row.get("licence") or parts[0].archive.licence,
    )


def load(path: Path = ZOO) -> Zoo:
    table = tomllib.loads(path.read_text())
    archives = {name: Archive(name=name, **row) for name, row in table["archives"].items()}
    models = {name: _model(name, row, archives) for name, row in table["models"].items()}
    media = [
        Medium(folder, archives[member.get("archive", row.get("archive"))], member["path"], member["sha256"])
        for folder, row in table["media"].items()
        for member in row["members"]
    ]
    return Zoo(models, media, tuple(table["default"]))
