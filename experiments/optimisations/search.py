"""NSGA-II by Optuna, a generation at a time: what is to be minimised is a function of values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lobule.experiments.export.needed import library
from lobule.experiments.optimisations.menu import Decision, Value

SEEDS = 2**32  # of NumPy's older generator, which Optuna has
DIGITS = 3  # of what is chosen from an interval without steps
FAILED = 1e9  # violation of a schedule that gave no numbers: any that did is better


@dataclass(frozen=True)
class Outcome:
    """What one schedule has come to.

    Attributes
    ----------
    means, errors : tuple of float
        Of each objective, the mean over the patients and its standard error (NaN of a single patient).
    worst : tuple of float
        Of each limit, the value of the patient for whom it is nearest to the limit, or farthest beyond.
    violations : tuple of float
        How far beyond its limit each is, over the size of the limit; 0 or less where it holds.
    compared : tuple of float
        The means as they are compared, where that is not to the last digit.
    failure : str
        Why there are no numbers, nothing where there are.
    """

    means: tuple[float, ...]
    errors: tuple[float, ...] = ()
    worst: tuple[float, ...] = ()
    violations: tuple[float, ...] = ()
    compared: tuple[float, ...] = ()
    failure: str = ""

    @property
    def ranked(self) -> tuple[float, ...]:
        """What decides which of two schedules is better."""
        return self.compared or self.means

    @property
    def is_feasible(self) -> bool:
        """Whether all limits hold."""
        return not self.failure and all(violation <= 0.0 for violation in self.violations)


class Candidate(NamedTuple):
    """One schedule that was tried."""

    number: int
    """From 0, in the order of the search."""
    generation: int
    values: dict[str, Value]
    outcome: Outcome


Evaluate = Callable[[int, Sequence[dict[str, Value]]], Sequence[Outcome]]
"""Takes the number of the generation and the values of its schedules, returns what each comes to."""


def search(
    decisions: Sequence[Decision],
    goals: Sequence[str],
    evaluate: Evaluate,
    *,
    population: int,
    generations: int,
    seed: int,
) -> Iterator[list[Candidate]]:
    """Yield one generation after the other; the same calls give the same generations.

    Parameters
    ----------
    decisions : sequence of Decision
        What is chosen.
    goals : sequence of {"minimise", "maximise"}
        Which way each objective is better.
    evaluate : callable
        What the schedules of a generation come to.
    population, generations : int
        Schedules of a generation, and how many generations.
    seed : int
        Of the search.

    Raises
    ------
    InputError
        If Optuna is not installed.
    """
    optuna = library("optuna", "calibrate")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        directions=["minimize" if goal == "minimise" else "maximize" for goal in goals],
        sampler=optuna.samplers.NSGAIISampler(population_size=population, seed=seed % SEEDS),
    )
    space = {decision.key: _distribution(optuna, decision) for decision in decisions}
    for generation in range(generations):
        trials = [study.ask(space) for _ in range(population)]
        values = [{d.key: _plain(d, trial.params[d.key]) for d in decisions} for trial in trials]
        outcomes = evaluate(generation, values)
        for trial, outcome in zip(trials, outcomes, strict=True):
            _tell(study, trial, outcome, goals)
        yield [
            Candidate(trial.number, generation, chosen, outcome)
            for trial, chosen, outcome in zip(trials, values, outcomes, strict=True)
        ]


def _tell(study: Any, trial: Any, outcome: Outcome, goals: Sequence[str]) -> None:
    """Tell the study what a schedule has come to; one without numbers is worse than any other."""
    violations = (FAILED,) if outcome.failure else outcome.violations
    for number, violation in enumerate(violations):
        trial.set_constraint(f"limit {number}", violation)
    worst = [math.inf if goal == "minimise" else -math.inf for goal in goals]
    study.tell(trial, worst if outcome.failure else list(outcome.ranked))


def _plain(decision: Decision, value: Value) -> Value:
    """Return a number with as many digits as somebody would write down, within its interval."""
    table = decision.table
    if not isinstance(value, float) or table.low is None or table.high is None or table.step is not None:
        return value
    return min(max(float(f"{value:.{DIGITS}g}"), table.low), table.high)


def _distribution(optuna: Any, decision: Decision) -> Any:
    table = decision.table
    if table.choices is not None:
        return optuna.distributions.CategoricalDistribution(table.choices)
    if table.is_whole:
        return optuna.distributions.IntDistribution(table.low, table.high, step=table.step)
    return optuna.distributions.FloatDistribution(
        table.low, table.high, log=table.scale == "log", step=table.step
    )
