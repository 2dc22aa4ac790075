"""The command line: `lobule run`, `sweep`, `sensitivity`, `calibrate`, `collect`, `view`, `plot` ..."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from lobule.errors import InputError, nearest, one_line, shown
from lobule.experiments.arguments import filename, folder, options, positive, setting, whole
from lobule.experiments.exits import BAD_INPUT, DONE, INTERRUPTED, UsageError
from lobule.experiments.many import COMMANDS, add_many
from lobule.experiments.signals import interrupting

DEFAULT_CASE = "hfe-mouse"
SPECIES = ("mouse", "rat", "human")
FORMATS = ("parquet", "csv", "zarr", "ome-tiff", "vtk", "multicellds")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise UsageError(self.prog, message)


def build_parser() -> tuple[Parser, dict[str, Parser]]:
    """Return the parser, and that of each command by its name."""
    parser = Parser(
        prog="lobule",
        allow_abbrev=False,
        description="An iron-loaded liver lobule you can treat.",
        epilog="example: lobule run hfe-mouse --out runs/first\nEach command has --help.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    parsers: dict[str, Parser] = {}

    def add(name: str, words: str, *examples: str) -> Parser:
        parsers[name] = commands.add_parser(
            name,
            help=words,
            description=words[:1].upper() + words[1:] + ".",
            epilog="\n".join(("example:", *(f"  lobule {name} {example}".rstrip() for example in examples))),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        return parsers[name]

    run = add(
        "run",
        "simulate a case and write a run folder",
        "hfe-mouse-msc --seed 3 --out runs/msc",
        "hfe-mouse --days 10 --set tissue.lobules=1 --set diet.iron_percent=2.0",
        "--resume runs/msc",
    )
    run.add_argument("case", nargs="?", metavar="CASE", help=f"built-in case or TOML file ({DEFAULT_CASE})")
    run.add_argument("--days", type=positive, metavar="D", help="length of the run instead of the case's")
    run.add_argument("--seed", type=whole, metavar="N", help="seed instead of the case's")
    run.add_argument("--out", type=folder, metavar="DIR", help="folder to write; a new or an empty one")
    run.add_argument(
        "--set",
        type=setting,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="change the case or a declared parameter; may be given again",
    )
    run.add_argument(
        "--parameters",
        type=filename,
        metavar="FILE",
        help="take parameters from a file (docs/calibration.md)",
    )
    run.add_argument("--resume", type=folder, metavar="DIR", help="go on with an interrupted run")
    add_many(add)
    collect = add(
        "collect",
        "write what a store of runs, or one run, holds as one data set for other tools",
        "results",
        "results --format csv --out table.csv",
        "results/runs/0123456789abcdef --format ome-tiff",
    )
    collect.add_argument("folder", type=folder, metavar="DIR", help="a store of runs or a run folder")
    collect.add_argument(
        "--format",
        choices=FORMATS,
        default=FORMATS[0],
        metavar="NAME",
        help=f"{', '.join(FORMATS)}; tables of the series first, then cells and fields of the snapshots",
    )
    collect.add_argument(
        "--out", type=filename, metavar="PATH", help="file or folder to write, instead of one in DIR"
    )
    collect.add_argument("--sweep", metavar="NAME", help="one of several sweeps of the store (all)")
    mask = add(
        "mask",
        "make a tissue from an image, a label mask or shapes drawn in QuPath",
        "labels.tif",
        "painted.png --um-per-pixel 2.0 --colours central=blue,portal=yellow",
        "biopsy.geojson --um-per-pixel 0.25 --histology biopsy.png --species human",
    )
    mask.add_argument("image", type=filename, metavar="IMAGE", help="TIFF, PNG or GeoJSON")
    mask.add_argument("--out", type=filename, metavar="FILE", help="tissue file to write (IMAGE.tissue.toml)")
    mask.add_argument("--um-per-pixel", type=positive, metavar="X", help="width of a pixel, um")
    mask.add_argument("--pitch", type=positive, metavar="X", help="width of a site, um")
    mask.add_argument(
        "--species",
        choices=("mouse", "rat", "human"),
        default="mouse",
        metavar="NAME",
        help="mouse, rat, human",
    )
    mask.add_argument(
        "--labels",
        type=options,
        metavar="KIND=LABEL,...",
        help="numbers or classes of shapes: central=1,portal=2,outside=0; several as central=1+4",
    )
    mask.add_argument(
        "--colours",
        type=options,
        metavar="KIND=COLOUR,...",
        help="what was painted: central=#0000ff,portal=#ffff00,outside=#ffffff",
    )
    mask.add_argument("--histology", type=filename, metavar="FILE", help="image to show beside it")
    add("cases", "list the built-in cases", "")
    explain = add(
        "explain", "print a case in plain English, with its rules and their sources", "hfe-mouse-msc"
    )
    explain.add_argument("case", metavar="CASE", help="built-in case or TOML file")
    schema = add("schema", "print the JSON schema of the case file, for editors", "--out case.schema.json")
    schema.add_argument("--out", type=Path, metavar="FILE", help="file to write instead of printing")
    view = add(
        "view",
        "watch, question and treat a lobule in the browser, or replay finished runs",
        "hfe-mouse-msc",
        "runs/msc",
        "results --no-open --port 8800",
    )
    view.add_argument(
        "what",
        nargs="?",
        type=filename,
        metavar="CASE or DIR",
        help=f"built-in case, TOML file, run folder or store of runs ({DEFAULT_CASE})",
    )
    view.add_argument(
        "--port", type=whole, metavar="N", help="port on this machine (the first free from 8765)"
    )
    view.add_argument(
        "--no-open", action="store_true", help="do not open the browser, only print the address"
    )
    plot = add(
        "plot",
        "draw the figures of a run or of a sweep, or a film of a run",
        "runs/msc",
        "runs/msc --movie",
        "results",
    )
    plot.add_argument("folder", type=folder, metavar="DIR", help="a run folder or a store of runs")
    plot.add_argument("--sweep", metavar="NAME", help="one of several sweeps of the store (the newest)")
    plot.add_argument("--movie", action="store_true", help="write figures/movie.gif, and .mp4 with ffmpeg")
    plot.add_argument("--frames", type=whole, metavar="N", help="pictures of the film (60)")
    plot.add_argument("--fps", type=whole, metavar="N", help="pictures a second (10)")
    return parser, parsers


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read a command line.

    Raises
    ------
    UsageError
        Naming the nearest command or option.
    """
    parser, parsers = build_parser()
    if argv and not argv[0].startswith("-") and argv[0] not in parsers:
        names = ", ".join(parsers)
        raise UsageError(
            "lobule", f"no command {shown(argv[0])}; there are {names}{nearest(argv[0], parsers)}"
        )
    if argv and argv[0].startswith("-") and argv[0] not in ("-h", "--help", "--version"):
        raise UsageError(
            "lobule", f"no option {argv[0]}; options follow the command: lobule run {argv[0]} ..."
        )
    args, extra = parser.parse_known_args(argv)
    if args.version:
        from lobule import __version__

        print(f"lobule {__version__}")
        raise SystemExit(DONE)
    if args.command is None and not extra:
        parser.print_help()
        raise SystemExit(DONE)
    if extra:
        at = parsers.get(args.command, parser)
        if not extra[0].startswith("-"):
            raise UsageError(at.prog, f"unexpected argument {shown(extra[0])}")
        options = [name for action in at._actions for name in action.option_strings]
        word = extra[0].partition("=")[0]
        raise UsageError(at.prog, f"no option {word}; see {at.prog} --help{nearest(word, options)}")
    args.words = list(argv[1:])
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The command line without the program; that of the process unless given.

    Returns
    -------
    int
        Exit code: 0 done, 2 bad input (one line on standard error says what), 3 some runs of a sweep are
        missing, 130 interrupted, 143 and 129 the same by SIGTERM and SIGHUP.
    """
    with interrupting() as asked:
        try:
            code = _command(sys.argv[1:] if argv is None else argv)
        except OSError:  # nothing can be printed: the terminal is gone
            if asked.code == INTERRUPTED:
                raise
            code = INTERRUPTED
    return asked.code if code == INTERRUPTED else code


def _command(argv: Sequence[str]) -> int:
    """Run one command; whatever stops it becomes a line and an exit code."""
    program = "lobule"
    try:
        args = parse(argv)
        program = f"lobule {args.command}"
        if args.command in COMMANDS:
            return COMMANDS[args.command](args)
        from lobule.experiments import commands

        return int(getattr(commands, args.command)(args))
    except SystemExit as leave:
        return int(leave.code or 0)
    except InputError as error:
        program = getattr(error, "program", program)
        print(f"{program}: {error}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return DONE
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        reason = os.strerror(error.errno) if error.errno else error.strerror or str(error)
        print(f"{program}: {one_line(reason)}{where}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as stop:
        print(f"{program}: interrupted{stop.args[0] if stop.args else ''}", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
