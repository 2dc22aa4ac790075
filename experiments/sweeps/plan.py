"""The plan of a sweep: which runs there are, what each is given, and by which name it is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from lobule.case import Case, load_case
from lobule.errors import InputError
from lobule.experiments.identity import case_hash, code_version, id_of, run_id
from lobule.experiments.sweeps.design import Point

FORMAT = 1
SEED_BITS = 53  # so that spreadsheets and JSON hold a seed exactly


class Arm(NamedTuple):
    """One branch of a sweep: a case with its treatments, under a name that no other arm has."""

    name: str
    case: Case


class PlannedRun(NamedTuple):
    """One run of a plan."""

    id: str
    arm: int
    point: int
    replicate: int
    seed: int
    sample: int | None
    """Number of the sample; None where nothing is sampled."""


class Plan:
    """All runs of a sweep.

    Parameters
    ----------
    name : str
        Name of the sweep.
    arms : sequence of Arm
        What is compared.
    keys : sequence of str
        Dotted keys of what is varied.
    points : sequence of Point
        Values of the keys, and the samples they belong to.
    replicates : sequence of int
        Numbers of the replicates.
    root : int
        The seed that all seeds come from. The seed of a replicate hangs on root and number alone: arms and
        points share it.
    days : float, optional
        Length of all runs instead of their case's.
    label : str
        What messages about a wrong value begin with: the name of the sweep file, say.
    only : collection of (int, int), optional
        Runs there are, by the number of the arm and that of the replicate; all of them unless given.

    Notes
    -----
    Runs that are the same are one run: the dose of a treatment, say, is no matter to an arm without it. Only
    samples that happen to be the same are all rows of the table, since their analysis counts on it.
    Replicates come first, so that a sweep that is stopped early has something of everything.
    """

    def __init__(
        self,
        name: str,
        arms: Sequence[Arm],
        keys: Sequence[str],
        points: Sequence[Point],
        replicates: Sequence[int],
        root: int,
        days: float | None = None,
        label: str = "",
        only: Collection[tuple[int, int]] | None = None,
    ) -> None:
        self.name, self.arms, self.keys, self.label = name, tuple(arms), tuple(keys), label
        self.points, self.replicates = list(points), tuple(replicates)
        self.root, self.days = root, days
        self.only = None if only is None else frozenset(only)
        self._has_doses = any(key.startswith("treatments.") for key in self.keys)
        self._applies = [[applies(arm.case, key) for key in keys] for arm in self.arms]
        self._draws = any(arm.case.cohort for arm in self.arms)
        self._rows: list[PlannedRun] | None = None
        self.code = code_version()
        self.resolved = lru_cache(maxsize=256)(self._resolved)

    @property
    def rows(self) -> list[PlannedRun]:
        """The rows of the table, a run each; samples that are the same share one."""
        if self._rows is None:
            self._rows = self._made()
        return self._rows

    @property
    def runs(self) -> list[PlannedRun]:
        """All runs, each once."""
        return list({row.id: row for row in reversed(self.rows)}.values())[::-1]

    def _made(self) -> list[PlannedRun]:
        places: dict[tuple[str, int | None], tuple[int, int]] = {}
        alike: dict[tuple[str, int | None], set[int]] = {}
        for number, point in enumerate(self.points):
            for arm in range(len(self.arms)):
                case = case_hash(self._resolved(arm, number))
                places.setdefault((case, point.sample), (arm, number))
                alike.setdefault((case, point.sample), set()).add(arm)
        seeds = [replicate_seed(self.root, number) for number in self.replicates]
        return [
            PlannedRun(self._name(case, arm, point, seed), arm, point, number, seed, sample)
            for number, seed in zip(self.replicates, seeds, strict=True)
            for (case, sample), (arm, point) in places.items()
            if self.only is None or any((one, number) in self.only for one in alike[case, sample])
        ]

    def _name(self, case: str, arm: int, point: int, seed: int) -> str:
        """Return the name of a run of the case with hash `case`, which stands at `arm` and `point`."""
        return run_id(self.resolved(arm, point), seed) if self._draws else id_of(case, seed)

    def settings(self, arm: int, point: int) -> dict[str, Any]:
        """Return what the runs of `arm` at `point` are given, of the keys that mean something there."""
        chosen = zip(self.keys, self.points[point].values, self._applies[arm], strict=True)
        return {key: value for key, value, is_there in chosen if is_there}

    def _resolved(self, arm: int, point: int) -> Case:
        try:
            case = load_case(self.arms[arm].case, self.settings(arm, point))
            return case if self.days is None else case.with_days(self.days)[0]
        except InputError as error:
            raise InputError(f"{self.label}: {error}" if self.label else str(error)) from None

    def case(self, run: PlannedRun) -> Case:
        """Return the case of a run; of a cohort, that of its subject."""
        return self.resolved(run.arm, run.point).for_subject(run.seed)

    def labels(self, run: PlannedRun) -> dict[str, Any]:
        """Return what tells a run from the others; None for a key that means nothing to it."""
        given = self.settings(run.arm, run.point)
        if self.days is not None and self._has_doses:
            whole = load_case(self.arms[run.arm].case, given)
            given = {key: value for key, value in given.items() if is_given(whole, key, self.days)}
        return {
            "run": run.id,
            "case": self.arms[run.arm].case.name,
            "arm": self.arms[run.arm].name,
            **({} if run.sample is None else {"sample": run.sample}),
            **{key: given.get(key) for key in self.keys},
            "replicate": run.replicate,
            "seed": run.seed,
        }

    def notes(self) -> list[str]:
        """Return what the length of the runs leaves out of the cases, a line each."""
        if self.days is None:
            return []
        notes = (f"{arm.name}: {note}" for arm in self.arms for note in arm.case.with_days(self.days)[1])
        return list(dict.fromkeys(notes))

    def definition(self) -> dict[str, Any]:
        """Return all that the plan was made of, as plain values."""
        return {
            "format": FORMAT,
            "name": self.name,
            "arms": [{"name": arm.name, "case": json.loads(arm.case.to_json())} for arm in self.arms],
            "keys": list(self.keys),
            "points": [[list(point.values), point.sample] for point in self.points],
            "replicates": list(self.replicates),
            "root": self.root,
            "days": self.days,
            **({} if self.only is None else {"only": sorted(map(list, self.only))}),
        }

    @property
    def stem(self) -> str:
        """What tells this plan from all others: its name, and a hash of the definition and the code."""
        text = json.dumps([self.definition(), self.code], sort_keys=True)
        name = "".join(c if c.isalnum() or c in "._-" else "-" for c in self.name)
        return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def to_json(self) -> str:
        """Return the plan and its runs, for :meth:`from_json`."""
        runs = [list(run) for run in self.rows]
        return json.dumps({**self.definition(), "code": self.code, "runs": runs})

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """Return the plan that :meth:`to_json` wrote, with the runs it had then.

        Raises
        ------
        ValueError, KeyError or TypeError
            If `text` is none.
        """
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']}")
        arms = [Arm(arm["name"], Case.from_json(json.dumps(arm["case"]))) for arm in data["arms"]]
        points = [Point(tuple(values), sample) for values, sample in data["points"]]
        only = None if "only" not in data else [(arm, number) for arm, number in data["only"]]
        about = (data["name"], arms, data["keys"], points, data["replicates"], data["root"], data["days"])
        plan = cls(*about, only=only)
        plan._rows = [PlannedRun(*run) for run in data["runs"]]
        plan.code = str(data["code"])
        return plan

    def take_runs(self, other: Plan) -> None:
        """Take the runs of an equal plan instead of working them out."""
        self._rows = other.rows


def applies(case: Case, key: str) -> bool:
    """Return whether `key` means something to `case`: not the dose of a treatment that it does not have."""
    number, field = _treatment_key(key)
    if number is None:
        return True
    return number < len(case.treatments) and field in type(case.treatments[number]).model_fields


def is_given(case: Case, key: str, days: float) -> bool:
    """Return whether what `key` says is still there when `case` is cut to `days`."""
    number, _ = _treatment_key(key)
    if number is None:
        return True
    alone = case.model_copy(update={"treatments": case.treatments[number : number + 1]})
    return bool(alone.with_days(days)[0].treatments)


def _treatment_key(key: str) -> tuple[int | None, str]:
    """Return number and field of a treatment that `key` names, or None and nothing."""
    first, *rest = key.split(".")
    if first != "treatments" or len(rest) < 2 or not rest[0].isdecimal():
        return None, ""
    return int(rest[0]), rest[1]


def replicate_seed(root: int, number: int) -> int:
    """Return the seed of replicate `number`: of `root` and this number alone, below 2**53."""
    import numpy as np

    from lobule.agents.chance import REPLICATE, bits

    zero = np.uint64(0)
    return int(bits(np.uint64(root), REPLICATE, zero, np.uint64(number), zero)) >> (64 - SEED_BITS)
