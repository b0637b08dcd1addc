"""The command line of the zoo. Only the standard library is imported here: what needs torch is imported when it is needed."""

import argparse
import sys
from pathlib import Path

from . import pins
from .fetch import FetchError


def media(args, zoo) -> int:
    from .media import fetch_media
    from .progress import Progress

    progress = Progress(len(zoo.media))
    count = fetch_media(zoo, args.out, progress)
    progress.done(f"{count} fetched, {len(zoo.media) - count} already there")
    return 0


def export(args, zoo) -> int:
    from .export import export

    unknown = [name for name in args.names if name not in zoo.models]
    if unknown:
        print(f"models: no model {unknown[0]!r}; there are: {', '.join(zoo.models)}", file=sys.stderr)
        return 2
    if not export(zoo, args.names or list(zoo.models), args.out):
        print("models: up to date", file=sys.stderr)
    return 0


def reference(args, zoo) -> int:
    from .export import fetch_originals
    from .media import fetch_media
    from .reference import reference

    fetch_media(zoo, args.out)
    fetch_originals(list(zoo.models.values()), args.out)
    if not reference(zoo, args.out):
        print("reference: up to date", file=sys.stderr)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m models", description="Percept's model zoo")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(function, text):
        sub = commands.add_parser(function.__name__, help=text, description=text)
        sub.add_argument("--out", type=Path, default=Path("build"), help="the build directory (default: build)")
        sub.set_defaults(function=function)
        return sub

    names = command(export, "fetch the pinned nets and lower them to .pte files in OUT/models")
    names.add_argument("names", nargs="*", metavar="NAME", help="a model of zoo.toml (default: all)")
    command(media, "fetch the sample media into OUT/media")
    command(reference, "run the hands pipeline on the original nets, into OUT/reference")
    args = parser.parse_args()
    try:
        return args.function(args, pins.load())
    except FetchError as error:
        print(f"models: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nmodels: interrupted; a later run goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
