"""The characters of a text recognition net, which PaddleOCR puts into the ONNX file's metadata, as a file of one a line: class i + 1
of the net is line i. The blank before them and the space after them are in no file."""

from pathlib import Path

from . import files


def path_of(original: Path) -> Path:
    return original.with_suffix(".keys.txt")


def write(original: Path) -> None:
    """NAME.keys.txt beside NAME.onnx, when it is not there or older."""
    path = path_of(original)
    if path.is_file() and path.stat().st_mtime >= original.stat().st_mtime:
        return
    import onnx

    metadata = {entry.key: entry.value for entry in onnx.load(original, load_external_data=False).metadata_props}
    files.write(path, "\n".join(metadata["character"].splitlines()) + "\n")
