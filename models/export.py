"""`python -m models export`: decides what is out of date without importing torch, then lowers it, one process a model."""

import os
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from threading import Thread

from . import fetch, index, keys, vocabulary
from .media import fetch_media
from .noise import to_log
from .pins import Model, Zoo
from .progress import Progress

MEMORY_PER_WORKER = 2 << 30  # bytes; torch, a net and its lowering peak at 1 to 3 GiB


class ExportError(Exception):
    """A model could not be lowered; the log of the workers says why."""


def with_needs(zoo: Zoo, names) -> list[str]:
    """The models and those whose originals make their inputs."""
    return list(dict.fromkeys(found for name in names for found in (name, *zoo.models[name].needs)))


def fetch_originals(zoo: Zoo, names, out: Path, progress: Progress | None = None) -> None:
    """The original files of these models, into OUT/models/original."""
    for name in names:
        for part in zoo.models[name].parts:
            if progress:
                progress.step(f"{part.file}: fetch {part.archive.source}")
            target = out / "models" / "original" / part.file
            fetch.member(part.archive, part.member, part.sha256, target, out / "downloads", part.cut)
            if target.suffix == ".gguf":
                vocabulary.write(target)
            if zoo.models[name].task == "text_recognition":
                keys.write(target)


def workers(count: int) -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    return max(1, min(count, len(os.sched_getaffinity(0)), memory // MEMORY_PER_WORKER))


_queue = None


def _start(queue) -> None:
    """Of a worker: where its steps are reported."""
    global _queue
    _queue = queue


def _lower(model: Model, out: Path, keys: dict[str, str]) -> str | None:
    """Reports each row as it is made; why there are no more, if one failed."""
    with to_log(_log(out)):
        from .lower import lower  # torch is imported here, in the worker, and nowhere before

        try:
            for row in lower(model, out, keys, _queue.put):
                _queue.put(row)
        except Exception as error:
            traceback.print_exc()
            return f"{type(error).__name__}: {error}"
    return None


class Reports(Thread):
    """Takes what the workers put into the queue, until None: texts for the progress, rows for the index. The index is written
    after each file, for some take an hour, and an interruption is to lose one at most."""

    def __init__(self, queue, progress: Progress, folder: Path, rows: dict[str, dict]):
        super().__init__(daemon=True)
        self.queue, self.progress, self.folder, self.rows = queue, progress, folder, rows
        self.error: OSError | None = None  # the first, when the index could not be written

    def run(self) -> None:
        for report in iter(self.queue.get, None):
            if isinstance(report, str):
                self.progress.step(report)
                continue
            self.rows[report["file"]] = report
            try:
                index.write_manifests(self.folder, self.rows)
                index.write(self.folder, self.rows)
            except OSError as error:
                self.error = self.error or error


def _log(out: Path) -> Path:
    return out / "models" / "export.log"


def _see_log(out: Path) -> str:
    return f" (the workers' output is in {_log(out)})"


def _steps(keys: dict[str, str]) -> int:
    """How often lower() reports."""
    return 1 + len(keys)


def stale(zoo: Zoo, names: list[str], flows: list[str], folder: Path, rows: dict[str, dict]) -> dict[str, dict]:
    """The keys of what has to be made, by model and flow."""
    wanted: dict[str, dict] = {}
    for name in names:
        for flow in zoo.models[name].flows:
            if flow in flows:
                row, key = rows.get(index.file_name(name, flow)), index.key(zoo, zoo.models[name], flow)
                if row is None or row.get("key") != key or not index.whole(folder, row):
                    wanted.setdefault(name, {})[flow] = key
    return wanted


def export(zoo: Zoo, names: list[str], flows: list[str], out: Path) -> bool:
    """Makes what is missing or stale of the named models. True if there was something to do."""
    folder = out / "models"
    rows = index.read(folder)
    wanted = stale(zoo, names, flows, folder, rows)
    if not wanted:
        return False
    _log(out).unlink(missing_ok=True)
    originals = with_needs(zoo, wanted)
    folders = {folder for name in wanted for folder in zoo.models[name].media}
    parts = sum(len(zoo.models[name].parts) for name in originals)
    progress = Progress(1 + parts + sum(map(_steps, wanted.values())))
    progress.step("sample media")
    fetch_media(zoo, out, folders)
    fetch_originals(zoo, originals, out, progress)
    context = get_context("spawn")
    queue = context.SimpleQueue()
    reader = Reports(queue, progress, folder, rows)
    reader.start()
    pool = ProcessPoolExecutor(workers(len(wanted)), context, initializer=_start, initargs=(queue,))
    failed: list[str] = []
    try:
        jobs = {pool.submit(_lower, zoo.models[name], out, keys): name for name, keys in wanted.items()}
        for job in as_completed(jobs):
            if job.exception():  # the worker is gone
                raise ExportError(f"{jobs[job]}: {job.exception()}{_see_log(out)}")
            if why := job.result():
                failed.append(f"{jobs[job]}: {why}")
    finally:
        pool.shutdown(cancel_futures=True)
        queue.put(None)
        reader.join()
    if reader.error:
        raise ExportError(f"the index: {reader.error}")
    if failed:
        raise ExportError("; ".join(failed) + _see_log(out))
    progress.done(f"{sum(map(len, wanted.values()))} files in {folder}")
    return True
