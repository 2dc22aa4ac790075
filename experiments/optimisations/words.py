"""What was found, in words: for the page, the case files and the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lobule.experiments.explain import dose_in_words
from lobule.experiments.optimisations.conduct import Study
from lobule.experiments.optimisations.findings import feasible, still_best
from lobule.experiments.optimisations.measures import bounds_of, label_of, unit_of
from lobule.experiments.optimisations.menu import Values
from lobule.experiments.optimisations.optimisefile import Limit, Objective
from lobule.experiments.optimisations.problem import NOTHING
from lobule.experiments.optimisations.search import Outcome
from lobule.experiments.style import unit_text


def column_of(study: Study, entry: Objective | Limit) -> str:
    """Return the name of an objective or a limit with its unit, if it does not say it itself."""
    label, unit = label_of(entry, study.optimisation), unit_text(unit_of(entry))
    return f"{label} ({unit})" if unit and unit not in label.split() else label


def means_in_words(study: Study, outcome: Outcome, *, units: bool = True) -> list[str]:
    """Return each objective with its standard error, and its unit."""
    if outcome.failure:
        return [outcome.failure] * len(study.optimisation.objectives)
    found = []
    for objective, mean, error in zip(
        study.optimisation.objectives, outcome.means, outcome.errors, strict=True
    ):
        unit = unit_text(unit_of(objective)) if units else ""
        spread = f" ± {error:.2g}" if math.isfinite(error) and objective.quantity is None else ""
        found.append(f"{mean:.4g}{spread} {unit}".rstrip())
    return found


def schedule_in_words(study: Study, values: Values) -> str:
    """Return what is given."""
    doses = study.optimisation.menu.doses(values)
    return "; ".join(dose_in_words(dose, study.optimisation.base.end_hours) for dose in doses) or "nothing"


def value_in_words(value: Any) -> str:
    """Return a decision as short as it can be told."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)


def limits_in_words(study: Study, outcome: Outcome) -> list[str]:
    """Return each limit that is broken, with what was found and what is allowed."""
    if outcome.failure:
        return [outcome.failure]
    return [
        f"{label_of(limit, study.optimisation)} {value:.4g}, not {bounds_of(limit)}"
        for limit, value, violation in zip(
            study.optimisation.limits, outcome.worst, outcome.violations, strict=True
        )
        if violation > 0.0
    ]


def nothing_found(study: Study) -> str:
    """Return why there is no front: which limits were broken how often, and what comes nearest."""
    tried = study.schedules
    broken = [
        f"{label_of(limit, study.optimisation)} ({bounds_of(limit)}) by "
        f"{sum(not s.outcome.failure and s.outcome.violations[i] > 0.0 for s in tried)}"
        for i, limit in enumerate(study.optimisation.limits)
    ]
    failed = [schedule for schedule in tried if schedule.outcome.failure]
    words = f"none of {len(tried)} schedules keeps all limits"
    if broken:
        words += f"; broken: {', '.join(broken)}"
    if failed:
        words += f"; {len(failed)} gave no numbers, one of them: {failed[0].outcome.failure}"
    near = [schedule for schedule in tried if not schedule.outcome.failure]
    if near:
        nearest = min(near, key=lambda s: sum(max(0.0, v) for v in s.outcome.violations))
        words += (
            f"; nearest is schedule {nearest.number} ({schedule_in_words(study, nearest.values)}): "
            f"{'; '.join(limits_in_words(study, nearest.outcome))}"
        )
    return words


def lines(study: Study) -> Sequence[str]:
    """Return what was found in lines for a terminal."""
    optimisation = study.optimisation
    if not study.front:
        return [f"{optimisation.name}: {nothing_found(study)}"]
    kept = int(feasible(study).sum())
    found = [
        f"{optimisation.name}: {len(study.schedules)} schedules tried, {kept} within all limits, "
        f"{len(study.front)} on the front; {NOTHING}: {_both(study, study.nothing, study.nothing_checked)}"
    ]
    still = still_best(study)
    for row in study.picked:
        schedule = study.schedules[row]
        found.append(f"{study.name(row)}: {schedule_in_words(study, schedule.values)}")
        note = "" if still.get(row, True) else "; not confirmed by the fresh patients"
        found.append(f"  {_both(study, schedule.outcome, study.checked.get(row))}{note}")
    return found


def _both(study: Study, searched: Outcome, checked: Outcome | None) -> str:
    """Return objectives with the patients of the search, and with fresh ones."""
    labels = [label_of(objective, study.optimisation) for objective in study.optimisation.objectives]
    again = (
        [""] * len(labels) if checked is None else [f" (fresh: {w})" for w in means_in_words(study, checked)]
    )
    parts = zip(labels, means_in_words(study, searched), again, strict=True)
    return "; ".join(f"{label} {words}{more}" for label, words, more in parts)


def bias_in_words(study: Study) -> list[str]:
    """Return for each objective how much better the search found the schedules than fresh patients do."""
    found = []
    for i, objective in enumerate(study.optimisation.objectives):
        if objective.quantity is not None:
            continue
        pairs = [
            (study.schedules[row].outcome.means[i], checked.means[i])
            for row, checked in study.checked.items()
            if not checked.failure
        ]
        if not pairs:
            continue
        sign = 1.0 if objective.goal == "minimise" else -1.0
        gap = sign * sum(after - before for before, after in pairs) / len(pairs)
        unit = unit_text(unit_of(objective))
        much = f"{abs(gap):.3g} {unit}".rstrip()
        how = f"{much} {'better' if gap > 0.0 else 'worse'} than" if gap else "as good as"
        name = label_of(objective, study.optimisation)
        found.append(
            f"{name}: in the search the checked schedules look {how} with fresh patients, on average."
        )
    return found
