"""libpercept by ctypes: ipc/percept.h in Python. The memory ordering that reading a ring takes is in there."""

from __future__ import annotations

import ctypes
import os
from ctypes import (
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_int,
    c_int64,
    c_size_t,
    c_uint,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any

from .errors import error_for


class Error(Structure):
    _fields_ = [
        ("status", c_int),
        ("line", c_uint),
        ("column", c_uint),
        ("file", c_char * 256),
        ("message", c_char * 512),
    ]


class RawSample(Structure):
    _fields_ = [
        ("data", c_void_p),
        ("size", c_size_t),
        ("sequence", c_uint64),
        ("capture_ns", c_int64),
        ("publish_ns", c_int64),
        ("lost", c_uint64),
        ("reserved", c_uint64 * 2),
    ]


class SubscribeOptions(Structure):
    _fields_ = [
        ("reading", c_int),
        ("schema", c_char_p),
        ("depth", c_uint32),
        ("spin_us", c_uint32),
        ("reserved", c_uint64 * 3),
    ]


class Grant(Structure):
    _fields_ = [
        ("what", c_char_p),
        ("uid", c_int64),
        ("executable", c_char_p),
        ("seconds", c_uint64),
        ("reserved", c_uint64 * 4),
    ]


class History(Structure):
    _fields_ = [
        ("topic", c_char_p),
        ("search", c_char_p),
        ("from_ns", c_int64),
        ("to_ns", c_int64),
        ("after", c_uint64),
        ("before", c_uint64),
        ("limit", c_uint32),
        ("newest", c_uint32),
        ("reserved", c_uint64 * 4),
    ]


class Sound(Structure):
    _fields_ = [
        ("rate", c_uint32),
        ("channels", c_uint32),
        ("dtype", c_uint32),
        ("reserved_32", c_uint32),
        ("reserved", c_uint64 * 4),
    ]


FORGET_ALL = (1 << 64) - 1

ConnectionFunction = ctypes.CFUNCTYPE(None, c_void_p, c_int)
EndedFunction = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, POINTER(Error))

_FUNCTIONS = {
    "percept_connect": (c_int, [c_char_p, POINTER(c_void_p), POINTER(Error)]),
    "percept_disconnect": (None, [c_void_p]),
    "percept_on_connection": (None, [c_void_p, ConnectionFunction, c_void_p]),
    "percept_on_ended": (None, [c_void_p, EndedFunction, c_void_p]),
    "percept_subscribe": (
        c_int,
        [c_void_p, c_char_p, POINTER(SubscribeOptions), POINTER(c_void_p), POINTER(Error)],
    ),
    "percept_unsubscribe": (None, [c_void_p]),
    "percept_next": (c_int, [c_void_p, c_int64, POINTER(RawSample), POINTER(Error)]),
    "percept_release": (None, [c_void_p]),
    "percept_memory_keep": (c_void_p, [c_void_p, POINTER(c_void_p), POINTER(c_size_t)]),
    "percept_memory_release": (None, [c_void_p]),
    "percept_subscription_fd": (c_int, [c_void_p]),
    "percept_grant": (c_int, [c_void_p, POINTER(Grant), POINTER(Error)]),
    "percept_revoke": (c_int, [c_void_p, POINTER(Grant), POINTER(Error)]),
    "percept_history": (
        c_int,
        [c_void_p, POINTER(History), POINTER(c_void_p), POINTER(Error)],
    ),
    "percept_forget": (c_int, [c_void_p, c_uint64, POINTER(c_uint64), POINTER(Error)]),
    "percept_push_open": (
        c_int,
        [c_void_p, c_char_p, POINTER(Sound), POINTER(c_void_p), POINTER(Error)],
    ),
    "percept_push": (
        c_int,
        [c_void_p, c_void_p, c_size_t, c_int64, c_int64, POINTER(c_size_t), POINTER(Error)],
    ),
    "percept_push_skip": (None, [c_void_p, c_uint64]),
    "percept_push_close": (None, [c_void_p]),
    "percept_query": (c_int, [c_void_p, c_char_p, POINTER(c_void_p), POINTER(Error)]),
}


class _Library:
    """The functions, from a library that is loaded when the first of them is asked for: recordings can
    be read without it."""

    def __getattr__(self, name: str) -> Any:
        try:
            library = ctypes.CDLL(os.environ.get("PERCEPT_LIBRARY", "libpercept.so.0"))
        except OSError as error:
            raise ImportError(
                f"{error}: install Percept, or say with PERCEPT_LIBRARY where libpercept.so is"
            ) from None
        for each, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, each)
            function.restype, function.argtypes = result, arguments
            setattr(self, each, function)
        return self.__dict__[name]


lib = _Library()
free = ctypes.CDLL(None).free
free.restype, free.argtypes = None, [c_void_p]


def check(status: int, error: Error) -> None:
    if status != 0:
        raise error_for(status, error.message.decode(errors="replace"))


class _Mapping:
    """A reference to a ring that is mapped. What holds it keeps it mapped."""

    def __init__(self, handle: int):
        self._handle = handle

    def __del__(self) -> None:
        lib.percept_memory_release(self._handle)


class Memory:
    """The ring that the newest sample of a subscription is in."""

    def __init__(self, subscription: int):
        start, size = c_void_p(), c_size_t()
        handle = lib.percept_memory_keep(subscription, ctypes.byref(start), ctypes.byref(size))
        if not handle:
            raise error_for(-16, "there is no sample")
        self.start: int = start.value or 0
        self.size: int = size.value
        array = (ctypes.c_ubyte * self.size).from_address(self.start)
        setattr(array, "mapping", _Mapping(handle))  # views refer to the array, and so to this
        self._view = memoryview(array).cast("B").toreadonly()

    def has(self, address: int) -> bool:
        return self.start <= address < self.start + self.size

    def view(self, address: int, size: int) -> memoryview:
        return self._view[address - self.start : address - self.start + size]
