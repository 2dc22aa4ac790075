"""What each command of the command line does, but for those of many runs; each returns an exit code."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from lobule.case import Case, builtin_cases, load_case
from lobule.errors import InputError, shown
from lobule.experiments.cli import DEFAULT_CASE
from lobule.experiments.evidence import read_evidence
from lobule.experiments.exits import DONE, UsageError
from lobule.experiments.explain import explain as explain_case
from lobule.experiments.folders import (
    check_complete,
    check_new_folder,
    check_resumable,
    read_manifest,
)
from lobule.experiments.progress import Progress
from lobule.experiments.signals import leave_alone
from lobule.files import whole
from lobule.kernel_cache import is_warm, mark_warm


def run(args: argparse.Namespace) -> int:
    """Simulate a case, or go on with an interrupted run."""
    progress = Progress()
    try:
        with progress:
            folder = _resume(args, progress) if args.resume is not None else _start(args, progress)
    except KeyboardInterrupt:
        if progress.folder is None or not (progress.folder / "manifest.json").is_file():
            raise
        raise KeyboardInterrupt(f"; go on with: lobule run --resume {progress.folder}") from None
    mark_warm()
    from lobule.experiments.report import report  # it needs the compiler, which looking up does not

    for line in report(folder):
        print(line)
    return 0


def _start(args: argparse.Namespace, progress: Progress) -> Path:
    settings = dict(args.settings)
    if args.parameters is not None:
        from lobule.experiments.calibration.parameterfile import read_parameters

        settings = read_parameters(args.parameters) | settings
    case = load_case(DEFAULT_CASE if args.case is None else args.case, settings)
    for name in case.evidence:
        read_evidence(name)
    notes: list[str] = []
    if args.days is not None:
        case, notes = case.with_days(args.days)
    if args.out is not None:
        check_new_folder(args.out)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    from lobule.experiments.runner import run_case

    _say_when_cold()
    return run_case(case, seed=args.seed, out=args.out, progress=progress)


def _resume(args: argparse.Namespace, progress: Progress) -> Path:
    given = {"CASE": args.case, "--days": args.days, "--seed": args.seed, "--out": args.out}
    given |= {"--set": args.settings or None, "--parameters": args.parameters}
    if also := [name for name, value in given.items() if value is not None]:
        raise UsageError("lobule run", f"--resume goes on with a run as it is: leave out {', '.join(also)}")
    check_resumable(args.resume)
    from lobule.experiments.runner import resume

    _say_when_cold()
    return resume(args.resume, progress=progress)


def _say_when_cold() -> None:
    if not is_warm():
        from lobule.experiments.sweeps.warm import COMPILING

        print(COMPILING, file=sys.stderr)


def collect(args: argparse.Namespace) -> int:
    """Write a data set for other tools."""
    from lobule.experiments.export.collect import collect as write
    from lobule.experiments.export.collect import opened
    from lobule.experiments.sweeps.finished import Run

    results = opened(args.folder, args.sweep)
    path = write(results, args.format, args.out)
    if isinstance(results, Run):
        print(path)
        return DONE
    for line in results.gaps():
        print(line, file=sys.stderr)
    if len(results.plans) > 1:
        names = ", ".join(plan.stem for plan in results.plans)
        print(f"note: {len(results.plans)} sweeps, see column sweep: {names}", file=sys.stderr)
    print(path)
    return DONE


def mask(args: argparse.Namespace) -> int:
    """Make a tissue from an image."""
    from lobule.experiments.masks.make import Options, make_map

    given = {name: getattr(args, name) for name in Options._fields}
    for line in make_map(args.image, Options(**given)):
        print(line, file=sys.stderr if line.startswith("note: ") else sys.stdout)
    return DONE


def cases(args: argparse.Namespace) -> int:
    """List the built-in cases."""
    titles = builtin_cases()
    width = max(map(len, titles))
    for name, title in titles.items():
        print(f"{name:{width}}  {title}")
    return 0


def explain(args: argparse.Namespace) -> int:
    """Print a case in English."""
    case: Case = load_case(args.case)
    for line in list(explain_case(case)):
        print(line)
    return 0


def schema(args: argparse.Namespace) -> int:
    """Print or write the schema of the case file."""
    from lobule.experiments.schema import case_schema

    text = json.dumps(case_schema(), indent=2, ensure_ascii=False) + "\n"
    if args.out is None:
        print(text, end="")
    else:
        write_whole(args.out, text)
        print(args.out)
    return 0


def write_whole(path: Path, text: str) -> None:
    """Write a file in one go: it is there whole, or as it was before.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    if path.is_dir():
        raise InputError(f"--out {path} -> is a folder, not a file")
    try:
        with whole(path) as partial:
            partial.write_text(text, "utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"--out {shown(str(path))} -> cannot be written: {reason}") from None


def view(args: argparse.Namespace) -> int:
    """Serve the page until interrupted."""
    what = Path(DEFAULT_CASE) if args.what is None else args.what
    folders, case = None, None
    if what.is_dir():
        if not (what / "sweeps").is_dir():
            check_complete(what)
        from lobule.experiments.browser.recording import runs_of

        folders = runs_of(what)
    else:
        case = load_case(str(what))
    from lobule.experiments.browser.serve import free_port, serve

    port = free_port(args.port)
    _say_when_cold()
    leave_alone()
    serve(case, folders, port, not args.no_open)
    return DONE


def plot(args: argparse.Namespace) -> int:
    """Draw the figures of a run or of a sweep, or a film of a run."""
    if args.movie or args.frames is not None or args.fps is not None:
        return _film(args)
    if (args.folder / "sweeps").is_dir():
        from lobule.experiments.scripting import load_results
        from lobule.experiments.sweeps.pictures import draw_sweep
        from lobule.experiments.sweeps.store import Store

        results = load_results(args.folder, args.sweep or Store(args.folder).newest())
        draw_sweep(results)
        for line in results.gaps():
            print(line, file=sys.stderr)
        print(args.folder / "figures")
        return DONE
    read_manifest(args.folder)
    from lobule.experiments.figures import draw_run

    draw_run(args.folder)
    print(args.folder / "figures")
    return 0


def _film(args: argparse.Namespace) -> int:
    if not args.movie:
        raise UsageError("lobule plot", "--frames and --fps -> are for a film: add --movie")
    if args.sweep is not None:
        raise UsageError("lobule plot", "--movie and --sweep -> choose one of the two")
    if (args.folder / "sweeps").is_dir():
        raise InputError(
            f"{args.folder} -> is a store of sweeps; --movie needs a run: {args.folder}/runs/..."
        )
    read_manifest(args.folder)
    from lobule.experiments.movie import FPS, FRAMES, film_run

    frames = FRAMES if args.frames is None else args.frames
    for path in film_run(args.folder, frames, FPS if args.fps is None else args.fps):
        print(path)
    return DONE
