"""What a map can show: every field, every property of every cell, and the matrix."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.agents import hepatocyte, macrophage, msc, stellate
from lobule.experiments import style
from lobule.experiments.maps import DETECTION, area_percent
from lobule.fields import SPECIES

if TYPE_CHECKING:
    from lobule.model import Lobule

TISSUE = "tissue"
LEVELS = 256
#: Cells by the name of their table: what a map of them is called, and their columns.
CELLS = {
    "hepatocyte": ("Hepatocytes", hepatocyte.COLUMNS),
    "stellate": ("Stellate cells", stellate.COLUMNS),
    "macrophage": ("Macrophages", macrophage.COLUMNS),
    "msc": ("MSC", msc.COLUMNS),
}
_CALM = ("oxygen", "il10", "hgf", "ev", "pge2", "chelator")
DIFFERENCE = "PuOr_r"


class Quantity(NamedTuple):
    """One thing that can be mapped."""

    key: str
    label: str
    unit: str
    colours: str
    meaning: str
    values: Callable[[Lobule], NDArray[np.float64]]
    """Of every site, NaN where there is none; shape (n_sites,)."""
    needs_step: bool = False
    """Whether there is nothing to show before the first step."""


@cache
def quantities() -> dict[str, Quantity]:
    """Return all quantities by key: the stained tissue first, then fields, matrix and cells."""
    found = [
        Quantity(
            TISSUE,
            "Stained tissue",
            "fmol per cell",
            "perls",
            "the tissue as a histologist would stain it: iron blue, collagen red",
            lambda model: of_cells(model, "hepatocyte", "iron"),
        )
    ]
    for species in SPECIES:
        if species.name == "oxygen":
            found.append(
                Quantity(
                    "oxygen",
                    "Oxygen tension",
                    "mmHg",
                    "cividis",
                    "oxygen tension of the blood in the sinusoid",
                    lambda model: model.oxygen_tension(),
                    True,
                )
            )
            continue
        colours = "cividis" if species.name == "iron" else "viridis" if species.name in _CALM else "inferno"
        found.append(
            Quantity(
                species.name,
                style.label(species.label, ""),
                species.unit,
                colours,
                species.meaning,
                lambda model, name=species.name: model.fields[name],  # type: ignore[misc]
                True,
            )
        )
    found.append(
        Quantity(
            "collagen", "Collagen", "% area", "sirius", "share of the area that collagen covers", area_percent
        )
    )
    for cell, (words, columns) in CELLS.items():
        for name, column in columns.items():
            found.append(
                Quantity(
                    f"{cell}.{name}",
                    f"{words}: {name.replace('_', ' ')}",
                    column.unit,
                    "perls" if name in ("iron", "ferritin", "haemosiderin") else "viridis",
                    column.meaning,
                    lambda model, cell=cell, name=name: of_cells(model, cell, name),  # type: ignore[misc]
                )
            )
    return {quantity.key: quantity for quantity in found}


def of_cells(model: Lobule, cell: str, column: str) -> NDArray[np.float64]:
    """Return the mean of a column over the cells of each site; NaN where there is no such cell."""
    table, n = model.population.tables[cell], model.tissue.n_sites
    count = np.bincount(table["site"], minlength=n)
    total = np.bincount(table["site"], np.asarray(table[column], float), minlength=n)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(count > 0, total / count, np.nan))


@cache
def lookup(name: str) -> bytes:
    """Return a colour map as 256 times red, green, blue."""
    own = {"perls": style.PERLS, "sirius": style.SIRIUS}
    colours = own.get(name) or style.colour_map(name)
    return np.asarray(colours(np.linspace(0.0, 1.0, LEVELS), bytes=True))[:, :3].tobytes()


def least(quantity: Quantity) -> float:
    """Return what is hardly there in the unit of `quantity`."""
    return DETECTION.get(quantity.unit, 1e-9)


class Scale:
    """The ends of a colour scale that does not flicker: round, and changed only when values leave them."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[float, float]] = {}

    def ends(self, key: str, values: list[NDArray[Any]], floor: float) -> tuple[float, float]:
        """Return the ends for `values` of quantity `key`: zero, or a round number below a narrow range."""
        parts = [part[np.isfinite(part)] for part in values]
        finite = np.concatenate(parts) if parts else np.empty(0)
        if finite.size == 0:
            return self._ends.get(key, (0.0, 1.0))
        low, high = (float(v) for v in np.percentile(finite, (1.0, 99.0)))
        high = max(high, float(finite.max()) if high <= floor else high, floor)
        low = 0.0 if 0.0 <= low < 0.5 * high else low
        old = self._ends.get(key)
        if (
            old is None
            or high > old[1]
            or high < 0.35 * old[1]
            or low < old[0]
            or (old[0] == 0.0) != (low == 0.0)
        ):
            self._ends[key] = rounded(low, high)
        return self._ends[key]


def rounded(low: float, high: float) -> tuple[float, float]:
    """Return round numbers that hold `low` to `high`, the lower one zero where `low` is."""
    step = 10.0 ** np.floor(np.log10(max(high - low, 1e-3 * abs(high), 1e-12)))
    top = next(m for m in (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0) if m * step >= high - low)
    if low == 0.0:
        return 0.0, float(top * step)
    bottom = float(np.floor(low / step) * step)
    return bottom, max(float(np.ceil(high / step) * step), bottom + float(step))


def symmetric(values: NDArray[np.float64], floor: float) -> float:
    """Return the end of a scale round zero for a difference."""
    finite = np.abs(values[np.isfinite(values)])
    high = float(np.percentile(finite, 99.0)) if finite.size else 0.0
    high = high if high > floor else (float(finite.max()) if finite.size else 0.0)
    return rounded(0.0, max(high, floor))[1]
