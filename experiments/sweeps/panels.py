"""What the pictures of a sweep share: which readouts, the looks of arms, axes of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.ticker import FuncFormatter, ScalarFormatter
from numpy.typing import NDArray

from lobule.experiments import style
from lobule.experiments.sweeps.design import unit_of
from lobule.readouts import READOUTS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Readouts that are shown, those that do not differ between the runs left out.
MAIN = (
    "lic_mg_per_g",
    "transferrin_saturation_percent",
    "ferritin_ug_per_l",
    "haemoglobin_g_per_dl",
    "alt_iu_per_l",
    "collagen_area_percent",
    "stellate_activated",
    "macrophages_m1",
    "hepatocytes",
    "msc",
    "iron_zone1_to_zone3_ratio",
    "hepcidin_ng_per_ml",
)
MOST_PANELS = 9
LOG_FROM = 10.0  # ratio of the ends from which on an axis is logarithmic
COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.ORANGE, style.PURPLE, style.SKY, style.BLACK)
MARKERS = "osD^vP*"
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.2)), "-.", (0, (8, 2, 1.5, 2)))


def shown_readouts(frame: pd.DataFrame, most: int = MOST_PANELS) -> list[str]:
    """Return the readouts of :data:`MAIN` that differ between rows of `frame`; the first when none does."""
    names = [name for name in MAIN if name in frame and frame[name].nunique(dropna=True) > 1]
    return names[:most] or [MAIN[0]]


def readout_title(name: str) -> tuple[str, str]:
    """Return what a panel for a readout is called, and its unit as printed."""
    unit, meaning = READOUTS[name]
    return meaning[:1].upper() + meaning[1:], style.unit_text(unit)


def key_label(key: str) -> str:
    """Return the label of the axis of a varied parameter."""
    return style.label(key, unit_of([key])[0])


class Look(NamedTuple):
    """How an arm is drawn."""

    colour: str
    marker: str
    dashes: Any


def look_of(arms: Sequence[str]) -> dict[str, Look]:
    """Return the look of each arm; no two of the first 35 are alike."""
    return {
        arm: Look(
            COLOURS[i % len(COLOURS)],
            MARKERS[(i // len(COLOURS) + i) % len(MARKERS)],
            DASHES[i % len(DASHES)],
        )
        for i, arm in enumerate(arms)
    }


def plain_ticks(ax: Axes) -> None:
    """Let the ticks of `ax` say their numbers in full: no offset or power beside the axis."""
    for axis in (ax.xaxis, ax.yaxis):
        if isinstance(axis.get_major_formatter(), ScalarFormatter):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))


def grid_of(number: int, width: float = 4.6, height: float = 3.3) -> tuple[Figure, list[Axes]]:
    """Return a figure with `number` panels, three in a row, and the panels."""
    columns = min(3, number)
    rows = -(-number // columns)
    figure = style.new_figure(width * columns, height * rows + 0.9)
    axes: NDArray[Any] = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat[number:]:
        ax.set_axis_off()
    return figure, list(axes.flat[:number])


INCHES_A_LETTER, INCHES_A_LINE = 0.075, 0.7  # of a legend


def arms_legend(figure: Figure, handles: Mapping[str, Any], title: str) -> None:
    """Name the arms below the panels, as many beside each other as find room, and what is drawn of them."""
    longest = max(map(len, handles), default=1)
    room = float(figure.get_figwidth()) / (INCHES_A_LETTER * longest + INCHES_A_LINE)
    style.legend(
        figure,
        handles=list(handles.values()),
        labels=list(handles),
        loc="outside lower center",
        ncols=int(np.clip(room, 1, 4)),
        title=title,
        title_fontproperties={"size": style.LABEL},
    )


class Places:
    """Where the values of a parameter are on an axis: numbers as they are, words side by side."""

    def __init__(self, values: pd.Series[Any]) -> None:
        known = values.dropna()
        self.is_number = known.dtype.kind in "if"
        self.words = [] if self.is_number else list(dict.fromkeys(known.astype(str)))
        low, high = (float(known.min()), float(known.max())) if self.is_number else (0.0, 1.0)
        self.is_log = self.is_number and low > 0.0 and high / low >= LOG_FROM

    def of(self, values: pd.Series[Any]) -> NDArray[np.float64]:
        """Return the places of `values`."""
        if self.is_number:
            return values.to_numpy(float)
        return np.array([self.words.index(str(value)) for value in values], float)

    def apply(self, ax: Axes) -> None:
        """Give the x axis of `ax` its scale and ticks."""
        if self.is_log:
            ax.set_xscale("log")
        elif not self.is_number:
            ax.set_xticks(range(len(self.words)), self.words)
            ax.set_xlim(-0.5, len(self.words) - 0.5)
        else:
            ax.locator_params(axis="x", nbins=6)
