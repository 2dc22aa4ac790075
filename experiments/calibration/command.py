"""What `lobule calibrate` does."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lobule.experiments.exits import DONE, INTERRUPTED, SOME_FAILED
from lobule.experiments.progress import span

if TYPE_CHECKING:
    from lobule.experiments.calibration.problem import Calibration
    from lobule.experiments.sweeps.conduct import Workers


def calibrate(args: argparse.Namespace) -> int:
    """Calibrate, or say what it would be."""
    from lobule.experiments.calibration.calibrationfile import read_calibration
    from lobule.experiments.sweeps.conduct import Workers

    calibration = read_calibration(args.file)
    who = Workers.of(args.workers, args.cluster, args.slurm)
    if args.dry_run:
        for line in plan_in_words(calibration, who):
            print(line)
        return DONE
    from lobule.experiments.calibration import conduct
    from lobule.experiments.calibration.display import GenerationDisplay

    outcome = conduct.calibrate(calibration, args.out, who, GenerationDisplay())
    is_over = outcome.end not in ("interrupted", "stopped")
    if outcome.populations:
        from lobule.experiments.calibration.output import in_words, write
        from lobule.experiments.calibration.pictures import draw
        from lobule.experiments.calibration.posterior import conclude

        posterior = conclude(calibration, outcome.populations[-1])
        write(calibration, outcome, posterior, args.out)
        for line in in_words(calibration, outcome, posterior, args.out):
            print(line)
        if is_over:
            draw(calibration, outcome.populations, posterior, args.out / "figures")
    elif is_over:
        print(f"{calibration.name}: too few particles give a result", file=sys.stderr)
    if is_over:
        return DONE if outcome.populations else SOME_FAILED
    command = shlex.join(["lobule", "calibrate", *args.words])
    why = f"stopped: {outcome.message}" if outcome.end == "stopped" else "interrupted"
    print(f"{why}; complete generations are kept, go on with: {command}", file=sys.stderr)
    return INTERRUPTED if outcome.end == "interrupted" else SOME_FAILED


def plan_in_words(calibration: Calibration, who: Workers) -> Iterator[str]:
    """Yield the lines of a dry run."""
    from lobule.experiments.explain import published_in_words
    from lobule.experiments.sweeps.estimate import estimate

    plan = calibration.plan
    size = f"{calibration.particles} particles, {calibration.generations} generations at most"
    yield f"{calibration.name}: {size}"
    for prior in calibration.priors:
        unit = "" if prior.unit == "-" else f" {prior.unit}"
        scale = ", on a log scale" if prior.is_log else ""
        default = "" if prior.default is None else f" (now {prior.default:g})"
        yield f"  parameter  {prior.key}: {prior.low:g} to {prior.high:g}{unit}{scale}{default}"
    for target in calibration.targets:
        yield f"  value      {target.label}: {published_in_words(target.value)}"
    for arm in plan.arms:
        yield f"  arm        {arm.name}: {arm.case.name}, {arm.case.end_hours / 24.0:g} days"
    runs = len(plan.runs)
    yield f"  a particle takes {runs} run{'' if runs == 1 else 's'}"
    one = estimate(plan, plan.runs, who)
    at_a_time = max(1, who.at_a_time())
    least = one.seconds * one.workers / at_a_time * calibration.particles
    yield f"  estimate   {span(least)} for a generation of which all are accepted, on {at_a_time} workers;"
    yield "             later ones take two to five times as long"
