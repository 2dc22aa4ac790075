"""What `lobule optimise` does."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lobule.experiments.exits import DONE, INTERRUPTED, SOME_FAILED
from lobule.experiments.progress import span

if TYPE_CHECKING:
    from lobule.experiments.optimisations.problem import Optimisation
    from lobule.experiments.sweeps.conduct import Workers


def optimise(args: argparse.Namespace) -> int:
    """Search, or say what the search would be."""
    from lobule.experiments.optimisations.problem import read_optimisation
    from lobule.experiments.sweeps.conduct import Workers

    optimisation = read_optimisation(args.file, quick=args.quick)
    who = Workers.of(args.workers, args.cluster, args.slurm)
    if args.dry_run:
        for line in plan_in_words(optimisation, who):
            print(line)
        return DONE
    from lobule.experiments.optimisations.conclusion import conclude
    from lobule.experiments.optimisations.conduct import carry_out
    from lobule.experiments.optimisations.words import lines
    from lobule.experiments.sweeps.pools import NoWorkersError
    from lobule.experiments.sweeps.store import Store

    store = Store(args.out)
    again = shlex.join(["lobule", args.command, *args.words])
    try:
        study = carry_out(optimisation, store, who)
    except KeyboardInterrupt:
        print(f"interrupted; finished runs are kept, go on with: {again}", file=sys.stderr)
        return INTERRUPTED
    except NoWorkersError as error:
        print(f"stopped: {error}; finished runs are kept, go on with: {again}", file=sys.stderr)
        return SOME_FAILED
    report = conclude(study, store)
    for line in lines(study):
        print(line)
    print(f"report: {report}")
    return DONE


def plan_in_words(optimisation: Optimisation, who: Workers) -> Iterator[str]:
    """Yield the lines of a dry run."""
    from lobule.experiments.optimisations.measures import bounds_of, label_of
    from lobule.experiments.sweeps.estimate import estimate

    size = f"{optimisation.generations} generations of {optimisation.population} schedules"
    yield f"{optimisation.name}: {size}, {optimisation.patients} patients"
    for decision in optimisation.menu.decisions:
        choice = decision.table
        if choice.choices is not None:
            what = ", ".join(str(value).lower() for value in choice.choices)
        else:
            what = f"{choice.low:g} to {choice.high:g}{'' if decision.unit == '-' else f' {decision.unit}'}"
        yield f"  decision   {decision.key}: {what}"
    for objective in optimisation.objectives:
        yield f"  objective  {objective.goal} {label_of(objective, optimisation)}"
    for limit in optimisation.limits:
        yield f"  limit      {label_of(limit, optimisation)}: {bounds_of(limit)}"
    yield from (f"  note       {note}" for note in optimisation.notes)
    yield f"  check      {optimisation.front} schedules at most, {optimisation.check_patients} fresh patients"
    corners = list(optimisation.menu.corners())
    plan = optimisation.plan("estimate", {f"corner {i}": values for i, values in enumerate(corners)})
    one = estimate(plan, plan.runs, who)
    tried = optimisation.generations * optimisation.population * optimisation.patients
    tried += (optimisation.front + 1) * optimisation.check_patients + optimisation.patients
    seconds = one.seconds * tried / len(plan.runs)
    yield f"  estimate   {tried:,} runs at most, {span(seconds)} on {one.workers} workers;"
    yield "             schedules that come up again take no time"
