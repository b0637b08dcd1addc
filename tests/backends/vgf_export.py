"""Networks as ExecuTorch exports them for Arm's VGF backend, beside what PyTorch computes: vgf_export.py FOLDER

Writes FOLDER/NAME.pte and FOLDER/manifest.jsonl, for `percept model verify`. Needs what tools/setup_vgf.sh installs.
"""

import sys
from pathlib import Path

import torch
from executorch.backends.arm.quantizer import VgfQuantizer, get_symmetric_quantization_config
from executorch.backends.arm.vgf import VgfCompileSpec, VgfPartitioner
from executorch.exir import to_edge_transform_and_lower
from networks import Convolution, computed, write_cases
from torch import nn
from torch.export import export
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e


class Between(nn.Module):
    """Its sort and index are for the CPU; what stands around them is not."""

    def __init__(self):
        super().__init__()
        self.first, self.last = Convolution(), nn.Conv2d(16, 4, 1)

    def forward(self, x):
        y = self.first(x)
        values, order = torch.sort(y, dim=1)
        return self.last(values), order


def lower(net, inputs, of_8_bits: bool):
    compile_spec = VgfCompileSpec("TOSA-1.0+INT" if of_8_bits else "TOSA-1.0+FP")
    if of_8_bits:
        quantizer = VgfQuantizer(compile_spec)
        quantizer.set_global(get_symmetric_quantization_config(is_per_channel=True))
        prepared = prepare_pt2e(export(net, inputs).module(), quantizer)
        prepared(*inputs)
        net = convert_pt2e(prepared)
    program = to_edge_transform_and_lower(export(net, inputs), partitioner=[VgfPartitioner(compile_spec)]).to_executorch()
    return bytes(program.buffer), computed(net, inputs), 0 if of_8_bits else 1e-5


if __name__ == "__main__":
    write_cases(Path(sys.argv[1]), lambda: (Between(), (torch.randn(1, 3, 32, 32),)), lower)
