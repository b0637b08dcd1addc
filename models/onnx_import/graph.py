"""The ONNX protobuf reduced to what an importer needs: nodes, constants as arrays, the names of what goes in and out.

Format: onnx.proto of the ONNX project. Control flow (nodes that hold graphs) is refused: the zoo's nets have none.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ..subject import UnsupportedError

VERSIONS = range(7, 22)  # of the default operator set; attributes that became inputs in between are read in both places


@dataclass(frozen=True)
class Node:
    """One operator. An input left out is ""; attributes are Python values, bytes as text."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which each finds its inputs made. `metadata` holds texts such as a recogniser's alphabet."""

    nodes: list[Node]
    constants: dict[str, np.ndarray]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    metadata: dict[str, str]


def _attribute(path: Path, node, attribute):
    if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
        raise UnsupportedError(f"{path.name}: {node.op_type} {node.name!r} holds a graph")
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode()
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def load(path: Path) -> Graph:
    """Reads a .onnx file whose weights are inside it."""
    try:
        model = onnx.load(path, load_external_data=False)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and the checker's own kinds, which share no base
        raise UnsupportedError(f"{path.name}: not an ONNX model: {str(error).splitlines()[0]}") from error
    for opset in model.opset_import:
        if opset.domain not in ("", "ai.onnx") or opset.version not in VERSIONS:
            raise UnsupportedError(f"{path.name}: operator set {opset.domain or 'ai.onnx'} {opset.version}")
    constants = {}
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise UnsupportedError(f"{path.name}: {tensor.name} lies outside the file")
        constants[tensor.name] = numpy_helper.to_array(tensor)
    nodes = []
    for proto in model.graph.node:
        attributes = {a.name: _attribute(path, proto, a) for a in proto.attribute}
        if proto.op_type == "Constant":
            constants[proto.output[0]] = np.asarray(attributes["value"])
        else:
            nodes.append(Node(proto.op_type, tuple(proto.input), tuple(proto.output), attributes))
    inputs = tuple(value.name for value in model.graph.input if value.name not in constants)
    outputs = tuple(value.name for value in model.graph.output)
    return Graph(nodes, constants, inputs, outputs, {prop.key: prop.value for prop in model.metadata_props})
