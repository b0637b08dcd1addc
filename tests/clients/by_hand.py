"""A client of the control protocol and of rings, written from docs/ipc.md and ipc/control.proto, with Python's standard
library alone: that it reads topics shows that the page is enough. Not how one should read them in Python; for that there is
clients/python."""

import array
import fcntl
import json
import mmap
import os
import select
import socket
import struct
import time

# ---- protobuf: what of it control.proto takes ----


def varint(value):
    out = bytearray()
    while True:
        out.append((value & 127) | (128 if value > 127 else 0))
        value >>= 7
        if not value:
            return bytes(out)


def message(fields):
    """{number: value} as bytes; values are whole numbers, texts, or messages as bytes."""
    out = b""
    for number, value in fields.items():
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def parse(data):
    """Bytes as {number: value}; values are whole numbers or bytes."""
    fields, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        value = number()
        if key & 7 == 2:
            value, at = data[at : at + value], at + value
        elif key & 7 != 0:
            raise ValueError(f"wire type {key & 7}")
        fields[key >> 3] = value
    return fields


def signed(value):
    """zigzag, as sint32 and sint64 have it"""
    return value >> 1 ^ -(value & 1)


def zigzag(value):
    return value << 1 if value >= 0 else (-value << 1) - 1


# ---- control ----

HELLO, SUBSCRIBE, UNSUBSCRIBE, WAKE, QUERY, GRANT, REVOKE = range(2, 9)  # of Request
ERROR, WELCOME, SUBSCRIBED, DONE, RESULT, ENDED = range(2, 8)  # of Reply

VERSION, PERMISSION = -13, -10  # base/status.h


class Refused(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class HungUp(Exception):
    pass


def receive(connection):
    """A packet and the descriptors that came with it."""
    data, control, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(16 * 4), socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, content in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(content[: len(content) - len(content) % 4])
    return data, list(descriptors)


class Connection:
    def __init__(self, path, least=1, most=2):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.requests = 0
        self.ended = {}  # why, by subscription
        welcome, _ = self.ask(HELLO, {1: least, 2: most, 3: "by hand"}, WELCOME)
        self.version = welcome.get(1, 0)

    def close(self):
        self.socket.close()

    def reply(self, wanted):
        """The reply to a request: its kind, fields and descriptors."""
        while True:
            data, descriptors = receive(self.socket)
            if not data:
                raise HungUp
            fields = parse(data)
            kind = max(set(fields) - {1})  # an id of 0 is not sent
            body = parse(fields.get(kind, b""))
            if fields.get(1, 0) == 0 and kind == ENDED:
                self.ended[body[1]] = Refused(signed(body.get(2, 0)), body.get(3, b"").decode())
                if wanted is None:
                    return kind, body, descriptors
            elif kind == ERROR:
                raise Refused(signed(body[1]), body.get(2, b"").decode())
            else:
                assert fields[1] == wanted, "replies come in order"
                return kind, body, descriptors

    def ask(self, kind, body, answer):
        self.requests += 1
        self.socket.send(message({1: self.requests, kind: message(body)}))
        got, fields, descriptors = self.reply(self.requests)
        assert got == answer, f"reply {got} instead of {answer}"
        return fields, descriptors

    def query(self, what):
        _, (descriptor,) = self.ask(QUERY, {1: what}, RESULT)
        try:
            return json.loads(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
        finally:
            os.close(descriptor)

    def subscribe(self, topic, wake=True):
        fields, descriptors = self.ask(SUBSCRIBE, {1: topic, 3: int(wake)}, SUBSCRIBED)
        return Ring(self, topic, fields[1], *descriptors)

    def grant(self, what, uid):
        self.ask(GRANT, {1: what, 2: zigzag(uid)}, DONE)

    def revoke(self, what):
        self.ask(REVOKE, {1: what, 2: zigzag(-1)}, DONE)


# ---- the ring ----

F_GET_SEALS = 1034
SEAL, SHRINK, GROW, WRITE, FUTURE_WRITE = 1, 2, 4, 8, 16
OPEN, END, MOVED = range(3)


class Ring:
    def __init__(self, connection, topic, subscription, ring, page, wake=None):
        self.connection, self.subscription, self.wake = connection, subscription, wake
        need = SEAL | SHRINK | GROW
        assert fcntl.fcntl(page, F_GET_SEALS) & need == need
        assert fcntl.fcntl(ring, F_GET_SEALS) & (need | FUTURE_WRITE) == need | FUTURE_WRITE
        size = os.fstat(ring).st_size
        self.ring = mmap.mmap(ring, size, mmap.MAP_SHARED, mmap.PROT_READ)
        self.page = mmap.mmap(page, 4096, mmap.MAP_SHARED)
        os.close(ring)
        os.close(page)
        magic, version, self.slots, self.header = struct.unpack_from("<4I", self.ring, 0)
        self.stride, self.most, self.generation = struct.unpack_from("<3Q", self.ring, 16)
        assert magic == 0x474E5250 and version == 1 and 3 <= self.slots <= 65536
        assert self.header % 64 == 0 and self.stride % 64 == 0 and self.most <= self.stride - 64
        assert self.header + self.slots * self.stride <= size
        self.topic, self.schema = (
            self.ring[at : at + 64].split(b"\0")[0].decode() for at in (40, 104)
        )
        assert self.topic == topic
        self.last = 0

    def close(self):
        self.connection.ask(UNSUBSCRIBE, {1: self.subscription}, DONE)
        self.ring.close()
        self.page.close()
        if self.wake is not None:
            os.close(self.wake)

    def word(self, offset, kind="Q"):
        return struct.unpack_from("<" + kind, self.ring, offset)[0]

    def state(self):
        return self.word(200, "I")

    def take(self, entry):
        """The sample of an entry: (sequence, capture_ns, publish_ns, payload), or None when it has gone. Python
        can't order accesses, so the payload is copied, and counts if the slot still has it afterwards."""
        sequence, slot = entry >> 16, entry & 0xFFFF
        assert slot < self.slots
        at = self.header + slot * self.stride
        struct.pack_into("<I", self.page, 0, slot + 1)
        try:
            if self.word(at) != sequence:
                return None
            size, capture, publish = struct.unpack_from("<Qqq", self.ring, at + 8)
            assert size <= self.most
            payload = self.ring[at + 64 : at + 64 + size]
            return (sequence, capture, publish, payload) if self.word(at) == sequence else None
        finally:
            struct.pack_into("<I", self.page, 0, 0)

    def newest(self):
        """The newest sample; None when there is none since the last one."""
        while self.word(192) >> 16 > self.last:
            sample = self.take(self.word(192))
            if sample:
                self.last = sample[0]
                return sample
        return None

    def following(self):
        """The sample after the last one, or the oldest since that the ring still has."""
        newest = self.word(192) >> 16
        for sequence in range(max(self.last + 1, newest - self.slots + 1), newest + 1):
            entry = self.word(256 + 8 * (sequence % self.slots))
            sample = self.take(entry) if entry >> 16 == sequence else None
            if sample:
                self.last = sequence
                return sample
        return None

    def wait(self, take, timeout=60):
        """The next sample, by newest or following; None when the ring has ended or moved, with nothing new."""
        deadline = time.monotonic() + timeout
        while True:
            state = self.state()  # before the look for samples
            sample = take()
            if sample or state != OPEN:
                return sample
            while select.select([self.wake], [], [], 0)[0]:
                if not os.read(self.wake, 64):
                    return take()  # our seat has gone
            struct.pack_into("<I", self.page, 4, 2)
            sample = take()
            if sample:
                return sample
            # The page asks for a byte; a daemon that was killed sends none, and hangs up instead.
            ready, _, _ = select.select([self.wake, self.connection.socket], [], [], 0.25)
            if self.connection.socket in ready:
                return None
            assert time.monotonic() < deadline, "no sample comes"
