"""What the runs of a trial say: effects of all analyses, responders, benefit, power, baseline."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np

from lobule.experiments.comparisons.comparefile import Endpoint
from lobule.experiments.comparisons.comparison import in_words
from lobule.experiments.comparisons.findings import unit_of
from lobule.experiments.comparisons.statistics import paired
from lobule.experiments.sweeps.courses import Array, Course
from lobule.experiments.trials.records import Patients, Screened, carried_forward, value_of
from lobule.experiments.trials.statistics import (
    Power,
    Share,
    holm,
    power_by_resampling,
    power_from_effect,
    welch,
    wilson,
)
from lobule.experiments.trials.trial import Trial
from lobule.experiments.trials.trialfile import TrialEndpoint

Analysis = Literal["intention to treat", "complete cases", "followed up", "counterfactual"]
EVERYONE = "all"


class Effect(NamedTuple):
    """One arm against the control, for one endpoint, one analysis and one group of patients."""

    analysis: Analysis
    role: Literal["primary", "exploratory"]
    endpoint: TrialEndpoint
    words: str
    unit: str
    arm: str
    control: str
    subgroup: str
    level: str
    n_arm: int
    n_control: int
    mean_arm: float
    mean_control: float
    difference: float
    ci_low: float
    ci_high: float
    p: float
    """Two-sided, after Welch; NaN for the counterfactual, which tests nothing."""
    p_holm: float
    """The same, adjusted for the number of arms, of the primary endpoint in the whole trial."""

    def fields(self) -> dict[str, Any]:
        """Return the row of ``effects.parquet``."""
        about = {"readout": self.endpoint.readout, "at": str(self.endpoint.at)}
        about |= {"measure": self.endpoint.measure}
        return {**{k: v for k, v in self._asdict().items() if k != "endpoint"}, **about}


class Responders(NamedTuple):
    """Responders of an arm in one group of patients."""

    arm: str
    subgroup: str
    level: str
    found: Share


class Benefit(NamedTuple):
    """How many patients are better off in an arm than in the control."""

    arm: str
    found: Share


class PowerCurve(NamedTuple):
    """Power of trials of an arm against the control."""

    arm: str
    method: Literal["resampling", "noncentral t"]
    points: tuple[Power, ...]
    patients: int
    """Patients it is worked out from: of the smaller arm."""


class Findings(NamedTuple):
    """Everything that is read of the runs."""

    effects: tuple[Effect, ...]
    responders: tuple[Responders, ...]
    benefits: tuple[Benefit, ...]
    power: tuple[PowerCurve, ...]

    def of(self, analysis: Analysis, subgroup: str = EVERYONE) -> list[Effect]:
        """Return the effects of one analysis."""
        return [e for e in self.effects if e.analysis == analysis and e.subgroup == subgroup]


def find(trial: Trial, patients: Patients) -> Findings:
    """Return all that the finished runs say; patients whose run is missing are missing."""
    look = Reader(trial, patients)
    return Findings(
        tuple(_adjusted(list(_effects(look)))),
        tuple(_responders(look)),
        tuple(_benefits(look)),
        tuple(_power(look)),
    )


class Reader:
    """Endpoints of the patients, read once.

    Parameters
    ----------
    trial, patients : Trial, Patients
        The trial and its patients.
    """

    def __init__(self, trial: Trial, patients: Patients) -> None:
        self.trial, self.patients = trial, patients
        self.values = cache(self._values)
        self.counterfactual = cache(self._counterfactual)

    def _values(self, endpoint: Endpoint, analysis: Analysis) -> dict[int, float]:
        """Return an endpoint of each patient in his own arm."""
        read: dict[Analysis, Callable[[int], Course | None]] = {
            "intention to treat": self.patients.seen,
            "complete cases": self._complete,
            "followed up": self.patients.followed,
        }
        day = self.trial.baseline_day
        return {p: value_of(endpoint, read[analysis](p), day) for p in self.patients.included}

    def _complete(self, patient: int) -> Course | None:
        stayed = math.isinf(self.patients.out_day[patient])
        return self.patients.followed(patient) if stayed else None

    def _counterfactual(self, endpoint: Endpoint, arm: str) -> dict[int, float]:
        """Return an endpoint of each patient in an arm, as if nobody left."""
        day = self.trial.baseline_day
        return {p: value_of(endpoint, self.patients.course(arm, p), day) for p in self.patients.included}

    def group(self, arm: str, among: Sequence[int]) -> list[int]:
        """Return the patients of an arm."""
        return [p for p in among if self.patients.arm[p] == arm]

    def levels(self) -> Iterator[tuple[str, str, list[int]]]:
        """Yield each part of each subgroup: name, part, patients."""
        for group in self.trial.file.subgroups:
            found: dict[Any, list[int]] = {}
            for patient in self.patients.included:
                found.setdefault(self.patients.level(group, patient), []).append(patient)
            found.pop(None, None)
            for level in sorted(found, key=lambda x: (str(x).endswith("more"), str(x))):
                yield group.name, str(level), found[level]


def array(values: dict[int, float], among: Sequence[int]) -> Array:
    """Return the values of some patients, shape (patients,)."""
    return np.array([values[p] for p in among], float)


def _effects(look: Reader) -> Iterator[Effect]:
    everyone = look.patients.included
    analyses: list[Analysis] = ["intention to treat", "complete cases", "followed up"]
    for analysis in [*analyses, *(["counterfactual"] if look.trial.is_counterfactual else [])]:
        for endpoint in look.trial.endpoints:
            yield from _against_control(look, analysis, endpoint, EVERYONE, "", everyone)  # type: ignore[arg-type]
        for name, level, among in look.levels():
            primary = look.trial.endpoints[0]
            yield from _against_control(look, analysis, primary, name, level, among)  # type: ignore[arg-type]


def _against_control(
    look: Reader,
    analysis: Analysis,
    endpoint: TrialEndpoint,
    subgroup: str,
    level: str,
    among: Sequence[int],
) -> Iterator[Effect]:
    trial = look.trial
    words = in_words(endpoint, trial.baseline_day, trial.end_day)
    is_primary = endpoint is trial.endpoints[0] and subgroup == EVERYONE
    role: Literal["primary", "exploratory"] = "primary" if is_primary else "exploratory"
    for arm in trial.treated:
        about = (analysis, role, endpoint, words, unit_of(endpoint.readout), arm, trial.control)
        if analysis == "counterfactual":
            one, two = (array(look.counterfactual(endpoint, name), among) for name in (arm, trial.control))
            pair = paired(one, two)
            n = int(pair.n)
            means = (float(x) for x in (pair.mean_arm, pair.mean_control, pair.difference))
            interval = (float(pair.ci_low), float(pair.ci_high))
            yield Effect._make((*about, subgroup, level, n, n, *means, *interval, math.nan, math.nan))
            continue
        values = look.values(endpoint, analysis)
        groups = (array(values, look.group(name, among)) for name in (arm, trial.control))
        found = welch(*groups)
        yield Effect._make((*about, subgroup, level, *found, math.nan))


def _adjusted(effects: list[Effect]) -> list[Effect]:
    """Return the effects with the p values of the primary endpoint adjusted for the number of arms."""
    chosen = [i for i, e in enumerate(effects) if e.role == "primary" and e.analysis == "intention to treat"]
    for i, p in zip(chosen, holm([effects[i].p for i in chosen]), strict=True):
        effects[i] = effects[i]._replace(p_holm=p)
    return effects


def _responders(look: Reader) -> Iterator[Responders]:
    responder = look.trial.file.responder
    if responder is None:
        return
    values = look.values(responder, "intention to treat")
    groups = [(EVERYONE, "", look.patients.included), *look.levels()]
    for name, level, among in groups:
        for arm in look.trial.arms:
            known = [values[p] for p in look.group(arm, among) if math.isfinite(values[p])]
            count = sum(responder.holds(value) for value in known)
            yield Responders(arm, name, level, wilson(count, len(known)))


def _benefits(look: Reader) -> Iterator[Benefit]:
    if not look.trial.is_counterfactual:
        return
    primary = look.trial.endpoints[0]
    sign = -1.0 if primary.better == "lower" else 1.0
    for arm in look.trial.treated:
        gains = [
            sign
            * (look.counterfactual(primary, arm)[p] - look.counterfactual(primary, look.trial.control)[p])
            for p in look.patients.included
        ]
        known = [gain for gain in gains if math.isfinite(gain)]
        yield Benefit(arm, wilson(sum(gain > primary.least_benefit for gain in known), len(known)))


def _power(look: Reader) -> Iterator[PowerCurve]:
    trial, primary, asked = look.trial, look.trial.endpoints[0], look.trial.file.power
    for arm in trial.treated:
        if trial.is_counterfactual:
            one, two = (pool(look, primary, name) for name in (arm, trial.control))
            seed = [trial.file.seed, *arm.encode()]
            points = power_by_resampling(one, two, asked.sizes, asked.alpha, seed)
            yield PowerCurve(arm, "resampling", tuple(points), min(len(one), len(two)))
        else:
            values = look.values(primary, "intention to treat")
            everyone = look.patients.included
            one, two = (array(values, look.group(name, everyone)) for name in (arm, trial.control))
            points = power_from_effect(one, two, asked.sizes, asked.alpha)
            yield PowerCurve(arm, "noncentral t", tuple(points), min(one.size, two.size))


def pool(look: Reader, endpoint: Endpoint, arm: str) -> Array:
    """Return what a trial would see of every patient in an arm, those who leave as they were last seen."""
    found = []
    for patient in look.patients.included:
        course = look.patients.course(arm, patient)
        seen = None if course is None else carried_forward(course, look.patients.out_day[patient])
        found.append(value_of(endpoint, seen, look.trial.baseline_day))
    return np.array(found, float)


class Flow(NamedTuple):
    """How many patients came how far."""

    screened: int
    missing: int
    excluded: tuple[tuple[str, int], ...]
    """Criteria in words, and how many are out by each, counted at the first that they do not meet."""
    included: int
    arms: tuple[tuple[str, int, int, int], ...]
    """Each arm: allocated, dropped out, analysed."""


def flow_of(trial: Trial, found: Screened, patients: Patients) -> Flow:
    """Return how many patients came how far."""
    words = [criterion_in_words(i, trial) for i in range(len(trial.file.inclusion))]
    values = Reader(trial, patients).values(trial.endpoints[0], "intention to treat")
    rows = []
    for arm in trial.arms:
        own = [p for p in patients.included if patients.arm[p] == arm]
        out = sum(math.isfinite(patients.out_day[p]) for p in own)
        rows.append((arm, len(own), out, sum(math.isfinite(values[p]) for p in own)))
    excluded = zip(words, found.failed_first(len(words)), strict=True)
    return Flow(trial.patients, len(found.missing), tuple(excluded), len(found.included), tuple(rows))


def criterion_in_words(number: int, trial: Trial) -> str:
    """Return what a patient must have, such as ``"lic_mg_per_g above 4 on day 7"``."""
    entry = trial.file.inclusion[number]
    parts = [f"above {entry.above:g}"] if entry.above is not None else []
    parts += [f"below {entry.below:g}"] if entry.below is not None else []
    return f"{entry.readout} {' and '.join(parts)} on day {entry.at_day:g}"
