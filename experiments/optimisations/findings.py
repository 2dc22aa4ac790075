"""How the search got on, and what fresh patients say of what it found."""

from __future__ import annotations

import numpy as np

from lobule.experiments.optimisations.conduct import Study, losses_of
from lobule.experiments.optimisations.fronts import Mask, hypervolume, on_front, scaled

BEYOND_WORST = 1.05  # of the scaled reference, so that the ends of a front count, too


def feasible(study: Study) -> Mask:
    """Return which schedules keep all limits."""
    return np.array([schedule.outcome.is_feasible for schedule in study.schedules])


def progress(study: Study) -> list[tuple[int, int, float]]:
    """Return after each generation: its number, the schedules tried, and how much the front covers.

    What is covered is the hypervolume between the front and a point just beyond the worst that keeps the
    limits, every objective scaled to 1; with one objective the length from there to the best.
    """
    allowed = feasible(study)
    if not allowed.any():
        return []
    losses, reference = (
        scaled(study.losses, allowed),
        np.full(len(study.optimisation.objectives), BEYOND_WORST),
    )
    whole_box = float(np.prod(reference))
    found = []
    for generation in range(1, study.optimisation.generations + 1):
        tried = np.array([schedule.generation <= generation for schedule in study.schedules])
        front = losses[on_front(study.losses, allowed & tried)]
        found.append((generation, int(tried.sum()), hypervolume(front, reference) / whole_box))
    return found


def still_best(study: Study) -> dict[int, bool]:
    """Return for each checked schedule whether fresh patients let it keep the limits, unbeaten."""
    outcomes = list(study.checked.values())
    allowed = np.array([outcome.is_feasible for outcome in outcomes], bool)
    kept = on_front(losses_of(study.optimisation, outcomes), allowed)
    return dict(zip(study.checked, map(bool, kept), strict=True))
