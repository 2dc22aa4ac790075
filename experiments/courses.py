"""Time courses of what a clinic would follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.experiments import style
from lobule.experiments.dosing import mark_doses

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Series = Mapping[str, NDArray[np.float64]]


class Line(NamedTuple):
    """One curve of a panel."""

    readout: str
    label: str
    colour: str = style.BLUE
    dashes: Any = "-"


class Panel(NamedTuple):
    """One panel of the time courses."""

    title: str
    unit: str
    lines: tuple[Line, ...]


class Point(NamedTuple):
    """A published value to stand beside a curve."""

    readout: str
    age_days: float
    value: float
    error: float | None
    label: str
    """What the legend says."""
    is_measured: bool
    """Read in a source, rather than recalled or derived."""


PANELS = (
    Panel("Liver iron", "mg/g dry", (Line("lic_mg_per_g", ""),)),
    Panel("Transferrin saturation", "%", (Line("transferrin_saturation_percent", ""),)),
    Panel("Hepcidin", "ng/mL", (Line("hepcidin_ng_per_ml", ""),)),
    Panel("Serum ferritin", "ug/L", (Line("ferritin_ug_per_l", ""),)),
    Panel("Haemoglobin", "g/dL", (Line("haemoglobin_g_per_dl", ""),)),
    Panel("ALT", "IU/L", (Line("alt_iu_per_l", ""),)),
    Panel("Collagen", "% area", (Line("collagen_area_percent", ""),)),
    Panel(
        "Stellate cells",
        "cells",
        (
            Line("stellate_quiescent", "quiescent", style.SKY),
            Line("stellate_activated", "activated, all", style.ORANGE, (0, (5, 1.5))),
            Line("myofibroblasts", "myofibroblasts", style.VERMILION, (0, (1.5, 1.2))),
        ),
    ),
    Panel(
        "Macrophages",
        "cells",
        (
            Line("macrophages", "all", "#777777"),
            Line("macrophages_m1", "M1", style.PURPLE, (0, (5, 1.5))),
            Line("macrophages_m2", "M2", style.GREEN, (0, (1.5, 1.2))),
        ),
    ),
    Panel(
        "Hepatocytes",
        "cells",
        (Line("hepatocytes", "all"), Line("hepatocytes_senescent", "senescent", style.MUTED, (0, (5, 1.5)))),
    ),
    Panel("Hepatocyte deaths", "cells per day", (Line("deaths_per_day", "", style.VERMILION),)),
    Panel("Mesenchymal stem cells", "cells", (Line("msc", "", style.GREEN),)),
)

#: What stands in the last place when no MSC were given.
PRESSURE = Panel("Portal pressure gradient (HVPG)", "mmHg", (Line("hvpg_mmhg", "", style.VERMILION),))

#: Least frames of the value axis; the others begin at zero.
FRAME = {"Transferrin saturation": (0.0, 100.0), "Haemoglobin": (10.0, 17.0), "Collagen": (0.0, 2.0)}

#: Normal ranges of adults by species and readout; man: usual laboratory reference limits.
NORMAL: dict[str, dict[str, tuple[float, float]]] = {
    "mouse": {
        "alt_iu_per_l": (11.0, 59.0),  # 35 +/- 12 in an FVB colony, two standard deviations
        "haemoglobin_g_per_dl": (12.0, 16.0),  # C57BL/6 adults, recalled from reference intervals
    },
    "rat": {},
    "human": {
        "lic_mg_per_g": (0.2, 1.8),
        "transferrin_saturation_percent": (20.0, 45.0),
        "ferritin_ug_per_l": (30.0, 300.0),  # men
        "hepcidin_ng_per_ml": (29.0, 254.0),  # men, Ganz 2008
        "haemoglobin_g_per_dl": (13.0, 17.5),  # men
        "alt_iu_per_l": (7.0, 40.0),
        "hvpg_mmhg": (1.0, 5.0),
    },
}


def deaths_per_day(series: Series) -> NDArray[np.float64]:
    """Return deaths of hepatocytes per day, over the day before each row or since the row before that."""
    hours, deaths = np.asarray(series["hours"]), np.asarray(series["hepatocyte_deaths"])
    before = np.minimum(hours - 24.0, np.concatenate([hours[:1], hours[:-1]]))
    before = np.maximum(before, hours[0])
    span = np.maximum(hours - before, 1e-9)
    return np.asarray(24.0 * (deaths - np.interp(before, hours, deaths)) / span)


def time_courses(
    series: Series,
    events: Sequence[tuple[float, str]] = (),
    comparisons: Sequence[Point] = (),
    *,
    species: str = "mouse",
    title: str = "",
) -> Figure:
    """Draw the course of the readouts over the subject's age.

    Parameters
    ----------
    series : mapping of str to ndarray
        Columns of the series, equally long; see :data:`lobule.readouts.READOUTS`.
    events : sequence of (float, str)
        Treatments: hours since the start, and what was given.
    comparisons : sequence of Point
        Published values.
    species : str
        Whose normal ranges are shaded.
    title : str
        Heading.

    Returns
    -------
    Figure
        Twelve panels.
    """
    figure = style.new_figure(14.0, 10.4)
    if title:
        figure.suptitle(title, fontsize=style.TITLE + 2, color=style.INK)
    axes: NDArray[Any] = figure.subplots(4, 3, sharex=True)
    scale, x_label = age_scale(series)
    shown = {**series, "deaths_per_day": deaths_per_day(series)}
    x = np.asarray(series["age_days"]) / scale
    handles: dict[str, Any] = {}
    panels = PANELS if np.any(np.asarray(series["msc"]) > 0) else (*PANELS[:-1], PRESSURE)
    for n, (ax, described) in enumerate(zip(axes.flat, panels, strict=True)):
        style.panel(ax, described.title, x_label if n >= 9 else "", style.unit_text(described.unit))
        draw_lines(ax, x, shown, described, handles, species)
        shapes = dict(zip(dict.fromkeys(p.label for p in comparisons), "osD^v<>ph", strict=False))
        here = [p for p in comparisons if p.readout in (line.readout for line in described.lines)]
        _points(ax, here, scale, shapes, handles)
        frame_values(ax, described)
        ax.locator_params(axis="y", nbins=6)
    figure.align_ylabels(axes)
    frame_ages(list(axes.flat), series, events, handles)
    if handles:
        style.legend(
            figure, handles=list(handles.values()), labels=list(handles), loc="outside lower center", ncols=4
        )
    return figure


def age_scale(series: Series) -> tuple[float, str]:
    """Return days per unit of the age axis, and its label: days, or years where there are many."""
    return (365.25, "age (years)") if series["age_days"][-1] > 1500.0 else (1.0, "age (days)")


def frame_ages(
    axes: Sequence[Axes], series: Series, events: Sequence[tuple[float, str]], handles: dict[str, Any]
) -> None:
    """Let `axes`, which share the age axis, show all of `series`, and mark its treatments in them."""
    scale, _ = age_scale(series)
    x = np.asarray(series["age_days"]) / scale
    axes[0].set_xlim(x[0] - 0.01 * (x[-1] - x[0] or 1.0), x[-1] + 0.015 * (x[-1] - x[0] or 1.0))
    start = x[0] - series["hours"][0] / 24.0 / scale
    mark_doses(axes, [(start + hours / 24.0 / scale, text) for hours, text in events], handles)


def frame_values(ax: Axes, described: Panel) -> None:
    """Set the ends of the value axis of a panel once its curves are drawn."""
    low, high = ax.get_ylim()
    bottom, least = FRAME.get(described.title, (0.0, 1e-9))
    high = max(high, least) if high > 0.06 else max(1.0, least)
    ax.set_ylim(min(low, bottom) if bottom else -0.02 * high, high)  # a line at zero stays visible


def draw_lines(
    ax: Axes,
    x: NDArray[np.float64],
    shown: Series,
    described: Panel,
    handles: dict[str, Any],
    species: str,
) -> None:
    """Draw the curves of a panel over ages `x`, and the normal range of adults of `species` where known."""
    for line in described.lines:
        ax.plot(
            x, shown[line.readout], color=line.colour, linestyle=line.dashes, linewidth=1.8, label=line.label
        )
    first, normal = described.lines[0].readout, NORMAL.get(species, {})
    if first in normal:
        handles["normal range of adults"] = ax.axhspan(
            *normal[first], color="#009E73", alpha=0.10, linewidth=0.0
        )
    if described.lines[0].label:
        style.legend(ax, loc="best", labelspacing=0.25)


def _points(
    ax: Axes, points: Sequence[Point], scale: float, shapes: Mapping[str, str], handles: dict[str, Any]
) -> None:
    for p in points:
        error = None if p.error is None else [[min(p.error, p.value)], [p.error]]
        drawn = ax.errorbar(
            p.age_days / scale,
            p.value,
            yerr=error,
            fmt=shapes.get(p.label, "o"),
            color=style.BLACK,
            markerfacecolor=style.BLACK if p.is_measured else "white",
            markersize=5.5,
            capsize=3,
            linewidth=1.2,
            zorder=5 if p.is_measured else 4,
        )
        handles.setdefault(p.label, drawn)
