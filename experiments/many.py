"""Commands that do many runs: their words on the command line, and what they do."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lobule.experiments.arguments import count, filename, folder, options
from lobule.experiments.exits import DONE, INTERRUPTED, SOME_FAILED, UsageError

if TYPE_CHECKING:
    from lobule.experiments.sweeps.plan import Plan

MANY = 50_000  # cases that take so long to work out that one says so


def add_many(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to the command line."""
    sweep = add(
        "sweep",
        "run a case many times, as a sweep file says, on all cores or a cluster",
        "dose.toml --out results",
        "dose.toml --dry-run",
        "dose.toml --cluster tcp://host:8786",
        "dose.toml --slurm jobs=20,queue=short,walltime=02:00:00",
    )
    sweep.add_argument("file", type=filename, metavar="FILE", help="a sweep file (docs/sweeps.md)")
    _many_runs(sweep, "results", "store of runs")
    sweep.add_argument("--figures", action="store_true", help="draw the pictures of every run")
    sensitivity = add(
        "sensitivity",
        "learn which parameters matter for which readouts, as a sensitivity file says",
        "screening.toml --out screening",
        "screening.toml --dry-run",
    )
    sensitivity.add_argument(
        "file", type=filename, metavar="FILE", help="a sensitivity file (docs/sensitivity.md)"
    )
    _many_runs(sensitivity, "sensitivity", "store of runs, with indices and pictures beside them")
    compare = add(
        "compare",
        "hold arms against each other on the same virtual patients, as a comparison file says",
        "msc-dose-mouse --quick",
        "mine.toml --out comparison",
        "mine.toml --dry-run",
    )
    compare.add_argument(
        "file",
        type=filename,
        metavar="FILE",
        help="a comparison file (docs/comparisons.md), or a built-in one",
    )
    compare.add_argument("--quick", action="store_true", help="as the file says under [quick]: 3 patients")
    _many_runs(compare, "comparison", "store of runs, with report, tables and pictures beside them")
    trial = add(
        "trial",
        "conduct a virtual trial, from screening to the report, as a trial file says",
        "phase2-msc-hfe --quick",
        "mine.toml --out trial",
        "mine.toml --dry-run",
    )
    trial.add_argument(
        "file", type=filename, metavar="FILE", help="a trial file (docs/trials.md), or a built-in one"
    )
    trial.add_argument("--quick", action="store_true", help="as the file says under [quick]: fewer patients")
    _many_runs(trial, "trial", "store of runs, with report, tables and pictures beside them")
    optimise = add(
        "optimise",
        "find the best schedule of treatments under limits, as an optimisation file says",
        "personal-schedule-human --quick",
        "mine.toml --out optimisation",
        "mine.toml --dry-run",
    )
    optimise.add_argument(
        "file",
        type=filename,
        metavar="FILE",
        help="an optimisation file (docs/optimisation.md), or a built-in one",
    )
    optimise.add_argument(
        "--quick", action="store_true", help="as the file says under [quick]: a small search"
    )
    _many_runs(optimise, "optimisation", "store of runs, with report, table and case files", failed=False)
    validate = add(
        "validate",
        "run published experiments and show simulated beside published",
        "--quick",
        "zhou-1998 iredale-1998 --seeds 10 --out validation",
    )
    validate.add_argument("names", nargs="*", metavar="DATA-SET", help="data sets (all that have targets)")
    validate.add_argument("--quick", action="store_true", help="3 seeds instead of 20")
    validate.add_argument("--seeds", type=count, metavar="N", help="runs of each arm (20)")
    _many_runs(validate, "validation", "store of runs, with report, table and pictures beside them")
    calibrate = add(
        "calibrate",
        "find the parameters with which the model agrees with published data, as a calibration file says",
        "iron.toml --out calibration",
        "iron.toml --dry-run",
    )
    calibrate.add_argument(
        "file", type=filename, metavar="FILE", help="a calibration file (docs/calibration.md)"
    )
    _many_runs(calibrate, "calibration", "folder of the result", failed=False)


def _many_runs(parser: argparse.ArgumentParser, out: str, what: str, *, failed: bool = True) -> None:
    """Add the options of a command that does many runs, of which those that failed may be done again."""
    parser.add_argument("--out", type=folder, default=Path(out), metavar="DIR", help=f"{what} ({out})")
    parser.add_argument("--workers", type=count, metavar="N", help="processes on this machine (one per core)")
    parser.add_argument("--cluster", metavar="ADDRESS", help="a Dask scheduler, such as tcp://host:8786")
    parser.add_argument(
        "--slurm",
        type=options,
        metavar="KEY=VALUE,...",
        help="submit workers as SLURM jobs: jobs=20 and what dask-jobqueue knows: queue, account, memory ...",
    )
    if failed:
        parser.add_argument("--failed", action="store_true", help="do just the runs again that failed before")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan and what it will take, and leave"
    )


def sweep(args: argparse.Namespace) -> int:
    """Run a sweep, or say what it would be."""
    from lobule.experiments.sweeps.sweepfile import read_sweep

    _check_workers(args)
    return _do_many(args, read_sweep(args.file), args.figures)


def sensitivity(args: argparse.Namespace) -> int:
    """Do the runs of a study, or say what they would be; then say which parameters matter."""
    from lobule.experiments.sensitivities.study import BLOCKS
    from lobule.experiments.sensitivities.studyfile import read_study

    _check_workers(args)
    study = read_study(args.file)
    if args.dry_run:
        print(f"{study.method}: {study.number:,} {BLOCKS[study.method]} of {study.block} points each")
    code = _do_many(args, study.plan)
    if args.dry_run or code not in (DONE, SOME_FAILED):
        return code
    from lobule.experiments.sensitivities.findings import conclude, in_words
    from lobule.experiments.sweeps.conduct import look
    from lobule.experiments.sweeps.store import Store

    store = Store(args.out)
    if look(study.plan, store).todo:  # it was stopped
        return code
    for analysis in conclude(study, store):
        for line in in_words(study, analysis):
            print(line)
    print(args.out)
    return code


def compare(args: argparse.Namespace) -> int:
    """Do the runs of a comparison, or say what they would be; then say what the treatments do."""
    from lobule.experiments.comparisons.comparison import read_comparison

    _check_workers(args)
    comparison = read_comparison(args.file, quick=args.quick)
    code = _do_many(args, comparison.plan)
    if args.dry_run or code not in (DONE, SOME_FAILED):
        return code
    from lobule.experiments.comparisons.conclusion import REPORT, conclude
    from lobule.experiments.comparisons.words import lines
    from lobule.experiments.sweeps.conduct import look
    from lobule.experiments.sweeps.store import Store

    store = Store(args.out)
    if look(comparison.plan, store).todo:  # it was stopped
        return code
    findings = conclude(comparison, store)
    for line in lines(comparison, findings):
        print(line)
    print(f"report: {store.shown / REPORT}")
    return code


def trial(args: argparse.Namespace) -> int:
    """Screen, randomise and treat virtual patients, or say what that would be; then say what was found."""
    from lobule.experiments.sweeps.conduct import look
    from lobule.experiments.sweeps.store import Store
    from lobule.experiments.trials.conclusion import REPORT, conclude, included_of
    from lobule.experiments.trials.trial import read_trial
    from lobule.experiments.trials.words import lines

    _check_workers(args)
    trial, store = read_trial(args.file, quick=args.quick), Store(args.out)
    if (screening := trial.screening()) is not None:
        code = _do_many(args, screening)
        if code not in (DONE, SOME_FAILED):
            return code
        if look(screening, store).todo:
            if args.dry_run:
                print("then, if all of them are included:")
                return _do_many(args, trial.plan(range(trial.patients)))
            return code  # it was stopped
    found = included_of(trial, store)
    plan = trial.plan(found.included)
    code = max(_do_many(args, plan), SOME_FAILED if found.missing else DONE)
    if args.dry_run or code not in (DONE, SOME_FAILED) or look(plan, store).todo:
        return code
    concluded = conclude(trial, store, found, plan)
    for line in lines(trial, concluded.findings, found):
        print(line)
    print(f"report: {store.shown / REPORT}")
    return code


def optimise(args: argparse.Namespace) -> int:
    """Find the best schedule of treatments under limits."""
    from lobule.experiments.optimisations import command

    _check_workers(args)
    return command.optimise(args)


def calibrate(args: argparse.Namespace) -> int:
    """Find the parameters with which the model agrees with published data."""
    from lobule.experiments.calibration import command

    _check_workers(args)
    return command.calibrate(args)


def _check_workers(args: argparse.Namespace) -> None:
    """Refuse options that say twice who does the runs."""
    program = f"lobule {args.command}"
    if args.cluster is not None and args.slurm is not None:
        raise UsageError(program, "--cluster and --slurm -> choose one of the two")
    if args.workers is not None and (args.cluster is not None or args.slurm is not None):
        raise UsageError(program, "--workers -> is for this machine: leave out --cluster and --slurm")


def _do_many(args: argparse.Namespace, plan: Plan, draw: bool = False) -> int:
    """Do the runs of a plan, or say what they would be."""
    if (number := len(plan.arms) * len(plan.points)) > MANY:
        print(f"working out {number:,} cases", file=sys.stderr)
    from lobule.experiments.sweeps.conduct import Workers, conduct
    from lobule.experiments.sweeps.store import Store
    from lobule.experiments.sweeps.summary import plan_in_words, summary

    store, who = Store(args.out), Workers.of(args.workers, args.cluster, args.slurm)
    if args.dry_run:
        for line in plan_in_words(plan, store, who, only_failed=args.failed, draw=draw):
            print(line)
        return DONE
    outcome = conduct(plan, store, who, only_failed=args.failed, draw=draw)
    command = shlex.join(["lobule", args.command, *(word for word in args.words if word != "--failed")])
    for line in summary(plan, store, outcome, f"{command} --failed", f"go on with: {command}"):
        print(line, file=sys.stderr if line.startswith(("stopped", "interrupted")) else sys.stdout)
    if outcome.interrupted:
        return INTERRUPTED
    return SOME_FAILED if outcome.failures or outcome.left else DONE


def validate(args: argparse.Namespace) -> int:
    """Hold the model against published experiments."""
    from lobule.experiments.sweeps.store import Store
    from lobule.experiments.validation.conclusion import conclude
    from lobule.experiments.validation.studies import QUICK, SEEDS, study_plan, with_targets

    _check_workers(args)
    if args.quick and args.seeds is not None:
        raise UsageError("lobule validate", "--quick and --seeds -> choose one of the two")
    names = with_targets(args.names)
    plan = study_plan(names, QUICK if args.quick else SEEDS if args.seeds is None else args.seeds)
    code = _do_many(args, plan)
    if not args.dry_run and code in (DONE, SOME_FAILED):
        for line in conclude(names, plan, Store(args.out)):
            print(line)
    return code


#: What each command does, by its name.
COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "sweep": sweep,
    "sensitivity": sensitivity,
    "compare": compare,
    "trial": trial,
    "optimise": optimise,
    "validate": validate,
    "calibrate": calibrate,
}
