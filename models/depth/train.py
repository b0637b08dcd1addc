"""`python -m models depth-train NET`: teaches one of the two nets on made-up pairs, and goes on where it was interrupted.

The learning rate falls along half a cosine over the minutes asked for, whatever number of steps a machine makes of them. What is
exported is the running mean of the weights. weights/NET.pt is that mean; weights/NET.state.pt has all that training needs to go on;
weights/NET.json the curve.
"""

import json
import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from . import losses
from .feed import HELD_BACK, Feed, Mending, Replay, stack
from .learned import FOLDER, NETS

EVERY = 120.0  # seconds between checkpoints
WARM = 0.04  # of the time, in which the rate rises


@dataclass(frozen=True)
class Lesson:
    """How a net is taught: `loss(net, batch, turn)`, the pairs of a batch, the highest rate, what makes a batch of pairs in the
    other process, and how often each is shown."""

    loss: Callable
    size: int
    rate: float
    prepare: Callable
    times: int = 1


LESSONS = {
    "cost": Lesson(losses.cost_loss, 2, 2.5e-3, stack),
    "refine": Lesson(losses.refine_loss, 2, 2e-3, Mending(), 4),
}


def rate(highest: float, share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return highest * min(1.0, share / WARM + 0.05) * (0.5 + 0.5 * math.cos(math.pi * share) + 0.005)


def _write(path: Path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(path.suffix + ".partial")
    if isinstance(value, (dict, list)) and path.suffix == ".json":
        partial.write_text(json.dumps(value, indent=1) + "\n")
    else:
        torch.save(value, partial)
    partial.replace(path)


def _halved(state: dict) -> dict:
    """An optimizer's moments in half the bytes, for they are in the repository; loading widens them again."""
    short = lambda value: value.bfloat16() if torch.is_tensor(value) and value.dim() else value
    moments = {key: {name: short(value) for name, value in row.items()} for key, row in state["state"].items()}
    return state | {"state": moments}


class Training:
    def __init__(self, name: str, seed: int, minutes: float, resume: bool, folder: Path = FOLDER):
        self.name, self.seed, self.minutes, self.folder = name, seed, minutes, folder
        self.lesson = LESSONS[name]
        torch.manual_seed(seed)
        self.net = NETS[name]().to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=self.lesson.rate, weight_decay=1e-3, betas=(0.9, 0.99))
        self.step, self.spent, self.curve = 0, 0.0, []
        self.mean = {key: value.detach().clone() for key, value in self.net.state_dict().items()}
        if resume:
            self._resume()

    def _resume(self) -> None:
        state = torch.load(self.folder / f"{self.name}.state.pt", weights_only=True)
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.mean = torch.load(self.folder / f"{self.name}.pt", weights_only=True)
        self.step, self.spent, self.seed = state["step"], state["spent"], state["seed"]
        self.curve = json.loads((self.folder / f"{self.name}.json").read_text())["curve"]

    def _average(self) -> None:
        keep = min(0.995, self.step / (self.step + 10))
        for key, value in self.net.state_dict().items():
            if value.dtype.is_floating_point:
                self.mean[key].mul_(keep).add_(value, alpha=1 - keep)
            else:
                self.mean[key].copy_(value)

    def judge(self, batches: list[dict]) -> dict[str, float]:
        """The mean weights on pairs held back."""
        net = NETS[self.name]()
        net.load_state_dict(self.mean)
        net.eval()
        with torch.no_grad():
            rows = [self.lesson.loss(net, batch, 0)[1] for batch in batches]
        return {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}

    def save(self, found: dict[str, float]) -> None:
        point = {"minutes": round(self.spent / 60, 2), "step": self.step} | {k: round(v, 4) for k, v in found.items()}
        self.curve.append(point)
        state = {"net": self.net.state_dict(), "optimizer": _halved(self.optimizer.state_dict())}
        state |= {"step": self.step, "spent": self.spent, "seed": self.seed}
        about = {
            "net": self.name,
            "parameters": sum(p.numel() for p in self.net.parameters()),
            "seed": self.seed,
            "minutes": round(self.spent / 60, 1),
            "pairs": -(-self.step // self.lesson.times) * self.lesson.size,
            "torch": torch.__version__,
            "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} CPUs, shared",
            "curve": self.curve,
        }
        _write(self.folder / f"{self.name}.state.pt", state)
        _write(self.folder / f"{self.name}.pt", self.mean)
        _write(self.folder / f"{self.name}.json", about)
        print(f"{self.name}: {' '.join(f'{key} {value}' for key, value in point.items())}", flush=True)

    def run(self, report: float = 20.0, held_back: int = 8) -> None:
        """Until the minutes are over; says how it goes every `report` seconds, and judges on `held_back` batches."""
        tensors = lambda batch: {key: torch.from_numpy(value) for key, value in batch.items()}
        held = Feed(self.seed + HELD_BACK, 4, 0, self.lesson.prepare)
        judged = [tensors(next(held)) for _ in range(held_back)]
        held.close()
        fresh = Feed(self.seed, self.lesson.size, self.step // self.lesson.times, self.lesson.prepare)
        feed = Replay(fresh, self.lesson.times, self.seed + self.step)
        self.net.train()
        limit, before = self.minutes * 60, time.monotonic()
        saved = said = before
        recent: list[dict] = []
        while self.spent < limit:
            for group in self.optimizer.param_groups:
                group["lr"] = rate(self.lesson.rate, self.spent / limit)
            loss, found = self.lesson.loss(self.net, tensors(next(feed)), self.step)
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
            self.optimizer.step()
            self.step += 1
            self._average()
            recent.append(found)
            now = time.monotonic()
            self.spent, before = self.spent + now - before, now
            if now - said > report:
                means = {key: sum(row[key] for row in recent) / len(recent) for key in found}
                print(f"  {self.spent / 60:.1f} min, step {self.step}: " + ", ".join(f"{k} {v:.3f}" for k, v in means.items()), flush=True)
                said, recent = now, []
            if now - saved > EVERY and self.spent < limit:
                self.save(self.judge(judged))
                saved = before = time.monotonic()
        feed.close()
        self.save(self.judge(judged))
