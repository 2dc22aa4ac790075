"""`lobule validate`: run published experiments, and write the report."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from lobule.errors import InputError, nearest, shown
from lobule.experiments.evidence import data_sets, read_evidence
from lobule.experiments.sweeps.conduct import Outcome, Workers, conduct
from lobule.experiments.sweeps.store import Store
from lobule.experiments.sweeps.summary import plan_in_words, summary
from lobule.experiments.validation.page import write_report
from lobule.experiments.validation.studies import Courses, study_plan
from lobule.experiments.validation.tally import lines, rows_of, tallies, write_table

SEEDS, QUICK = 20, 3
RUNS = "runs"


def with_targets(names: Sequence[str]) -> list[str]:
    """Return the data sets asked for, or all that have targets when none is named.

    Raises
    ------
    InputError
        If there is no such data set, or it has no targets.
    """
    known = [name for name in data_sets() if read_evidence(name).targets]
    for name in names:
        if name not in known:
            hint = nearest(name, known)
            raise InputError(f"{shown(name)} -> no data set with targets; there are {', '.join(known)}{hint}")
    return list(dict.fromkeys(names)) or known


def validate(
    names: Sequence[str], out: Path, seeds: int, workers: Workers, again: str, *, dry_run: bool = False
) -> Outcome | None:
    """Run what the data sets ask for and is not there yet; write the report of what is there.

    Parameters
    ----------
    names : sequence of str
        Data sets; all with targets when there is none.
    out : Path
        Folder of the report; the runs are in the store ``runs`` inside.
    seeds : int
        Runs of each arm.
    workers : Workers
        Who does them.
    again : str
        The command that goes on.
    dry_run : bool
        Print the plan, and do nothing.
    """
    names = with_targets(names)
    plan = study_plan(names, seeds)
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} -> is a file, not a folder")
    store = Store(out / RUNS)
    if dry_run:
        for line in plan_in_words(plan, store, workers, only_failed=False, draw=False):
            print(line)
        return None
    out.mkdir(parents=True, exist_ok=True)
    outcome = conduct(plan, store, workers)
    for line in summary(
        plan, store, outcome, f"{again} (after what is wrong is mended)", f"go on with: {again}"
    ):
        print(line, file=sys.stderr)
    if not outcome.interrupted:
        for line in _report(names, Courses(store, plan), out, seeds):
            print(line)
    return outcome


def _report(names: Sequence[str], courses: Courses, out: Path, seeds: int) -> Iterator[str]:
    rows = rows_of(names, courses)
    write_table(rows, out / "table.csv")
    page = write_report(rows, courses, out, seeds)
    yield from lines(rows)
    yield from map(str, tallies(rows))
    yield f"table:  {out / 'table.csv'}"
    yield f"report: {page}"
