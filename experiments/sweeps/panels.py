"""What the pictures of a sweep share: which readouts, the looks of arms, axes of parameters."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.ticker import Formatter, ScalarFormatter
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
CHARACTER = 0.075  # inches that a character of a legend takes
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


class Plain(Formatter):
    """Says numbers in full; where those of an axis lie too close for that, what they have in common once."""

    def __init__(self) -> None:
        self._common = ""

    def __call__(self, value: float, position: int | None = None) -> str:
        """Return the label of one tick."""
        return f"{value:.6g}"

    def format_ticks(self, values: Any) -> list[str]:
        """Return the labels of all ticks; no two are the same."""
        labels = [f"{value:.6g}" for value in values]
        self._common = ""
        if len(set(labels)) < len(labels):
            self._common = f"{values[0]:+.15g}"
            labels = [f"{value - values[0]:.3g}" for value in values]
        return labels

    def get_offset(self) -> str:
        """Return what all labels have in common."""
        return self._common


def plain_ticks(ax: Axes) -> None:
    """Let the ticks of `ax` say their numbers in full wherever there is room for that."""
    for axis in (ax.xaxis, ax.yaxis):
        if isinstance(axis.get_major_formatter(), ScalarFormatter):
            axis.set_major_formatter(Plain())
            axis.get_offset_text().set_fontsize(style.TICK)


def value_texts(values: Sequence[Any]) -> list[str]:
    """Return `values` of a parameter as short as they can be told apart."""
    for digits in range(4, 17):
        texts = [f"{value:.{digits}g}" if isinstance(value, float) else str(value) for value in values]
        if len(set(texts)) == len(set(map(str, values))):
            break
    return texts


def heading(figure: Figure, text: str) -> None:
    """Give a figure its heading, broken where the figure is narrow."""
    figure.suptitle(
        textwrap.fill(text, int(figure.get_figwidth() / 0.105)), fontsize=style.TITLE + 2, color=style.INK
    )


def grid_of(number: int, width: float = 4.6, height: float = 3.3) -> tuple[Figure, list[Axes]]:
    """Return a figure with `number` panels, three in a row, and the panels."""
    columns = min(3, number)
    rows = -(-number // columns)
    figure = style.new_figure(width * columns, height * rows + 0.9)
    axes: NDArray[Any] = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat[number:]:
        ax.set_axis_off()
    return figure, list(axes.flat[:number])


def arms_legend(figure: Figure, handles: Mapping[str, Any], title: str) -> None:
    """Name the arms below the panels, and what is drawn of them; the figure grows with their names."""
    characters = int(figure.get_figwidth() / CHARACTER)
    labels = [textwrap.fill(label, characters - 10) for label in handles]
    longest = max(len(line) for label in labels for line in label.split("\n"))
    columns = max(1, min(4, len(labels), characters // (longest + 8)))
    rows = -(-sum(label.count("\n") + 1 for label in labels) // columns)
    figure.set_figheight(figure.get_figheight() + 0.17 * max(0, rows - 1))
    style.legend(
        figure,
        handles=list(handles.values()),
        labels=labels,
        loc="outside lower center",
        ncols=columns,
        title=textwrap.fill(title, characters - 10),
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
