"""Which runs of a plan have a past in common, and until when: it is simulated once for each seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest

from lobule.case import Case
from lobule.experiments.identity import base_of
from lobule.experiments.sweeps.plan import Plan, PlannedRun
from lobule.plausibility import past

BLOCK = 64  # seeds whose shared pasts are made before the runs that begin with them

#: Arm and point of a plan.
Pair = tuple[int, int]


def shared_hours(plan: Plan) -> dict[Pair, float]:
    """Return until when (h) the cases of a plan share their past, by arm and point.

    Those that share none are left out, as where no two runs have a seed in common. Cases share it that
    differ in nothing but treatments, until the first of those that not all have.
    """
    if len(plan.arms) == 1 and not any(key.startswith("treatments.") for key in plan.keys):
        return {}
    if len({run.seed for run in plan.rows}) == len(plan.rows):
        return {}
    groups: dict[str, list[Pair]] = defaultdict(list)
    pairs = dict.fromkeys((run.arm, run.point) for run in plan.rows)
    for pair in pairs:
        groups[base_of(plan.resolved(*pair))].append(pair)
    found: dict[Pair, float] = {}
    for group in groups.values():
        hours = parting_hours([plan.resolved(*pair) for pair in group])
        if hours > 0.0:
            found |= dict.fromkeys(group, hours)
    return found


def parting_hours(cases: Sequence[Case]) -> float:
    """Return the hour at which the treatments of `cases` begin to differ; 0 of a single one."""
    if len(cases) < 2:
        return 0.0
    first, *others = [past(case, case.end_hours) for case in cases]
    hours = cases[0].end_hours
    for other in others:
        for one, two in zip_longest(first, other):
            if one != two:
                hours = min(hours, *(event[0] for event in (one, two) if event is not None))
                break
    return hours if hours < cases[0].end_hours else 0.0


def in_order(runs: Sequence[PlannedRun], shared: dict[Pair, float]) -> tuple[list[PlannedRun], set[str]]:
    """Return `runs` in the order to do them in, and the names of those that begin with a saved past.

    Of some seeds at a time come first the runs that make what is shared, then those that begin with it.
    """
    blocks: dict[int, tuple[list[PlannedRun], list[PlannedRun]]] = defaultdict(lambda: ([], []))
    seeds: dict[int, int] = {}
    made: set[tuple[int, float]] = set()
    for run in runs:
        block = blocks[seeds.setdefault(run.seed, len(seeds)) // BLOCK]
        hours = shared.get((run.arm, run.point))
        follows = hours is not None and (run.seed, hours) in made
        if hours is not None:
            made.add((run.seed, hours))
        block[follows].append(run)
    order = [run for leaders, followers in blocks.values() for run in (*leaders, *followers)]
    return order, {run.id for _, followers in blocks.values() for run in followers}
