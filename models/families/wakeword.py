"""Wake words of microWakeWord: int8 nets from TFLite that hear 30 ms a call and remember the rest.

TFLite keeps the memory in variables (VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE). Here each is a buffer; an input says
whether to go on or to begin anew. Every value that TFLite holds in int8 passes through quantize and dequantize with the file's own
scale, and weights stay int8, so what is exported is the int8 net, not a float one that resembles it.
"""

from functools import cached_property
from pathlib import Path

import numpy as np
import tflite
import torch
from ai_edge_litert.interpreter import Interpreter
from executorch.exir.passes import _quant_patterns_and_replacements  # noqa: F401  registers quantized_decomposed
from torch import Tensor, nn
from torch.nn import functional as F

from ..pins import Model
from ..subject import Method, Outputs, Result, Sample, Subject, UnsupportedError

KINDS = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
DTYPES = {2: np.int32, 9: np.int8}
STEPS = 100
ops = torch.ops.quantized_decomposed


def rounded(x: Tensor, scale: float, zero: int) -> Tensor:
    whole = ops.quantize_per_tensor(x, scale, zero, -128, 127, torch.int8)
    return ops.dequantize_per_tensor(whole, scale, zero, -128, 127, torch.int8)


class Weighted(nn.Module):
    """A convolution or a linear layer with the file's int8 weights, [out, ...]."""

    def __init__(self, weight, scales, bias, groups):
        super().__init__()
        self.register_buffer("weight", torch.from_numpy(np.ascontiguousarray(weight)))
        self.register_buffer("scales", torch.from_numpy(np.broadcast_to(scales, len(weight)).astype(np.float32).copy()))
        self.register_buffer("zeros", torch.zeros(len(weight), dtype=torch.int64))
        self.bias = nn.Parameter(torch.from_numpy(bias.astype(np.float32)), requires_grad=False)
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        weight = ops.dequantize_per_channel(self.weight, self.scales, self.zeros, 0, -127, 127, torch.int8)
        if weight.dim() == 2:
            return F.linear(x.flatten(1), weight, self.bias)
        return F.conv2d(x, weight, self.bias, groups=self.groups)


class Streaming(nn.Module):
    """forward(features [1, 3, 40], keep [1]) gives the probability [1, 1]."""

    def __init__(self, path: Path):
        super().__init__()
        try:
            self.file = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
            self.graph = self.file.Subgraphs(0)
            operators = [self.operator(i) for i in range(self.graph.OperatorsLength())]
        except (AttributeError, ValueError, KeyError, TypeError, IndexError) as error:
            raise UnsupportedError(f"{path.name}: not a TFLite model: {error}") from error
        self.layers, self.steps, self.places = nn.ModuleList(), [], {}
        for number, (kind, inputs, outputs) in enumerate(operators):
            if kind not in self.BUILDERS:
                raise UnsupportedError(f"{path.name}: TFLite operator {kind} in a streaming net")
            self.BUILDERS[kind](self, number, kind, inputs, outputs)
        self.source, self.result = int(self.graph.Inputs(0)), int(self.graph.Outputs(0))
        self.grid = self.scale(self.source)
        self.file = self.graph = None

    def operator(self, number: int):
        op = self.graph.Operators(number)
        code = self.file.OperatorCodes(op.OpcodeIndex())
        inputs = [op.Inputs(i) for i in range(op.InputsLength())]
        outputs = [op.Outputs(i) for i in range(op.OutputsLength())]
        return KINDS[max(code.DeprecatedBuiltinCode(), code.BuiltinCode())], inputs, outputs

    def constant(self, index: int) -> np.ndarray:
        tensor = self.graph.Tensors(index)
        data = self.file.Buffers(tensor.Buffer()).DataAsNumpy()
        return np.frombuffer(data.tobytes(), DTYPES[tensor.Type()]).reshape(tensor.ShapeAsNumpy() if tensor.ShapeLength() else ())

    def scale(self, index: int) -> tuple[float, int]:
        quantization = self.graph.Tensors(index).Quantization()
        return float(quantization.Scale(0)), int(quantization.ZeroPoint(0))

    def step(self, function, inputs, output, exact=True) -> None:
        """`exact`: the operator moves values about, and cannot leave the grid of int8."""
        self.steps.append((function, inputs, output, None if exact else self.scale(output)))

    def weighted(self, number, kind, inputs, outputs) -> None:
        """Activations need no step of their own: the range that the file gives the output ends where relu would cut."""
        weight, bias = self.constant(inputs[1]), self.constant(inputs[2])
        scales = self.graph.Tensors(inputs[1]).Quantization().ScaleAsNumpy()
        bias = bias.astype(np.float64) * scales * self.scale(inputs[0])[0]
        depthwise = kind == "DEPTHWISE_CONV_2D"
        if weight.ndim == 4:
            weight = weight.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
        layer = Weighted(weight, scales, bias, len(bias) if depthwise else 1)
        self.layers.append(layer)
        self.step(layer, inputs[:1], outputs[0], exact=False)

    def variable(self, number, kind, inputs, outputs) -> None:
        self.places[outputs[0]] = f"state_{len(self.places)}"

    def read(self, number, kind, inputs, outputs) -> None:
        name, shape = self.places[inputs[0]], self.graph.Tensors(outputs[0]).ShapeAsNumpy()
        self.register_buffer(name, torch.zeros(1, int(shape[3]), int(shape[1]), int(shape[2])))
        self.steps.append(("read", name, outputs[0], None))

    def assign(self, number, kind, inputs, outputs) -> None:
        self.steps.append(("assign", self.places[inputs[0]], inputs[1], None))

    def cut(self, number, kind, inputs, outputs) -> None:
        """A part of the time axis: where it begins is the file's, how long it is its output's shape says."""
        count, whole = (int(self.graph.Tensors(i).Shape(1)) for i in (outputs[0], inputs[0]))
        first = int(self.constant(inputs[1])[1]) % whole
        self.step(lambda x: x.narrow(2, first, count), inputs[:1], outputs[0])

    def split(self, number, kind, inputs, outputs) -> None:
        first = 0
        for output in outputs:
            count = int(self.graph.Tensors(output).Shape(3))
            self.step(lambda x, first=first, count=count: x.narrow(1, first, count), inputs[:1], output)
            first += count

    def concatenate(self, number, kind, inputs, outputs) -> None:
        axis = 1 if self.graph.Tensors(outputs[0]).Shape(3) != self.graph.Tensors(inputs[0]).Shape(3) else 2
        self.step(lambda *xs: torch.cat(xs, axis), inputs, outputs[0])

    def reshape(self, number, kind, inputs, outputs) -> None:
        """Only the first: features [1, 3, 40] as a picture of one column."""
        self.step(lambda x: x.transpose(1, 2).reshape(1, x.shape[2], -1, 1), inputs[:1], outputs[0])

    BUILDERS = {
        "CALL_ONCE": lambda *_: None,  # writes the first state: zeros, as `forward` does when it is not to go on
        "VAR_HANDLE": variable,
        "READ_VARIABLE": read,
        "ASSIGN_VARIABLE": assign,
        "CONV_2D": weighted,
        "DEPTHWISE_CONV_2D": weighted,
        "FULLY_CONNECTED": weighted,
        "CONCATENATION": concatenate,
        "STRIDED_SLICE": cut,
        "SPLIT_V": split,
        "RESHAPE": reshape,
        "LOGISTIC": lambda self, _n, _k, inputs, outputs: self.step(torch.sigmoid, inputs, outputs[0], exact=False),
        "QUANTIZE": lambda self, _n, _k, inputs, outputs: self.step(lambda x: x, inputs, outputs[0]),
    }

    def forward(self, features: Tensor, keep: Tensor) -> Tensor:
        values = {self.source: rounded(features, *self.grid)}
        for function, inputs, output, grid in self.steps:
            if function == "read":
                # A product with `keep` would do but for the NaN that memory never written may hold.
                values[output] = torch.where(keep > 0, getattr(self, inputs), 0.0)
            elif function == "assign":
                getattr(self, inputs).copy_(values[output])
            else:
                result = function(*(values[i] for i in inputs))
                values[output] = rounded(result, *grid) if grid else result
        return values[self.result]


class WakeWord(Subject):
    """Rounding to int8 may go either way where engines sum in other orders: a few steps of 1/256 at the end. There is only the plain
    file, and only PyTorch's word for it: ExecuTorch 1.4.1 lowers it, but its convolution refuses to run it (error 0x12)."""

    def __init__(self, model: Model, out: Path):
        super().__init__(model, out, peer="ai-edge-litert", fp32_limit=0.05, portable=0, dynamic=True)

    @cached_property
    def net(self) -> Streaming:
        return Streaming(self.original_file()).eval()

    def methods(self) -> dict[str, Method]:
        return {"forward": Method(self.net, (torch.zeros(1, 3, 40), torch.ones(1)))}

    def features(self) -> list[np.ndarray]:
        """Band energies as the front end gives them, 0..26: noise that swells and fades."""
        random = np.random.default_rng(5)
        loud = 13 + 13 * np.sin(np.arange(STEPS) / 9)
        return [random.uniform(0, 1, (1, 3, 40)).astype(np.float32) * np.float32(level) for level in loud]

    def heard(self, features: list[np.ndarray]) -> list[np.ndarray]:
        """The original from its first state."""
        engine = Interpreter(str(self.original_file()), num_threads=1)
        engine.allocate_tensors()
        source, result = engine.get_input_details()[0], engine.get_output_details()[0]
        scale, zero = source["quantization"]
        outputs = []
        for each in features:
            whole = np.clip(np.round(each / scale) + zero, -128, 127).astype(np.int8)
            engine.set_tensor(source["index"], whole)
            engine.invoke()
            step, origin = result["quantization"]
            outputs.append((engine.get_tensor(result["index"]).astype(np.float32) - origin) * step)
        return outputs

    def samples(self) -> list[Sample]:
        return [Sample((torch.from_numpy(each), torch.zeros(1))) for each in self.features()[::12]]

    def error(self, outputs: Outputs, reference: Outputs) -> float:
        """Absolute: most of what these nets say is zero."""
        return float(np.abs(outputs[0] - reference[0]).max())

    def probes(self, samples: list[Sample]) -> list[Sample]:
        return samples[1:3]

    def original(self, sample: Sample) -> Outputs:
        return self.heard([sample.inputs[0].numpy()])

    def more_checks(self):
        features = self.features()
        wanted = np.array([each.item() for each in self.heard(features)])
        with torch.no_grad():
            got = [self.net(torch.from_numpy(x), torch.tensor([float(i > 0)])).item() for i, x in enumerate(features)]
        far = np.abs(np.array(got) - wanted)
        yield Result(self.model.name, "in turn, torch", len(far), float(far.max()), float(far.max()), 0.05, "prob")


def subject(model: Model, out: Path) -> Subject:
    return WakeWord(model, out)
