"""The TFLite flatbuffer reduced to what an importer needs: plain tensors and operators, weights as fp32 arrays.

Schema: tensorflow/lite/schema/schema.fbs. Only the first subgraph is read: the zoo's nets have no control flow.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tflite

DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT8: np.int8,
    tflite.TensorType.UINT8: np.uint8,
    tflite.TensorType.INT32: np.int32,
    tflite.TensorType.INT64: np.int64,
}
KINDS = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
ACTIVATIONS = {value: name for name, value in vars(tflite.ActivationFunctionType).items() if isinstance(value, int)}

# Which table holds an operator's options. Operators that are not listed have none that change their meaning.
OPTIONS = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "ADD": "AddOptions",
    "SUB": "SubOptions",
    "MUL": "MulOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "CONCATENATION": "ConcatenationOptions",
    "MEAN": "ReducerOptions",
}


@dataclass(frozen=True)
class Tensor:
    """A value of the graph. `data` is its content if it is a constant (floats always as fp32), else None."""

    name: str
    shape: tuple[int, ...]
    data: np.ndarray | None


@dataclass(frozen=True)
class Operator:
    """One operator. `inputs` are tensor indices, -1 for an optional input left out; `options` its typed table."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: object | None

    @property
    def activation(self) -> str:
        return ACTIVATIONS[self.options.FusedActivationFunction()] if self.options else "NONE"


@dataclass(frozen=True)
class Graph:
    tensors: list[Tensor]
    operators: list[Operator]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def _indices(array) -> tuple[int, ...]:
    return tuple(int(i) for i in array)


def _constant(model, tensor) -> np.ndarray | None:
    buffer = model.Buffers(tensor.Buffer())
    if not buffer.DataLength():
        return None
    if tensor.Type() not in DTYPES:
        raise NotImplementedError(f"constant {tensor.Name().decode()} has TFLite type {tensor.Type()}")
    shape = tensor.ShapeAsNumpy() if tensor.ShapeLength() else ()
    data = np.frombuffer(buffer.DataAsNumpy().tobytes(), DTYPES[tensor.Type()]).reshape(shape)
    if data.dtype == np.float16:
        return data.astype(np.float32)
    quantization = tensor.Quantization()
    if data.dtype in (np.int8, np.uint8) and quantization is not None and quantization.ScaleLength():
        scale = quantization.ScaleAsNumpy()
        zero = quantization.ZeroPointAsNumpy() if quantization.ZeroPointLength() else np.zeros(len(scale))
        broadcast = [1] * data.ndim
        if len(scale) > 1:
            broadcast[quantization.QuantizedDimension()] = len(scale)
        return ((data.astype(np.float64) - zero.reshape(broadcast)) * scale.reshape(broadcast)).astype(np.float32)
    return data


def _tensor(model, table) -> Tensor:
    shape = _indices(table.ShapeAsNumpy()) if table.ShapeLength() else ()
    return Tensor(table.Name().decode(), shape, _constant(model, table))


def _operator(model, table) -> Operator:
    code = model.OperatorCodes(table.OpcodeIndex())
    # Codes below 127 live in the old one-byte field, newer ones in the wide field; the larger is the real one.
    kind = KINDS[max(code.DeprecatedBuiltinCode(), code.BuiltinCode())]
    options = None
    if kind in OPTIONS and table.BuiltinOptions() is not None:
        union = table.BuiltinOptions()
        options = getattr(tflite, OPTIONS[kind])()
        options.Init(union.Bytes, union.Pos)
    return Operator(kind, _indices(table.InputsAsNumpy()), _indices(table.OutputsAsNumpy()), options)


def load(path: Path) -> Graph:
    """Reads a .tflite file. DEQUANTIZE of a constant (fp16 storage of weights) is folded into the constant."""
    model = tflite.Model.GetRootAsModel(Path(path).read_bytes(), 0)
    subgraph = model.Subgraphs(0)
    tensors = [_tensor(model, subgraph.Tensors(i)) for i in range(subgraph.TensorsLength())]
    operators = []
    for i in range(subgraph.OperatorsLength()):
        operator = _operator(model, subgraph.Operators(i))
        if operator.kind == "DEQUANTIZE" and tensors[operator.inputs[0]].data is not None:
            target = tensors[operator.outputs[0]]
            tensors[operator.outputs[0]] = Tensor(target.name, target.shape, tensors[operator.inputs[0]].data)
        else:
            operators.append(operator)
    return Graph(tensors, operators, _indices(subgraph.InputsAsNumpy()), _indices(subgraph.OutputsAsNumpy()))
