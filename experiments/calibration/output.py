"""The files of a calibration, and the lines that say what it found."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lobule.casefile import to_toml
from lobule.experiments.calibration.conduct import Outcome
from lobule.experiments.calibration.posterior import (
    PINNED,
    Population,
    Posterior,
    aim_of,
    correlated,
    main_pins,
    weighted_quantile,
)
from lobule.experiments.calibration.problem import Calibration
from lobule.experiments.explain import published_in_words
from lobule.files import whole

FORMAT = 1
POSTERIOR, SUMMARY, PARAMETERS = "posterior.csv", "summary.json", "parameters.toml"

ENDS = {
    "tolerance": "the distance aimed at is reached, {epsilon:.3g}",
    "generations": "all generations are done, the last at distance {epsilon:.3g} (aim: {aim:.3g})",
    "acceptance": "fewer than {least:.0f} % of the particles come below {next:.3g} (aim: {aim:.3g}): "
    "the model hardly comes nearer to these data",
    "stopped": "stopped: {message}",
    "interrupted": "interrupted",
}


def write(calibration: Calibration, outcome: Outcome, posterior: Posterior, out: Path) -> None:
    """Write posterior, summary and parameters of the last complete generation."""
    last = outcome.populations[-1]
    _write_posterior(calibration, last, out / POSTERIOR)
    _write_text(out / SUMMARY, json.dumps(summary(calibration, outcome, posterior), indent=1) + "\n")
    _write_text(out / PARAMETERS, parameters_text(calibration, posterior, float(last.distances[0])))


def _write_text(path: Path, text: str) -> None:
    with whole(path) as partial:
        partial.write_text(text, "utf-8")


def _write_posterior(calibration: Calibration, population: Population, path: Path) -> None:
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        labels = [target.label for target in calibration.targets]
        table.writerow(["weight", "distance", *(prior.key for prior in calibration.priors), *labels])
        for i, (weight, distance) in enumerate(zip(population.weights, population.distances, strict=True)):
            values = [
                float(prior.outer(population.inner[i, k])) for k, prior in enumerate(calibration.priors)
            ]
            means = population.statistics[i].mean.tolist()
            table.writerow([float(weight), float(distance), *values, *means])


def summary(calibration: Calibration, outcome: Outcome, posterior: Posterior) -> dict[str, Any]:
    """Return what was found, as plain values."""
    last = outcome.populations[-1]
    parameters = {}
    for k, (prior, found) in enumerate(zip(calibration.priors, posterior.marginals, strict=True)):
        parameters[prior.key] = {
            "unit": prior.unit,
            "default": prior.default,
            "prior": {"low": prior.low, "high": prior.high, "scale": "log" if prior.is_log else "linear"},
            "median": found.median,
            "interval_95": [found.low, found.high],
            "best": found.best,
            "sd_over_prior_sd": found.shrinkage,
            "is_pinned": found.shrinkage < PINNED,
            "pinned_by": [pin._asdict() for pin in posterior.pins[k]],
        }
    values = []
    for i, target in enumerate(calibration.targets):
        low, median, high = posterior.simulated[i].tolist()
        values.append(
            {
                "value": target.label,
                "unit": target.value.unit,
                "published": target.value.value,
                "error": target.value.error,
                "error_kind": target.value.error_kind,
                "best": float(posterior.best.mean[i]),
                "misfit_of_best": float(posterior.misfits[i]),
                "median": median,
                "interval_95": [low, high],
            }
        )
    return {
        "format": FORMAT,
        "name": calibration.name,
        "end": outcome.end,
        "distance": {
            "accepted": _finite(last.epsilon),
            "best": float(last.distances[0]),
            "aim": aim_of(calibration, outcome.populations[:-1] or outcome.populations),
        },
        "particles": len(last.weights),
        "effective_particles": last.effective_size,
        "runs_per_particle": len(calibration.plan.arms) * len(calibration.plan.replicates),
        "parameters": parameters,
        "correlated": [
            {"parameters": [one, other], "correlation": r}
            for one, other, r in correlated(calibration, posterior)
        ],
        "correlations": posterior.correlations.tolist(),
        "values": values,
        "generations": [
            {
                "distance": _finite(p.epsilon),
                "simulated": p.simulated,
                "accepted": len(p.weights),
                "effective_particles": p.effective_size,
            }
            for p in outcome.populations
        ],
        "seed": calibration.seed,
        "code": calibration.plan.code,
    }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def parameters_text(calibration: Calibration, posterior: Posterior, distance: float) -> str:
    """Return the file for `lobule run --parameters`: the particle of the least distance."""
    lines = [
        f"# {calibration.name}: the particle that is nearest to the data (distance {distance:.3g}).",
        "# Medians of the posterior and its 95 % intervals:",
    ]
    for prior, found in zip(calibration.priors, posterior.marginals, strict=True):
        unit = "" if prior.unit == "-" else f" {prior.unit}"
        lines.append(f"#   {prior.key}: {found.median:.4g} ({found.low:.4g} to {found.high:.4g}){unit}")
    loose = [
        prior.key
        for prior, found in zip(calibration.priors, posterior.marginals, strict=True)
        if found.shrinkage >= PINNED
    ]
    if loose:
        lines.append(f"# These data hardly tell {', '.join(loose)}; left out, a case keeps its own value.")
    best = {
        prior.key: found.best for prior, found in zip(calibration.priors, posterior.marginals, strict=True)
    }
    return "\n".join(lines) + "\n" + to_toml({"format": FORMAT, "parameters": best})


def in_words(calibration: Calibration, outcome: Outcome, posterior: Posterior, out: Path) -> Iterator[str]:
    """Yield the lines that say what was found."""
    last = outcome.populations[-1]
    simulated = sum(p.simulated for p in outcome.populations)
    aim = aim_of(calibration, outcome.populations)
    median = float(weighted_quantile(last.distances, last.weights, 0.5)[0])
    yield f"{calibration.name}: " + ENDS[outcome.end].format(
        epsilon=last.epsilon,
        aim=aim,
        least=100.0 * calibration.least_acceptance,
        next=max(aim, median),
        message=outcome.message,
    )
    yield (
        f"{len(outcome.populations)} generations, {simulated:,} particles simulated, "
        f"{len(last.weights):,} accepted in the last (worth {last.effective_size:.0f} of equal weight)"
    )
    yield ""
    yield from _parameter_table(calibration, posterior)
    for one, other, r in correlated(calibration, posterior):
        yield f"known together only: {one} and {other}, correlation {r:+.2f}"
    yield ""
    for i, target in enumerate(calibration.targets):
        low, median, high = posterior.simulated[i]
        yield (
            f"{target.label}: {median:.4g} ({low:.4g} to {high:.4g}) simulated beside "
            f"{published_in_words(target.value)}; "
            f"best {posterior.best.mean[i]:.4g}, {_misfit(posterior, i, target)}"
        )
    yield ""
    yield f"{out / PARAMETERS}: for lobule run CASE --parameters {out / PARAMETERS}"
    yield f"{out / SUMMARY}, {out / POSTERIOR}, {out / 'figures'}"


def _misfit(posterior: Posterior, i: int, target: Any) -> str:
    misfit = posterior.misfits[i]
    if target.value.published_error is not None:
        return f"z = {misfit:+.1f}"
    return "inside" if misfit == 0.0 else f"outside by {abs(misfit):.2g} half widths"


def _parameter_table(calibration: Calibration, posterior: Posterior) -> Iterator[str]:
    rows = [("parameter", "prior", "posterior median (95 %)", "best", "sd / prior sd", "pinned by")]
    for k, (prior, found) in enumerate(zip(calibration.priors, posterior.marginals, strict=True)):
        unit = "" if prior.unit == "-" else f" {prior.unit}"
        rows.append(
            (
                prior.key,
                f"{prior.low:.4g} to {prior.high:.4g}{unit}{' (log)' if prior.is_log else ''}",
                f"{found.median:.4g} ({found.low:.4g} to {found.high:.4g})",
                f"{found.best:.4g}",
                f"{found.shrinkage:.2f}",
                _pinned(posterior, k),
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        yield "  ".join([*(f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)), row[5]])


def _pinned(posterior: Posterior, k: int) -> str:
    if posterior.marginals[k].shrinkage >= PINNED:
        return "nothing: these data hardly tell it"
    pins = main_pins(posterior, k)
    if not pins:
        return "several data together" if posterior.pins[k] else "too few particles to tell"
    return "; ".join(f"{pin.part} (x {pin.without:.1f} without)" for pin in pins[:2])
