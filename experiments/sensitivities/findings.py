"""What a study has found: in words, as a table, as JSON, with its pictures."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lobule.experiments.sensitivities.analysis import (
    CONFIDENCE,
    INDICES,
    MAIN,
    WITH_INTERVAL,
    Analysis,
    analyse,
    chance_level,
    observed,
    ranking,
)
from lobule.experiments.sensitivities.study import BLOCKS, Study
from lobule.experiments.sweeps.design import interval, unit_of
from lobule.experiments.sweeps.store import Store
from lobule.files import whole
from lobule.readouts import READOUTS

FORMAT = 1
SHOWN_PAIRS = 5
TABLE, SUMMARY = "indices.csv", "sensitivity.json"
AT = {"end": "at the end", "max": "at its highest", "mean": "mean over time"}
NAMES = {"mu_star": "mu*", "mu": "mu", "sigma": "sigma", "ST": "ST", "S1": "S1"}


def conclude(study: Study, store: Store) -> list[Analysis]:
    """Compute the indices of a study whose runs are there; write table, JSON and pictures beside them."""
    from lobule.experiments.sensitivities.pictures import draw_study

    found = [analyse(study, name, values) for name, values in observed(study, store).items()]
    with (
        whole(store.path / TABLE) as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
    ):
        rows = [row for analysis in found for row in table_rows(study, analysis)]
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["readout"])
        writer.writeheader()
        writer.writerows(rows)
    with whole(store.path / SUMMARY) as partial:
        text = json.dumps(summary(study, found), indent=1, ensure_ascii=False, allow_nan=False)
        partial.write_text(text + "\n", "utf-8")
    draw_study(study, found, store.path / "figures")
    return found


def table_rows(study: Study, analysis: Analysis) -> Iterator[dict[str, Any]]:
    """Yield a row for each parameter, the one that matters most first."""
    if analysis.trouble:
        return
    keys, units = list(study.axes), unit_of(list(study.axes))
    for rank, i in enumerate(ranking(study, analysis), 1):
        low, high = interval(keys[i], study.axes[keys[i]])
        row: dict[str, Any] = {
            "readout": analysis.readout,
            "at": analysis.at,
            "unit": READOUTS[analysis.readout][0],
            "rank": rank,
            "parameter": keys[i],
            "parameter_unit": units[i],
            "low": low,
            "high": high,
            "scale": study.axes[keys[i]].scale,
        }
        for name in INDICES[study.method]:
            row |= _with_interval(name, analysis.indices, i)
        yield row


def _with_interval(name: str, indices: Any, place: Any) -> dict[str, float | None]:
    """Return an index and the ends of its interval, which are the estimate and its bootstrapped error."""
    value = float(indices[name][place])
    if name not in WITH_INTERVAL:
        return {name: _number(value)}
    half = float(indices[f"{name}_conf"][place])
    return {name: _number(value), f"{name}_low": _number(value - half), f"{name}_high": _number(value + half)}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def summary(study: Study, found: Sequence[Analysis]) -> dict[str, Any]:
    """Return all that was found, as plain values."""
    plan, keys = study.plan, list(study.axes)
    return {
        "format": FORMAT,
        "name": plan.name,
        "sweep": plan.stem,
        "case": plan.arms[0].case.name,
        "days": plan.resolved(0, 0).end_hours / 24.0,
        "method": study.method,
        "number": study.number,
        "second_order": study.second_order,
        "points": len(plan.points),
        "replicates": len(plan.replicates),
        "seed": plan.root,
        "confidence": CONFIDENCE,
        "readouts": [
            {
                "readout": analysis.readout,
                "at": analysis.at,
                "unit": READOUTS[analysis.readout][0],
                "used": analysis.used,
                "mean": _number(_mean(analysis)),
                "standard_deviation": _number(_deviation(analysis)),
                "chance": {name: _number(value) for name, value in analysis.chance._asdict().items()},
                "index_of_chance": _number(chance_level(study, analysis)),
                "trouble": analysis.trouble or None,
                "indices": list(table_rows(study, analysis)),
                **({"pairs": _pairs(analysis, keys)} if study.second_order else {}),
            }
            for analysis in found
        ],
    }


def _pairs(analysis: Analysis, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return the indices of all pairs."""
    if analysis.trouble:
        return []
    return [
        {"parameters": [keys[i], keys[j]], **_with_interval("S2", analysis.indices, (i, j))}
        for i in range(len(keys))
        for j in range(i + 1, len(keys))
    ]


def _mean(analysis: Analysis) -> float:
    return float(np.nanmean(analysis.means)) if analysis.used else math.nan


def _deviation(analysis: Analysis) -> float:
    return float(np.nanstd(analysis.means)) if analysis.used else math.nan


def in_words(study: Study, analysis: Analysis) -> Iterator[str]:
    """Yield the lines that say what was found for a readout: a ranked table."""
    unit = READOUTS[analysis.readout][0]
    printed = "" if unit == "-" else f" {unit}"
    mean, deviation = _mean(analysis), _deviation(analysis)
    yield f"{analysis.readout}, {AT[analysis.at]}: mean {mean:.4g}{printed}, SD {deviation:.3g}"
    if analysis.used < study.number:
        words = f"{study.number - analysis.used} of {study.number} {BLOCKS[study.method]} are left out"
        yield f"  note       {words}, since a run failed or has no number"
    if analysis.trouble:
        yield f"  no indices {analysis.trouble}"
        return
    yield f"  chance     {_chance(study, analysis)}"
    names, keys = INDICES[study.method], list(study.axes)
    width = max(map(len, keys))
    level = chance_level(study, analysis)
    yield f"  {'':{width}}  {'  '.join(f'{NAMES[name]:>{_width(name)}}' for name in names)}"
    for i in ranking(study, analysis):
        cells = (f"{_cell(analysis, name, i):>{_width(name)}}" for name in names)
        mark = "  no more than chance" if analysis.indices[MAIN[study.method]][i] <= level else ""
        yield f"  {keys[i]:{width}}  {'  '.join(cells)}{mark}"
    if study.second_order:
        pairs = sorted(_pairs(analysis, keys), key=lambda pair: -pair["S2"])
        for pair in pairs[:SHOWN_PAIRS]:
            words = f"{pair['S2']:.3g} ± {pair['S2_high'] - pair['S2']:.2g}"
            yield f"  pair       S2 = {words}: {' and '.join(pair['parameters'])}"


def _width(name: str) -> int:
    return 20 if name in WITH_INTERVAL else 9


def _cell(analysis: Analysis, name: str, place: int) -> str:
    value = f"{analysis.indices[name][place]:.3g}"
    return f"{value} ± {analysis.indices[f'{name}_conf'][place]:.2g}" if name in WITH_INTERVAL else value


def _percent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.2g} %"


def _chance(study: Study, analysis: Analysis) -> str:
    """Say how much of the variance is chance, and what index chance alone would give."""
    share, of_a_run, _ = analysis.chance
    if math.isnan(share):
        return "not known from one replicate; replicates = 2 or more tell"
    main, level = NAMES[MAIN[study.method]], chance_level(study, analysis)
    shares = f"{_percent(share)} of this variance, {_percent(of_a_run)} of that of single runs"
    return f"{shares}; alone it would give {main} = {level:.2g}"
