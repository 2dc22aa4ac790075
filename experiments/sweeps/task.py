"""One run of a sweep, as a worker does it: safe to be killed at any moment, and to be asked for again."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from filelock import FileLock, Timeout

from lobule.case import Case
from lobule.errors import InputError, one_line
from lobule.experiments.folders import is_drawn, read_manifest
from lobule.experiments.identity import code_version
from lobule.experiments.sweeps.store import Store

MOST_ATTEMPTS = 3


class Task(NamedTuple):
    """What a worker must know of a run; plain values, so that any worker understands it."""

    store: str
    run: str
    case: str
    """The case as JSON."""
    seed: int
    labels: Mapping[str, Any]
    session: str
    """Which call of the sweep asks: attempts are counted within one."""
    code: str
    draw: bool
    stem: str = ""
    """Name of the past it shares with other runs, if it shares one."""
    stem_hours: float = 0.0
    """Until when (h)."""


class Report(NamedTuple):
    """How it went."""

    run: str
    status: Literal["done", "failed", "stopped"]
    """``stopped``: not for this run's sake, and no other would do better; a full disk, say."""
    message: str = ""


def perform(task: Task, progress: Any = None) -> Report:
    """Make a run unless it is complete already; go on with what an interrupted one has left.

    Parameters
    ----------
    task : Task
        The run.
    progress : Watcher, optional
        Told how far it is.

    Returns
    -------
    Report
        Never raises but for a keyboard interrupt: what goes wrong in the run becomes its record.
    """
    store = Store(Path(task.store))
    if task.code != code_version():
        return Report(task.run, "stopped", f"a worker on {_host()} has another version of lobule")
    if not store.exists():
        return Report(task.run, "stopped", f"a worker on {_host()} does not see {task.store}")
    try:
        with _lock(store, task):
            try:
                return _locked(task, store, progress)
            finally:
                _attempts_file(store, task).unlink(missing_ok=True)
                (store.locks / task.run).unlink(missing_ok=True)
    except OSError as error:
        return Report(task.run, "stopped", f"{error.filename or task.store}: {error.strerror or error}")


def _lock(store: Store, task: Task, timeout: float = -1.0) -> FileLock:
    """Return the lock of a run; the system takes it away from the dead, so there is no softer one instead."""
    return FileLock(store.locks / task.run, timeout=timeout, fallback_to_soft=False)


def _locked(task: Task, store: Store, progress: Any) -> Report:
    """Do as :func:`perform` says, with no other worker on the same run."""
    folder, partial = store.folder(task.run), store.partial(task.run)
    try:
        if attempts(task) >= MOST_ATTEMPTS:
            return _killed(task, store)
        with _attempts_file(store, task).open("a", encoding="utf-8") as file:
            file.write(f"{task.session} {_mark(task, store)}\n")
        if store.damage(task.run):
            store.remove(folder)
            if not _gone_on(partial, task, progress):
                store.remove(partial)
                _run_anew(partial, task, progress)
            os.replace(partial, folder)
        if task.draw:
            _draw(folder)
    except OSError:
        raise
    except Exception as error:
        return _failed(task, store, _words(error), traceback.format_exc())
    store.forget_failure(task.run)
    return Report(task.run, "done")


def _run_anew(partial: Path, task: Task, progress: Any) -> None:
    from lobule.experiments.runner import run_into

    case = Case.from_json(task.case)
    run_into(partial, case, task.seed, progress=progress, draw=False, stem=_stem(task))


def _stem(task: Task) -> Any:
    from lobule.experiments.stems import Stem

    return Stem(Store(Path(task.store)).stems / task.stem, task.stem_hours) if task.stem else None


def _gone_on(partial: Path, task: Task, progress: Any) -> bool:
    """Go on with an interrupted run; return False where there is none, or none that can be gone on with."""
    from lobule.experiments.runner import CHECKPOINT, resume

    if not (partial / CHECKPOINT).exists():
        return False
    try:
        resume(partial, progress=progress, draw=False, stem=_stem(task))
    except InputError:  # it is damaged
        return False
    return True


def _draw(folder: Path) -> None:
    if not is_drawn(folder):
        from lobule.experiments.figures import draw_run

        draw_run(folder)


def give_up(task: Task) -> Report | None:
    """Record that a run takes down whoever does it; return None when somebody is at work on it after all."""
    store = Store(Path(task.store))
    try:
        with _lock(store, task, timeout=0.0):
            if not store.damage(task.run):
                return Report(task.run, "done")
            report = _killed(task, store)
            _attempts_file(store, task).unlink(missing_ok=True)
            return report
    except Timeout:
        return None


def _killed(task: Task, store: Store) -> Report:
    times = attempts(task)
    error = f"its worker was killed {times} times" if times else "workers die before they can begin it"
    return _failed(task, store, error, "")


def attempts(task: Task) -> int:
    """Return how often a run was begun in this session where it stands now, without getting any further."""
    store = Store(Path(task.store))
    try:
        lines = _attempts_file(store, task).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return 0
    return lines.count(f"{task.session} {_mark(task, store)}")


def _mark(task: Task, store: Store) -> str:
    """Return where a run stands: the hour of its last checkpoint, or that only its pictures are missing."""
    if store.folder(task.run).is_dir():
        return "figures"
    try:
        return f"{float(read_manifest(store.partial(task.run))['hours'])} h"
    except (InputError, KeyError, TypeError, ValueError):
        return "0.0 h"


def _attempts_file(store: Store, task: Task) -> Path:
    return store.locks / f"{task.run}.attempts"


def _failed(task: Task, store: Store, error: str, trace: str) -> Report:
    """Keep what is known of a failed run; what it has written stays in its partial folder."""
    try:
        manifest = read_manifest(store.partial(task.run))
    except InputError:  # it did not come that far
        manifest = {}
    store.record_failure(
        task.run,
        {
            "format": 1,
            **task.labels,
            "error": error,
            "traceback": trace,
            "log": manifest.get("events", []),
            "hours": manifest.get("hours", 0.0),
            "host": _host(),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "code": task.code,
        },
    )
    return Report(task.run, "failed", error)


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, InputError) else one_line(f"{type(error).__name__}: {error}")


def _host() -> str:
    return socket.gethostname()
