"""Llama-style language models (RMS norm, rotary embedding, grouped attention, SwiGLU) as ExecuTorch's own exports have them:
keys and values are kept by llama::update_cache and attended to by llama::custom_sdpa, and only the last token's logits are
given.
"""

from dataclasses import dataclass

import numpy as np
import torch
from executorch.extension.llm.custom_ops import custom_ops  # noqa: F401  registers llama::*
from torch import Tensor, nn
from torch.nn import functional as F

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Shape:
    layers: int
    width: int
    heads: int
    key_heads: int
    base: float
    epsilon: float
    context: int

    @property
    def head(self) -> int:
        return self.width // self.heads


def linear(tensors: Tensors, name: str) -> nn.Linear:
    weight = tensors[f"{name}.weight"]
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight = nn.Parameter(torch.from_numpy(weight.copy()), requires_grad=False)
    return layer


class RmsNorm(nn.Module):
    def __init__(self, tensors: Tensors, name: str, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(tensors[f"{name}.weight"].copy()), requires_grad=False)
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turns neighbouring pairs of [1, n, heads, head]; GGUF keeps the rows of these models in that order."""
    pairs = x.unflatten(-1, (-1, 2))
    a, b = pairs[..., 0], pairs[..., 1]
    return torch.stack([a * cosine - b * sine, a * sine + b * cosine], -1).flatten(-2)


class Attention(nn.Module):
    def __init__(self, tensors: Tensors, name: str, shape: Shape):
        super().__init__()
        self.head = shape.head
        self.norm = RmsNorm(tensors, f"{name}.attn_norm", shape.epsilon)
        self.query, self.key, self.value, self.out = (linear(tensors, f"{name}.attn_{p}") for p in ("q", "k", "v", "output"))
        for cache in ("keys", "values"):
            self.register_buffer(cache, torch.zeros(1, shape.context, shape.key_heads, shape.head))

    def forward(self, x: Tensor, place: int, cosine: Tensor, sine: Tensor) -> Tensor:
        y = self.norm(x)
        query, key, value = (layer(y).unflatten(-1, (-1, self.head)) for layer in (self.query, self.key, self.value))
        torch.ops.llama.update_cache(rotate(key, cosine, sine), self.keys, place)
        torch.ops.llama.update_cache(value, self.values, place)
        query = rotate(query, cosine, sine)
        found = torch.ops.llama.custom_sdpa(query, self.keys, self.values, place, None, 0.0, True)
        return x + self.out(found.flatten(-2))


class FeedForward(nn.Module):
    def __init__(self, tensors: Tensors, name: str, shape: Shape):
        super().__init__()
        self.norm = RmsNorm(tensors, f"{name}.ffn_norm", shape.epsilon)
        self.gate, self.up, self.down = (linear(tensors, f"{name}.ffn_{part}") for part in ("gate", "up", "down"))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class SmolLm(nn.Module):
    """Tokens [1, n] at `position` [1] and after it, to the logits [1, vocabulary] of the one after the last."""

    def __init__(self, tensors: Tensors, shape: Shape):
        super().__init__()
        self.shape = shape
        embedding = torch.from_numpy(tensors["token_embd.weight"].copy())
        self.embedding = nn.Embedding.from_pretrained(embedding)
        self.blocks = nn.ModuleList()
        for i in range(shape.layers):
            self.blocks.append(Attention(tensors, f"blk.{i}", shape))
            self.blocks.append(FeedForward(tensors, f"blk.{i}", shape))
        self.norm = RmsNorm(tensors, "output_norm", shape.epsilon)
        name = "output" if "output.weight" in tensors else "token_embd"
        self.head = linear(tensors, name)
        turns = shape.base ** (-torch.arange(0, shape.head, 2) / shape.head)
        angles = torch.outer(torch.arange(shape.context).float(), turns)[:, None, :]
        self.register_buffer("cosines", angles.cos())
        self.register_buffer("sines", angles.sin())

    def forward(self, tokens: Tensor, position: Tensor) -> Tensor:
        place = position[0].item()
        count = tokens.shape[1]
        torch._check(place >= 0)
        torch._check(place + count <= self.shape.context)
        x = self.embedding(tokens)
        cosine, sine = self.cosines.narrow(0, place, count), self.sines.narrow(0, place, count)
        for block in self.blocks:
            x = block(x, place, cosine, sine) if isinstance(block, Attention) else block(x)
        return self.head(self.norm(x[:, -1]))
