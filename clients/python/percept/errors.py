"""An exception for each status of base/status.h; where Python has a fitting one, it is that, too."""

from __future__ import annotations

import builtins
from typing import Dict, Type


class PerceptError(Exception):
    """What went wrong, in words. `status` is its number in base/status.h."""

    status = 0


class Invalid(PerceptError, ValueError):
    status = -1


class OutOfMemory(PerceptError, MemoryError):
    status = -2


class InputOutput(PerceptError, OSError):
    status = -3


class NotFound(PerceptError, LookupError):
    """No daemon listens there, or it has no such topic."""

    status = -4


class Unsupported(PerceptError):
    status = -5


class Malformed(PerceptError, ValueError):
    """Data that contradicts itself: of a damaged recording, of a daemon that is none."""

    status = -6


class LimitExceeded(PerceptError):
    """The daemon is full, or a quota is used up; the text names it."""

    status = -7


class Busy(PerceptError):
    status = -8


class TimedOut(PerceptError, builtins.TimeoutError):
    status = -9


class PermissionDenied(PerceptError, builtins.PermissionError):
    """Not granted, or no longer: docs/permissions.md."""

    status = -10


class Disconnected(PerceptError, builtins.ConnectionError):
    status = -11


class AlreadyExists(PerceptError):
    status = -12


class VersionMismatch(PerceptError):
    """The topic has another schema than was asked for, or the daemon speaks another protocol."""

    status = -13


class Cancelled(PerceptError):
    status = -14


class EndOfStream(PerceptError):
    """The topic has ended for good."""

    status = -15


class Internal(PerceptError):
    status = -16


BY_STATUS: Dict[int, Type[PerceptError]] = {
    kind.status: kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, PerceptError) and kind.status
}


def error_for(status: int, message: str) -> PerceptError:
    error = BY_STATUS.get(status, PerceptError)(message)
    error.status = status
    return error
