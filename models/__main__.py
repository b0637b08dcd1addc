"""The command line of the zoo. Only the standard library is imported here: what needs torch is imported when it is needed."""

import argparse
import sys
from pathlib import Path

from . import index, pins
from .export import ExportError
from .fetch import FetchError


class UsageError(Exception):
    """The command line names something that is not there."""


def _known(wanted: list[str], known, what: str) -> list[str]:
    for name in wanted:
        if name not in known:
            raise UsageError(f"no {what} {name!r}; there are: {', '.join(known)}")
    return wanted or list(known)


def media(args, zoo) -> int:
    from .media import fetch_media
    from .progress import Progress

    progress = Progress(len(zoo.media))
    count = fetch_media(zoo, args.out, progress)
    progress.done(f"{count} fetched, {len(zoo.media) - count} already there")
    return 0


def export(args, zoo) -> int:
    from .export import export

    names = _known(args.names, zoo.models, "model")
    flows = _known(args.flows.split(",") if args.flows else [], index.FLOWS, "flow")
    if not export(zoo, names, flows, args.out):
        print("models: up to date", file=sys.stderr)
    return 0


def reference(args, zoo) -> int:
    from .export import fetch_originals
    from .media import fetch_media
    from .reference import current, reference

    if current(zoo, args.out):
        print("reference: up to date", file=sys.stderr)
        return 0
    fetch_media(zoo, args.out)
    fetch_originals(zoo, args.out)
    reference(zoo, args.out)
    return 0


def check(args, zoo) -> int:
    from .noise import to_log

    names = _known(args.names, zoo.models, "model")
    if broken := index.broken(args.out / "models", names):
        print(f"models: not as the index says: {', '.join(broken)}; run: python -m models export", file=sys.stderr)
        return 1
    with to_log(args.out / "models" / "check.log"):
        from .check import check

        return check(zoo, names, args.out, args.json)


def list_(args, zoo) -> int:
    from .listing import listing

    return listing(zoo, args.out, args.json)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m models", description="Percept's model zoo")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(function, text, names=False, json=False):
        sub = commands.add_parser(function.__name__.rstrip("_"), help=text, description=text)
        sub.add_argument("--out", type=Path, default=Path("build"), help="the build directory (default: build)")
        sub.set_defaults(function=function)
        if names:
            sub.add_argument("names", nargs="*", metavar="NAME", help="a model of zoo.toml (default: all)")
        if json:
            sub.add_argument("--json", action="store_true", help="print JSON")
        return sub

    flows = command(export, "fetch the pinned nets and lower them to .pte files in OUT/models", names=True)
    flows.add_argument("--flows", metavar="FLOW,...", help=f"of {', '.join(index.FLOWS)} (default: all)")
    command(media, "fetch the sample media into OUT/media")
    command(reference, "run the hands pipeline on the original nets, into OUT/reference")
    command(check, "compare the exported files with the original engine on real input", names=True, json=True)
    command(list_, "list the models: task, licence, source, files, checks", json=True)
    return top


def main() -> int:
    args = parser().parse_args()
    try:
        return args.function(args, pins.load())
    except UsageError as error:
        print(f"models: {error}", file=sys.stderr)
        return 2
    except (FetchError, ExportError) as error:
        print(f"models: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nmodels: interrupted; a later run goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
