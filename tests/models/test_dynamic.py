"""Programs of dynamic shape: at each size, what the runtime computes is what PyTorch does."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy
import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.devtools import BundledProgram
from executorch.devtools.bundled_program.config import MethodTestCase, MethodTestSuite
from executorch.devtools.bundled_program.serialize import serialize_from_bundled_program_to_flatbuffer
from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower
from torch import nn
from torch.export import Dim
from torch.nn import functional

PERCEPT = Path(os.environ.get("PERCEPT_BIN", "build/release/bin")) / "percept"


class Detector(nn.Module):
    """Windows of all kinds, on pictures of any height and width."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.wider, self.side, self.last = nn.ConvTranspose2d(8, 4, 2, 2), nn.Conv2d(8, 4, 1), nn.Linear(8, 5)

    def forward(self, x):
        near = functional.relu6(self.first(x))
        far = functional.hardswish(self.second(near))
        both = torch.cat([self.wider(far), self.side(near), functional.interpolate(far, scale_factor=2.0)], 1)
        return torch.sigmoid(both), functional.max_pool2d(near, 2, 2), self.last(far.mean((2, 3)))


class Reader(nn.Module):
    """A picture of any width becomes a sequence, and attends to itself."""

    def __init__(self):
        super().__init__()
        self.look = nn.Conv2d(3, 16, 3, (2, 2), 1)
        self.norm, self.project, self.last = nn.LayerNorm(16), nn.Linear(16, 48), nn.Linear(16, 12)

    def forward(self, x):
        x = functional.avg_pool2d(functional.silu(self.look(x)), (8, 2)).squeeze(2).permute(0, 2, 1)
        batch, steps, _ = x.shape
        q, k, v = self.project(self.norm(x)).reshape(batch, steps, 3, 4, 4).permute(2, 0, 3, 1, 4).unbind(0)
        x = x + (torch.softmax(q @ k.transpose(-1, -2) / 2, -1) @ v).transpose(1, 2).reshape(batch, steps, 16)
        return torch.softmax(self.last(x), -1)


class Shapes(nn.Module):
    """Two inputs of one size, and operators that move, make and look up."""

    def forward(self, a, b):
        steps = a.shape[1]
        return (torch.cat([a, b], 1), a[:, 1:] * 2 - b[:, :-1], a @ b.transpose(0, 1), torch.cumsum(a, 1),
                torch.arange(steps) + a.argmax(1)[0], functional.pad(a, (1, 2)), a.flip(1), b.repeat(1, 2),
                a.unsqueeze(1).expand(-1, 3, -1), torch.zeros(steps, 2), torch.topk(b, 2, 1)[0], a.reshape(-1), a[:, -1])


class Masks(nn.Module):
    """Results that are as large as the data say."""

    def forward(self, x):
        chosen = x[x.sum(1) > 0]
        return chosen * 2, torch.nonzero(x), torch.masked_select(x, x < 0.5), chosen.sum(0)


PICTURES = [torch.rand(1, 3, height, width) for height, width in ((64, 64), (16, 24), (36, 8), (64, 64))]
STRIPS = [torch.rand(1, 3, 16, width) for width in (80, 8, 24, 76)]
PAIRS = [(torch.rand(5, steps), torch.rand(5, steps)) for steps in (24, 3, 9, 23)]


class Dynamic(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        torch.manual_seed(6)

    def percept(self, *words):
        return subprocess.run([PERCEPT, "model", *map(str, words)], capture_output=True, text=True, check=False)

    def export(self, net, samples, shapes, delegate):
        program = torch.export.export(net, samples[1], dynamic_shapes=shapes)
        config = EdgeCompileConfig(_core_aten_ops_exception_list=[torch.ops.aten.masked_select.default])
        partitioner = [XnnpackPartitioner()] if delegate else None
        return to_edge_transform_and_lower(program, partitioner=partitioner, compile_config=config).to_executorch()

    def save(self, name, tensor):
        tensor.detach().contiguous().numpy().tofile(self.folder / name)
        return {"kind": "tensor", "dtype": str(tensor.dtype).split(".")[1], "shape": list(tensor.shape), "file": name}

    def check(self, net, samples, shapes, flows=("plain", "xnnpack")):
        net.eval()
        lines = []
        for flow in flows:
            (self.folder / f"{flow}.pte").write_bytes(self.export(net, samples, shapes, flow == "xnnpack").buffer)
            for i, sample in enumerate(samples):
                results = net(*sample)
                results = results if isinstance(results, tuple) else (results,)
                lines.append(json.dumps({
                    "test": f"{flow} {i}", "pte": f"{flow}.pte",
                    "inputs": [self.save(f"{i}.in{k}", x) for k, x in enumerate(sample)],
                    "outputs": [self.save(f"{i}.out{k}", y) for k, y in enumerate(results)]}))
        (self.folder / "manifest.jsonl").write_text("\n".join(lines))
        ran = self.percept("verify", self.folder)
        self.assertEqual(ran.stdout, f"{len(lines)} passed, 0 failed\n", ran.stderr)

    def test_windows(self):
        shapes = ({2: 4 * Dim("height", min=2, max=16), 3: 4 * Dim("width", min=2, max=16)},)
        self.check(Detector(), [(x,) for x in PICTURES], shapes)

    def test_attention_over_a_sequence(self):
        self.check(Reader(), [(x,) for x in STRIPS], ({3: 4 * Dim("width", min=2, max=20)},))

    def test_two_inputs_of_one_size(self):
        steps = Dim("steps", min=3, max=24)
        self.check(Shapes(), PAIRS, ({1: steps}, {1: steps}))

    def test_sizes_that_only_the_data_tell(self):
        samples = [(torch.randn(6, 3) + shift,) for shift in (0, 1, -9, 9)]
        self.check(Masks(), samples, None, ["plain"])

    def test_files_bring_their_sizes(self):
        net = Reader().eval()
        program = self.export(net, [(x,) for x in STRIPS], ({3: 4 * Dim("width", min=2, max=20)},), True)
        file = self.folder / "net.pte"
        file.write_bytes(program.buffer)
        numpy.save(self.folder / "x.npy", STRIPS[2].numpy())
        ran = self.percept("run", file, "--input", f"0={self.folder}/x.npy", "--output", self.folder / "out")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        numpy.testing.assert_allclose(numpy.load(self.folder / "out/output0.npy"), net(STRIPS[2]).detach(), atol=1e-5)
        ran = self.percept("run", file, "--input", "0=random:1x3x16x300")
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("input 0: size 3 is 300, at most 80", ran.stderr)
        self.assertIn("input 0: float32[1, <=3, <=16, <=80]", self.percept("inspect", file).stdout)

        cases = [MethodTestCase(inputs=[x], expected_outputs=[net(x)]) for x in STRIPS]
        bundle = BundledProgram(program, [MethodTestSuite("forward", cases)])
        (self.folder / "net.bpte").write_bytes(serialize_from_bundled_program_to_flatbuffer(bundle))
        ran = self.percept("verify", self.folder / "net.bpte")
        self.assertEqual(ran.stdout, "4 passed, 0 failed\n", ran.stderr)


if __name__ == "__main__":
    unittest.main()
