"""What `percept model bench --etdump` writes is what ExecuTorch's own Inspector opens, and its numeric-gap comparison
against an ETRecord works: the gaps are small where the runtime computes right, and found where a weight differs."""

import contextlib
import io
import os
import subprocess
import tempfile
import unittest
import warnings
from pathlib import Path

import numpy
import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.devtools import Inspector
from executorch.exir import to_edge_transform_and_lower

PERCEPT = Path(os.environ.get("PERCEPT_BIN", "build/release/bin")) / "percept"


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(4)
        self.first = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.second = torch.nn.Conv2d(8, 8, 1)
        self.last = torch.nn.Linear(8, 5)

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = torch.sigmoid(self.second(x)) + x
        return self.last(x.mean(dim=(2, 3)))


class Dumps(unittest.TestCase):
    def setUp(self):
        warnings.simplefilter("ignore")
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def dump(self, partitioner, spoil=None):
        """Export, run with the command, open with the Inspector."""
        net = Net().eval()
        x = torch.rand(1, 3, 6, 7)
        edge = to_edge_transform_and_lower(torch.export.export(net, (x,)), partitioner=partitioner, generate_etrecord=True)
        program = edge.to_executorch()
        record = program.get_etrecord()
        record.update_representative_inputs([x])
        record.save(str(self.folder / "net.etrecord"))
        content = bytearray(program.buffer)
        if spoil is not None:
            weight = spoil(net).detach().numpy().tobytes()
            self.assertEqual(content.count(weight), 1)
            at = content.index(weight)
            content[at:at + 4] = numpy.float32(100).tobytes()
        (self.folder / "net.pte").write_bytes(content)
        numpy.save(self.folder / "x.npy", x.numpy())
        subprocess.run([PERCEPT, "model", "bench", self.folder / "net.pte", "--runs", "2", "--threads", "1", "--input",
                        f"0={self.folder}/x.npy", "--etdump", self.folder / "net.etdp"], check=True, capture_output=True)
        with contextlib.redirect_stdout(io.StringIO()):
            return net, x, Inspector(etdump_path=str(self.folder / "net.etdp"), etrecord=str(self.folder / "net.etrecord"),
                                     debug_buffer_path=str(self.folder / "net.etdp.buffer"))

    def test_a_plain_program(self):
        net, x, inspector = self.dump(None)
        values, times = inspector.event_blocks
        self.assertEqual((values.name, times.name), ("Intermediate outputs", "Execute"))
        self.assertTrue(torch.allclose(values.run_output[0], net(x), atol=1e-5))
        events = {event.name: event for event in times.events}
        self.assertGreater(events["Method::execute"].perf_data.p50, 0)
        self.assertEqual(len(events["aten::convolution.out"].perf_data.raw), 15)
        # Two convolutions of the program are told apart and found in the exported graph.
        self.assertEqual(sum("convolution" in op for event in times.events for op in event.op_types), 2)
        gaps = inspector.calculate_numeric_gap("L1")
        compared = {op for row in gaps["aot_ops"] for op in row}
        self.assertTrue(any("conv2d" in op or "convolution" in op for op in compared), compared)
        self.assertGreaterEqual(len(gaps), 5)
        self.assertLess(max(float(numpy.max(gap)) for gap in gaps["gap"]), 1e-3)

    def test_a_delegated_program(self):
        net, x, inspector = self.dump([XnnpackPartitioner()])
        values, times = inspector.event_blocks
        self.assertTrue(torch.allclose(values.run_output[0], net(x), atol=1e-5))
        calls = [event for event in times.events if event.name == "DELEGATE_CALL"]
        parts = [event for event in times.events if event.is_delegated_op]
        self.assertGreaterEqual(len(calls), 1)
        self.assertGreaterEqual(len(parts), 3)
        self.assertEqual(calls[0].delegate_backend_name, "XnnpackBackend")
        gaps = inspector.calculate_numeric_gap("L1")
        self.assertGreaterEqual(len(gaps), len(calls))
        self.assertLess(max(float(numpy.max(gap)) for gap in gaps["gap"]), 1e-3)

    def test_a_gap_begins_where_a_weight_differs(self):
        _, _, inspector = self.dump(None, spoil=lambda net: net.second.weight)
        gaps = inspector.calculate_numeric_gap("L1", reference_graph="edge_dialect_exported_program")
        small = [float(numpy.max(gap)) < 1e-3 for gap in gaps["gap"]]
        self.assertIn(True, small)
        self.assertIn(False, small)


if __name__ == "__main__":
    unittest.main()
