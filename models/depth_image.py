"""Depth in metres, from a NumPy archive, as what depth cameras are recorded to: a PNG of 16-bit grey, millimetres."""

import io
from pathlib import Path

from . import files

MOST = 65535  # what is farther, or not a number, was not measured: 0


def write(archive: Path) -> None:
    """depth.png beside the archive, whose array `depth` it is, unless it is there."""
    target = archive.with_name("depth.png")
    if target.is_file():
        return
    import numpy as np  # not needed by who has no such archive to read
    from PIL import Image

    with np.load(archive) as arrays:
        millimetres = np.nan_to_num(arrays["depth"].astype(np.float64) * 1000, nan=0.0, posinf=0.0)
    values = np.where(millimetres <= MOST, np.rint(millimetres), 0).astype(np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    files.write(target, buffer.getvalue())
