"""Small language models from GGUF, as ExecuTorch's runners take them: forward(tokens, position) with the state inside, and
methods that answer what a runner has to know.

int8 has 8-bit weights per channel, int4 has 4-bit weights in groups of 32, whose scales are those that lose least; both
quantise activations as they come and keep the embedding in 8 bits per row. int4 exists delegated only: ExecuTorch has no
operators for it outside of XNNPACK. There is no other engine for the original in the zoo; what it is compared with is the
same architecture computed plainly (all tokens at once, no state), which is how the file's own tools compute it.
"""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from executorch.exir.passes import _quant_patterns_and_replacements  # noqa: F401  registers embedding_byte
from torch import Tensor, nn
from torch.nn import functional as F
from torchao.quantization import Int8DynamicActivationIntxWeightConfig, quantize_
from torchao.quantization.granularity import PerGroup
from torchao.quantization.quantize_.workflows import IntxChooseQParamsAlgorithm

from .. import index
from ..nets import smollm
from ..pins import Model
from ..pte import Pte
from ..readers import gguf
from ..subject import Method, Outputs, Result, Sample, Subject, UnsupportedError

CONTEXT = 1024
GROUP = 32
PROMPT = (  # the first tokens of a chat that asks for the capital of France
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
)
ANSWER = 12  # tokens


class PlainLm(nn.Module):
    """The reference: attention over all tokens at once by torch's own function, no state, no operators of ExecuTorch."""

    def __init__(self, net: smollm.SmolLm):
        super().__init__()
        self.net = net

    def attend(self, block: smollm.Attention, x: Tensor) -> Tensor:
        y, count = block.norm(x), x.shape[1]
        query, key, value = (layer(y).unflatten(-1, (-1, block.head)) for layer in (block.query, block.key, block.value))
        turn = self.net.cosines[:count], self.net.sines[:count]
        query, key, value = (t.transpose(1, 2) for t in (smollm.rotate(query, *turn), smollm.rotate(key, *turn), value))
        found = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
        return x + block.out(found.transpose(1, 2).flatten(-2))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.net.embedding(tokens)
        for block in self.net.blocks:
            x = self.attend(block, x) if isinstance(block, smollm.Attention) else block(x)
        return self.net.head(self.net.norm(x[:, -1]))


class RowEmbedding(nn.Module):
    """Rows of int8 with a scale each, looked up by ExecuTorch's operator for that."""

    def __init__(self, weight: Tensor):
        super().__init__()
        scale = weight.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127
        self.register_buffer("rows", torch.round(weight / scale).to(torch.int8))
        self.register_buffer("scale", scale)

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.ops.quantized_decomposed.embedding_byte.dtype(
            self.rows, self.scale, None, -128, 127, tokens, dtype=torch.float32
        )


class Llm(Subject):
    def __init__(self, model: Model, out: Path):
        super().__init__(model, out, peer="torch", fp32_limit=1e-4, portable=0, dynamic=True)
        self.unit, self.int8_limit, self.int4_limit = "nats", 0.1, 1.0
        of = self.metadata
        self.constants = {
            "get_max_seq_len": CONTEXT,
            "get_max_context_len": CONTEXT,
            "get_n_layers": of["llama.block_count"],
            "get_vocab_size": len(of["tokenizer.ggml.tokens"]),
            "get_bos_id": of["tokenizer.ggml.bos_token_id"],
            "get_eos_ids": [of["tokenizer.ggml.eos_token_id"]],
            "use_kv_cache": True,
            "use_sdpa_with_kv_cache": True,
            "enable_dynamic_shape": True,
        }

    @cached_property
    def content(self) -> tuple[dict, dict[str, np.ndarray]]:
        return gguf.load(self.original_file())

    @property
    def metadata(self) -> dict:
        return self.content[0]

    @cached_property
    def shape(self) -> smollm.Shape:
        of = self.metadata
        if of.get("general.architecture") != "llama":
            raise UnsupportedError(f"{self.original_file().name}: architecture {of.get('general.architecture')}")
        return smollm.Shape(
            layers=of["llama.block_count"],
            width=of["llama.embedding_length"],
            heads=of["llama.attention.head_count"],
            key_heads=of["llama.attention.head_count_kv"],
            base=of.get("llama.rope.freq_base", 10000.0),
            epsilon=of["llama.attention.layer_norm_rms_epsilon"],
            context=CONTEXT,
        )

    def net(self) -> smollm.SmolLm:
        return smollm.SmolLm(self.content[1], self.shape).eval()

    @cached_property
    def plain(self) -> PlainLm:
        return PlainLm(self.net())

    def method(self, net: nn.Module) -> dict[str, Method]:
        count = torch.export.Dim("count", min=1, max=CONTEXT - 1)
        example = torch.zeros(1, 8, dtype=torch.long), torch.zeros(1, dtype=torch.long)
        return {"forward": Method(net, example, ({1: count}, None))}

    def methods(self) -> dict[str, Method]:
        return self.method(self.net())

    def quantizable(self, precision: str) -> dict[str, Method]:
        """With the embedding in 8 bits; int4 with the linear layers' weights, too. (int8 of those is done on the graph.)"""
        net = self.net()
        if precision != "fp32":
            net.embedding = RowEmbedding(net.embedding.weight)
        if precision == "int4":
            config = Int8DynamicActivationIntxWeightConfig(
                weight_dtype=torch.int4,
                weight_granularity=PerGroup(GROUP),
                intx_choose_qparams_algorithm=IntxChooseQParamsAlgorithm.HQQ_SCALE_ONLY,
            )
            quantize_(net, config)
        return self.method(net)

    @cached_property
    def prompt(self) -> list[int]:
        """The prompt's tokens: the longest pieces of the vocabulary, which for this text are those its merges make."""
        names = {name: i for i, name in enumerate(self.metadata["tokenizer.ggml.tokens"])}
        text = PROMPT.replace(" ", "\u0120").replace("\n", "\u010a")
        tokens = []
        while text:
            length = next(n for n in range(min(len(text), 24), 0, -1) if text[:n] in names)
            tokens.append(names[text[:length]])
            text = text[length:]
        return tokens

    def samples(self) -> list[Sample]:
        start = torch.zeros(1, dtype=torch.long)
        counts = len(self.prompt), 1, *range(4, len(self.prompt), 4)
        return [Sample((torch.tensor([self.prompt[:count]]), start)) for count in counts]

    def probes(self, samples: list[Sample]) -> list[Sample]:
        return samples[:1]

    def distance(self, outputs: Outputs, reference: Outputs) -> float:
        """The Kullback-Leibler divergence: what the next token costs more to those who go by these logits."""
        found, wanted = (
            torch.log_softmax(torch.from_numpy(logits[0]).double().flatten(), 0) for logits in (outputs, reference)
        )
        return float((wanted.exp() * (wanted - found)).sum())

    def original(self, sample: Sample) -> Outputs:
        with torch.no_grad():
            return [self.plain(sample.inputs[0]).numpy()]

    def more_checks(self):
        """An answer, token by token with the state carried along, against one that reads everything again each time."""
        wanted = list(self.prompt)
        for _ in range(ANSWER):
            with torch.no_grad():
                wanted.append(int(self.plain(torch.tensor([wanted])).argmax()))
        net = self.net()
        runs = {"answer, torch": lambda *inputs: net(*inputs).detach().numpy()}
        path = self.out / "models" / index.file_name(self.model.name, "fp32-xnnpack")
        if path.is_file():
            pte = Pte(path)
            runs["answer, xnnpack"] = lambda *inputs: pte(*inputs)[0]
        for name, run in runs.items():
            with torch.no_grad():
                said, place, new = list(self.prompt), 0, self.prompt
                for _ in range(ANSWER):
                    logits = run(torch.tensor([new]), torch.tensor([place]))
                    place, new = place + len(new), [int(logits.argmax())]
                    said += new
            wrong = float(sum(a != b for a, b in zip(said, wanted, strict=True)))
            yield Result(self.model.name, name, ANSWER, wrong, wrong, 0.0, "tokens")


def subject(model: Model, out: Path) -> Subject:
    return Llm(model, out)
