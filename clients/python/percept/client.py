"""The connection to a daemon, and subscriptions to its topics."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import threading
import time
import weakref
from typing import Any, AsyncIterator, Callable, Dict, Iterator, List, Optional

import numpy as np

from . import _library
from ._library import check, lib
from .errors import (
    Disconnected,
    EndOfStream,
    Invalid,
    Malformed,
    NotFound,
    PerceptError,
    TimedOut,
    error_for,
)
from .push import Push
from .sample import Sample
from .schema import Schema

_PATIENCE_NS = 200_000_000  # how long a wait in C may last: Ctrl-C is looked at in between

ConnectionCallback = Callable[[bool], None]
EndedCallback = Callable[["Subscription", PerceptError], None]


def connect(
    path: Optional[str] = None,
    on_connection: Optional[ConnectionCallback] = None,
    on_ended: Optional[EndedCallback] = None,
    wait: float = 0.0,
) -> "Client":
    """Connect to a daemon.

    path           of its socket; None: $PERCEPT_SOCKET, else $XDG_RUNTIME_DIR/percept.sock, else
                   /run/percept/percept.sock
    on_connection  called with False when the daemon has gone and with True when it is back and all
                   subscriptions are
    on_ended       called with a subscription that the daemon has ended, and why: its permission was
                   revoked
    wait           seconds for the daemon to come up

    Both functions are called from within other methods of the client, and can't call any of them. What they
    raise is raised by that method. NotFound or Disconnected when no daemon listens.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            return Client(path, on_connection, on_ended)
        except (NotFound, Disconnected):
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)


class Client:
    """A connection. It comes back by itself when the daemon does. Threads take turns: a method waits
    until the one that another thread has called is done."""

    def __init__(
        self,
        path: Optional[str] = None,
        on_connection: Optional[ConnectionCallback] = None,
        on_ended: Optional[EndedCallback] = None,
    ):
        self._handle: Optional[int] = None
        self._path = path
        self._lock = threading.Lock()
        self._line = threading.Lock()  # held by who is next: nobody gets two turns past the others
        self._owner: Optional[int] = None  # the thread whose turn it is
        self._raised: Optional[BaseException] = None  # in a callback
        self._dropped: List[int] = []  # subscriptions that nobody refers to any more
        self._subscriptions: Dict[int, Any] = {}
        self._schemas: Dict[str, Any] = {}
        self._on_connection, self._on_ended = on_connection, on_ended
        # Referred to, since C does not.
        self._c_connection = _library.ConnectionFunction(self._connection_changed)
        self._c_ended = _library.EndedFunction(self._subscription_ended)
        handle, error = ctypes.c_void_p(), _library.Error()
        text = None if path is None else str(path).encode()
        check(lib.percept_connect(text, ctypes.byref(handle), ctypes.byref(error)), error)
        self._handle = handle.value
        lib.percept_on_connection(self._handle, self._c_connection, None)
        lib.percept_on_ended(self._handle, self._c_ended, None)

    # ---- turns ----

    @contextlib.contextmanager
    def _turn(self) -> Iterator[int]:
        """The right to call into C. What was left to do is done at the begin, what callbacks raised is
        raised at the end."""
        if self._owner == threading.get_ident():
            raise RuntimeError("called from within a callback of the client")
        with self._line:
            self._lock.acquire()
        try:
            if self._handle is None:
                raise Invalid("the client is closed")
            self._owner = threading.get_ident()
            try:
                while self._dropped:
                    lib.percept_unsubscribe(self._dropped.pop())
                yield self._handle
            finally:
                self._owner = None
                raised, self._raised = self._raised, None
        finally:
            self._lock.release()
        if raised is not None:
            raise raised

    def _connection_changed(self, _context: Any, connected: int) -> None:
        try:
            if connected:
                self._schemas.clear()  # another daemon may describe them in another way
            if self._on_connection is not None:
                self._on_connection(bool(connected))
        except BaseException as error:  # can't pass through C
            self._raised = error

    def _subscription_ended(self, _context: Any, handle: int, why: Any) -> None:
        try:
            subscription = self._subscriptions.get(handle, lambda: None)()
            if self._on_ended is not None and subscription is not None:
                error = why.contents
                self._on_ended(
                    subscription, error_for(error.status, error.message.decode(errors="replace"))
                )
        except BaseException as error:
            self._raised = error

    # ---- topics ----

    def subscribe(
        self,
        topic: str,
        reading: str = "latest",
        schema: Optional[str] = None,
        depth: int = 0,
        spin: float = 0.0,
    ) -> "Subscription":
        """Read a topic.

        reading  "latest" skips to the newest sample: for anything live. "queue" gives every sample in
                 order, from the oldest that the daemon still has.
        schema   refuse a topic of another one (VersionMismatch)
        depth    of a queue: begin with the newest so many samples, and never be further behind; 0: as many
                 as the daemon has
        spin     seconds, at most 0.1, that a wait looks again and again before it sleeps: takes a processor and
                 spares the wake-up

        NotFound, PermissionDenied, LimitExceeded, VersionMismatch.
        """
        return Subscription(self, topic, reading, schema, depth, spin)

    def topics(self) -> List[Dict[str, Any]]:
        """The daemon's topics: name, schema and counters of each (docs/status.md)."""
        return self.query("topics")["topics"]

    def query(self, what: str) -> Dict[str, Any]:
        """Ask the daemon about its state: "status" (docs/status.md), "schemas", ..."""
        text, error = ctypes.c_void_p(), _library.Error()
        with self._turn() as handle:
            status = lib.percept_query(
                handle, what.encode(), ctypes.byref(text), ctypes.byref(error)
            )
        check(status, error)
        return _take_json(text)

    # ---- the transcript ----

    def history(
        self,
        topic: Optional[str] = None,
        search: Optional[str] = None,
        since: float = 0,
        until: float = 0,
        after: int = 0,
    ) -> Iterator[Dict[str, Any]]:
        """What was said and kept, the oldest first: a dict a line (docs/transcript.md), page by page as
        they are wanted.

        topic   only of this one; None: all that we may read
        search  with all of these words; wor* for a beginning
        since   that ended after, until: that began before; seconds since 1970, as time.time() has them
        after   with a higher id

        PermissionDenied, NotFound when no transcript is kept, Invalid.
        """
        wish = _library.History(after=after, from_ns=int(since * 1e9), to_ns=int(until * 1e9))
        wish.topic = None if topic is None else topic.encode()
        wish.search = None if search is None else search.encode()
        more = True
        while more:
            text, error = ctypes.c_void_p(), _library.Error()
            with self._turn() as handle:
                status = lib.percept_history(
                    handle, ctypes.byref(wish), ctypes.byref(text), ctypes.byref(error)
                )
            check(status, error)
            page = _take_json(text)
            yield from page["lines"]
            more = page["more"] and bool(page["lines"])
            if more:
                wish.after = page["lines"][-1]["id"]

    def forget(self, seconds: Optional[int] = None, everything: bool = False) -> int:
        """Erase what was said in the last so many seconds, or everything, for good; how many lines that
        were. For administrators (PermissionDenied)."""
        if (seconds is None) != everything or (seconds is not None and not 0 < seconds < 1 << 63):
            raise Invalid("forget takes seconds above 0, or everything=True")
        lines, error = ctypes.c_uint64(), _library.Error()
        with self._turn() as handle:
            status = lib.percept_forget(
                handle,
                _library.FORGET_ALL if seconds is None else seconds,
                ctypes.byref(lines),
                ctypes.byref(error),
            )
        check(status, error)
        return lines.value

    # ---- sound ----

    def push(
        self,
        pipeline: str,
        rate: int = 16000,
        channels: int = 1,
        dtype: str = "int16",
        on_connection: Optional[ConnectionCallback] = None,
    ) -> Push:
        """Be what a pipeline with a source `audio_stream` hears: 8000 to 192000 frames a second of 1 to 8
        channels, "int16" or "float32".

            with client.push("phone", rate=48000) as phone:
                for block in microphone:
                    phone.write(block)

        on_connection  called from within write, with False when the daemon has gone and with True when it is
                       back and hears us again; it can't call the push, and what it raises write does

        PermissionDenied: nobody may who was not granted to; NotFound; Busy when somebody else pushes, or the
        pipeline rests; Invalid, LimitExceeded.
        """
        if self._handle is None:
            raise Invalid("the client is closed")
        return Push(self._path, pipeline, rate, channels, dtype, on_connection)

    def _schema(self, name: str) -> Schema:
        if not self._schemas:
            rows = self.query("schemas")["schemas"]
            self._schemas = {row["name"]: row for row in rows}
        return Schema(name, self._schemas.get(name))

    # ---- permissions ----

    def grant(
        self, what: str, uid: int = -1, executable: Optional[str] = None, seconds: int = 0
    ) -> None:
        """Let somebody read a topic or a class of topics: docs/permissions.md. uid -1: anybody who runs
        the executable; seconds 0: until it is revoked. For administrators (PermissionDenied)."""
        self._change(lib.percept_grant, what, uid, executable, seconds)

    def revoke(
        self, what: Optional[str] = None, uid: int = -1, executable: Optional[str] = None
    ) -> None:
        """End every grant that fits. NotFound when none does."""
        self._change(lib.percept_revoke, what, uid, executable, 0)

    def _change(
        self, function: Any, what: Optional[str], uid: int, executable: Optional[str], seconds: int
    ) -> None:
        grant, error = _library.Grant(), _library.Error()
        grant.what = None if what is None else what.encode()
        grant.executable = None if executable is None else str(executable).encode()
        grant.uid, grant.seconds = uid, seconds
        with self._turn() as handle:
            status = function(handle, ctypes.byref(grant), ctypes.byref(error))
        check(status, error)

    # ---- the end ----

    def close(self) -> None:
        """Hang up; all subscriptions end. Arrays of samples stay readable, with whatever is in them."""
        if self._owner == threading.get_ident():
            raise RuntimeError("called from within a callback of the client")
        with self._line, self._lock:
            handle, self._handle = self._handle, None
            self._dropped.clear()
            self._subscriptions.clear()
            if handle is not None:
                lib.percept_disconnect(handle)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if self._handle is not None:  # nobody can be inside: that would refer to us
            lib.percept_disconnect(self._handle)


class Subscription:
    """Samples of a topic, one at a time. Made by Client.subscribe; an iterator, with `for` and with
    `async for`, that ends when the topic does."""

    def __init__(
        self,
        client: Client,
        topic: str,
        reading: str,
        schema: Optional[str],
        depth: int,
        spin: float,
    ):
        self._handle: Optional[int] = None
        if reading not in ("latest", "queue"):
            raise Invalid(f'reading is "latest" or "queue", not {reading!r}')
        if not (0 <= depth < 1 << 32 and 0 <= spin <= 0.1):
            raise Invalid(f"a depth of {depth} or a spin of {spin} s, which is at most 0.1")
        self._client = client
        self._memory: Optional[_library.Memory] = None
        self._raw, self._error = _library.RawSample(), _library.Error()
        self.topic = topic
        if schema is None:
            rows = [row["schema"] for row in client.topics() if row["name"] == topic]
            schema = rows[0] if rows else None
        # Naming the schema keeps views right even when a daemon comes back with another one.
        options = _library.SubscribeOptions(
            reading=["latest", "queue"].index(reading),
            schema=None if schema is None else schema.encode(),
            depth=depth,
            spin_us=int(spin * 1e6),
        )
        self.schema = Schema("", None) if schema is None else client._schema(schema)
        handle = ctypes.c_void_p()
        with client._turn() as connection:
            status = lib.percept_subscribe(
                connection, topic.encode(), ctypes.byref(options), ctypes.byref(handle),
                ctypes.byref(self._error),
            )
            check(status, self._error)
            self._handle = handle.value or 0
            client._subscriptions[self._handle] = weakref.ref(self)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[int]:
        with self._client._turn():
            if self._handle is None:
                raise Invalid(f"the subscription of {self.topic!r} is closed")
            yield self._handle

    def _take(self, timeout_ns: int) -> Optional[Sample]:
        raw = self._raw
        with self._turn() as handle:
            status = lib.percept_next(
                handle, timeout_ns, ctypes.byref(raw), ctypes.byref(self._error)
            )
            if status == TimedOut.status:
                return None
            check(status, self._error)
            if self._memory is None or not self._memory.has(raw.data):
                self._memory = _library.Memory(handle)
            payload = np.frombuffer(self._memory.view(raw.data, raw.size), np.uint8)
            return Sample(
                self.topic, self.schema, raw.sequence, raw.capture_ns, raw.publish_ns, raw.lost,
                payload,
            )

    def next(self, timeout: Optional[float] = None) -> Sample:
        """Wait for the next sample; arrays of the one before may change from then on.

        timeout  seconds; 0 does not wait, None waits for ever, for a daemon that is away, too

        TimedOut; EndOfStream when the topic has ended; PermissionDenied when it is not permitted any
        more: when it is again, subscribe again.
        """
        deadline = None if timeout is None else time.monotonic_ns() + int(timeout * 1e9)
        while True:
            wait = _PATIENCE_NS
            if deadline is not None:
                wait = min(wait, max(0, deadline - time.monotonic_ns()))
            sample = self._take(wait)
            if sample is not None:
                return sample
            if deadline is not None and time.monotonic_ns() >= deadline:
                raise TimedOut(f"nothing new on topic {self.topic!r}")

    def poll(self) -> Optional[Sample]:
        """The next sample if there is one, else None. Does not wait."""
        return self._take(0)

    def release(self) -> None:
        """Give the sample back early: its arrays may change from then on."""
        with self._turn() as handle:
            lib.percept_release(handle)

    def fileno(self) -> int:
        """For select and the like: a descriptor that is readable when poll() may have something to say. Call
        that until it gives None, then wait again. The same across reconnects; ours to close."""
        with self._turn() as handle:
            descriptor = lib.percept_subscription_fd(handle)
        if descriptor < 0:
            raise OSError("out of descriptors")
        return descriptor

    def __iter__(self) -> Iterator[Sample]:
        return self

    def __next__(self) -> Sample:
        try:
            return self.next()
        except EndOfStream:
            raise StopIteration from None

    def __aiter__(self) -> AsyncIterator[Sample]:
        return self

    async def __anext__(self) -> Sample:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sample = self.poll()
            except EndOfStream:
                raise StopAsyncIteration from None
            if sample is not None:
                return sample
            ready = loop.create_future()
            descriptor = self.fileno()
            loop.add_reader(descriptor, _wake, ready)
            try:
                await ready
            finally:
                loop.remove_reader(descriptor)

    def unsubscribe(self) -> None:
        """Stop. Arrays of samples stay readable, with whatever is in them."""
        if self._handle is None:
            return
        with self._client._turn():
            handle, self._handle = self._handle, None
            self._client._subscriptions.pop(handle, None)
            lib.percept_unsubscribe(handle)

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, *_: Any) -> None:
        if self._client._handle is not None:
            self.unsubscribe()

    def __del__(self) -> None:
        # Collected anywhere, any time: the client's next turn does the rest.
        if self._handle is not None and self._client._handle is not None:
            self._client._subscriptions.pop(self._handle, None)
            self._client._dropped.append(self._handle)


def _take_json(text: ctypes.c_void_p) -> Dict[str, Any]:
    try:
        return json.loads(ctypes.string_at(text.value or 0).decode())
    except ValueError as cause:
        raise Malformed(f"the daemon's answer is no JSON: {cause}") from None
    finally:
        _library.free(text)


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
