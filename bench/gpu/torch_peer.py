"""PyTorch's side of the bench: `torch_peer.py DEVICE OUT` serves turns over its standard input and output.

DEVICE is what torch calls it (cuda, cpu); OUT is where the zoo is (build). A turn is one JSON line {"model", "engine", "seconds"}, engine being eager
or compiled (torch.compile), answered by one {"median_ms"}, or by {"failed"} with the reason. The net is the one that the zoo exports. A run is
what ours is: inputs come from the host's memory, outputs are there at its end. Nets are compiled once and stay.
"""

import json
import os
import sys
import time
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch  # noqa: E402

from models import families, pins  # noqa: E402

WARMUP_RUNS = 3


@cache
def net(name: str, engine: str, device: str, out: Path):
    """What is to be called, and with what, on the host."""
    method = families.subject(pins.load().models[name], out).methods()["forward"]
    module = method.module.to(device)
    return (torch.compile(module) if engine == "compiled" else module), method.example


def turn(model: str, engine: str, seconds: float, device: str, out: Path) -> dict:
    module, example = net(model, engine, device, out)

    def run():
        outputs = module(*(tensor.to(device) for tensor in example))
        return [tensor.cpu() for tensor in (outputs if isinstance(outputs, (tuple, list)) else [outputs])]

    for _ in range(WARMUP_RUNS):
        run()
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return {"median_ms": sorted(times)[len(times) // 2]}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")  # torch prints on what used to be standard output
    os.dup2(2, 1)
    device, out = sys.argv[1], Path(sys.argv[2])
    with torch.inference_mode():
        for line in sys.stdin:
            try:
                answer = turn(**json.loads(line), device=device, out=out)
            except Exception as error:  # a net without that method, a compiler that is missing: the others go on
                answer = {"failed": f"{type(error).__name__}: {error}"[:200]}
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
