"""One picture of a film: the tissue beside time courses that have come so far, always laid out alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from lobule.errors import InputError
from lobule.experiments import style
from lobule.experiments.canvas import Layer
from lobule.experiments.courses import PANELS, Series, age_scale, draw_lines, frame_ages, frame_values
from lobule.experiments.histology import draw_cells, draw_marks, kinds, legend_entries
from lobule.experiments.maps import heading, iron_scale
from lobule.geometry import PARENCHYMA
from lobule.model import Lobule

WIDTH, HEIGHT = 8.0, 4.5  # inches: 1280 by 720 pixels
#: Columns of the legend and size of its text (points); the first that fits is taken.
LEGENDS = ((4, 7.0), (4, 6.0), (3, 6.0), (2, 6.0), (1, 6.0))
SHOWN = ("Liver iron", "ALT", "Collagen")
LAST, LAST_TREATED = "Transferrin saturation", "Mesenchymal stem cells"


class Frame(NamedTuple):
    """What one picture of a film shows."""

    model: Lobule
    series: Series
    """The readouts from the start to this hour."""
    events: Sequence[tuple[float, str]]
    """The treatments given by then: hours since the start, and what was given."""


class Scale(NamedTuple):
    """What stays the same in all pictures of a film."""

    top_iron: float
    """Top of the colour scale of hepatocyte iron (fmol)."""
    counts: dict[str, int]
    """Most cells of every kind of mark: what the legend names."""
    series: Series
    events: Sequence[tuple[float, str]]


def scale_of(frames: Iterable[Frame]) -> Scale:
    """Return the scale on which all of `frames`, which are in order, can be shown.

    Raises
    ------
    InputError
        If there is none.
    """
    top, counts, frame = 0.0, {"collagen": 1}, None
    for frame in frames:
        model = frame.model
        top = max(top, iron_scale([model]))
        sites = int((model.tissue.kind == PARENCHYMA).sum())
        here = {name: len(at) for name, at in kinds(model).items()}
        here["vacant"] = sites - len(model.population.tables["hepatocyte"])
        counts |= {name: max(number, counts.get(name, 0)) for name, number in here.items()}
    if frame is None:
        raise InputError("a film -> needs a state to show")
    return Scale(top, counts, frame.series, frame.events)


class Stage:
    """The figure, in which only what changes is drawn again: all pictures have one layout."""

    def __init__(self, model: Lobule, scale: Scale) -> None:
        self.scale, self.figure = scale, style.new_figure(WIDTH, HEIGHT)
        self.title = self.figure.suptitle(
            heading(model), x=0.012, ha="left", fontsize=style.TITLE + 1, color=style.INK
        )
        halves: Any = self.figure.subfigures(1, 2, width_ratios=(1.4, 1.0))  # each is laid out by itself
        left, right = halves
        self.tissue = left.subplots()
        self.norm = Normalize(0.0, scale.top_iron)
        bar = left.colorbar(
            ScalarMappable(self.norm, style.PERLS),
            ax=self.tissue,
            shrink=0.8,
            aspect=28,
            pad=0.01,
            extend="max",
        )
        bar.set_label("Hepatocyte iron (fmol per cell)", fontsize=style.TICK)
        bar.ax.tick_params(labelsize=style.TICK)
        handles = legend_entries(scale.counts)
        self.curves = self._courses(right, model.case.subject.species, handles)
        for columns, size in LEGENDS:
            legend = style.legend(
                self.figure,
                handles=[*handles.values()],
                labels=[*handles],
                loc="outside lower left",
                ncols=columns,
                fontsize=size,
                columnspacing=1.2,
                labelspacing=0.5,
            )
            if columns == 1 or legend.get_window_extent().width < 0.98 * self.figure.bbox.width:
                break
            legend.remove()
        Layer(model).frame(self.tissue)
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")

    def _courses(self, figure: Any, species: str, handles: dict[str, Any]) -> list[tuple[Any, str]]:
        """Draw the panels with the whole curves, which set the scales; return each curve and its readout."""
        series, curves = self.scale.series, []
        scale, x_label = age_scale(series)
        x = np.asarray(series["age_days"]) / scale
        names = (*SHOWN, LAST_TREATED if np.any(np.asarray(series["msc"]) > 0) else LAST)
        axes = figure.subplots(len(names), sharex=True)
        for ax, name in zip(axes, names, strict=True):
            described = next(panel for panel in PANELS if panel.title == name)
            style.panel(ax, style.label(name, described.unit), x_label if name == names[-1] else "")
            draw_lines(ax, x, series, described, handles, species)
            curves += list(zip(ax.lines, (line.readout for line in described.lines), strict=True))
            frame_values(ax, described)
            ax.locator_params(axis="y", nbins=2, steps=[1, 2, 5, 10])
        frame_ages(list(axes), series, self.scale.events, handles)
        return curves

    def draw(self, frame: Frame) -> NDArray[np.uint8]:
        """Return the picture of `frame`, red, green and blue; shape (720, 1280, 3)."""
        layer = Layer(frame.model)
        self.title.set_text(heading(frame.model))
        self.tissue.clear()
        layer.frame(self.tissue)
        draw_cells(layer, self.tissue, self.norm, {}, nuclei=frame.model.tissue.n_lobules == 1)
        draw_marks(layer, self.tissue)
        layer.scale_bar(self.tissue)
        scale, _ = age_scale(self.scale.series)
        for curve, readout in self.curves:
            curve.set_data(np.asarray(frame.series["age_days"]) / scale, frame.series[readout])
        canvas: Any = self.figure.canvas
        canvas.draw()
        return np.array(canvas.buffer_rgba())[:, :, :3]
