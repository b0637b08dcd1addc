"""The TFLite importer, operator by operator, against LiteRT on the same file."""

import tempfile
import unittest
from pathlib import Path

import numpy as np
import tflite
import torch
from ai_edge_litert.interpreter import Interpreter
from models import tflite_import
from tflite_writer import Op, Value, constant, model

RANDOM = np.random.default_rng(1)
SAME, VALID = tflite.Padding.SAME, tflite.Padding.VALID
ACTIVATION = tflite.ActivationFunctionType


def noise(*shape) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


class Importer(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "model.tflite"

    def load(self, values, ops, inputs, outputs) -> tflite_import.TfliteModule:
        self.path.write_bytes(model(values, ops, inputs, outputs))
        return tflite_import.build(tflite_import.load(self.path))

    def same_as_litert(self, values, ops, inputs, outputs, tolerance=1e-5):
        """Runs both on noise; the outputs must agree in shape (NHWC as NCHW) and value."""
        module = self.load(values, ops, inputs, outputs)
        peer = Interpreter(str(self.path))
        peer.allocate_tensors()
        arrays = [noise(*values[i].shape) * 4 for i in inputs]
        for i, array in zip(inputs, arrays):
            peer.set_tensor(i, array)
        peer.invoke()
        tensors = [torch.from_numpy(a.transpose(0, 3, 1, 2).copy() if a.ndim == 4 else a) for a in arrays]
        for i, output in zip(outputs, module(*tensors)):
            expected = peer.get_tensor(i)
            got = output.numpy().transpose(0, 2, 3, 1) if output.dim() == 4 else output.numpy()
            self.assertEqual(got.shape, expected.shape)
            np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)

    def one(self, kind, shape, constants, output, table=None, **options):
        """An operator with one input and constants."""
        values = [Value(shape), *constants, Value(output)]
        last = len(values) - 1
        self.same_as_litert(values, [Op(kind, list(range(last)), [last], table, options)], [0], [last])

    def test_convolution_pads_as_tensorflow_does(self):
        for size, kernel, stride, padding, output in (
            (8, 3, 1, SAME, 8),
            (8, 3, 2, SAME, 4),  # one row of padding, and that below
            (9, 3, 2, SAME, 5),  # one on each side
            (9, 5, 2, SAME, 5),
            (8, 2, 2, SAME, 4),  # none
            (9, 3, 2, VALID, 4),
        ):
            with self.subTest(size=size, kernel=kernel, stride=stride, padding=padding):
                weight, bias = constant(noise(6, kernel, kernel, 3)), constant(noise(6))
                self.one(
                    "CONV_2D", (1, size, size, 3), [weight, bias], (1, output, output, 6), "Conv2DOptions",
                    StrideH=stride, StrideW=stride, Padding=padding, DilationHFactor=1, DilationWFactor=1,
                )  # fmt: skip

    def test_convolution_with_dilation_and_uneven_sides(self):
        self.one(
            "CONV_2D", (1, 9, 12, 2), [constant(noise(4, 3, 3, 2)), constant(noise(4))], (1, 9, 12, 4), "Conv2DOptions",
            StrideH=1, StrideW=1, Padding=SAME, DilationHFactor=2, DilationWFactor=2,
        )  # fmt: skip

    def test_fused_activations(self):
        for activation in (ACTIVATION.NONE, ACTIVATION.RELU, ACTIVATION.RELU6):
            with self.subTest(activation=activation):
                self.one(
                    "CONV_2D", (1, 4, 4, 3), [constant(noise(5, 1, 1, 3)), constant(noise(5))], (1, 4, 4, 5), "Conv2DOptions",
                    StrideH=1, StrideW=1, Padding=VALID, DilationHFactor=1, DilationWFactor=1, FusedActivationFunction=activation,
                )  # fmt: skip

    def test_depthwise_convolution(self):
        for multiplier in (1, 2):
            with self.subTest(multiplier=multiplier):
                channels = 4 * multiplier
                self.one(
                    "DEPTHWISE_CONV_2D", (1, 8, 8, 4), [constant(noise(1, 5, 5, channels)), constant(noise(channels))],
                    (1, 4, 4, channels), "DepthwiseConv2DOptions",
                    StrideH=2, StrideW=2, Padding=SAME, DepthMultiplier=multiplier, DilationHFactor=1, DilationWFactor=1,
                )  # fmt: skip

    def test_weights_stored_as_half_are_dequantised_once(self):
        half = noise(3, 1, 1, 2).astype(np.float16)
        values = [Value((1, 4, 4, 2)), constant(half), Value(half.shape), constant(noise(3)), Value((1, 4, 4, 3))]
        convolution = Op(
            "CONV_2D", [0, 2, 3], [4], "Conv2DOptions",
            {"StrideH": 1, "StrideW": 1, "Padding": SAME, "DilationHFactor": 1, "DilationWFactor": 1},
        )  # fmt: skip
        module = self.load(values, [Op("DEQUANTIZE", [1], [2]), convolution], [0], [4])
        self.assertEqual(len(module.steps), 1)
        weight = module.layers["conv_2d_0"].weight
        self.assertEqual((weight.dtype, weight.is_contiguous()), (torch.float32, True))
        self.same_as_litert(values, [Op("DEQUANTIZE", [1], [2]), convolution], [0], [4])

    def test_fully_connected(self):
        weight, bias = constant(noise(7, 5)), constant(noise(7))
        self.one("FULLY_CONNECTED", (1, 5), [weight, bias], (1, 7), "FullyConnectedOptions")

    def test_max_pool(self):
        for size, padding, output in ((8, VALID, 4), (9, SAME, 5)):
            with self.subTest(size=size, padding=padding):
                self.one(
                    "MAX_POOL_2D", (1, size, size, 3), [], (1, output, output, 3), "Pool2DOptions",
                    StrideH=2, StrideW=2, FilterHeight=2, FilterWidth=2, Padding=padding,
                )  # fmt: skip

    def test_average_pool(self):
        self.one(
            "AVERAGE_POOL_2D", (1, 8, 8, 3), [], (1, 4, 4, 3), "Pool2DOptions",
            StrideH=2, StrideW=2, FilterHeight=2, FilterWidth=2, Padding=VALID,
        )  # fmt: skip

    def test_elementwise_of_two_values(self):
        values = [Value((1, 4, 5, 3)), Value((1, 4, 5, 3)), Value((1, 4, 5, 3))]
        for kind, table in (("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions")):
            with self.subTest(kind=kind):
                self.same_as_litert(values, [Op(kind, [0, 1], [2], table)], [0, 1], [2])
        for kind in ("MAXIMUM", "MINIMUM"):
            with self.subTest(kind=kind):
                self.same_as_litert(values, [Op(kind, [0, 1], [2], "MaximumMinimumOptions")], [0, 1], [2])

    def test_elementwise_constants_keep_their_side_and_their_axis(self):
        for shape in ((3,), (5, 3), (1, 1, 1, 3), (1, 4, 5, 3)):
            values = [Value((1, 4, 5, 3)), constant(noise(*shape)), Value((1, 4, 5, 3))]
            for inputs in ([0, 1], [1, 0]):
                with self.subTest(shape=shape, inputs=inputs):
                    self.same_as_litert(values, [Op("SUB", inputs, [2], "SubOptions")], [0], [2])

    def test_activations(self):
        for kind in ("RELU", "RELU6", "LOGISTIC", "TANH", "HARD_SWISH"):
            with self.subTest(kind=kind):
                self.one(kind, (1, 4, 5, 3), [], (1, 4, 5, 3))

    def test_prelu_has_a_slope_a_channel(self):
        self.one("PRELU", (1, 4, 5, 3), [constant(noise(1, 1, 3))], (1, 4, 5, 3))

    def test_softmax_is_over_the_last_axis(self):
        for shape in ((1, 2, 3, 4), (2, 5)):
            with self.subTest(shape=shape):
                self.one("SOFTMAX", shape, [], shape, "SoftmaxOptions", Beta=1.0)

    def test_pad_reaches_every_axis(self):
        amounts = constant(np.array([[0, 0], [1, 2], [0, 3], [0, 4]], np.int32))
        self.one("PAD", (1, 4, 5, 3), [amounts], (1, 7, 8, 7))

    def test_resize_bilinear(self):
        for align, half in ((False, True), (True, False)):
            with self.subTest(align=align, half=half):
                size = constant(np.array([8, 6], np.int32))
                self.one(
                    "RESIZE_BILINEAR", (1, 4, 3, 2), [size], (1, 8, 6, 2), "ResizeBilinearOptions",
                    AlignCorners=align, HalfPixelCenters=half,
                )  # fmt: skip

    def test_reshape_sees_channels_last(self):
        shape = constant(np.array([1, 10, 6], np.int32))
        self.one("RESHAPE", (1, 4, 5, 3), [shape], (1, 10, 6), "ReshapeOptions", NewShape=(1, 10, 6))
        shape = constant(np.array([1, 5, 4, 3], np.int32))
        self.one("RESHAPE", (1, 10, 6), [shape], (1, 5, 4, 3), "ReshapeOptions", NewShape=(1, 5, 4, 3))

    def test_concatenation_along_each_axis(self):
        for axis, output in ((1, (1, 4, 2, 3)), (2, (1, 2, 4, 3)), (3, (1, 2, 2, 6)), (-1, (1, 2, 2, 6))):
            with self.subTest(axis=axis):
                values = [Value((1, 2, 2, 3)), Value((1, 2, 2, 3)), Value(output)]
                op = Op("CONCATENATION", [0, 1], [2], "ConcatenationOptions", {"Axis": axis})
                self.same_as_litert(values, [op], [0, 1], [2])

    def test_mean_over_space(self):
        axes = constant(np.array([1, 2], np.int32))
        for keep, output in ((False, (1, 3)), (True, (1, 1, 1, 3))):
            with self.subTest(keep=keep):
                self.one("MEAN", (1, 4, 5, 3), [axes], output, "ReducerOptions", KeepDims=keep)

    def test_what_it_does_not_know_it_names(self):
        with self.assertRaisesRegex(NotImplementedError, "EXP"):
            self.load([Value((1, 3)), Value((1, 3))], [Op("EXP", [0], [1], "ExpOptions")], [0], [1])
        with self.assertRaisesRegex(NotImplementedError, "asymmetric"):
            size = constant(np.array([8, 6], np.int32))
            self.one("RESIZE_BILINEAR", (1, 4, 3, 2), [size], (1, 8, 6, 2), "ResizeBilinearOptions")


if __name__ == "__main__":
    unittest.main()
