"""Silero VAD at 16 kHz: a short Fourier transform as a convolution, four convolutions, an LSTM cell, a probability.

State: the cell's two vectors, kept from call to call; each call takes 576 samples, of which the first 64 are the last of
the call before.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SAMPLES, CONTEXT, WIDTH = 512, 64, 128
HOP, BINS = 128, 129
STRIDES = (1, 2, 2, 1)


def dense(tensor: Tensor) -> Tensor:
    """A copy with the strides of its sizes: the archive has axes of size 1 with a stride of 0, which no dim order has."""
    return torch.empty(tensor.shape).copy_(tensor.detach())


class SileroVad(nn.Module):
    def __init__(self, weights: dict[str, Tensor]):
        super().__init__()
        for name, tensor in weights.items():
            self.register_buffer(name.replace(".", "_"), dense(tensor))
        for name in ("hidden", "cell"):
            self.register_buffer(name, torch.zeros(1, WIDTH))

    def forward(self, samples: Tensor, keep: Tensor) -> Tensor:
        """`keep` [1] is 1 to go on from the call before and 0 to begin anew."""
        # A product with `keep` would do but for the NaN that memory never written may hold.
        hidden, cell = (torch.where(keep > 0, state, 0.0) for state in (self.hidden, self.cell))
        x = F.conv1d(F.pad(samples, (0, CONTEXT), mode="reflect")[:, None], self.stft, stride=HOP)
        x = torch.sqrt(x[:, :BINS] ** 2 + x[:, BINS:] ** 2)
        for i, stride in enumerate(STRIDES):
            x = F.relu(F.conv1d(x, getattr(self, f"encoder_{i}_weight"), getattr(self, f"encoder_{i}_bias"), stride, 1))
        gates = F.linear(x[:, :, 0], self.weight_ih, self.bias_ih) + F.linear(hidden, self.weight_hh, self.bias_hh)
        take, forget, new, show = gates.chunk(4, 1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(take) * torch.tanh(new)
        hidden = torch.sigmoid(show) * torch.tanh(cell)
        self.hidden.copy_(hidden)
        self.cell.copy_(cell)
        return torch.sigmoid(F.conv1d(F.relu(hidden)[:, :, None], self.final_weight, self.final_bias))[:, :, 0]


def load(path) -> SileroVad:
    """From the TorchScript archive of the package: only its tensors are used, none of its code is run."""
    state = torch.jit.load(path, map_location="cpu").state_dict()
    weights = {
        "stft": state["_model.stft.forward_basis_buffer"],
        "final_weight": state["_model.decoder.decoder.2.weight"],
        "final_bias": state["_model.decoder.decoder.2.bias"],
    }
    for i in range(len(STRIDES)):
        for part in ("weight", "bias"):
            weights[f"encoder_{i}_{part}"] = state[f"_model.encoder.{i}.reparam_conv.{part}"]
    for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        weights[part] = state[f"_model.decoder.rnn.{part}"]
    return SileroVad(weights).eval()
