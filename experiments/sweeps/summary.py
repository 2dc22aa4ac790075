"""A sweep in words: what it will be, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lobule.errors import shown
from lobule.experiments.progress import span
from lobule.experiments.sweeps.conduct import Outcome, Workers, look
from lobule.experiments.sweeps.design import unit_of
from lobule.experiments.sweeps.plan import Plan
from lobule.experiments.sweeps.store import Store

SHOWN_FAILURES = 10
LONGEST = 160


def summary(plan: Plan, store: Store, outcome: Outcome, retry: str, go_on: str) -> Iterator[str]:
    """Yield the lines that say how a sweep ended.

    Parameters
    ----------
    plan, store, outcome : Plan, Store, Outcome
        The sweep, where it is kept, how it ended.
    retry : str
        What does the failed runs again.
    go_on : str
        What goes on with the rest.
    """
    failed = f", {len(outcome.failures):,} failed" if outcome.failures else ""
    left = f", {outcome.left:,} left" if outcome.left else ""
    done = f"{len(outcome.done):,} of {outcome.total:,} runs done"
    yield f"{plan.name}: {done}{failed}{left}; they are in {store.shown}"
    errors: dict[str, list[str]] = {}
    for run, record in outcome.failures.items():
        errors.setdefault(str(record.get("error", "")), []).append(run)
    for error, runs in list(errors.items())[:SHOWN_FAILURES]:
        times = f"{len(runs):,} runs, one of them " if len(runs) > 1 else ""
        shown = error if len(error) <= LONGEST else f"{error[:LONGEST]}..."
        yield f"failed: {times}{store.shown / 'failures' / runs[0]}.json: {shown}"
    if len(errors) > SHOWN_FAILURES:
        yield f"and {len(errors) - SHOWN_FAILURES:,} other errors, in {store.shown / 'failures'}"
    if outcome.failures:
        yield f"run just those again: {retry}"
    if outcome.stopped:
        yield f"stopped: {outcome.stopped}; what is done stays done, {go_on}"
    elif outcome.interrupted:
        yield f"interrupted; {go_on}"


def plan_in_words(
    plan: Plan, store: Store, workers: Workers, *, only_failed: bool, draw: bool
) -> Iterator[str]:
    """Yield the lines of a dry run: the plan, what of it is done, what the rest will take."""
    from lobule.experiments.sweeps.estimate import estimate

    outlook = look(plan, store, only_failed=only_failed, draw=draw)
    parts = [
        _number(len(plan.arms), "arm"),
        _number(len(plan.points), "point"),
        _number(len(plan.replicates), "replicate"),
    ]
    asked = len(plan.arms) * len(plan.points) * len(plan.replicates)
    same = f" ({asked:,} but for those that come out the same)" if asked > outlook.total else ""
    yield f"{plan.name}: {', '.join(parts)}: {outlook.total:,} runs{same}"
    for number, arm in enumerate(plan.arms):
        case = plan.resolved(number, 0)
        yield f"  arm        {arm.name}: {case.name}, {case.end_hours / 24.0:g} days"
    for key, unit, column in zip(
        plan.keys, unit_of(plan.keys), zip(*(point.values for point in plan.points), strict=True), strict=True
    ):
        yield f"  varied     {key}: {_values(column)}{'' if unit == '-' else f' {unit}'}"
    yield f"  replicates {_values(plan.replicates)}, all seeds from the root {plan.root}"
    for note in plan.notes():
        yield f"  note       {note}"
    yield f"  in {store.shown}: {len(outlook.done):,} done, {len(outlook.failed):,} failed"
    for run, wrong in outlook.damaged.items():
        yield f"  damaged    {store.shown / 'runs' / run}: {wrong}"
    found = estimate(plan, outlook.todo, workers)
    yield f"  to do      {_number(len(outlook.todo), 'run')}"
    if outlook.todo:
        on = _number(found.workers, "worker")
        yield f"  estimate   {span(found.seconds)} on {on}, {_size(found.bytes)}"


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _values(values: Sequence[Any]) -> str:
    """Return the different values, or the ends of many."""
    different = list(dict.fromkeys(str(v) if isinstance(v, list) else v for v in values))
    words = [f"{v:.4g}" if isinstance(v, float) else shown(v).strip('"') for v in different]
    if len(words) <= 8:
        return ", ".join(words)
    if all(isinstance(v, int | float) for v in different):
        return f"{min(different):.4g} to {max(different):.4g}, {len(words):,} values"
    return f"{words[0]}, {words[1]} ... {words[-1]}, {len(words):,} values"


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5 or unit == "GB":
            break
        size /= 1000.0
    return f"{size:.3g} {unit}"
