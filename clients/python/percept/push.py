"""Sound that a program pushes to a pipeline."""

import ctypes
import threading
import time
from typing import Any, Callable, Optional, Union

import numpy as np

from . import _library
from ._library import check, lib
from .errors import Invalid, TimedOut

_PATIENCE_NS = 100_000_000  # between looks whether Ctrl-C was pressed
_DTYPES = {"int16": 2, "float32": 6}  # enum percept_dtype


class Push:
    """What a pipeline with a source `audio_stream` hears; of Client.push. Any thread, one at a time: it has
    a connection of its own, and waits for nobody who reads."""

    def __init__(
        self,
        path: Optional[str],
        pipeline: str,
        rate: int,
        channels: int,
        dtype: str,
        on_connection: Optional[Callable[[bool], None]],
    ):
        self._handle: Optional[int] = None
        self._client: Optional[int] = None
        if dtype not in _DTYPES:
            raise Invalid(f'samples are "int16" or "float32", not {dtype!r}')
        if not (0 <= rate < 1 << 32 and 0 <= channels < 1 << 32):
            raise Invalid(f"{rate} frames a second of {channels} channels")
        self.pipeline, self.rate, self.channels = pipeline, rate, channels
        self.dtype = np.dtype(dtype)
        self._lock = threading.Lock()
        sound = _library.Sound(rate=rate, channels=channels, dtype=_DTYPES[dtype])
        client, handle, error = ctypes.c_void_p(), ctypes.c_void_p(), _library.Error()
        text = None if path is None else str(path).encode()
        check(lib.percept_connect(text, ctypes.byref(client), ctypes.byref(error)), error)
        self._client = client.value
        status = lib.percept_push_open(
            self._client, pipeline.encode(), ctypes.byref(sound), ctypes.byref(handle),
            ctypes.byref(error),
        )
        if status != 0:
            self._disconnect()
        check(status, error)
        self._handle = handle.value
        self._raised: Optional[BaseException] = None  # in the callback
        self._on_connection = on_connection
        if on_connection is not None:
            # Referred to, since C does not.
            self._c_connection = _library.ConnectionFunction(self._connection_changed)
            lib.percept_on_connection(self._client, self._c_connection, None)

    def _connection_changed(self, _context: Any, connected: int) -> None:
        try:
            assert self._on_connection is not None
            self._on_connection(bool(connected))
        except BaseException as error:  # can't pass through C
            self._raised = error

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            lib.percept_disconnect(client)

    def _frames(self, sound: Any) -> np.ndarray:
        if isinstance(sound, (bytes, bytearray, memoryview)):
            if len(sound) % (self.dtype.itemsize * self.channels):
                raise Invalid(f"{len(sound)} bytes are no whole number of frames")
            sound = np.frombuffer(sound, self.dtype)
        array = np.asarray(sound)
        if array.dtype != self.dtype:
            raise Invalid(f"samples of {array.dtype}, where {self.dtype} was said")
        if array.ndim > 2 or (array.ndim == 2 and array.shape[1] != self.channels):
            raise Invalid(f"an array of {array.shape}, where frames of {self.channels} was said")
        if array.size % self.channels:
            raise Invalid(f"{array.size} samples are no whole number of frames")
        return np.ascontiguousarray(array)

    def write(
        self, sound: Union[bytes, np.ndarray], capture_ns: int = 0, timeout: Optional[float] = None
    ) -> int:
        """The next frames, as they are spoken: bytes, or an array of samples or of frames by channels.
        Returns how many were taken, which are all of them unless the time is over; the rest can be
        written again, or be left out (skip).

        capture_ns  when the first of them was captured, time.monotonic_ns(); 0: just now
        timeout     seconds; 0 does not wait, None waits for as long as it takes

        While the daemon is away this waits for it, and goes on once it is back. What ends the pushing is
        raised: PermissionDenied, Busy (the pipeline rests), ...
        """
        array = self._frames(sound)
        frames, done = array.size // self.channels, 0
        deadline = None if timeout is None else time.monotonic_ns() + int(timeout * 1e9)
        while done < frames:
            wait = _PATIENCE_NS
            if deadline is not None:
                wait = min(wait, max(0, deadline - time.monotonic_ns()))
            when = capture_ns + done * 1_000_000_000 // self.rate if capture_ns else 0
            done += self._push(array, done, frames - done, when, wait)
            if deadline is not None and time.monotonic_ns() >= deadline:
                break
        return done

    def _push(self, array: np.ndarray, at: int, count: int, when: int, wait_ns: int) -> int:
        pushed, error = ctypes.c_size_t(), _library.Error()
        with self._lock:
            if self._handle is None:
                raise Invalid(f"the push to {self.pipeline!r} is closed")
            status = lib.percept_push(
                self._handle, array.ctypes.data + at * self.channels * self.dtype.itemsize, count,
                when, wait_ns, ctypes.byref(pushed), ctypes.byref(error),
            )
            raised, self._raised = self._raised, None
        if raised is not None:
            raise raised
        if status != TimedOut.status:
            check(status, error)
        return pushed.value

    def skip(self, frames: int) -> None:
        """So many were captured, but are left out: the daemon shall know that something is missing."""
        if frames < 0:
            raise Invalid(f"{frames} frames")
        with self._lock:
            if self._handle is not None:
                lib.percept_push_skip(self._handle, frames)

    def close(self) -> None:
        """That was all; what was written is heard to its end."""
        with self._lock:
            handle, self._handle = self._handle, None
            if handle is not None:
                lib.percept_push_close(handle)
            self._disconnect()

    def __enter__(self) -> "Push":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if self._handle is not None:
            self.close()
