"""Programs whose control flow or sizes the data decide, as ExecuTorch's exporter writes them, against PyTorch."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy
import torch
from executorch.exir import to_edge_transform_and_lower
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from functorch.experimental.control_flow import map as mapped
from torch._higher_order_ops.scan import scan

PERCEPT = Path(os.environ.get("PERCEPT_BIN", "build/release/bin")) / "percept"


def number(tensor, least, most):
    n = tensor.item()
    torch._check(n >= least)
    torch._check(n <= most)
    return n


class Layers(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.first = torch.nn.Linear(4, 4)
        self.second = torch.nn.Linear(4, 4)


class Cond(Layers):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: self.first(x) + 1, lambda x: self.second(x - 1) * 2, (x,))


class Nested(torch.nn.Module):
    def forward(self, x, y):
        def both(x, y):
            return torch.cond(y.sum() > 0, lambda x, y: x + y, lambda x, y: x - y, (x, y))
        return torch.cond(x.sum() > 0, both, lambda x, y: x * y, (x, y))


class Sequence(torch.nn.Module):
    def forward(self, x):
        x = torch.cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos(), (x,))
        return torch.cond(x.max() > 0.5, lambda x: x * 2, lambda x: x + 3, (x,))


class OfANumber(torch.nn.Module):
    def forward(self, x, n):
        return torch.cond(number(n, 0, 6) * 3 % 4 > 2, lambda x: x + 1, lambda x: x - 1, (x,))


class LookUp(torch.nn.Module):
    """The branch that is not taken would look outside of x."""

    def forward(self, x, i):
        return torch.cond((i < 4).all(), lambda x, i: x[i], lambda x, i: x[i * 0] * -1, (x, i))


class Map(torch.nn.Module):
    def forward(self, x, y):
        return mapped(lambda row, y: row.sum() * y, x, y)


class Scan(torch.nn.Module):
    def forward(self, x):
        return scan(lambda carry, row: (carry + row, carry * row), torch.zeros(3), x)


class BranchInALoop(torch.nn.Module):
    def forward(self, x):
        def row(r, zero):
            return torch.cond(r.sum() > zero, lambda r: r * 2, lambda r: r - 1, (r,))
        return mapped(row, x, torch.zeros(()))


class Narrow(torch.nn.Module):
    def forward(self, x, n):
        n = number(n, 1, 6)
        return x[:n].sum(0), x[:n] * 2


class Computed(torch.nn.Module):
    def forward(self, x, n):
        return x[:number(n, 2, 6) * 2 // 3 + 1] * 1.5


class Made(torch.nn.Module):
    def forward(self, x, n):
        n = number(n, 1, 6)
        return torch.zeros(n, 3) + x, torch.arange(n) * 2


def numbers(*values):
    return torch.tensor(values)


torch.manual_seed(1)
X, ROWS = torch.randn(3, 4), torch.randn(6, 3)
CASES = {
    Cond: [(X.abs(),), (-X.abs(),), (X.abs() * 2,)],
    Nested: [(X.abs(), X.abs()), (X.abs(), -X.abs()), (-X.abs(), X)],
    Sequence: [(X.abs(),), (X.abs() * .01,), (-X.abs(),)],
    OfANumber: [(X, numbers(n)) for n in (3, 1, 5, 0)],
    LookUp: [(ROWS[:4], numbers(*i)) for i in ((1, 3), (7, 9), (0, 4))],
    Map: [(X, torch.randn(5))],
    Scan: [(torch.randn(4, 3),)],
    BranchInALoop: [(X.abs() * torch.tensor(s).unsqueeze(1),) for s in ((1, -1, 1), (1, 1, 1), (-1, 1, -1))],
    Narrow: [(ROWS, numbers(n)) for n in (4, 1, 6)],
    Computed: [(ROWS, numbers(n)) for n in (4, 2, 6)],
    Made: [(torch.randn(3), numbers(n)) for n in (4, 1, 6)],
}
DELEGATED = (Nested, Scan)  # the partitioner leaves a Linear in a branch half lowered, and fails


class ControlFlow(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def lower(self, net, inputs, partitioner=None):
        program = to_edge_transform_and_lower(
            torch.export.export(net.eval(), inputs), partitioner=partitioner).to_executorch()
        file = self.folder / "net.pte"
        file.write_bytes(program.buffer)
        return file

    def run_file(self, file, inputs):
        words = [PERCEPT, "model", "run", file, "--output", self.folder / "out"]
        for i, x in enumerate(inputs):
            numpy.save(self.folder / f"{i}.npy", x.numpy())
            words += ["--input", f"{i}={self.folder}/{i}.npy"]
        ran = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return self.folder / "out"

    def compare(self, file, net, inputs):
        expected = net(*inputs)
        out = self.run_file(file, inputs)
        for i, want in enumerate(expected if isinstance(expected, tuple) else (expected,)):
            got = numpy.load(out / f"output{i}.npy")
            self.assertEqual(got.shape, tuple(want.shape))
            numpy.testing.assert_allclose(got, want.detach().numpy(), rtol=1e-4, atol=1e-5)

    def test_agrees_with_eager(self):
        for kind, cases in CASES.items():
            net = kind().eval()
            for partitioner in (None, [XnnpackPartitioner()]) if kind in DELEGATED else (None,):
                with self.subTest(kind.__name__, xnnpack=partitioner is not None):
                    file = self.lower(kind(), cases[0], partitioner)
                    for inputs in cases:
                        self.compare(file, net, inputs)


if __name__ == "__main__":
    unittest.main()
