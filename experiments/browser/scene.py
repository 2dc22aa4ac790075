"""What the browser draws: one layer of tissue and its cells as compact bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.agents import macrophage, stellate
from lobule.experiments import style
from lobule.experiments.browser.quantities import (
    DIFFERENCE,
    TISSUE,
    Scale,
    least,
    lookup,
    quantities,
    symmetric,
)
from lobule.experiments.canvas import Layer
from lobule.experiments.histology import MARKS, kinds
from lobule.experiments.maps import VACANT
from lobule.experiments.places import beside

if TYPE_CHECKING:
    from lobule.model import Lobule
    from lobule.vessels import Vessel

#: Marks in the order in which they are drawn, and their number on the wire.
ORDER = tuple(MARKS)


class View(NamedTuple):
    """What a panel shows."""

    quantity: str = TISSUE
    of: str = "main"
    """``"main"``, ``"branch"`` or ``"difference"``, main minus branch."""
    cells: bool = True
    fibres: bool = True


def _floats(values: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def stage(model: Lobule) -> dict[str, Any]:
    """Return what does not change while a model lives: sites, faces, vessels, legends.

    Returns
    -------
    dict
        Plain values and little-endian bytes: ``xy`` float32 [n, 2] (um), ``kind`` uint8 [n],
        ``site`` int32 [n], ``faces`` int32 [m, 2] (pairs of
        neighbours, as places in the layer), and the vessels: ``x``, ``y`` and ``radius`` (um) of the largest
        disc inside, and ``rings``, the corners of the border and of the holes in it.
    """
    layer = Layer(model)
    tissue, sites = model.tissue, layer.sites
    inside = np.full(tissue.n_sites, -1, np.int64)
    inside[sites] = np.arange(sites.size)
    neighbours = tissue.neighbours[sites, :3]
    one, slot = np.nonzero(neighbours >= 0)
    other = inside[neighbours[one, slot]]
    keep = other >= 0
    return {
        "pitch": tissue.pitch,
        "xy": _floats(layer.xy),
        "kind": tissue.kind[sites].astype(np.uint8).tobytes(),
        "site": sites.astype("<i4").tobytes(),
        "faces": np.stack([one[keep], other[keep]], axis=1).astype("<i4").tobytes(),
        "veins": [_vessel(vein) for vein in layer.veins],
        "tracts": [_vessel(tract) for tract in layer.tracts],
        "colours": {
            "collagen": style.COLLAGEN,
            "nucleus": style.NUCLEUS,
            "tract": style.TRACT,
            "vacant": VACANT,
        },
        "marks": [
            {"label": m.label, "shape": m.marker, "face": m.face, "edge": m.edge, "size": m.size}
            for m in MARKS.values()
        ],
    }


def _vessel(vessel: Vessel) -> dict[str, Any]:
    x, y = vessel.centre
    return {"x": x, "y": y, "radius": vessel.radius, "rings": [ring.tolist() for ring in vessel.rings]}


class Painter:
    """Makes the pictures of one session; remembers the colour scales, so that they do not flicker."""

    def __init__(self) -> None:
        self._scale = Scale()

    def picture(self, view: View, main: Lobule, branch: Lobule | None) -> dict[str, Any]:
        """Return one panel.

        Parameters
        ----------
        view : View
            What to show.
        main, branch : Lobule
            The models; they are only read. Without a branch all views are of `main`.

        Returns
        -------
        dict
            ``values`` float32 [n] over the sites of the layer (NaN: nothing there), the colour map, its ends
            and its words; ``collagen`` float32 [n] where fibres are drawn; the marks.
        """
        quantity = quantities()[view.quantity]
        shown = branch if view.of == "branch" and branch is not None else main
        is_difference = view.of == "difference" and branch is not None
        layer = Layer(main)
        sites, parenchyma = layer.sites, layer.parenchyma
        floor = least(quantity)
        title, colours, note = quantity.label, quantity.colours, ""
        of_all = [quantity.values(model)[sites] for model in (main, branch) if model is not None]
        for part in of_all:
            part[~parenchyma] = np.nan
        if quantity.needs_step and main.hours == 0.0:
            of_all = [np.full(sites.size, np.nan) for _ in of_all]
            note = "after the first step"
        if is_difference:
            values = of_all[0] - of_all[1]
            end = symmetric(values, floor)
            low, high, colours = -end, end, DIFFERENCE
            title = f"Difference in {_lower(title)}" if view.quantity != TISSUE else "Difference in iron"
        else:
            values = of_all[1 if shown is branch else 0]
            low, high = self._scale.ends(view.quantity, of_all, floor)
            if view.quantity == TISSUE:
                low, high = 0.0, max(high, 6.0 * main.values["hepatocyte"].normal_iron)
            finite = values[np.isfinite(values)]
            if finite.size and quantity.needs_step and finite.max() < floor:
                values = np.full(sites.size, np.nan)
                note = f"less than {floor:g} {style.unit_text(quantity.unit)}"
        is_tissue = view.quantity == TISSUE and not is_difference
        result: dict[str, Any] = {
            "values": _floats(values),
            "lut": lookup(colours),
            "low": low,
            "high": high,
            "title": title,
            "legend": "Iron of hepatocytes" if view.quantity == TISSUE else title,
            "unit": style.unit_text(quantity.unit),
            "meaning": quantity.meaning,
            "note": note,
            "tissue": is_tissue,
            "difference": is_difference,
            "collagen": _floats(shown.matrix.collagen[sites]) if view.fibres and not is_difference else b"",
            "marks": b"",
            "counts": [],
        }
        if view.cells and not is_difference:
            result["marks"], result["counts"] = _marks(layer, shown)
        return result


def _lower(text: str) -> str:
    return text if text[:2].isupper() or not text[1:2].islower() else text[0].lower() + text[1:]


def _marks(layer: Layer, model: Lobule) -> tuple[bytes, list[int]]:
    """Return x, y and kind of every mark as float32 [k, 3], and the number of each kind in the tissue."""
    groups = kinds(model)
    sites = np.concatenate([np.asarray(groups[name], np.int64) for name in ORDER])
    kind = np.repeat(np.arange(len(ORDER)), [len(groups[name]) for name in ORDER])
    x, y = beside(model.tissue, sites)
    here = np.isin(sites, layer.sites)
    table = np.stack([x[here], y[here], kind[here]], axis=1)
    return _floats(table), [len(groups[name]) for name in ORDER]


def activated(stage_of_cell: int) -> str:
    """Return the name of a stellate cell's stage."""
    if stage_of_cell >= stellate.MYOFIBROBLAST:
        return "myofibroblast"
    return "activated" if stage_of_cell >= stellate.ACTIVATED else "quiescent"


POLARISATIONS = {macrophage.RESTING: "resting", macrophage.M1: "M1", macrophage.M2: "M2"}
