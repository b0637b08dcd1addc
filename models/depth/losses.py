"""What each net is taught, and how it is judged while it learns."""

import torch
from torch.nn import functional

from .nets import CANDIDATES, NONE, similarity

ROWS = 3  # of the rows of a batch, one in ROWS is matched: neighbours teach nearly the same, and volumes cost most
EDGE = 2.0  # what a pixel at the edge of a surface counts more
NEAR = 2  # pixels from an edge


def edges(disparity: torch.Tensor) -> torch.Tensor:
    """1 where disparity [n, h, w] jumps by more than 1.5 px within NEAR pixels, else 0."""
    size = 2 * NEAR + 1
    d = disparity[:, None]
    high = functional.max_pool2d(d, size, 1, NEAR)
    low = -functional.max_pool2d(-d, size, 1, NEAR)
    return ((high - low) > 1.5 + 0.3 * size)[:, 0].float()


def cost_loss(net, batch: dict, turn: int) -> tuple[torch.Tensor, dict[str, float]]:
    """Which candidate of its row a pixel belongs to, or to none: cross-entropy, for a visible pixel against the two candidates
    around the truth."""
    count, first_row = batch["left"].shape[0], turn % ROWS
    eyes = torch.cat([batch["left"], batch["right"]]).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = net.tower(eyes)[:, :, first_row::ROWS]
    scores = similarity(features[:count], features[count:])
    d, visible = batch["disparity"], ~batch["hidden"]
    weight = (1 + visible * EDGE * edges(d))[:, first_row::ROWS]
    d, visible = d[:, first_row::ROWS], visible[:, first_row::ROWS]
    below = d.floor().clamp(0, CANDIDATES - 2)
    share = d - below
    at = (CANDIDATES - 1 - torch.stack([below, below + 1], -1)).long()
    taken = scores.gather(-1, at)
    right = torch.where(visible, taken[..., 0] * (1 - share) + taken[..., 1] * share, NONE)
    loss = torch.logaddexp(torch.logsumexp(scores, -1), scores.new_tensor(NONE)) - right
    loss = (loss * weight).sum() / weight.sum()
    with torch.no_grad():
        off = (CANDIDATES - 1 - scores.argmax(-1) - d).abs() > 1.5
        wrong = float((off * visible).sum() / visible.sum())
    return loss, {"nats": float(loss.detach()), "wrong": 100 * wrong}


def refine_loss(net, batch: dict, turn: int) -> tuple[torch.Tensor, dict[str, float]]:
    """Off by how much, up to a limit beyond which wrong is wrong; and whether the net knows."""
    image = batch["image"].contiguous(memory_format=torch.channels_last)
    truth = batch["truth"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        disparity, confidence = net(image, batch["disparity"], batch["confidence"])
    off = (disparity - truth).abs()
    weight = 1 + EDGE * edges(truth[:, 0])[:, None]
    robust = torch.where(off < 1, off, 1 + (off - 1).clamp(max=4) * 0.5)
    good = (off.detach() < 1).float()
    sure = functional.binary_cross_entropy(confidence.float().clamp(1e-4, 1 - 1e-4), good)
    loss = (robust * weight).sum() / weight.sum() + 0.1 * sure
    with torch.no_grad():
        before = (batch["disparity"] - truth).abs()
        found = {"loss": float(loss), "off by 3": 100 * float((off > 3).float().mean())}
        found |= {"before": 100 * float((before > 3).float().mean()), "median": float(off.median())}
    return loss, found
