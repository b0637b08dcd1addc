"""The weights that training made: the one binary in this repository."""

from pathlib import Path

import torch

from . import nets

FOLDER = Path(__file__).with_name("weights")
NETS = {"cost": nets.Cost, "refine": nets.Refine}


def load(name: str, folder: Path = FOLDER) -> torch.nn.Module:
    """One of the two nets, as it is used."""
    net = NETS[name]()
    net.load_state_dict(torch.load(folder / f"{name}.pt", map_location="cpu", weights_only=True))
    return net.eval()
