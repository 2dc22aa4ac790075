"""What scripts and notebooks call: one run, or many."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lobule.case import load_case
from lobule.errors import InputError, nearest, shown
from lobule.experiments.folders import (
    MANIFEST,
    check_complete,
    default_folder,
    numbered,
    read_manifest,
)
from lobule.experiments.identity import run_id
from lobule.experiments.sweeps.conduct import Workers, conduct
from lobule.experiments.sweeps.display import Display
from lobule.experiments.sweeps.finished import Run
from lobule.experiments.sweeps.plan import Plan
from lobule.experiments.sweeps.planning import CaseLike, check_whole, make_plan, name_of
from lobule.experiments.sweeps.results import Results
from lobule.experiments.sweeps.store import Store
from lobule.experiments.sweeps.summary import summary
from lobule.files import checked_path


def run(
    case: CaseLike,
    seed: int = 1,
    days: float | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
) -> Run:
    """Run a case, unless the very same run is there already.

    Parameters
    ----------
    case : str, path or Case
        Built-in case, case file, or a case.
    seed : int
        Seed of the run.
    days : float, optional
        Length of the run instead of the case's (days).
    settings : mapping of str to object, optional
        Changes of the case or of declared parameters, by dotted key.
    out : path, optional
        Folder of the run; ``runs/<case>-seed<seed>`` unless given, numbered where another run has that name.

    Returns
    -------
    Run
        The finished run. ``lobule plot`` draws its pictures.

    Raises
    ------
    InputError
        In one line, if anything given is wrong or the folder holds another run.
    """
    loaded = load_case(case, settings)
    if days is not None:
        loaded, notes = loaded.with_days(days)
        _say_all(notes)
    seed = check_whole(seed, "seed")
    from lobule.experiments.runner import resume, run_case

    name = run_id(loaded, seed)
    if out is not None:
        folder = checked_path(out, "out")
    else:
        first, number = default_folder(loaded, seed), 1
        while (folder := numbered(first, number)).exists() and _name_in(folder) != name:
            number += 1
    if _name_in(folder) != name:
        run_case(loaded, seed=seed, out=folder, draw=False)
    elif read_manifest(folder).get("status") != "done":
        resume(folder, draw=False)
    check_complete(folder)
    return Run(folder)


def _name_in(folder: Path) -> str | None:
    """Return the name of the run that a folder holds, None where it holds none."""
    try:
        return str(read_manifest(folder).get("run")) if (folder / MANIFEST).is_file() else None
    except InputError:
        return None


def sweep(
    case: CaseLike | Sequence[CaseLike] | Mapping[str, CaseLike],
    parameters: Mapping[str, Any] | None = None,
    seeds: Iterable[int] = range(1),
    days: float | None = None,
    out: str | os.PathLike[str] = "results",
    workers: int | None = None,
    cluster: Any = None,
    *,
    settings: Mapping[str, Any] | None = None,
    name: str | None = None,
    root: int = 1,
    only_failed: bool = False,
    figures: bool = False,
    progress: bool = True,
) -> Results:
    """Run a case many times, on all cores; finished runs are never done again.

    Parameters
    ----------
    case : str, path or Case, a sequence of them, or a mapping of names to them
        What is run. Several are compared: they share the seeds.
    parameters : mapping of str to list, sampler or value, optional
        What is varied, by dotted key. Lists are crossed with each other; samplers (:func:`latin_hypercube`,
        :func:`sobol`, :func:`morris`) are drawn together.
    seeds : iterable of int
        Numbers of the replicates. Each stands for a seed that comes from `root` and the number alone.
    days : float, optional
        Length of the runs instead of the case's (days).
    out : path
        Store of runs: a new folder or that of earlier sweeps.
    workers : int, optional
        Processes on this machine; one per core unless given, and this process itself where that is one.
    cluster : str or Dask cluster, optional
        Scheduler to use instead, such as ``"tcp://host:8786"``. Its workers see the folder `out`.
    settings : mapping of str to object, optional
        Changes of the case that all runs share.
    name : str, optional
        Name of the sweep; that of the cases unless given.
    root : int
        Where all seeds come from.
    only_failed : bool
        Do the runs again that failed before, and no others.
    figures : bool
        Draw the pictures of every run.
    progress : bool
        Show how far it is.

    Returns
    -------
    Results
        The runs, read when asked for. ``failures`` lists those that failed.

    Raises
    ------
    InputError
        In one line, if anything given is wrong; nothing has been run then.
    KeyboardInterrupt
        When interrupted; what is done stays, and the same call goes on.
    RuntimeError
        If the work had to stop for want of a disk or of workers; what is done stays.
    """
    several = isinstance(case, Sequence) and not isinstance(case, str)
    cases: Any = case if several or isinstance(case, Mapping) else [case]
    name = name_of(dict.fromkeys(load_case(c).name for c in _each(cases))) if name is None else name
    varied = {} if parameters is None else parameters
    plan = make_plan(name, cases, varied, seeds, settings=settings, days=days, root=root)
    store, who = Store(checked_path(out, "out")), Workers.of(workers, cluster)
    carried_out(plan, store, who, only_failed=only_failed, draw=figures, progress=progress)
    return Results(store, [plan])


def carried_out(
    plan: Plan,
    store: Store,
    who: Workers,
    *,
    only_failed: bool = False,
    draw: bool = False,
    progress: bool = True,
) -> None:
    """Do what is left of a plan, as :func:`sweep` does."""
    display = Display(None if progress else io.StringIO())
    outcome = conduct(plan, store, who, only_failed=only_failed, draw=draw, display=display)
    again = "sweep(..., only_failed=True)"
    for line in summary(plan, store, outcome, again, "the same call goes on"):
        if progress:
            print(line, file=sys.stderr)
    if outcome.interrupted:
        raise KeyboardInterrupt
    if outcome.stopped:
        raise RuntimeError(f"{outcome.stopped}; {len(outcome.done)} of {outcome.total} runs are done")


def _say_all(notes: Iterable[str]) -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _each(cases: Any) -> list[Any]:
    return list(cases.values()) if isinstance(cases, Mapping) else list(cases)


def load_results(folder: str | os.PathLike[str], sweep: str | None = None) -> Results:
    """Return the runs that the sweeps of a store have made.

    Parameters
    ----------
    folder : path
        The store.
    sweep : str, optional
        One sweep, by its file in ``sweeps/``, or by its name where only one has it; all of them unless given.

    Raises
    ------
    InputError
        If `folder` is no store of runs, or has no such sweep.
    """
    store = Store(checked_path(folder, "folder"))
    plans, damaged = store.read_plans()
    if not plans and damaged:
        raise InputError(f"{damaged[0]} -> is damaged, and there is no other sweep; run the sweep again")
    if not plans and any(store.runs.iterdir()):
        raise InputError(f"{store.shown} -> has runs but no sweep that says which; run the sweep again")
    if sweep is None:
        return Results(store, plans, damaged)
    chosen = [plan for plan in plans if plan.stem == sweep] or [plan for plan in plans if plan.name == sweep]
    if len(chosen) != 1:
        names = [plan.stem for plan in plans]
        what = "several sweeps" if chosen else "no sweep"
        hint = nearest(str(sweep), [*names, *(plan.name for plan in plans)])
        wrong = f"; damaged: {', '.join(path.stem for path in damaged)}" if damaged else ""
        raise InputError(
            f"{shown(sweep)} -> {what} of this name; there are {', '.join(names) or 'none'}{wrong}{hint}"
        )
    return Results(store, chosen, damaged)
