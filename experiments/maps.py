"""Maps of the fields of a tissue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from lobule.experiments import style
from lobule.experiments.canvas import Layer
from lobule.fields import SPECIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lobule.model import Lobule

VACANT = "#dad9c6"
#: Below these a field is reported as none: about what an assay would find.
DETECTION = {"ng/mL": 1e-3, "uM": 1e-4, "particles/pL": 1e-6}
#: Fields that are mapped, with colours for what blood brings, what harms and what heals.
_MAPPED = (
    ("iron", "cividis"),
    ("oxygen", "cividis"),
    ("ros", "inferno"),
    ("tnf", "inferno"),
    ("il10", "viridis"),
    ("tgfb", "inferno"),
    ("hgf", "viridis"),
    ("ev", "viridis"),
)


def iron_scale(models: Sequence[Lobule]) -> float:
    """Return the top of the colour scale of hepatocyte iron (fmol) for maps that are to be compared.

    The 99th percentile of the most loaded, but at least six times a normal cell, so that health stays pale.
    """
    top = [6.0 * model.values["hepatocyte"].normal_iron for model in models]
    tables = [model.population.tables["hepatocyte"] for model in models]
    return float(max([*top, *(np.percentile(t["iron"], 99.0) for t in tables if len(t))]))


def area_percent(model: Lobule) -> NDArray[np.float64]:
    """Return the share of each site's area that collagen covers, %; deposits that overlap count once."""
    return np.asarray(100.0 * (1.0 - np.exp(-model.matrix.collagen / 100.0)))


def heading(model: Lobule) -> str:
    """Return the case, day and age of `model` as a title."""
    age = f"{model.age_days:.0f} d" if model.age_days < 730 else f"{model.age_days / 365.25:.1f} y"
    layer = "" if model.tissue.axial[:, 2].max() == 0 else f", layer {Layer(model).number + 1}"
    return f"{model.case.name}, {style.day_text(model.hours)} (age {age}){layer}"


def field_maps(model: Lobule, *, title: str = "", top_iron: float | None = None) -> Figure:
    """Draw maps of hepatocyte iron, collagen, and what blood and the cells' surroundings hold.

    Parameters
    ----------
    model, title, top_iron
        As in :func:`tissue_map`.

    Returns
    -------
    Figure
        Ten maps, each with a colour bar of its own.
    """
    layer = Layer(model)
    figure = style.new_figure(15.0, 2.0 + 5.7 * float(np.clip(layer.height_to_width, 0.4, 1.5)))
    figure.suptitle(title or heading(model), fontsize=style.TITLE + 2, color=style.INK)
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.05)  # type: ignore[union-attr, call-arg]
    axes: NDArray[Any] = figure.subplots(4, 5, height_ratios=(1.0, 0.035, 1.0, 0.035))
    places = [(axes[row, column], axes[row + 1, column]) for row in (0, 2) for column in range(5)]
    table = model.population.tables["hepatocyte"]
    top = iron_scale([model]) if top_iron is None else top_iron
    iron = np.full(model.tissue.n_sites, np.nan)
    iron[table["site"]] = table["iron"]
    tissue = layer.sites[layer.parenchyma]
    _field(layer, places[0], ("Iron in hepatocytes", "fmol per cell"), iron, style.PERLS, (0.0, top))
    fields = {species.name: species for species in SPECIES}
    for place, (name, colours) in zip(places[1:9], _MAPPED, strict=True):
        values, names = model.fields[name], (fields[name].label, fields[name].unit)
        if name == "oxygen":
            values, names = model.oxygen_tension(), ("Oxygen tension", "mmHg")
        ends = limits(values[tissue], DETECTION.get(names[1]))
        _field(layer, place, names, values, style.colour_map(colours), ends)
    collagen = area_percent(model)
    high = max(10.0, float(np.percentile(collagen[tissue], 99.0)))
    _field(layer, places[9], ("Collagen", "% area"), collagen, style.SIRIUS, (0.0, high))
    return figure


def limits(values: NDArray[np.float64], least: float | None = None) -> tuple[float, float]:
    """Return the ends of a colour scale for `values`.

    Parameters
    ----------
    values : ndarray
        What is to be shown.
    least : float, optional
        What is hardly there; the scale then begins at zero, unless all values are much alike. Without it the
        scale floats.

    Returns
    -------
    (float, float)
        The 1st and 99th percentile; the maximum where the 99th percentile is hardly there.
    """
    low, high = (float(v) for v in np.percentile(values, (1.0, 99.0)))
    if least is not None:
        high = high if high > least else float(values.max())
        low = 0.0 if low < 0.5 * high else low
    return (low, high) if high > low else (low, low + 0.1 * max(abs(low), 1e-12))


def _field(
    layer: Layer,
    place: tuple[Axes, Axes],
    names: tuple[str, str],
    values: NDArray[np.float64],
    colours: Any,
    ends: tuple[float, float],
) -> None:
    """Draw one map of `values` (of all sites) and, below it, its colour bar."""
    (ax, below), (text, unit) = place, names
    layer.frame(ax)
    ax.set_title(style.label(text, ""), fontsize=style.TITLE, color=style.INK)
    sites = layer.sites[layer.parenchyma]
    sites = sites[np.isfinite(values[sites])]
    found, least = values[sites], DETECTION.get(unit, 0.0)
    is_there = found.size > 0 and found.max() >= least
    layer.fill(ax, layer.sites, VACANT if is_there else "#ececec")
    if is_there:
        drawn = layer.values(ax, found, sites, cmap=colours, norm=Normalize(*ends))
        over, under = found.max() > 1.001 * ends[1], found.min() < 0.999 * ends[0]
        extend = {(True, True): "both", (True, False): "max", (False, True): "min"}.get(
            (over, under), "neither"
        )
        bar = ax.figure.colorbar(drawn, cax=below, orientation="horizontal", extend=extend)
        factor, shown = style.scaled(unit, ends[1])
        if factor != 1.0:
            below.xaxis.set_major_formatter(lambda value, _: f"{factor * value:.4g}")
        most = f" (highest {factor * found.max():.3g})" if over else ""
        bar.set_label(shown + most, fontsize=style.LABEL, color=style.INK)
        below.tick_params(labelsize=style.TICK)
        below.locator_params(nbins=5)
    else:
        below.set_axis_off()
        words = (
            "none"
            if found.size == 0 or found.max() <= 0.0
            else f"less than {least:g} {style.unit_text(unit)}"
        )
        below.text(0.5, 0.5, words, ha="center", va="center", fontsize=style.LABEL, transform=below.transAxes)
    layer.vessels(ax, triads=False)
    layer.scale_bar(ax)
