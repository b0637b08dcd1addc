"""Read what the Percept daemon sees.

    import percept

    with percept.connect() as client:
        for sample in client.subscribe("hands"):
            for hand in sample["hands"]:
                print(hand["image"][8])  # the tip of the index finger, pixels

Arrays are read-only views of the shared memory that the daemon writes to; nothing is copied. They
show the sample until the next one is asked for; `Sample.copy()` keeps one. docs/python.md tells the
whole story.
"""

from .client import Client, Subscription, connect
from .errors import (
    AlreadyExists,
    Busy,
    Cancelled,
    Disconnected,
    EndOfStream,
    InputOutput,
    Internal,
    Invalid,
    LimitExceeded,
    Malformed,
    NotFound,
    OutOfMemory,
    PerceptError,
    PermissionDenied,
    TimedOut,
    Unsupported,
    VersionMismatch,
)
from .push import Push
from .recording import read
from .sample import Sample
from .schema import Schema

__all__ = [
    "AlreadyExists",
    "Busy",
    "Cancelled",
    "Client",
    "Disconnected",
    "EndOfStream",
    "InputOutput",
    "Internal",
    "Invalid",
    "LimitExceeded",
    "Malformed",
    "NotFound",
    "OutOfMemory",
    "PerceptError",
    "PermissionDenied",
    "Push",
    "Sample",
    "Schema",
    "Subscription",
    "TimedOut",
    "Unsupported",
    "VersionMismatch",
    "connect",
    "read",
]
