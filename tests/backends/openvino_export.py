"""Networks as ExecuTorch exports them for OpenVINO's CPU, beside what PyTorch computes: openvino_export.py FOLDER

Writes FOLDER/NAME.pte and FOLDER/manifest.jsonl, for `percept model verify`. Needs what tools/setup_openvino.sh installs.
"""

import sys
import types
from pathlib import Path

import executorch.backends

# The package's own __init__ imports a quantizer that needs nncf, which is not used here.
package = types.ModuleType("executorch.backends.openvino")
package.__path__ = [executorch.backends.__path__[0] + "/openvino"]
sys.modules[package.__name__] = package

import torch  # noqa: E402
from executorch.backends.openvino.partitioner import OpenvinoPartitioner  # noqa: E402
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config  # noqa: E402
from executorch.exir import to_edge_transform_and_lower  # noqa: E402
from executorch.exir.backend.backend_details import CompileSpec  # noqa: E402
from networks import computed, write_cases  # noqa: E402
from torch import nn  # noqa: E402
from torch.export import export  # noqa: E402
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e  # noqa: E402


class Between(nn.Module):
    """Its arc tangent is for the CPU; what stands around it is not."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 4, 1)

    def forward(self, x, scales):
        y = torch.atan(self.first(x))
        return self.last(y * scales), y.argmax(dim=1)


def quantised(net, inputs):
    """With weights of 7 bits: processors without VNNI add pairs of products in 16 bits, where OpenVINO's kernels saturate."""
    config = get_symmetric_quantization_config(is_per_channel=True, weight_qmin=-64, weight_qmax=63)
    prepared = prepare_pt2e(export(net, inputs).module(), XNNPACKQuantizer().set_global(config))
    prepared(*inputs)
    return convert_pt2e(prepared, fold_quantize=False)  # OpenVINO wants weights as floats, with their quantisation


def step_of(net) -> float:
    """Of the result's codes, which is what rounding may make of a difference."""
    return next(node for node in reversed(net.graph.nodes) if "quantize_per_tensor" in str(node.target)).args[1]


def lower(net, inputs, of_8_bits: bool):
    if of_8_bits:
        net = quantised(net, inputs)
    partitioner = OpenvinoPartitioner([CompileSpec("device", b"CPU")])
    program = to_edge_transform_and_lower(export(net, inputs), partitioner=[partitioner]).to_executorch()
    return bytes(program.buffer), computed(net, inputs), 1.001 * step_of(net) if of_8_bits else 1e-5


if __name__ == "__main__":
    write_cases(Path(sys.argv[1]), lambda: (Between(), (torch.randn(1, 3, 32, 32), torch.rand(16, 1, 1))), lower)
