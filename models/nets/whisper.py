"""Whisper (Radford et al., 2022): an encoder over 30 s of sound, and a decoder that says one token at a time.

The decoder keeps the keys and values of what it has said as state, [1, tokens, heads, 64] a layer, written and attended to
by the operators of ExecuTorch's language models (llama::update_cache, llama::custom_sdpa). Keys and values of the sound do
not change from token to token: a method of their own makes them once.
"""

import numpy as np
import torch
from executorch.extension.llm.custom_ops import custom_ops  # noqa: F401  registers llama::*
from torch import Tensor, nn
from torch.nn import functional as F

HEAD = 64
FRAMES, TOKENS = 1500, 448
Variables = dict[str, np.ndarray]


def _tensor(variables: Variables, name: str) -> Tensor:
    return torch.from_numpy(variables[name].astype(np.float32))


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight, layer.bias = (nn.Parameter(t.contiguous(), requires_grad=False) for t in (weight, bias))
    return layer


def linears(variables: Variables, name: str, count: int = 1) -> list[nn.Linear]:
    """CTranslate2 stacks the projections that see the same input: `count` layers out of one."""
    weight, bias = _tensor(variables, f"{name}/weight"), _tensor(variables, f"{name}/bias")
    return [linear(w, b) for w, b in zip(weight.chunk(count), bias.chunk(count), strict=True)]


def norm(variables: Variables, name: str) -> nn.LayerNorm:
    gamma = _tensor(variables, f"{name}/gamma")
    layer = nn.LayerNorm(len(gamma))
    layer.weight, layer.bias = (nn.Parameter(t, requires_grad=False) for t in (gamma, _tensor(variables, f"{name}/beta")))
    return layer


def heads(x: Tensor) -> Tensor:
    """[1, n, width] to [1, heads, n, 64]."""
    return x.view(1, -1, x.shape[-1] // HEAD, HEAD).transpose(1, 2)


def joined(x: Tensor) -> Tensor:
    return x.transpose(1, 2).reshape(1, -1, x.shape[1] * HEAD)


class SelfAttention(nn.Module):
    def __init__(self, variables: Variables, name: str):
        super().__init__()
        self.norm = norm(variables, f"{name}/layer_norm")
        self.query, self.key, self.value = linears(variables, f"{name}/linear_0", 3)
        (self.out,) = linears(variables, f"{name}/linear_1")

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        found = F.scaled_dot_product_attention(heads(self.query(y)), heads(self.key(y)), heads(self.value(y)))
        return x + self.out(joined(found))


class CachedAttention(SelfAttention):
    """Of one token at `position`, to it and all before it."""

    def __init__(self, variables: Variables, name: str):
        super().__init__(variables, name)
        width = self.query.weight.shape[0]
        for cache in ("keys", "values"):
            self.register_buffer(cache, torch.zeros(1, TOKENS, width // HEAD, HEAD))

    def forward(self, x: Tensor, position: int) -> Tensor:
        y = self.norm(x)
        query, key, value = (layer(y).view(1, 1, -1, HEAD) for layer in (self.query, self.key, self.value))
        torch.ops.llama.update_cache(key, self.keys, position)
        torch.ops.llama.update_cache(value, self.values, position)
        found = torch.ops.llama.custom_sdpa(query, self.keys, self.values, position, None, 0.0, True)
        return x + self.out(found.reshape(1, 1, -1))


class CrossAttention(nn.Module):
    """To the sound, whose keys and values come from `CrossKeys`."""

    def __init__(self, variables: Variables, name: str):
        super().__init__()
        self.norm = norm(variables, f"{name}/layer_norm")
        (self.query,) = linears(variables, f"{name}/linear_0")
        (self.out,) = linears(variables, f"{name}/linear_2")

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        return x + self.out(joined(F.scaled_dot_product_attention(heads(self.query(self.norm(x))), keys, values)))


class FeedForward(nn.Module):
    def __init__(self, variables: Variables, name: str):
        super().__init__()
        self.norm = norm(variables, f"{name}/layer_norm")
        (self.wide,), (self.narrow,) = (linears(variables, f"{name}/linear_{i}") for i in (0, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(F.gelu(self.wide(self.norm(x))))


def layers_of(variables: Variables, side: str) -> list[str]:
    count = sum(name.startswith(f"{side}/layer_") and name.endswith("/ffn/linear_0/weight") for name in variables)
    return [f"{side}/layer_{i}" for i in range(count)]


class Encoder(nn.Module):
    """Log-mel [1, 80, 3000] to states [1, 1500, width]."""

    def __init__(self, variables: Variables):
        super().__init__()
        for name in ("conv1", "conv2"):
            weight, bias = (nn.Parameter(_tensor(variables, f"encoder/{name}/{part}"), False) for part in ("weight", "bias"))
            self.register_parameter(f"{name}_weight", weight)
            self.register_parameter(f"{name}_bias", bias)
        self.register_buffer("places", _tensor(variables, "encoder/position_encodings/encodings"))
        self.layers = nn.ModuleList()
        for name in layers_of(variables, "encoder"):
            self.layers.append(SelfAttention(variables, f"{name}/self_attention"))
            self.layers.append(FeedForward(variables, f"{name}/ffn"))
        self.norm = norm(variables, "encoder/layer_norm")

    def forward(self, mel: Tensor) -> Tensor:
        x = F.gelu(F.conv1d(mel, self.conv1_weight, self.conv1_bias, padding=1))
        x = F.gelu(F.conv1d(x, self.conv2_weight, self.conv2_bias, stride=2, padding=1))
        x = x.transpose(1, 2) + self.places
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


class CrossKeys(nn.Module):
    """States of the encoder to keys and values, [1, heads, 1500, 64], of each decoder layer in turn."""

    def __init__(self, variables: Variables):
        super().__init__()
        names = layers_of(variables, "decoder")
        self.layers = nn.ModuleList(each for name in names for each in linears(variables, f"{name}/attention/linear_1", 2))

    def forward(self, states: Tensor) -> tuple[Tensor, ...]:
        return tuple(heads(layer(states)).contiguous() for layer in self.layers)


class Decoder(nn.Module):
    """A token [1, 1], its position [1] and the keys and values of the sound to the logits [1, vocabulary] of the next."""

    def __init__(self, variables: Variables):
        super().__init__()
        self.embedding = nn.Parameter(_tensor(variables, "decoder/embeddings/weight"), requires_grad=False)
        self.register_buffer("places", _tensor(variables, "decoder/position_encodings/encodings")[:TOKENS].clone())
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                [
                    CachedAttention(variables, f"{name}/self_attention"),
                    CrossAttention(variables, f"{name}/attention"),
                    FeedForward(variables, f"{name}/ffn"),
                ]
            )
            for name in layers_of(variables, "decoder")
        )
        self.norm = norm(variables, "decoder/layer_norm")

    def forward(self, token: Tensor, position: Tensor, *sound: Tensor) -> Tensor:
        place = position[0].item()
        torch._check(place >= 0)
        torch._check(place < TOKENS)
        x = F.embedding(token, self.embedding) + F.embedding(position, self.places)
        for i, (attention, cross, feed) in enumerate(self.blocks):
            x = feed(cross(attention(x, place), sound[2 * i], sound[2 * i + 1]))
        return F.linear(self.norm(x)[:, 0], self.embedding)
