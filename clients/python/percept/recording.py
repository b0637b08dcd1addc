"""Recordings that `percept record` has made (docs/recording.md), without a daemon and without libpercept."""

from __future__ import annotations

import json
import os
import struct
import warnings
import zlib
from typing import Any, BinaryIO, Dict, Iterator, Optional, Tuple, Union

import numpy as np

from .errors import Malformed, Unsupported
from .sample import Sample
from .schema import Schema

_MAGIC = b"\x89MCAP0\r\n"
_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _METADATA, _DATA_END = 3, 4, 5, 6, 12, 15
_RECORD_MOST = 256 << 20


def read(path: Union[str, "os.PathLike[str]"], topic: Optional[str] = None) -> Iterator[Sample]:
    """The samples of a recording in order, of one topic or of all. Their arrays are read-only and stay as
    they are. A file that stops in the middle, as that of a recorder that was killed, is read up to
    there, with a warning. The file may come from anybody: Malformed when it is damaged."""
    with open(path, "rb") as file:
        reader = _Reader(file, os.fspath(path))
        for sample in reader.samples():
            if topic is None or sample.topic == topic:
                yield sample


def _extend(last: int, sequence: int) -> int:
    """The file has 32 bits of a sequence number. It goes down when those were used up, or when the topic
    began anew, which is from 1."""
    low, upper = last & 0xFFFFFFFF, last & ~0xFFFFFFFF
    if sequence > low:
        return upper + sequence
    used_up = low > 0xC0000000 and sequence < 0x40000000
    return upper + (1 << 32) + sequence if used_up else sequence


class _Fields:
    """Parts of a record, one after the other."""

    def __init__(self, data: memoryview):
        self.data, self.at = data, 0

    def bytes(self, count: int) -> memoryview:
        if count > len(self.data) - self.at:
            raise Malformed("not a recording, or a damaged one: a record is too short")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.bytes(size), "little")

    def sized(self) -> memoryview:
        return self.bytes(self.number(4))

    def text(self) -> str:
        return bytes(self.sized()).decode(errors="replace")

    def rest(self) -> memoryview:
        return self.bytes(len(self.data) - self.at)


class _CutOff(Exception):
    pass


class _Reader:
    def __init__(self, file: BinaryIO, path: str):
        self.file, self.path = file, path
        self.utc_ns = 0
        self.schemas: Dict[int, Schema] = {0: Schema("", None)}
        self.channels: Dict[int, Tuple[str, Schema]] = {}
        self.last: Dict[int, int] = {}  # sequence, by channel
        if file.read(len(_MAGIC)) != _MAGIC:
            raise Malformed(f"{path}: not a recording, or a damaged one: it does not begin like one")

    def samples(self) -> Iterator[Sample]:
        try:
            while True:
                opcode, content = self._record()
                if opcode == _DATA_END:
                    return
                if opcode == _CHUNK:
                    yield from self._chunk(_Fields(content))
                else:
                    yield from self._take(opcode, _Fields(content))
        except _CutOff:
            warnings.warn(f"{self.path}: the recording is cut off here", stacklevel=3)

    def _record(self) -> Tuple[int, memoryview]:
        head = self.file.read(9)
        if len(head) < 9:
            raise _CutOff
        opcode, size = struct.unpack("<BQ", head)
        if opcode == 0 or size > _RECORD_MOST:
            raise Malformed(f"{self.path}: not a recording, or a damaged one: no such record")
        content = self.file.read(size)
        if len(content) < size:
            raise _CutOff
        return opcode, memoryview(content)

    def _chunk(self, fields: _Fields) -> Iterator[Sample]:
        fields.bytes(16)  # times
        size, crc, compression = fields.number(8), fields.number(4), fields.text()
        records = fields.bytes(fields.number(8))
        if compression:
            raise Unsupported(f"{self.path}: its chunks are compressed, which is not supported")
        if size != len(records) or (crc and zlib.crc32(records) != crc):
            raise Malformed(f"{self.path}: a chunk does not fit its checksum")
        inside = _Fields(records)
        while inside.at < len(records):
            opcode = inside.number(1)
            yield from self._take(opcode, _Fields(inside.bytes(inside.number(8))))

    def _take(self, opcode: int, fields: _Fields) -> Iterator[Sample]:
        if opcode == _MESSAGE:
            yield self._message(fields)
        elif opcode == _SCHEMA:
            self._on_schema(fields)
        elif opcode == _CHANNEL:
            identity, schema, topic = fields.number(2), fields.number(2), fields.text()
            if schema not in self.schemas:
                raise Malformed(f"{self.path}: a channel without its schema")
            self.channels.setdefault(identity, (topic, self.schemas[schema]))
        elif opcode == _METADATA and fields.text() == "percept.clock":
            pairs = _Fields(fields.sized())
            while pairs.at < len(pairs.data):
                key, value = pairs.text(), pairs.text()
                if key == "utc_minus_monotonic_ns":
                    self.utc_ns = int(value)

    def _on_schema(self, fields: _Fields) -> None:
        identity, name, encoding, text = (
            fields.number(2), fields.text(), fields.text(), fields.sized(),
        )
        description: Any = None
        if encoding == "percept":
            try:
                description = json.loads(bytes(text))
            except (ValueError, RecursionError):
                raise Malformed(f"{self.path}: a description of payloads is no JSON") from None
        self.schemas.setdefault(identity, Schema(name, description))

    def _message(self, fields: _Fields) -> Sample:
        channel, sequence = fields.number(2), fields.number(4)
        published, captured = fields.number(8), fields.number(8)
        if channel not in self.channels:
            raise Malformed(f"{self.path}: a message of no channel")
        topic, schema = self.channels[channel]
        last = self.last.get(channel)
        if last is not None:
            sequence = _extend(last, sequence)
        lost = 0 if last is None else sequence - 1 - (last if sequence > last else 0)
        self.last[channel] = sequence
        return Sample(
            topic, schema, sequence, captured - self.utc_ns, published - self.utc_ns,
            max(lost, 0), np.frombuffer(fields.rest(), np.uint8),
        )
