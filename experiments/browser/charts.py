"""What the curves show: time courses of readouts, and the profile from portal tract to central vein."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lobule.experiments import style
from lobule.experiments.browser.quantities import TISSUE, quantities
from lobule.experiments.browser.scene import View
from lobule.experiments.browser.session import Arm
from lobule.experiments.courses import NORMAL, PANELS, PRESSURE, Panel, age_scale, deaths_per_day
from lobule.experiments.dosing import MOST_LINES, dose_kinds
from lobule.experiments.profiles import profile
from lobule.geometry import PARENCHYMA
from lobule.model import Lobule
from lobule.units import HOURS_PER_DAY

COURSES: dict[str, Panel] = {panel.title: panel for panel in (*PANELS, PRESSURE)}
DEFAULT = ("Liver iron", "ALT", "Collagen", "Macrophages")
MOST_POINTS = 300
#: Solid for the arm that is treated, dashed for the one beside it.
_DASHES = ("", "6 4")
#: Lines told apart by their dashes besides their colour.
_LOOKS = ("", "7 3", "2 3")


def time_courses(
    arms: Sequence[Arm], titles: Sequence[str], names: Sequence[str], cursor: float | None = None
) -> list[dict[str, Any]]:
    """Return a chart for each of `titles` (keys of :data:`COURSES`), with a line for each arm.

    Parameters
    ----------
    arms : sequence of Arm
        One or two models with their courses.
    names : sequence of str
        What the arms are called.
    cursor : float, optional
        Hour to be marked; that of a replay.
    """
    model = arms[0].model
    start = model.age_days - model.hours / HOURS_PER_DAY
    tables = [_columns(arm) for arm in arms]
    scale, x_label = age_scale(tables[0])
    marks = _marks(arms, names, start, scale)
    charts = []
    for title in titles:
        panel = COURSES[title]
        normal = NORMAL.get(model.case.subject.species, {}).get(panel.lines[0].readout)
        lines = []
        for number, table in enumerate(tables):
            x = [round(v, 5) for v in ((start + table["hours"] / HOURS_PER_DAY) / scale).tolist()]
            for line in panel.lines:
                words = [line.label] if line.label else []
                words += [names[number]] if len(arms) > 1 else []
                dashes = _LOOKS[panel.lines.index(line) % 3] if len(arms) == 1 else _DASHES[number]
                lines.append(
                    {
                        "x": x,
                        "y": [float(f"{v:.4g}") for v in table[line.readout].tolist()],
                        "colour": line.colour,
                        "dashes": dashes,
                        "label": ", ".join(words),
                    }
                )
        charts.append(
            {
                "title": style.label(title, ""),
                "unit": style.unit_text(panel.unit),
                "x_label": x_label,
                "lines": lines,
                "band": list(normal) if normal else None,
                "band_label": "normal range of adults" if normal else "",
                "marks": marks,
                "cursor": None if cursor is None else (start + cursor / HOURS_PER_DAY) / scale,
            }
        )
    return charts


def _columns(arm: Arm) -> dict[str, Any]:
    rows = arm.course.rows
    if rows and rows[-1]["hours"] < arm.model.hours:
        rows = [*rows, arm.model.readouts()]
    kept = style.spread(rows, MOST_POINTS)
    table: dict[str, Any] = {name: np.array([row[name] for row in kept]) for name in kept[0]}
    whole = {name: np.array([row[name] for row in rows]) for name in ("hours", "hepatocyte_deaths")}
    table["deaths_per_day"] = np.interp(table["hours"], whole["hours"], deaths_per_day(whole))
    return table


def _marks(arms: Sequence[Arm], names: Sequence[str], start: float, scale: float) -> list[dict[str, Any]]:
    """Return the treatments given so far, a look for each kind, with the arm where only one was given it."""
    logs = [set(arm.model.log) for arm in arms]
    of_all = set.intersection(*logs)
    looks = ((style.MUTED, ""), (style.VERMILION, "4 2"), (style.GREEN, "2 2"), (style.PURPLE, "6 2 2 2"))
    kinds = list(dose_kinds(sorted(of_all)).items())
    for name, log in zip(names, logs, strict=False):
        kinds += [(f"{name}: {kind}", at) for kind, at in dose_kinds(sorted(log - of_all)).items()]
    many = [name for name, at in kinds if len(at) > MOST_LINES]
    return [
        {
            "label": name,
            "x": [(start + hours / HOURS_PER_DAY) / scale for hours in sorted(set(at))],
            "colour": looks[n % 4][0],
            "dashes": looks[n % 4][1],
            "row": many.index(name) if name in many else None,
        }
        for n, (name, at) in enumerate(kinds)
    ]


def zonal(view: View, main: Lobule, branch: Lobule | None, names: Sequence[str]) -> dict[str, Any]:
    """Return the profile of what `view` shows, from portal tract to central vein: mean and quartiles."""
    quantity = quantities()[view.quantity]
    lines, fills = [], []
    models = [main] if branch is None else [main, branch]
    for number, model in enumerate(models):
        tissue = model.tissue
        values = quantity.values(model)
        keep = (tissue.kind == PARENCHYMA) & np.isfinite(values)
        if quantity.needs_step and model.hours == 0.0:
            keep[:] = False
        x, mean, low, high = profile(tissue.portal_central[keep], values[keep])
        there = np.isfinite(mean)
        place = [round(v, 4) for v in x[there].tolist()]
        colour = style.BLUE if number == 0 else style.VERMILION
        lines.append(
            {
                "x": place,
                "y": [float(f"{v:.4g}") for v in mean[there]],
                "colour": colour,
                "dashes": _DASHES[number],
                "label": names[number] if len(models) > 1 else "",
            }
        )
        fills.append(
            {
                "x": place,
                "low": [float(f"{v:.4g}") for v in low[there]],
                "high": [float(f"{v:.4g}") for v in high[there]],
                "colour": colour,
            }
        )
    label = "Iron of hepatocytes" if view.quantity == TISSUE else quantity.label
    return {
        "title": f"{label} by zone",
        "unit": style.unit_text(quantity.unit),
        "x_label": "portal tract to central vein",
        "lines": lines,
        "fills": fills,
        "band": None,
        "band_label": "mean and quartiles",
        "marks": [],
        "domain": [0.0, 1.0],
        "cursor": None,
    }
