"""`python -m models depth-tune`: what aggregation pays for steps, found on made-up pairs that training held back.

One option at a time, each from a few values around the best so far, until none gets better.
"""

from dataclasses import replace

import numpy as np
import torch

from . import aggregate, nets
from .aggregate import Options
from .feed import stack
from .scenes import Block, Pair

VALUES = {
    "census": (0.0, 0.25, 0.5, 0.75, 1.0),
    "scale": (1.0, 1.5, 2.0, 3.0, 4.5, 6.0),
    "outside": (10, 20, 35, 60),
    "small": (3, 5, 7, 10, 14, 20),
    "large": (20, 30, 45, 60, 80, 100),
    "soft": (2.0, 4.0, 8.0, 16.0, 64.0),
    "unique": (0, 2, 5, 10),
    "least": (1, 50, 100, 200),
}
SEED = 3 << 20


def examples(net: nets.Cost, count: int, size: tuple[int, int]) -> list[tuple[Pair, tuple[np.ndarray, np.ndarray]]]:
    """Made-up pairs with their features."""
    block, made = Block(SEED), []
    for _ in range(count):
        pair = block.pair(*size)
        batch = stack([pair])
        with torch.no_grad():
            features = net(torch.from_numpy(batch["left"]), torch.from_numpy(batch["right"]))
        made.append((pair, tuple(f[0].numpy() for f in features)))
    return made


def loss(options: Options, made) -> float:
    """Per cent of all pixels off by more than 3, and of the visible ones by more than 1, the mean of pairs."""
    rows = []
    for pair, features in made:
        off = np.abs(aggregate.match(features, pair.left, pair.right, options)[0] - pair.disparity)
        rows.append((off > 3).mean() + (off > 1)[~pair.hidden].mean())
    return 100 * float(np.mean(rows))


def tune(net: nets.Cost, count: int = 16, size: tuple[int, int] = (208, 144)) -> Options:
    made = examples(net, count, size)
    best, least = aggregate.DEFAULT, loss(aggregate.DEFAULT, made)
    print(f"{least:.3f} {best}", flush=True)
    better = True
    while better:
        better = False
        for name, values in VALUES.items():
            for value in values:
                tried = replace(best, **{name: value})
                if tried == best or tried.large <= tried.small:
                    continue
                if (found := loss(tried, made)) < least:
                    best, least, better = tried, found, True
                    print(f"{least:.3f} {name} {value}", flush=True)
    return best
