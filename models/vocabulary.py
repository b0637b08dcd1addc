"""The tokenizer of a GGUF file as the tokenizer.json that `percept model generate` and Hugging Face's `tokenizers` read.

GGUF has the vocabulary, the merges, and a name for how text is cut before; what the name stands for is written out here.
"""

import json
from pathlib import Path

from . import files

CONTROL = 3  # of tokenizer.ggml.token_type: has a meaning, but no text
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
CUTS = {
    "gpt-2": BYTES,
    "smollm": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, BYTES]},
}


class VocabularyError(Exception):
    """The file's tokenizer is of a kind that is not known here."""


def tokenizer(metadata: dict) -> dict:
    """The content of a tokenizer.json."""
    kind, cut = (metadata.get(f"tokenizer.ggml.{name}") for name in ("model", "pre"))
    if kind != "gpt2" or cut not in CUTS:
        raise VocabularyError(f"a tokenizer of kind {kind}, {cut}")
    tokens = metadata["tokenizer.ggml.tokens"]
    added = [
        {"id": i, "content": tokens[i], "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        for i, of in enumerate(metadata["tokenizer.ggml.token_type"])
        if of == CONTROL
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": CUTS[cut],
        "post_processor": None,
        "decoder": BYTES,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(tokens)},
            "merges": metadata["tokenizer.ggml.merges"],
        },
    }


def path_of(original: Path) -> Path:
    return original.with_suffix(".tokenizer.json")


def write(original: Path) -> None:
    """NAME.tokenizer.json beside NAME.gguf, when it is not there or older."""
    path = path_of(original)
    if path.is_file() and path.stat().st_mtime >= original.stat().st_mtime:
        return
    from .readers import gguf  # brings in numpy

    files.write(path, json.dumps(tokenizer(gguf.load(original)[0]), ensure_ascii=False) + "\n")
