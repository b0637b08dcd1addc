"""Pairs for training, made by another process while the net learns: fresh ones for every step, in a fixed order.

Batch k of a seed is always the same, whenever it is asked for, so a training that was interrupted goes on as if it had not been.
"""

from multiprocessing import get_context

import numpy as np

from .scenes import BLOCK, Block, Pair
from .textures import Random

HELD_BACK = 1 << 20  # from this seed on: pairs that are only judged
WAITING = 6  # batches made ahead
WIDTH, HEIGHT = 208, 144  # of a pair: three quarters of a row can be matched at the largest disparity


def _vary(random: Random, pair: Pair) -> Pair:
    """Upside down or not, with colours exchanged: more looks at no cost."""
    rows = slice(None, None, int(random.choice([-1, 1])))
    colours = random.permutation(3)
    return Pair(pair.left[rows][..., colours], pair.right[rows][..., colours], pair.disparity[rows], pair.hidden[rows])


def block(seed: int, number: int):
    """The pairs of one block, as they are trained on."""
    made, random = Block(seed, number), np.random.default_rng([seed, number, 1])
    for _ in range(BLOCK):
        yield _vary(random, made.pair(WIDTH, HEIGHT))


def stack(pairs: list[Pair]) -> dict[str, np.ndarray]:
    """Images float32 [n, 3, h, w] in 0..1, disparity float32 and hidden bool [n, h, w]."""
    images = [np.stack([getattr(p, eye) for p in pairs]).transpose(0, 3, 1, 2) for eye in ("left", "right")]
    left, right = (np.ascontiguousarray(image, np.float32) / 255 for image in images)
    return {
        "left": left,
        "right": right,
        "disparity": np.stack([p.disparity for p in pairs]),
        "hidden": np.stack([p.hidden for p in pairs]),
    }


def _work(queue, seed: int, size: int, first: int, prepare) -> None:
    import cv2

    cv2.setNumThreads(1)
    number, skip = divmod(first * size, BLOCK)
    while True:
        batch: list[Pair] = []
        for index, pair in enumerate(block(seed, number)):
            if index < skip:
                continue
            batch.append(pair)
            if len(batch) == size:
                queue.put(prepare(batch))
                batch = []
        number, skip = number + 1, 0


class Feed:
    """An iterator of batches of `size` pairs, from batch `first` on. BLOCK is a multiple of size. `prepare` makes a batch of pairs."""

    def __init__(self, seed: int, size: int, first: int = 0, prepare=stack):
        if BLOCK % size:
            raise ValueError(f"a batch of {size} pairs does not divide a block of {BLOCK}")
        context = get_context("spawn")
        self.queue = context.Queue(WAITING)
        self.process = context.Process(target=_work, args=(self.queue, seed, size, first, prepare), daemon=True)
        self.process.start()

    def __iter__(self):
        return self

    def __next__(self):
        while True:
            try:
                return self.queue.get(timeout=60)
            except Exception as error:  # Empty
                if not self.process.is_alive():
                    raise RuntimeError("the process that makes pairs is gone") from error

    def close(self) -> None:
        self.process.terminate()
        self.process.join()


class Mending:
    """Prepares batches for the net that mends: what aggregation makes of pairs, beside the truth. Made in the other process,
    with the weights of the first net as they are when training starts."""

    def __init__(self, match=None):
        self.match, self.net = match, None

    def __call__(self, pairs: list[Pair]) -> dict[str, np.ndarray]:
        import torch

        from . import aggregate, learned

        if self.net is None:
            torch.set_num_threads(1)
            self.net = learned.load("cost")
        batch = stack(pairs)
        with torch.no_grad():
            features = [self.net.tower(torch.from_numpy(batch[eye])).numpy() for eye in ("left", "right")]
        match = self.match or aggregate.match
        maps = [match((features[0][i], features[1][i]), pair.left, pair.right) for i, pair in enumerate(pairs)]
        disparity, confidence = (np.stack(each)[:, None] for each in zip(*maps, strict=True))
        return {"image": batch["left"], "disparity": disparity, "confidence": confidence, "truth": batch["disparity"][:, None]}


class Replay:
    """Shows each batch several times, for some cost more to make than to learn from: of every `times` batches one is new, the
    others are drawn, in an order that the seed decides, from the newest `kept`."""

    def __init__(self, fresh, times: int, seed: int, kept: int = 400):
        self.fresh, self.times, self.kept = fresh, times, kept
        self.random, self.seen, self.turn = np.random.default_rng(seed), [], 0

    def __iter__(self):
        return self

    def __next__(self):
        self.turn += 1
        if self.turn % self.times == 1 or self.times == 1:
            self.seen = [*self.seen, next(self.fresh)][-self.kept :]
            return self.seen[-1]
        return self.seen[self.random.integers(len(self.seen))]

    def close(self) -> None:
        self.fresh.close()
