"""Descriptions of payloads (docs/schemas.md) as NumPy dtypes."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import numpy as np

from .errors import Malformed

_NUMBERS = {"i64": "<i8", "u64": "<u8", "u32": "<u4", "f32": "<f4"}
_MOST = 1 << 30

#: Types whose bytes are not in the struct; its other fields say where they are.
ELSEWHERE = ("image", "tensor")


class Schema:
    """What is in the payloads of a topic.

    `name` is that of the schema, "percept.hands/1". `description` is the JSON that the daemon or a recording has of it; None when
    it has none. `dtype` is the structured dtype of the payload's fixed part, None without a
    description. A description may come from a file that anybody wrote: Malformed when it makes no sense.
    """

    def __init__(self, name: str, description: Optional[Dict[str, Any]]):
        self.name = name
        self.description = description
        self.dtype: Optional[np.dtype] = None
        self.fields: Dict[str, Dict[str, Any]] = {}
        if description is not None:
            try:
                self.dtype = _dtype(description, 0)
                self.fields = {field["name"]: field for field in description["fields"]}
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
                raise Malformed(f"the description of {name!r}: {error}") from None

    def __repr__(self) -> str:
        return f"Schema({self.name!r})"


def _dtype(description: Dict[str, Any], depth: int) -> np.dtype:
    if depth > 4:
        raise ValueError("structs are nested too deep")
    names: List[str] = []
    formats: List[Any] = []
    offsets: List[int] = []
    size = description["size"]
    if not 0 < size <= _MOST:
        raise ValueError(f"a size of {size}")
    for field in description["fields"]:
        kind = field["type"]
        if kind in ELSEWHERE:
            continue
        shape = tuple(field.get("shape", ()))
        if any(not 0 < count <= _MOST for count in shape):
            raise ValueError(f"a shape of {shape}")
        if kind == "text":
            formats.append(f"S{shape[0]}")
        else:
            element = _dtype(field, depth + 1) if kind == "struct" else np.dtype(_NUMBERS[kind])
            formats.append((element, shape) if shape else element)
        names.append(field["name"])
        offsets.append(field["offset"])
    # NumPy refuses offsets outside of the size, and names that come twice.
    return np.dtype(
        {"names": names, "formats": formats, "offsets": offsets, "itemsize": size}
    )
