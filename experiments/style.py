"""How all pictures look: colours, text, panels, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure

from lobule.files import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 160
TITLE, LABEL, TICK = 11.0, 9.5, 8.5  # points
INK, MUTED, GRID = "#222222", "#666666", "#e4e4e4"

#: Prussian blue on the pink of nuclear fast red, as in a Perls stain; lightness falls steadily.
PERLS = LinearSegmentedColormap.from_list(
    "perls", ["#fce9ea", "#f3dee4", "#d3cfe2", "#9db5da", "#5f8fc8", "#2c63ad", "#14428a", "#081f55"]
)
#: Sirius red on a pale ground.
SIRIUS = LinearSegmentedColormap.from_list(
    "sirius", ["#fbf5e9", "#f6d3bf", "#eda090", "#d96363", "#b32645", "#74102f"]
)
COLLAGEN, NUCLEUS, TRACT = "#b3123a", "#c4698c", "#efd9c3"

# Okabe and Ito's colours, told apart by readers with any colour vision
BLUE, SKY, GREEN, YELLOW, ORANGE, VERMILION, PURPLE, BLACK = (
    "#0072B2",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#E69F00",
    "#D55E00",
    "#CC79A7",
    "#000000",
)

_SYMBOLS = {"uM": "µM", "ug": "µg", "um": "µm", "-": "", "ug/L": "µg/L"}


def unit_text(unit: str) -> str:
    """Return a declared unit as it is printed (``"uM"`` as ``"µM"``, ``"-"`` as nothing)."""
    return _SYMBOLS.get(unit, unit)


def scaled(unit: str, highest: float) -> tuple[float, str]:
    """Return the factor and the unit in which an axis that ends at `highest` (in `unit`) has few zeros."""
    smaller = {"uM": "nM", "ng/mL": "pg/mL"}.get(unit)
    return (1e3, smaller) if smaller is not None and 0.0 < highest < 1e-3 else (1.0, unit_text(unit))


def label(text: str, unit: str) -> str:
    """Return `text` with its unit in brackets, Greek letters in place of ``-a`` and ``-b``."""
    for plain, greek in (("TNF-a", "TNF-α"), ("TGF-b", "TGF-β"), ("IL-1b", "IL-1β")):
        text = text.replace(plain, greek)
    printed = unit_text(unit)
    return f"{text} ({printed})" if printed else text


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` by `height` inches with a canvas of its own, free of global state."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def panel(ax: Axes, title: str, x: str = "", y: str = "") -> Axes:
    """Give a panel of curves its title, axis labels and quiet frame; return it."""
    ax.set_title(title, fontsize=TITLE, color=INK, loc="left", pad=9)
    ax.set_xlabel(x, fontsize=LABEL, color=INK)
    ax.set_ylabel(y, fontsize=LABEL, color=INK)
    ax.tick_params(labelsize=TICK, colors=INK, length=3)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color=GRID, linewidth=0.6)
    ax.set_axisbelow(True)
    return ax


def legend(owner: Any, **options: Any) -> Any:
    """Draw the legend of an axes or a figure in the common style, if it has any entry; return it."""
    return owner.legend(
        **{"fontsize": TICK, "frameon": False, "handlelength": 2.6, "labelcolor": INK, **options}
    )


def ordered_colours(n: int) -> list[Any]:
    """Return `n` colours in an order that reads as time, dark to bright, all legible on white."""
    from matplotlib import colormaps

    return [colormaps["viridis"](x) for x in np.linspace(0.0, 0.86, n)] if n > 1 else [BLUE]


def colour_map(name: str) -> Colormap:
    """Return one of Matplotlib's perceptually uniform colour maps."""
    from matplotlib import colormaps

    return colormaps[name]


def write(figure: Figure, path: Path) -> Path:
    """Write `figure` to `path` (.png) in one go: the file is there whole, or as it was before.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as partial:
        figure.savefig(partial, format="png", dpi=DPI, pil_kwargs={"compress_level": 4})
    return path


def day_text(hours: float) -> str:
    """Return a time of the run as ``"day 3"`` or ``"day 3.25"``."""
    return f"day {round(hours / 24.0, 2):g}"


def spread(items: Sequence[Any], n: int) -> list[Any]:
    """Return at most `n` of `items`, evenly spread, the first and the last among them."""
    if len(items) <= n:
        return list(items)
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, n)]
