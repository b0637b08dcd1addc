"""The ONNX importer, operator by operator, against onnxruntime on the same file; and what it refuses."""

import importlib.util
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

if not all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime")):
    print("onnx and onnxruntime are not installed; tools/setup.sh does that")
    sys.exit(77)  # reported as skipped

import onnx
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from models import onnx_import
from models.ort import Onnxruntime
from models.subject import UnsupportedError
from onnx import TensorProto, helper, numpy_helper

RANDOM = np.random.default_rng(1)


def noise(*shape) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def integers(*values) -> np.ndarray:
    return np.array(values, np.int64)


class OnnxImport(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "model.onnx"

    def write(self, nodes, constants, rank, opset=13, axes=None):
        """A model of one input "x" of unknown sizes and one output "y" of `axes` axes, by default as many."""
        graph = helper.make_graph(
            nodes,
            "test",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None] * rank)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * (axes or rank))],
            [numpy_helper.from_array(array, name) for name, array in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        self.path.write_bytes(model.SerializeToString())

    def same(self, nodes, shape, constants=None, tolerance=1e-5, **more):
        """Runs both on noise; the outputs must agree. Returns the module."""
        self.write(nodes, constants or {}, len(shape), **more)
        module = onnx_import.build(onnx_import.load(self.path), shape)
        x = noise(*shape)
        with torch.no_grad():
            got = module(torch.from_numpy(x))
        for ours, theirs in zip(got, Onnxruntime(self.path)(x), strict=True):
            self.assertEqual(tuple(ours.shape), theirs.shape)
            np.testing.assert_allclose(ours.numpy(), theirs, atol=tolerance, rtol=tolerance)
        return module

    def one(self, kind, shape, *constants, tolerance=1e-5, opset=13, axes_left=None, **attributes):
        names = [f"c{i}" for i in range(len(constants))]
        node = helper.make_node(kind, ["x", *names], ["y"], **attributes)
        return self.same([node], shape, dict(zip(names, constants)), tolerance, opset=opset, axes=axes_left)

    def test_convolution(self):
        self.one("Conv", (1, 4, 9, 8), noise(6, 4, 3, 3), noise(6), pads=[1, 1, 1, 1], strides=[2, 1])
        self.one("Conv", (1, 4, 9, 8), noise(6, 4, 3, 3), pads=[0, 1, 2, 1])
        self.one("Conv", (1, 4, 9, 8), noise(4, 1, 5, 3), group=4, dilations=[1, 2], pads=[2, 2, 2, 2])
        self.one("Conv", (1, 4, 9, 8), noise(6, 4, 4, 3), auto_pad="SAME_UPPER", strides=[2, 2])
        self.one("Conv", (1, 4, 9, 8), noise(6, 4, 4, 3), auto_pad="SAME_LOWER")
        self.one("Conv", (1, 4, 9), noise(6, 4, 3), pads=[1, 1])

    def test_transposed_convolution(self):
        self.one("ConvTranspose", (1, 4, 5, 6), noise(4, 3, 2, 2), noise(3), strides=[2, 2])
        self.one("ConvTranspose", (1, 4, 5, 6), noise(4, 3, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])

    def test_a_batch_norm_becomes_part_of_the_convolution_before_it(self):
        constants = {"w": noise(6, 4, 3, 3), "s": noise(6), "b": noise(6), "m": noise(6), "v": np.abs(noise(6)) + 0.1}
        nodes = [helper.make_node("Conv", ["x", "w"], ["t"]), helper.make_node("BatchNormalization", ["t", *"sbmv"], ["y"])]
        self.assertEqual(len(self.same(nodes, (1, 4, 6, 6), constants).steps), 1)

    def test_a_batch_norm_stays_where_the_convolution_has_other_users(self):
        constants = {"w": noise(6, 4, 3, 3), "s": noise(6), "b": noise(6), "m": noise(6), "v": np.abs(noise(6)) + 0.1}
        nodes = [
            helper.make_node("Conv", ["x", "w"], ["t"]),
            helper.make_node("BatchNormalization", ["t", *"sbmv"], ["n"]),
            helper.make_node("Add", ["t", "n"], ["y"]),
        ]
        self.assertEqual(len(self.same(nodes, (1, 4, 6, 6), constants).steps), 3)

    def test_elementwise(self):
        for kind in ("Add", "Sub", "Mul", "Div"):
            self.one(kind, (2, 3, 4), noise(3, 1))
            self.one(kind, (2, 3, 4), np.array([2.5], np.float32))
            constant = {"c": np.array(1.5, np.float32)}
            self.same([helper.make_node(kind, ["c", "x"], ["y"])], (2, 3), constant, 1e-3)
        self.one("Pow", (2, 3, 4), np.array(2, np.float32))

    def test_activations(self):
        for kind in ("Relu", "Sigmoid", "Tanh", "Erf", "Identity"):
            self.one(kind, (2, 3))
        self.one("HardSigmoid", (2, 3))
        self.one("HardSigmoid", (2, 3), alpha=1 / 6, beta=0.5)
        self.one("Clip", (4, 9), np.array(-0.5, np.float32), np.array(0.5, np.float32))
        self.one("Clip", (4, 9), opset=9, min=0.0, max=6.0)
        self.one("Softmax", (2, 3, 4), axis=1)

    def test_products(self):
        self.one("MatMul", (2, 3, 4), noise(4, 5))
        self.one("Gemm", (3, 4), noise(5, 4), noise(5), transB=1)
        self.same([helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]), helper.make_node("MatMul", ["x", "t"], ["y"])], (2, 3, 4))

    def test_pools_and_means(self):
        self.one("MaxPool", (1, 3, 9, 8), kernel_shape=[3, 2], strides=[2, 2])
        self.one("MaxPool", (1, 3, 9, 8), kernel_shape=[2, 2], auto_pad="SAME_UPPER")
        self.one("MaxPool", (1, 3, 9, 8), kernel_shape=[2, 2], auto_pad="SAME_LOWER")
        self.one("MaxPool", (1, 3, 9, 8), kernel_shape=[3, 2], pads=[1, 0, 0, 1])
        self.one("MaxPool", (1, 3, 9, 8), kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER")
        self.one("AveragePool", (1, 3, 9, 8), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        self.one("GlobalAveragePool", (1, 3, 9, 8))
        self.one("ReduceMean", (1, 3, 4), axes=[-1], keepdims=0, axes_left=2)

    def test_uneven_padding_of_a_maximum_can_be_delegated(self):
        """ExecuTorch writes XNNPACK's graph as JSON, where no number is infinite."""
        module = self.one("MaxPool", (1, 3, 9, 8), kernel_shape=[2, 2], auto_pad="SAME_UPPER")
        exported = torch.export.export(module, (torch.zeros(1, 3, 9, 8),))
        to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()]).to_executorch()

    def test_shapes_are_computed_once(self):
        """The usual way to write flatten: Shape, a part of it, -1 behind it, Reshape."""
        nodes = [
            helper.make_node("Shape", ["x"], ["s"]),
            helper.make_node("Slice", ["s", "zero", "two"], ["first"]),
            helper.make_node("Concat", ["first", "rest"], ["shape"], axis=0),
            helper.make_node("Reshape", ["x", "shape"], ["y"]),
        ]
        module = self.same(nodes, (2, 3, 4, 5), {"zero": integers(0), "two": integers(2), "rest": integers(-1)}, axes=3)
        self.assertEqual(len(module.steps), 1)

    def test_slices_and_axes(self):
        self.one("Slice", (2, 8, 6), integers(1, 0), integers(7, 99), integers(1, -1), integers(2, 1))
        self.one("Squeeze", (2, 1, 6, 1), integers(1, -1), axes_left=2)
        self.one("Unsqueeze", (2, 6), integers(0, 3), axes_left=4)
        self.same([helper.make_node("Concat", ["x", "x"], ["y"], axis=1)], (2, 3))

    def flexible(self, nodes, shapes, constants=None):
        """Built for two shapes, run at all of them."""
        self.write(nodes, constants or {}, len(shapes[0]))
        graph = onnx_import.load(self.path)
        module = onnx_import.build(graph, shapes[0], other=[shapes[1]])
        for shape in shapes:
            x = noise(*shape)
            with torch.no_grad():
                got = module(torch.from_numpy(x))[0].numpy()
            want = Onnxruntime(self.path)(x)[0]
            self.assertEqual(got.shape, want.shape)
            np.testing.assert_allclose(got, want, atol=1e-5, rtol=1e-5)

    def test_any_shape(self):
        constants = {"zero": integers(0), "two": integers(2), "rest": integers(-1), "s": np.array([1, 1, 2, 2], np.float32)}
        rows = [  # [1, c, h, w] to [1, c, h * w], by a size that is computed from the shape
            helper.make_node("Shape", ["x"], ["all"]),
            helper.make_node("Slice", ["all", "zero", "two"], ["first"]),
            helper.make_node("Concat", ["first", "rest"], ["shape"], axis=0),
            helper.make_node("Reshape", ["x", "shape"], ["y"]),
        ]
        self.flexible(rows, [(1, 3, 4, 5), (1, 3, 4, 9), (1, 3, 4, 7)], constants)
        one = [  # to [1, c, w, h], where only w depends on the shape
            *rows[:2],
            helper.make_node("Slice", ["all", "three", "four"], ["width"]),
            helper.make_node("Concat", ["first", "width", "four"], ["shape"], axis=0),
            rows[3],
        ]
        more = constants | {"three": integers(3), "four": integers(4)}
        self.flexible(one, [(1, 3, 4, 5), (1, 3, 4, 9), (1, 3, 4, 7)], more)
        options = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        resize = [helper.make_node("Resize", ["x", "", "s"], ["y"], **options)]
        self.flexible(resize, [(1, 3, 4, 5), (1, 3, 6, 9), (1, 3, 2, 7)], constants)

    def test_what_depends_on_the_shape_is_refused_where_nothing_computes_it(self):
        nodes = [
            helper.make_node("Shape", ["x"], ["all"]),
            helper.make_node("Slice", ["all", "two", "four"], ["sides"]),
            helper.make_node("Concat", ["one", "sides", "three"], ["shape"], axis=0),
            helper.make_node("Reshape", ["x", "shape"], ["y"]),
        ]
        constants = {"one": integers(1), "two": integers(2), "three": integers(3), "four": integers(4)}
        self.write(nodes, constants, 4)
        graph = onnx_import.load(self.path)
        with self.assertRaisesRegex(UnsupportedError, "more than one size depends on the shape"):
            onnx_import.build(graph, (1, 3, 4, 5), other=[(1, 3, 6, 9)])

    def test_resize(self):
        scales = np.array([1, 1, 2, 2], np.float32)
        for options in (
            {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
            {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
            {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
        ):
            node = helper.make_node("Resize", ["x", "", "s"], ["y"], **options)
            self.same([node], (1, 2, 4, 5), {"s": scales}, 1e-4)

    def refused(self, message):
        with self.assertRaisesRegex(UnsupportedError, message):
            onnx_import.build(onnx_import.load(self.path), (1, 2, 4, 5))

    def test_what_it_does_not_know_is_named(self):
        self.write([helper.make_node("Asin", ["x"], ["y"])], {}, 4)
        self.refused("ONNX operator Asin")
        node = helper.make_node("Resize", ["x", "", "s"], ["y"], mode="cubic")
        self.write([node], {"s": np.array([1, 1, 2, 2], np.float32)}, 4)
        self.refused("Resize cubic")

    def test_a_damaged_file_is_one_clear_error(self):
        self.one("Relu", (1, 2, 4, 5))
        whole = self.path.read_bytes()
        for content in (b"", b"no model", whole[: len(whole) // 2]):
            self.path.write_bytes(content)
            self.refused("model.onnx: ")


if __name__ == "__main__":
    unittest.main()
