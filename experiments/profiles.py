"""Profiles from the portal tract to the central vein."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lobule.experiments import style
from lobule.experiments.maps import area_percent
from lobule.geometry import PARENCHYMA

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lobule.model import Lobule

BINS = 12
#: Panels: title and unit.
PANELS = (
    ("Hepatocyte iron", "fmol per cell"),
    ("Oxygen tension", "mmHg"),
    ("NTBI", "uM"),
    ("Redox load of hepatocytes", "fold of health"),
    ("ROS", "uM"),
    ("TNF-a", "ng/mL"),
    ("TGF-b", "ng/mL"),
    ("Collagen", "% area"),
)
FLOATING = ("Oxygen tension", "Redox load of hepatocytes")  # a scale from zero would hide them


def profile(place: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the profile of `values` at `place` (0 portal to 1 central) over :data:`BINS` equal bins.

    Returns
    -------
    ndarray, shape (4, BINS)
        Middle of the bin, mean, lower and upper quartile; NaN where a bin is empty.
    """
    which = np.minimum((place * BINS).astype(np.int64), BINS - 1)
    rows = np.full((4, BINS), np.nan)
    rows[0] = (np.arange(BINS) + 0.5) / BINS
    for b in range(BINS):
        inside = values[which == b]
        if inside.size:
            rows[1:, b] = inside.mean(), *np.percentile(inside, (25.0, 75.0))
    return rows


def measured(model: Lobule) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return portal-central place and value of what each of :data:`PANELS` shows.

    Before the first step no field is solved yet: nothing is returned for those.
    """
    tissue, table = model.tissue, model.population.tables["hepatocyte"]
    sites = np.flatnonzero(tissue.kind == PARENCHYMA)
    place, home = tissue.portal_central[sites], tissue.portal_central[table["site"]]
    solved = sites if model.hours > 0.0 else sites[:0]
    where = tissue.portal_central[solved]
    ntbi, ros, tnf, tgfb = ((where, model.fields[name][solved]) for name in ("iron", "ros", "tnf", "tgfb"))
    return [
        (home, table["iron"]),
        (where, model.oxygen_tension()[solved]),
        ntbi,
        (home, table["redox"]),
        ros,
        tnf,
        tgfb,
        (place, area_percent(model)[sites]),
    ]


def zonal_profiles(models: Sequence[Lobule], *, title: str = "") -> Figure:
    """Draw mean and interquartile band from portal tract to central vein, a line for each model.

    Parameters
    ----------
    models : sequence of Lobule
        The same tissue at different times, or different tissues; they are only read.
    title : str
        Heading; the case of the first model by default.

    Returns
    -------
    Figure
        Eight panels.
    """
    figure = style.new_figure(14.0, 6.6)
    figure.suptitle(title or models[0].case.name, fontsize=style.TITLE + 2, color=style.INK)
    axes: NDArray[Any] = figure.subplots(2, 4)
    colours = style.ordered_colours(len(models))
    styles = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
    several = len({model.case.name for model in models}) > 1
    for k, model in enumerate(models):
        name = style.day_text(model.hours)
        name = f"{model.case.name}, {name}" if several else name
        for ax, (place, values) in zip(axes.flat, measured(model), strict=True):
            x, mean, low, high = profile(place, values)
            ax.fill_between(x, low, high, color=colours[k], alpha=0.16, linewidth=0.0)
            ax.plot(x, mean, color=colours[k], linestyle=styles[k % len(styles)], linewidth=1.9, label=name)
    for n, (ax, (text, unit)) in enumerate(zip(axes.flat, PANELS, strict=True)):
        factor, shown = style.scaled(unit, ax.get_ylim()[1])
        style.panel(ax, style.label(text, ""), "", shown)
        if factor != 1.0:
            ax.yaxis.set_major_formatter(lambda value, _, factor=factor: f"{factor * value:.4g}")
        ax.set_xlim(0.0, 1.0)
        ax.margins(y=0.08)
        if text not in FLOATING:
            ax.set_ylim(0.0, max(ax.get_ylim()[1], 5.0 if text == "Collagen" else 0.0))
        ax.locator_params(axis="y", nbins=6)
        for edge in (1.0 / 3.0, 2.0 / 3.0):
            ax.axvline(edge, color=style.MUTED, linewidth=0.7, linestyle=":")
        small: dict[str, Any] = {"va": "bottom", "ha": "center", "fontsize": 7.5, "color": style.MUTED}
        for zone in (1, 2, 3):
            spot = ((zone - 0.5) / 3.0, 1.0)
            ax.annotate(f"zone {zone}", spot, xycoords="axes fraction", **small)
        ax.set_title(ax.get_title(loc="left"), loc="left", fontsize=style.TITLE, pad=15)
        ax.set_xticks([0.0, 0.5, 1.0], ["portal\ntract", "0.5", "central\nvein"])
        if n >= 4:
            ax.set_xlabel("relative distance", fontsize=style.LABEL)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    note = "lines: mean; bands: interquartile range"
    style.legend(
        figure,
        handles=handles,
        labels=labels,
        loc="outside lower center",
        ncols=len(models),
        title=note,
        title_fontsize=8.5,
    )
    return figure
