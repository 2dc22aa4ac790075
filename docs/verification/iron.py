"""The iron of body and liver together, its order in the length of the step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule import Lobule
from lobule.experiments import style
from lobule.readouts import READOUTS
from verification.runs import as_json, settings
from verification.study import Chapter, Scale, Task, number, percent, table, verdict

NAME = "iron"
TITLE = "Orders of convergence: iron of body and liver"

DAYS = 14
STEPS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 24.0)
FINEST, NEXT, THIRD = STEPS[:3]
LEAST_ORDER = 0.9
NAMES = (
    "lic_mg_per_g",
    "iron_zone1_to_zone3_ratio",
    "iron_in_hepatocytes_percent",
    "transferrin_saturation_percent",
    "hepcidin_ng_per_ml",
    "spleen_iron_ug",
    "haemoglobin_g_per_dl",
)

TEXT = """Flow, fields, hepatocytes, macrophages, plasma, marrow and hepcidin as they are, on the days
when an Hfe-/- mouse changes fastest ({first} to {last} days old, one lobule), but without chance: rules
of the case hold death and the rousing of macrophages at zero. The limit is 2 q(dt) - q(2 dt) from steps
of {finest:g} and {next:g} h. The order is that of the value on the last day, log2 of (q(4 dt) - q(2 dt))
/ (q(2 dt) - q(dt)) with dt = {finest:g} h, and in brackets with dt = 1 h; at least {least:g} is asked
for. Errors are the largest of all days, in % of the limit.

{table}

![Error against the length of the step](images/verification-iron.png)

The scheme is of first order, as intended: pools are stepped implicitly one after the other, so a step of
a day stays bounded and positive, but is not more than first-order accurate. What moves most with the step
are the two pools that follow within hours, hepcidin and the spleen; the iron of the liver integrates over
them.
"""


def _held(cell: str, behaviour: str) -> dict[str, Any]:
    """Return the rule that holds a behaviour at zero wherever there is oxygen."""
    return {
        "cell": cell,
        "signal": "oxygen",
        "response": "decreases",
        "behaviour": behaviour,
        "saturation": 0.0,
        "half_max": 1e-4,
        "hill": 4.0,
        "unit": "mmHg",
        "source": "assumed: leaves chance out",
    }


#: Rules with which iron alone moves: nobody dies, nobody is roused.
WITHOUT_CHANCE = [
    _held("hepatocyte", "apoptosis"),
    _held("hepatocyte", "necrosis"),
    _held("hepatocyte", "ferroptosis"),
    _held("macrophage", "to_m1"),
]


def iron_course(step: float, days: int = DAYS, seed: int = 1) -> NDArray[np.float64]:
    """Return the readouts `NAMES` at the end of each day, shape (days, n), with steps of `step` hours."""
    changes = as_json({"rules": WITHOUT_CHANCE})
    model = Lobule("hfe-mouse", rng=seed, settings=settings("hfe-mouse", 1, step, changes))
    rows = []
    for _ in range(days):
        row = model.run(days=1).readouts()
        rows.append([row[name] for name in NAMES])
    if model.deaths or row["macrophages_m1"]:
        raise RuntimeError("chance was to be left out, but a cell has died or been roused")
    return np.array(rows)


def order(coarse: Any, middle: Any, fine: Any) -> Any:
    """Return the observed order from values at three step lengths, each half the one before."""
    return np.log2(np.abs((coarse - middle) / (middle - fine)))


def tasks(_scale: Scale) -> dict[Any, Task]:
    """Return the tasks of the section."""
    return {
        step: Task(f"iron without chance, {step:g} h", iron_course, (step,), 0.5 + 0.6 / step)
        for step in STEPS
    }


def report(results: dict[Any, Any], _scale: Scale, images: Path | None) -> Chapter:
    """Return the chapter."""
    limit = 2.0 * results[FINEST] - results[NEXT]
    error = {step: np.abs(values / limit - 1.0) for step, values in results.items()}
    fine = order(*(results[step][-1] for step in (THIRD, NEXT, FINEST)))
    coarse = order(*(results[step][-1] for step in (4.0, 2.0, 1.0)))
    chapter, rows = Chapter(""), []
    for i, name in enumerate(NAMES):
        chapter.checks += 1
        passed = bool(fine[i] >= LEAST_ORDER)
        if not passed:
            chapter.failures.append(f"iron, {name}: observed order {fine[i]:.2f}")
        largest = (percent(float(error[step][:, i].max())) for step in STEPS[2:])
        rows.append(
            [f"`{name}`", number(limit[-1, i]), f"{fine[i]:.2f} ({coarse[i]:.2f})", *largest, verdict(passed)]
        )
    heads = ["readout", "limit, last day", "order", *(f"{step:g} h" for step in STEPS[2:]), "verdict"]
    if images is not None:
        _draw(error, images)
    first = 21
    chapter.text = TEXT.format(
        first=first,
        last=first + DAYS,
        finest=FINEST,
        next=NEXT,
        least=LEAST_ORDER,
        table=table(heads, rows),
    )
    return chapter


def _draw(error: dict[float, NDArray[np.float64]], images: Path) -> None:
    """Draw the largest errors against the step."""
    figure = style.new_figure(5.6, 3.8)
    ax = style.panel(figure.add_subplot(), "Iron of body and liver", "step (h)", "largest error (%)")
    colours = (style.BLUE, style.SKY, style.GREEN, style.ORANGE, style.VERMILION, style.PURPLE, style.BLACK)
    for i, (name, colour) in enumerate(zip(NAMES, colours, strict=True)):
        largest = [100.0 * float(error[step][:, i].max()) for step in STEPS]
        ax.loglog(STEPS, largest, "o-", color=colour, markersize=3.5, linewidth=1.2, label=READOUTS[name][1])
    ax.loglog(STEPS, [0.01 * step for step in STEPS], "--", color=style.MUTED, linewidth=1.0, label="order 1")
    ax.set_xticks(STEPS, [f"{step:g}" for step in STEPS])
    ax.minorticks_off()
    style.legend(ax, fontsize=6.5, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    style.write(figure, images / "verification-iron.png")
