"""`python -m models export`: decides what is out of date without importing torch, then lowers it, one process a model."""

import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from threading import Thread

from . import fetch, index
from .media import fetch_media
from .pins import Model, Zoo
from .progress import Progress

MEMORY_PER_WORKER = 2 << 30  # bytes; torch, a net and its lowering peak at about 1.2 GiB


def fetch_originals(models: list[Model], out: Path, progress: Progress | None = None) -> None:
    for model in models:
        if progress:
            progress.step(f"{model.name}: fetch {model.archive.source}")
        target = out / "models" / "original" / f"{model.name}.tflite"
        fetch.member(model.archive, model.member, model.sha256, target, out / "downloads")


def workers(count: int) -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    return max(1, min(count, len(os.sched_getaffinity(0)), memory // MEMORY_PER_WORKER))


_queue = None


def _start(queue) -> None:
    global _queue
    _queue = queue


def _lower(model: Model, out: Path, key: str) -> list[dict]:
    from .lower import lower  # torch is imported here, in the worker, and nowhere before

    return lower(model, out, key, _queue.put)


def export(zoo: Zoo, names: list[str], out: Path) -> bool:
    """Makes what is missing or stale of the named models. True if there was something to do."""
    folder = out / "models"
    recipe = index.recipe()
    rows = index.read(folder)
    keys = {name: index.key(recipe, zoo.models[name]) for name in names}
    stale = [zoo.models[n] for n in names if not index.current(folder, rows, zoo.models[n], keys[n])]
    if not stale:
        return False
    steps_per_model = 2 + len(index.FLOWS)
    progress = Progress(1 + len(zoo.models) + len(stale) * steps_per_model)
    progress.step("sample media")
    fetch_media(zoo, out)
    fetch_originals(list(zoo.models.values()), out, progress)  # calibration crops need the detectors, too
    context = get_context("spawn")
    queue = context.SimpleQueue()
    reader = Thread(target=lambda: [progress.step(text) for text in iter(queue.get, None)], daemon=True)
    reader.start()
    with ProcessPoolExecutor(workers(len(stale)), context, initializer=_start, initargs=(queue,)) as pool:
        for future in as_completed([pool.submit(_lower, model, out, keys[model.name]) for model in stale]):
            rows |= {row["file"]: row for row in future.result()}
            index.write(folder, rows)  # after each model, so that an interruption loses one model at most
    queue.put(None)
    reader.join()
    progress.done(f"{len(stale) * len(index.FLOWS)} files in {folder}")
    return True
