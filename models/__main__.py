"""The command line of the zoo. Only the standard library is imported here: what needs torch is imported when it is needed."""

import argparse
import sys
from pathlib import Path

from . import index, pins
from .export import ExportError
from .fetch import FetchError

BENCH = "release/bin/bench_depth"  # in the build directory: the way of the node stereo_depth, without a daemon


class UsageError(Exception):
    """The command line names something that is not there."""


def _known(wanted: list[str], known, what: str) -> list[str]:
    for name in wanted:
        if name not in known:
            raise UsageError(f"no {what} {name!r}; there are: {', '.join(known)}")
    return wanted


def _groups(args, zoo) -> list[str]:
    groups = args.group.split(",") if args.group else []
    return zoo.groups if groups == ["all"] else _known(groups, zoo.groups, "group")


def media(args, zoo) -> int:
    from .media import fetch_media
    from .progress import Progress

    folders = set(_known(args.names, {medium.folder for medium in zoo.media}, "folder"))
    names = zoo.of_groups(_groups(args, zoo) or ([] if folders else zoo.default))
    folders |= {folder for name in names for folder in zoo.models[name].media}
    total = sum(medium.folder in folders for medium in zoo.media)
    progress = Progress(total)
    count = fetch_media(zoo, args.out, folders, progress)
    progress.done(f"{count} fetched, {total - count} already there")
    return 0


def export(args, zoo) -> int:
    from .export import export

    names = _known(args.names, zoo.models, "model") + zoo.of_groups(_groups(args, zoo))
    names = list(dict.fromkeys(names or zoo.of_groups(zoo.default)))
    flows = _known(args.flows.split(",") if args.flows else [], pins.FLOWS, "flow") or list(pins.FLOWS)
    if not export(zoo, names, flows, args.out):
        print("models: up to date", file=sys.stderr)
    return 0


def reference(args, zoo) -> int:
    from .export import fetch_originals
    from .media import fetch_media
    from .reference import current, reference
    from .speech_index import MODEL, current as speech_current

    hands, speech = not current(zoo, args.out), not speech_current(zoo, args.out)
    if not hands and not speech:
        print("reference: up to date", file=sys.stderr)
        return 0
    if hands:
        fetch_media(zoo, args.out, {"hands"})
        fetch_originals(zoo, zoo.of_groups(["hands"]), args.out)
        reference(zoo, args.out)
    if speech:
        from .speech_reference import reference as speech_reference

        fetch_media(zoo, args.out, {"speech"})
        fetch_originals(zoo, [MODEL], args.out)
        speech_reference(zoo, args.out)
    return 0


def check(args, zoo) -> int:
    from .noise import to_log

    folder = args.out / "models"
    names = _known(args.names, zoo.models, "model") + zoo.of_groups(_groups(args, zoo))
    flows = (lambda model: model.flows) if names else (lambda model: index.present(folder, model))
    names = names or index.exported(folder, zoo)
    if not names:
        names, flows = zoo.of_groups(zoo.default), lambda model: model.flows
    if broken := index.broken(folder, [zoo.models[name] for name in names], flows):
        print(f"models: not as the index says: {', '.join(broken)}; run: python -m models export", file=sys.stderr)
        return 1
    with to_log(args.out / "models" / "check.log"):
        from .check import check

        return check(zoo, names, args.out, args.json)


def list_(args, zoo) -> int:
    from .listing import listing

    return listing(zoo, args.out, args.json)


def depth_train(args, zoo) -> int:
    from .depth.train import Training

    if args.minutes <= 0:
        raise UsageError(f"--minutes {args.minutes:g}: not above 0")
    try:
        Training(args.net, args.seed, args.minutes, args.resume).run()
    except FileNotFoundError as error:
        raise UsageError(f"nothing to go on from: {error.filename}") from error
    return 0


def depth_judge(args, zoo) -> int:
    from .depth.judge import judge, judge_files
    from .depth.pairs import FOLDERS
    from .media import fetch_media

    fetch_media(zoo, args.out, FOLDERS)
    node = args.out / BENCH if args.node else None
    if node and not node.is_file():
        raise UsageError(f"no {node}: cmake --build --preset release --target bench_depth")
    return judge_files(args.out, args.json) if args.pte else judge(args.out, args.pictures, args.json, node)


def depth_tune(args, zoo) -> int:
    from .depth.learned import load
    from .depth.tune import tune

    print(tune(load("cost")))
    return 0


def depth_draw(args, zoo) -> int:
    from .depth.draw import draw

    return draw(args.pictures)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m models", description="Percept's model zoo")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(function, text, default=None, groups=False, json=False, what="a model of zoo.toml"):
        sub = commands.add_parser(function.__name__.rstrip("_").replace("_", "-"), help=text, description=text)
        sub.add_argument("--out", type=Path, default=Path("build"), help="the build directory (default: build)")
        sub.set_defaults(function=function)
        if default:
            sub.add_argument("names", nargs="*", metavar="NAME", help=f"{what} (default: {default})")
        if default or groups:
            sub.add_argument("--group", metavar="GROUP,...", help="the models of these groups; all: of every group")
        if json:
            sub.add_argument("--json", action="store_true", help="print JSON")
        return sub

    flows = command(export, "fetch the pinned nets and lower them to .pte files in OUT/models", default="the default groups")
    flows.add_argument("--flows", metavar="FLOW,...", help=f"of {', '.join(pins.FLOWS)} (default: all that a model has)")
    folders = "those of the default groups"
    command(media, "fetch the sample media into OUT/media", folders, what="a folder of media")
    command(reference, "run the original nets on the sample media, into OUT/reference")
    command(check, "compare the exported files with the original engine on real input", default="what is exported", json=True)
    command(list_, "list the models: task, licence, source, files, checks", json=True)
    train = command(depth_train, "teach one of the stereo nets on made-up pairs; weights and curve go to models/depth/weights")
    train.add_argument("net", choices=("cost", "refine"))
    train.add_argument("--minutes", type=float, default=240, help="of training in all, those before --resume included (default: 240)")
    train.add_argument("--seed", type=int, default=1, help="of the made-up pairs and the first weights (default: 1)")
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint, with its seed")
    judge = command(depth_judge, "the stereo nets beside OpenCV's StereoSGBM, on real pairs", json=True)
    judge.add_argument("--pte", action="store_true", help="instead: the exported files beside PyTorch's net, at their size")
    judge.add_argument("--node", action="store_true", help=f"instead of the nets: the daemon's matching in C, by OUT/{BENCH}")
    judge.add_argument("--pictures", type=Path, metavar="DIR", help="put pictures of both there")
    command(depth_tune, "find what aggregation pays for steps, on made-up pairs")
    draw = command(depth_draw, "draw made-up pairs and the curves of training")
    draw.add_argument("--pictures", type=Path, metavar="DIR", default=Path("docs/images"), help="where to (default: docs/images)")
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
