"""Post-training int8 (PT2E) for the XNNPACK scheme: per-channel weights, per-tensor activations, static or dynamic.

Executorch's XNNPACKQuantizer does most of it. Three things are added to the static form, each because it costs accuracy or speed without:
- relu6 after a convolution is part of it, as relu is there: the scale then covers 0..6 and not the clipped-away range;
- pad and bilinear resize keep the scale of their input, so no requantisation stands between them and a convolution;
- the layers that make the outputs stay float, unless a net's outputs bear it: a coordinate of 0..224 pixels in 8 bits has steps of a pixel.
"""

from collections.abc import Iterable

import torch
from executorch.backends.transforms.duplicate_dynamic_quant_chain import DuplicateDynamicQuantChainPass
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import QuantizationAnnotation, SharedQuantizationSpec
from torchao.quantization.pt2e.quantizer.quantizer import Q_ANNOTATION_KEY

aten = torch.ops.aten
WEIGHTED = (aten.conv2d.default, aten.linear.default)
CLAMPS = (aten.hardtanh.default, aten.relu6.default)
SCALE_KEEPING = (aten.pad.default, aten.upsample_bilinear2d.vec)


def _tail(model: GraphModule) -> set[Node]:
    """The last convolution or linear before each output, and everything after it."""
    found: set[Node] = set()
    pending = [node for node in model.graph.nodes if node.op == "output"]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending.extend(node.all_input_nodes if node.target not in WEIGHTED else ())
    return found


class Quantizer(XNNPACKQuantizer):
    def __init__(self, outputs: bool = False):
        """outputs: the layers that make the outputs are int8, too."""
        super().__init__()
        self.outputs = outputs
        self.config = get_symmetric_quantization_config(is_per_channel=True)
        self.set_global(self.config)

    def annotate(self, model: GraphModule) -> GraphModule:
        for node in () if self.outputs else _tail(model):  # an annotation that asks for nothing: the annotators pass over the node
            node.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(_annotated=True)
        for node in model.graph.nodes:
            if node.target in CLAMPS and node.args[0].target == aten.conv2d.default:
                self._annotate_clamped(node.args[0], node)
        super().annotate(model)
        for node in model.graph.nodes:
            if node.target in SCALE_KEEPING:
                self._annotate_shared(node)
        return model

    def _annotate_clamped(self, conv: Node, clamp: Node) -> None:
        if len(conv.users) > 1 or Q_ANNOTATION_KEY in conv.meta:
            return
        activation, weight = self.config.input_activation, self.config.weight
        inputs = {conv.args[0]: activation, conv.args[1]: weight}
        if len(conv.args) > 2 and conv.args[2] is not None:
            inputs[conv.args[2]] = self.config.bias
        conv.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(input_qspec_map=inputs, _annotated=True)
        clamp.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(
            output_qspec=self.config.output_activation, _annotated=True
        )

    def _annotate_shared(self, node: Node) -> None:
        source = node.args[0]
        annotation = source.meta.get(Q_ANNOTATION_KEY)
        if annotation is None or annotation.output_qspec is None:
            return
        shared = SharedQuantizationSpec(source)
        node.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(
            input_qspec_map={source: shared}, output_qspec=shared, _annotated=True
        )


def quantize(program: torch.export.ExportedProgram, inputs: Iterable[tuple[torch.Tensor, ...]], outputs: bool = False) -> GraphModule:
    """The int8 form of an exported net, with q/dq operators around what runs in int8, calibrated on `inputs`. With `outputs`
    also the layers that make the outputs."""
    with torch.no_grad():
        prepared = prepare_pt2e(program.module(), Quantizer(outputs))
        for tensors in inputs:
            prepared(*tensors)
        return convert_pt2e(prepared)


def quantize_dynamic(program: torch.export.ExportedProgram, inputs: tuple[torch.Tensor, ...]) -> GraphModule:
    """Linear layers in int8: weights per channel, activations by the range they have in each run. The rest stays float.

    It is run once on `inputs`, for the observers of weights look at them then: without that, all channels get one scale of 1.
    Layers that share an input get a chain of choosing, quantising and dequantising each: XNNPACK's partitioner makes cycles
    of shared ones.
    """
    quantizer = XNNPACKQuantizer()
    quantizer.set_global(get_symmetric_quantization_config(is_per_channel=True, is_dynamic=True))
    with torch.no_grad():
        prepared = prepare_pt2e(program.module(), quantizer)
        states = {name: buffer.clone() for name, buffer in prepared.named_buffers() if not name.startswith("activation_post_process")}
        prepared(*inputs)
        for name, buffer in prepared.named_buffers():
            if name in states:
                buffer.copy_(states[name])
        return DuplicateDynamicQuantChainPass()(convert_pt2e(prepared)).graph_module
