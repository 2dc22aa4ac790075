"""Where the runs of sweeps are kept: one folder for each, named by what determines it.

sweeps/       the plans, one JSON file each
runs/         <id>/ a complete run, <id>.partial/ one that is under way or was interrupted
failures/     <id>.json, what is known of a run that failed
locks/        <id> and <id>.attempts, as long as somebody works on a run
stems/        <id>/ the past that runs have in common; may be removed when no more runs are to come
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lobule.errors import InputError
from lobule.experiments.folders import check_new_folder, damage
from lobule.experiments.sweeps.plan import Plan
from lobule.files import whole

FOLDERS = ("sweeps", "runs", "failures", "locks", "stems")


class Store:
    """A folder of runs that any number of sweeps share.

    Parameters
    ----------
    path : Path
        The folder; :meth:`prepare` makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.shown = path
        self.sweeps, self.runs, self.failures, self.locks, self.stems = (self.path / name for name in FOLDERS)

    def folder(self, run: str) -> Path:
        """Return where the complete run of this name is."""
        return self.runs / run

    def partial(self, run: str) -> Path:
        """Return where a run is as long as it is not complete."""
        return self.runs / f"{run}.partial"

    def exists(self) -> bool:
        """Return whether the folder is a store."""
        return self.sweeps.is_dir() and self.runs.is_dir()

    def prepare(self) -> None:
        """Make the store where there is none yet.

        Raises
        ------
        InputError
            If the folder cannot be written, or holds something else.
        """
        if not self.exists():
            if self.path.is_dir() and any(self.path.iterdir()):
                raise InputError(
                    f"--out {self.shown} -> holds other things; name a new folder, or a store of runs"
                )
            check_new_folder(self.shown)
        try:
            for name in FOLDERS:
                (self.path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--out {self.shown} -> cannot be written: {error.strerror or error}") from None

    def save(self, plan: Plan) -> None:
        """Keep a plan as the newest; one that is there already takes over the runs worked out before.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        path = self.sweeps / f"{plan.stem}.json"
        old = _read_plan(path)
        if old is not None and old.stem == plan.stem:
            plan.take_runs(old)
            with suppress(OSError):  # a finished sweep may be looked at where nothing can be written
                os.utime(path)
            return
        text = plan.to_json()
        try:
            with whole(path) as partial:
                partial.write_text(text, "utf-8")
        except OSError as error:
            raise InputError(f"--out {self.shown} -> cannot be written: {error.strerror or error}") from None

    def plans(self) -> list[Plan]:
        """Return the plans kept here, the one that was last asked for first.

        Raises
        ------
        InputError
            If this is no store.
        """
        return self.read_plans()[0]

    def read_plans(self) -> tuple[list[Plan], list[Path]]:
        """Return the plans kept here as :meth:`plans` does, and the files of those that are damaged.

        Raises
        ------
        InputError
            If this is no store.
        """
        if not self.exists():
            raise InputError(f"{self.shown} -> is no store of runs: it has no folders sweeps and runs")
        paths = sorted(self.sweeps.glob("*.json"), key=lambda p: (p.stat().st_mtime_ns, p.name), reverse=True)
        read = [(path, _read_plan(path)) for path in paths]
        damaged = [self.shown / "sweeps" / path.name for path, plan in read if plan is None]
        return [plan for _, plan in read if plan is not None], damaged

    def newest(self) -> str | None:
        """Return the name of the plan that was last asked for, None where there is none."""
        plans = self.plans()
        return plans[0].stem if plans else None

    def state(self, runs: Iterable[str]) -> tuple[set[str], dict[str, str]]:
        """Look which of `runs` are complete.

        Returns
        -------
        (set of str, dict of str to str)
            Those that are, and what is wrong with those that are there but damaged.
        """
        there = set(os.listdir(self.runs)) if self.runs.is_dir() else set()
        done, damaged = set(), {}
        for run in runs:
            if run in there:
                if wrong := self.damage(run):
                    damaged[run] = wrong
                else:
                    done.add(run)
        return done, damaged

    def damage(self, run: str) -> str:
        """Return what is wrong with the folder of a run that should be complete; nothing when all is well."""
        return damage(self.folder(run), run)

    def remove(self, folder: Path) -> None:
        """Remove what is in the place of a run, whatever it is."""
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
        else:
            folder.unlink(missing_ok=True)

    def failed(self, runs: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return what is known of those of `runs` that failed."""
        there = set(os.listdir(self.failures)) if self.failures.is_dir() else set()
        found = {}
        for run in runs:
            if f"{run}.json" in there:
                try:
                    found[run] = dict(json.loads((self.failures / f"{run}.json").read_bytes()))
                except (OSError, ValueError):
                    found[run] = {"run": run, "error": "its record is damaged"}
        return found

    def record_failure(self, run: str, record: Mapping[str, Any]) -> None:
        """Keep what is known of a run that failed."""
        with whole(self.failures / f"{run}.json") as partial:
            partial.write_text(json.dumps(record, indent=1) + "\n", "utf-8")

    def forget_failure(self, run: str) -> None:
        """Forget that a run failed, since it did not this time."""
        (self.failures / f"{run}.json").unlink(missing_ok=True)


def _read_plan(path: Path) -> Plan | None:
    """Return the plan in a file; None where there is none that can be read, which is then made anew."""
    try:
        return Plan.from_json(path.read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        return None
