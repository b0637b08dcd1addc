"""Writes one-operator .tflite files, so that the importer can be held against LiteRT operator by operator."""

from dataclasses import dataclass, field

import flatbuffers
import numpy as np
import tflite

TYPES = {np.float32: tflite.TensorType.FLOAT32, np.float16: tflite.TensorType.FLOAT16, np.int32: tflite.TensorType.INT32}


VERSIONS = {"DEQUANTIZE": 3, "RESIZE_BILINEAR": 3}  # the operator versions that know fp16 and half-pixel centres


@dataclass
class Value:
    """A tensor of the file: its shape, and its content if it is a constant."""

    shape: tuple[int, ...]
    data: np.ndarray | None = None


@dataclass
class Op:
    kind: str
    inputs: list[int]
    outputs: list[int]
    table: str | None = None  # its options, such as "Conv2DOptions"
    options: dict = field(default_factory=dict)


def constant(array) -> Value:
    array = np.asarray(array)
    return Value(array.shape, array)


def _ints(builder, start, values) -> int:
    start(builder, len(values))
    for value in reversed(values):
        builder.PrependInt32(int(value))
    return builder.EndVector()


def _offsets(builder, start, values) -> int:
    start(builder, len(values))
    for value in reversed(values):
        builder.PrependUOffsetTRelative(value)
    return builder.EndVector()


def _buffer(builder, data) -> int:
    content = builder.CreateByteVector(np.ascontiguousarray(data).tobytes()) if data is not None else None
    tflite.BufferStart(builder)
    if content is not None:
        tflite.BufferAddData(builder, content)
    return tflite.BufferEnd(builder)


def _tensor(builder, number, value) -> int:
    shape = _ints(builder, tflite.TensorStartShapeVector, value.shape)
    name = builder.CreateString(f"value_{number}")
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, shape)
    dtype = np.float32 if value.data is None else value.data.dtype.type
    tflite.TensorAddType(builder, TYPES[dtype])
    tflite.TensorAddBuffer(builder, number + 1)  # buffer 0 is the empty one, by convention
    tflite.TensorAddName(builder, name)
    return tflite.TensorEnd(builder)


def _options(builder, op) -> int:
    vectors = {}
    for name, value in op.options.items():
        if isinstance(value, (list, tuple)):
            vectors[name] = _ints(builder, getattr(tflite, f"{op.table}Start{name}Vector"), value)
    getattr(tflite, f"{op.table}Start")(builder)
    for name, value in op.options.items():
        getattr(tflite, f"{op.table}Add{name}")(builder, vectors.get(name, value))
    return getattr(tflite, f"{op.table}End")(builder)


def _operator(builder, number, op) -> int:
    options = _options(builder, op) if op.table else None
    inputs = _ints(builder, tflite.OperatorStartInputsVector, op.inputs)
    outputs = _ints(builder, tflite.OperatorStartOutputsVector, op.outputs)
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, number)
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    if options is not None:
        tflite.OperatorAddBuiltinOptionsType(builder, getattr(tflite.BuiltinOptions, op.table))
        tflite.OperatorAddBuiltinOptions(builder, options)
    return tflite.OperatorEnd(builder)


def _code(builder, op) -> int:
    code = getattr(tflite.BuiltinOperator, op.kind)
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(code, 127))
    tflite.OperatorCodeAddBuiltinCode(builder, code)
    tflite.OperatorCodeAddVersion(builder, VERSIONS.get(op.kind, 1))
    return tflite.OperatorCodeEnd(builder)


def model(values: list[Value], ops: list[Op], inputs: list[int], outputs: list[int]) -> bytes:
    builder = flatbuffers.Builder(1024)
    buffers = [_buffer(builder, None)] + [_buffer(builder, value.data) for value in values]
    tensors = [_tensor(builder, i, value) for i, value in enumerate(values)]
    operators = [_operator(builder, i, op) for i, op in enumerate(ops)]
    codes = [_code(builder, op) for op in ops]
    tensor_vector = _offsets(builder, tflite.SubGraphStartTensorsVector, tensors)
    operator_vector = _offsets(builder, tflite.SubGraphStartOperatorsVector, operators)
    input_vector = _ints(builder, tflite.SubGraphStartInputsVector, inputs)
    output_vector = _ints(builder, tflite.SubGraphStartOutputsVector, outputs)
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensor_vector)
    tflite.SubGraphAddInputs(builder, input_vector)
    tflite.SubGraphAddOutputs(builder, output_vector)
    tflite.SubGraphAddOperators(builder, operator_vector)
    graph = tflite.SubGraphEnd(builder)
    graphs = _offsets(builder, tflite.ModelStartSubgraphsVector, [graph])
    code_vector = _offsets(builder, tflite.ModelStartOperatorCodesVector, codes)
    buffer_vector = _offsets(builder, tflite.ModelStartBuffersVector, buffers)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, code_vector)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddBuffers(builder, buffer_vector)
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
