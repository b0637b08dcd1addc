"""Marian's "tiny11" translators (Bergamot; Kim et al., 2019): six transformer layers that read, and two that write with a
simple recurrent unit (SSRU) in place of attention to what is written. Layer norm comes after each sum.

State: one vector a layer, kept from step to step.

A mask [1, n] is added to what attention makes of each token: 0, or a large negative number where there is none. So a few
sizes do for sentences of all lengths, and a size is what a runtime compiles for.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

HEADS, LONGEST = 8, 512
EPSILON = 1e-6
Arrays = dict[str, np.ndarray]


def tensor(arrays: Arrays, name: str) -> Tensor:
    return torch.from_numpy(arrays[name].copy())


def linear(arrays: Arrays, weight: str, bias: str | None = None) -> nn.Linear:
    value = tensor(arrays, weight)
    layer = nn.Linear(value.shape[1], value.shape[0], bias=bias is not None)
    layer.weight = nn.Parameter(value, requires_grad=False)
    if bias:
        layer.bias = nn.Parameter(tensor(arrays, bias).reshape(-1), requires_grad=False)
    return layer


def norm(arrays: Arrays, name: str) -> nn.LayerNorm:
    layer = nn.LayerNorm(arrays[f"{name}_ln_scale"].size, EPSILON)
    layer.weight = nn.Parameter(tensor(arrays, f"{name}_ln_scale").reshape(-1), requires_grad=False)
    layer.bias = nn.Parameter(tensor(arrays, f"{name}_ln_bias").reshape(-1), requires_grad=False)
    return layer


def places(width: int) -> Tensor:
    """Sines in the first half, cosines in the second."""
    half = width // 2
    turns = torch.exp(-torch.arange(half) * math.log(10000) / (half - 1))
    angles = torch.outer(torch.arange(LONGEST).float(), turns)
    return torch.cat([angles.sin(), angles.cos()], 1)


def heads(x: Tensor) -> Tensor:
    return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self, arrays: Arrays, name: str):
        super().__init__()
        self.query, self.key, self.value, self.out = (linear(arrays, f"{name}_W{c}", f"{name}_b{c}") for c in "qkvo")
        self.norm = norm(arrays, f"{name}_Wo")

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        query, key, value = heads(self.query(x)), heads(self.key(memory)), heads(self.value(memory))
        mask = mask[:, None, None].expand(1, 1, x.shape[1], -1)
        found = F.scaled_dot_product_attention(query, key, value, mask).transpose(1, 2).flatten(-2)
        return self.norm(self.out(found) + x)


class FeedForward(nn.Module):
    def __init__(self, arrays: Arrays, name: str):
        super().__init__()
        self.wide, self.narrow = (linear(arrays, f"{name}_W{i}", f"{name}_b{i}") for i in (1, 2))
        self.norm = norm(arrays, f"{name}_ffn")

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.narrow(F.relu(self.wide(x))) + x)


def layers_of(arrays: Arrays, side: str) -> list[str]:
    numbers = {name.split("_")[1] for name in arrays if name.startswith(f"{side}_l")}
    return [f"{side}_l{i}" for i in range(1, 1 + len(numbers))]


class Encoder(nn.Module):
    """Tokens [1, n] and their mask [1, n] to states [1, n, width]."""

    def __init__(self, arrays: Arrays):
        super().__init__()
        self.embedding = nn.Parameter(tensor(arrays, "Wemb"), requires_grad=False)
        width = self.embedding.shape[1]
        self.scale = math.sqrt(width)
        self.register_buffer("places", places(width))
        self.layers = nn.ModuleList()
        for name in layers_of(arrays, "encoder"):
            self.layers.append(nn.ModuleList([Attention(arrays, f"{name}_self"), FeedForward(arrays, f"{name}_ffn")]))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = F.embedding(tokens, self.embedding) * self.scale + self.places[: tokens.shape[1]]
        for attention, feed in self.layers:
            x = feed(attention(x, x, mask))
        return x


class Recurrent(nn.Module):
    """The SSRU: a gate decides how much of the state stays; no matrix works on the state itself."""

    def __init__(self, arrays: Arrays, name: str):
        super().__init__()
        self.new = linear(arrays, f"{name}_rnn_W")
        self.gate = linear(arrays, f"{name}_rnn_Wf", f"{name}_rnn_bf")
        self.norm = norm(arrays, f"{name}_rnn_ffn")
        self.register_buffer("state", torch.zeros(1, self.new.weight.shape[0]))

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(x))
        before = torch.where(keep > 0, self.state, 0.0)  # a product would keep the NaN of memory never written
        state = gate * before + (1 - gate) * self.new(x)
        self.state.copy_(state)
        return self.norm(F.relu(state) + x)


class Step(nn.Module):
    """The token before [1, 1], its position [1], the encoder's states and their mask, and the candidates [1, k], tokens among which
    the next is chosen, to their logits [1, k]. At position 0 the token before does not count and the state begins anew.

    Without candidates nearly all of a step would go into the logits of 32000 tokens, of which a few hundred can follow."""

    def __init__(self, arrays: Arrays):
        super().__init__()
        self.embedding = nn.Parameter(tensor(arrays, "Wemb"), requires_grad=False)
        self.bias = nn.Parameter(tensor(arrays, "decoder_ff_logit_out_b").reshape(-1, 1), requires_grad=False)
        width = self.embedding.shape[1]
        self.scale = math.sqrt(width)
        self.register_buffer("places", places(width))
        self.layers = nn.ModuleList()
        for name in layers_of(arrays, "decoder"):
            parts = Recurrent(arrays, name), Attention(arrays, f"{name}_context"), FeedForward(arrays, f"{name}_ffn")
            self.layers.append(nn.ModuleList(parts))

    def forward(self, token: Tensor, position: Tensor, memory: Tensor, mask: Tensor, candidates: Tensor) -> Tensor:
        keep = (position > 0).float()
        x = F.embedding(token[0], self.embedding) * self.scale * keep + F.embedding(position, self.places)
        for recurrent, attention, feed in self.layers:
            x = feed(attention(recurrent(x, keep)[:, None], memory, mask))[:, 0]
        rows, bias = F.embedding(candidates[0], self.embedding), F.embedding(candidates[0], self.bias)
        return x @ rows.T + bias.T
