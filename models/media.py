"""`python -m models media`: the pinned sample files, into OUT/media/FOLDER."""

from pathlib import Path

from . import depth_image, fetch
from .pins import Zoo
from .progress import Progress


def fetch_media(zoo: Zoo, out: Path, folders: set[str], progress: Progress | None = None) -> int:
    """Fetches what goes to these folders. Returns how many files had to be fetched."""
    count = 0
    for medium in zoo.media:
        if medium.folder not in folders:
            continue
        if progress:
            progress.step(f"{medium.folder}/{medium.name}")
        target = out / "media" / medium.folder / medium.name
        count += fetch.member(medium.archive, medium.member, medium.sha256, target, out / "downloads")
        if (medium.folder, medium.name) == ("rgbd", "data.npz"):
            depth_image.write(target)
    return count
