"""One sample: when it was made, and NumPy views of what is in it."""

from __future__ import annotations

from typing import Any, Dict, Optional

import numpy as np

from .errors import Malformed
from .schema import ELSEWHERE, Schema

_CHANNELS = {"rgb8": 3, "gray8": 1}
# As NumPy calls them; it has no bfloat16, so those come as the 16 bits that they are.
_DTYPES: Dict[str, Any] = {"bool": "?", "bfloat16": "<u2", **{
    name: np.dtype(name).newbyteorder("<")
    for name in (
        "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
        "float16", "float32", "float64",
    )
}}


class Sample:
    """A sample of a topic.

    topic       name of the topic
    schema      what is in it
    sequence    number of the sample, from 1 in a daemon's life
    capture_ns  when the sensor captured what this is about (CLOCK_MONOTONIC, as time.monotonic_ns())
    publish_ns  when the daemon published it
    lost        samples since the previous one that were gone before we got to them
    payload     all of it: uint8, read-only
    data        its fixed part: an array without dimensions of schema.dtype, read-only; None when the
                schema has no description

    `sample["name"]` is a member: a number, a text, or an array, cut to as many elements as its
    count says. An image is an array of height, width and channels. All arrays are views.
    """

    __slots__ = (
        "topic", "schema", "sequence", "capture_ns", "publish_ns", "lost", "payload", "data",
    )

    def __init__(
        self,
        topic: str,
        schema: Schema,
        sequence: int,
        capture_ns: int,
        publish_ns: int,
        lost: int,
        payload: np.ndarray,
    ):
        self.topic = topic
        self.schema = schema
        self.sequence = sequence
        self.capture_ns = capture_ns
        self.publish_ns = publish_ns
        self.lost = lost
        self.payload = payload
        self.data: Optional[np.ndarray] = None
        if schema.dtype is not None and payload.size >= schema.dtype.itemsize:
            self.data = np.ndarray((), schema.dtype, payload)

    def __getitem__(self, name: str) -> Any:
        field = self.schema.fields.get(name)
        if field is None or self.data is None:
            raise KeyError(name)
        if field["type"] == "image":
            return self._image(field["offset"])
        value = self.data[name]
        if field["type"] == "text":
            return _text(value)
        if value.shape == ():
            return value if value.dtype.names else value.item()
        if "count" in field:
            return value[: int(self.data[field["count"]])]
        return value

    def keys(self) -> Any:
        """Names of the members."""
        return self.schema.fields.keys()

    @property
    def image(self) -> np.ndarray:
        """The image of a frame: height × width × channels, a view. KeyError when there is none."""
        for name, field in self.schema.fields.items():
            if field["type"] == "image":
                return self[name]
        raise KeyError("image")

    def _image(self, offset: int) -> np.ndarray:
        height, width, stride = self["height"], self["width"], self["stride"]
        channels = _CHANNELS.get(self.word("format"))
        if channels is None:
            raise Malformed(f"pixels of format {self['format']}")
        end = offset + stride * (height - 1) + width * channels
        if width * channels > stride or (height > 0 and end > self.payload.size):
            raise Malformed(f"{width}x{height} pixels are not in a payload of {self.payload.size} bytes")
        return np.ndarray(
            (height, width, channels), np.uint8, self.payload, offset, (stride, channels, 1)
        )

    @property
    def tensors(self) -> Dict[str, np.ndarray]:
        """The tensors of a model's topic (percept.tensors/1), or the maps of a depth topic (percept.depth/1), by name, as
        views. KeyError when it has none."""
        for name, field in self.schema.fields.items():
            if any(member["type"] == "tensor" for member in field.get("fields", ())):
                return {_text(row["name"]): self._tensor(row, field) for row in self[name]}
        raise KeyError("tensors")

    def _tensor(self, row: Any, description: Any) -> np.ndarray:
        try:
            (words,) = (f["words"] for f in description["fields"] if f["name"] == "dtype")
            dtype = _DTYPES[words[row["dtype"]]]
            sizes = tuple(int(size) for size in row["sizes"][: int(row["rank"])])
            array = np.ndarray(sizes, dtype, self.payload, int(row["offset"]))
            if array.nbytes != row["bytes"]:
                raise ValueError(f"{array.nbytes} bytes, and not {row['bytes']}")
            return array
        except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
            raise Malformed(f"a tensor that is none: {error!r}") from None

    def word(self, name: str) -> str:
        """A member that has words, as one: "rgb8"; its number as text when there is none for it."""
        words, value = self.schema.fields[name].get("words", ()), self[name]
        return words[value] if value < len(words) else str(value)

    def copy(self) -> "Sample":
        """The same in memory of its own, to be kept."""
        return Sample(
            self.topic, self.schema, self.sequence, self.capture_ns, self.publish_ns, self.lost,
            self.payload.copy(),
        )

    def to_dict(self) -> Dict[str, Any]:
        """All members but images and the numbers of tensors, as lists, numbers and texts, like
        `percept echo --json` has them."""
        if self.data is None:
            return {"size": self.payload.size, "hex": self.payload[:64].tobytes().hex()}
        return _plain(self.data, self.schema.description)

    def __repr__(self) -> str:
        return f"<Sample {self.sequence} of {self.topic!r}, {self.schema.name}>"


def _text(value: Any) -> str:
    return bytes(value).split(b"\0")[0].decode(errors="replace")


def _plain(record: Any, description: Any) -> Dict[str, Any]:
    result: Dict[str, Any] = {}
    for field in description["fields"]:
        name, kind = field["name"], field["type"]
        if kind in ELSEWHERE:
            continue
        value = record[name]
        if "count" in field:
            value = value[: int(record[field["count"]])]
        if kind == "struct":
            shaped = np.reshape(value, -1) if "shape" in field else [value]
            rows = [_plain(row, field) for row in shaped]
            result[name] = rows if "shape" in field else rows[0]
        elif kind == "text":
            result[name] = _text(value)
        else:
            words = field.get("words", ())
            plain = value.tolist()
            known = isinstance(plain, int) and plain < len(words)
            result[name] = words[plain] if known else plain
    return result
