"""Parameters and readouts of a sweep against each other."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lobule.experiments import style
from lobule.experiments.sweeps.design import unit_of
from lobule.experiments.sweeps.panels import (
    Places,
    arms_legend,
    heading,
    look_of,
    plain_ticks,
    readout_title,
    shown_readouts,
)
from lobule.readouts import READOUTS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def pair_plot(final: pd.DataFrame, keys: Sequence[str], *, title: str = "") -> Figure:
    """Draw every varied number and the first readouts against each other, coloured by arm.

    Parameters
    ----------
    final : DataFrame
        As in :func:`response_curves`.
    keys : sequence of str
        The varied parameters; those that are numbers, at most four, are shown.
    title : str
        Heading.
    """
    numbers = [key for key in keys if Places(final[key]).is_number and final[key].nunique() > 1][:4]
    names = [*numbers, *shown_readouts(final, 3)]
    n = len(names)
    figure = style.new_figure(2.5 * n + 0.6, 2.4 * n + 0.9)
    heading(figure, title or "Pairs")
    axes: NDArray[Any] = figure.subplots(n, n, squeeze=False)
    looks = look_of(list(dict.fromkeys(final["arm"])))
    scales = {name: Places(final[name]) for name in names}
    for i, y in enumerate(names):
        for j, x in enumerate(names):
            ax = axes[i, j]
            ax.tick_params(labelsize=style.TICK - 1, length=2)
            ax.spines[["top", "right"]].set_visible(False)
            for arm, look in looks.items():
                rows = final[final["arm"] == arm]
                if i == j:
                    known = rows[x].dropna().to_numpy(float)
                    if known.size:
                        bins = _bins(final[x], scales[x])
                        ax.hist(known, bins, histtype="step", color=look.colour, linestyle=look.dashes)
                else:
                    ax.plot(rows[x], rows[y], look.marker, color=look.colour, markersize=2.8, alpha=0.55)
            ax.locator_params(nbins=4)
            if scales[x].is_log:
                ax.set_xscale("log")
            if scales[y].is_log and i != j:
                ax.set_yscale("log")
            plain_ticks(ax)
            ax.set_xlabel(_axis(x) if i == n - 1 else "", fontsize=style.TICK)
            ax.set_ylabel(_axis(y) if j == 0 else "", fontsize=style.TICK)
            if i == j:
                ax.set_yticks([])
    handles = {
        arm: axes[0, 0].plot([], [], look.marker, color=look.colour, linewidth=0.0)[0]
        for arm, look in looks.items()
    }
    arms_legend(figure, handles, "Each point is a run at its end")
    return figure


def _bins(values: pd.Series[Any], scale: Places) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.array([low - 0.5, low + 0.5])
    return np.geomspace(low, high, 13) if scale.is_log else np.linspace(low, high, 13)


def _axis(name: str) -> str:
    """Return the label of a narrow axis: broken where it is long."""
    if name in READOUTS:
        words, unit = readout_title(name)
        text = textwrap.fill(words, 20)
    else:
        unit = style.unit_text(unit_of([name])[0])
        text = name.replace(".", ".\n", 1)
    return f"{text}\n({unit})" if unit else text
