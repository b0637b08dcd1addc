"""Files beside a program: those that ExecuTorch writes, weights in a `.ptd` file and test cases in a `.bpte` file, and the zoo's cases."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy
import torch
from executorch.devtools import BundledProgram
from executorch.devtools.bundled_program.config import MethodTestCase, MethodTestSuite
from executorch.devtools.bundled_program.serialize import serialize_from_bundled_program_to_flatbuffer
from executorch.exir import ExecutorchBackendConfig, to_edge_transform_and_lower

from models import cases

PERCEPT = Path(os.environ.get("PERCEPT_BIN", "build/release/bin")) / "percept"


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(5)
        self.first = torch.nn.Linear(6, 40)
        self.last = torch.nn.Linear(40, 3)

    def forward(self, x):
        return self.last(torch.tanh(self.first(x)))


class Files(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.net = Net().eval()
        self.x = torch.rand(2, 6)

    def percept(self, *words):
        return subprocess.run([PERCEPT, "model", *map(str, words)], capture_output=True, text=True, check=False)

    def test_weights_outside_a_program(self):
        program = to_edge_transform_and_lower(torch.export.export(self.net, (self.x,))).to_executorch(
            ExecutorchBackendConfig(external_constants=True))
        file = self.folder / "net.pte"
        file.write_bytes(program.buffer)
        program.write_tensor_data_to_file(str(self.folder))
        data = list(self.folder.glob("*.ptd"))
        self.assertEqual(len(data), 1)
        numpy.save(self.folder / "x.npy", self.x.numpy())
        words = ["run", file, "--input", f"0={self.folder}/x.npy", "--output", self.folder / "out"]
        ran = self.percept(*words, "--data", data[0])
        self.assertEqual(ran.returncode, 0, ran.stderr)
        got = numpy.load(self.folder / "out/output0.npy")
        numpy.testing.assert_allclose(got, self.net(self.x).detach().numpy(), atol=1e-5)
        refused = self.percept(*words)
        self.assertEqual(refused.returncode, 3)
        self.assertIn("is in a .ptd file, which was not given", refused.stderr)

    def test_a_bundled_program_tests_itself(self):
        program = to_edge_transform_and_lower(torch.export.export(self.net, (self.x,))).to_executorch()
        cases = [MethodTestCase(inputs=[x], expected_outputs=[self.net(x)]) for x in (self.x, 2 - self.x)]
        bundle = BundledProgram(program, [MethodTestSuite("forward", cases)])
        content = serialize_from_bundled_program_to_flatbuffer(bundle)
        file = self.folder / "net.bpte"
        file.write_bytes(content)
        ran = self.percept("verify", file)
        self.assertEqual((ran.returncode, ran.stdout), (0, "2 passed, 0 failed\n"), ran.stderr)
        cases[1].expected_outputs[0] += 1
        file.write_bytes(serialize_from_bundled_program_to_flatbuffer(
            BundledProgram(program, [MethodTestSuite("forward", cases)])))
        ran = self.percept("verify", file)
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stdout, r"^FAIL forward\[1\]: output 0: 6 of 6 elements differ.*\n1 passed, 1 failed\n$")

    def test_a_case_of_the_zoo_runs_the_method_that_it_names(self):
        """The method takes another shape than `forward` and gives more."""
        parts = {"forward": (self.net, self.x), "first": (self.net.first, torch.rand(6))}
        programs = {name: torch.export.export(net, (x,)) for name, (net, x) in parts.items()}
        (self.folder / "net.pte").write_bytes(to_edge_transform_and_lower(programs).to_executorch().buffer)
        lines = []
        for name, (net, x) in parts.items():
            entry = {"inputs": [x.numpy()], "outputs": [net(x).detach().numpy()], "atol": [1e-5]}
            case = self.folder / cases.write(self.folder, f"net_{name}", "fp32", "net.pte", name, entry)
            lines.append(case.read_text())
        (case.parent / "manifest.jsonl").write_text("".join(lines))
        ran = self.percept("verify", case.parent)
        self.assertEqual((ran.returncode, ran.stdout), (0, "2 passed, 0 failed\n"), ran.stderr)


if __name__ == "__main__":
    unittest.main()
