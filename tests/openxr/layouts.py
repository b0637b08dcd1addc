"""Compares the layouts that openxr_declarations.h has (the program is the argument) with pyopenxr's."""
import ctypes
import subprocess
import sys

import xr


def snake(name):
    """DepthImageMETA as an enumerator: DEPTH_IMAGE_META."""
    out = ""
    for i, c in enumerate(name):
        if c.isupper() and i and (name[i - 1].islower() or name[i - 1].isdigit()):
            out += "_"
        out += c.upper()
    return out


def offsets(struct):
    fields = [name for base in reversed(struct.__mro__) for name, *_ in vars(base).get("_fields_", [])]
    return [getattr(struct, name).offset for name in fields]


rows = subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout.splitlines()
assert len(rows) > 15, rows
for name, kind, size, *places in (row.split() for row in rows):
    struct = getattr(xr, name)
    ours = (int(kind), int(size), [int(p) for p in places])
    theirs = (xr.StructureType[snake(name)].value, ctypes.sizeof(struct), offsets(struct))
    assert ours == theirs, f"{name}: {ours}, pyopenxr has {theirs}"
assert xr.Result.ENVIRONMENT_DEPTH_NOT_AVAILABLE_META.value == 1000291000
print(f"{len(rows)} structs are the same")
