"""One lobule on finer and finer lattices: what one site a hepatocyte costs."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.agents import hepatocyte, macrophage
from lobule.experiments import style
from lobule.fields import FIELDS, LANE, Fields
from lobule.geometry import GEOMETRY, PARENCHYMA, Tissue, build_tissue
from lobule.lanes import LANES
from lobule.oxygen import NORMAL_HAEMOGLOBIN, OXYGEN, OxygenCurve
from lobule.perfusion import Perfusion
from lobule.transport import Transport
from lobule.units import FMOL_PER_UM_PL
from verification.study import Chapter, Scale, Task, number, percent, table, verdict

NAME = "lattice"
TITLE = "Finer lattices"

Floats = NDArray[np.float64]

PITCH, SITES_ACROSS = 23.0, 21  # of the mouse: what the engine uses
SHOWN = {"oxygen": "oxygen (mmHg)", "tnf": "TNF (ng/mL)", "iron": "NTBI (share of the inlet)"}
REFINEMENTS = (1, 2, 4, 8)
BINS = 8
#: By how much the error must fall, at least, when the width of a site is halved.
LEAST_FALL = 1.5
#: What a site as wide as a hepatocyte may cost, in any zone.
ALLOWED = 0.10
_SETTLED, _PASSES, _TOLERANCE = 1e-7, 60, 1e-9

TEXT = """Transport alone, steady, in seven mouse lobules of which the middle one is looked at, with
sites {pitches} um wide: the same lobule (central veins {across:g} um apart), vessels as discs of the area
that seven sites of {coarse:g} um have, and everything that cells bring or take fixed per volume: oxygen
and NTBI enter with the blood and are taken up by hepatocytes (oxygen more in zone 1, saturable), TNF is
secreted by resting Kupffer cells spread by zone. Concentrations are averaged over the site of a
hepatocyte before they are compared with the finest lattice. The lattice of {coarse:g} um is the one the
model lives on.

{zones}

"cells" is the root mean square of all hepatocyte sites' differences over their mean, the order that of
this number from the lattice above. Upwind flow is of first order; vessels, discs made of sites, add an
error that does not fall smoothly. Asked for is that each halving of the width divides "cells" by {fall:g}
or more, and that no zone is off by more than {allowed:.0%} at {coarse:g} um.

![Profiles on finer lattices](images/verification-lattice.png)

One cell secretes TNF in the middle of the lobule: its own site and the rings of neighbours around it,
against the finest lattice with the same secretion spread over the area of that cell.

{cell}

So one site a hepatocyte costs {oxygen} % of oxygen, {tnf} % of TNF and {iron} % of NTBI in the zone where
it is worst, and {own} % at the site of a cell that secretes alone. Blood loses its gradients to upwind
flow, which diffuses like half a site times its speed. The finest lattice is not exact itself: with first
order its own error is about {left} of that of {coarse:g} um.
"""


class Level(NamedTuple):
    """What one lattice gives, on the sites of the coarsest.

    Attributes
    ----------
    zones : dict of str to ndarray, shape (3,)
        Means of hepatocyte sites in zones 1, 2, 3.
    profile : dict of str to ndarray, shape (BINS,)
        Means of bins between portal tract and central vein.
    cells : dict of str to ndarray, shape (n,)
        Means over each hepatocyte's site.
    rings : ndarray, shape (4,)
        A lone cell's signal at its site and in the rings around it.
    """

    zones: dict[str, Floats]
    profile: dict[str, Floats]
    cells: dict[str, Floats]
    rings: Floats


def lattice(refinement: int) -> Tissue:
    """Return seven mouse lobules with sites `PITCH` / `refinement` wide; amounts per volume are kept."""
    vessel = math.sqrt(7.0 * math.sqrt(3.0) / (2.0 * math.pi)) * PITCH  # of seven coarse sites' area
    shape = GEOMETRY.values("mouse")
    shape = shape._replace(
        pitch=PITCH / refinement,
        radius=SITES_ACROSS * PITCH / math.sqrt(3.0),
        central_vein_radius=vessel,
        portal_tract_radius=vessel,
        hepatocytes_per_gram=shape.hepatocytes_per_gram * refinement**2,
    )
    return build_tissue("mouse", 7, parameters=shape)


def overlap(fine: Tissue, coarse: Tissue, refinement: int) -> tuple[NDArray[np.int64], Floats]:
    """Return up to four coarse sites [n, 4] that each fine site lies in, and its share in each.

    A fine site on the edge between coarse ones belongs to them in equal parts; coarse sites are -1 where
    there is none.
    """
    places = {(int(q), int(r)): i for i, (q, r, _) in enumerate(coarse.axial)}
    at = fine.axial[:, :2] / refinement
    corner = np.floor(at).astype(int)
    near = np.stack([corner + step for step in product((0, 1), (0, 1))], axis=1)
    dq, dr = np.moveaxis(near - at[:, None, :], 2, 0)
    away = dq**2 + dq * dr + dr**2
    share = (away < away.min(axis=1, keepdims=True) + 1e-9).astype(float)
    share /= share.sum(axis=1, keepdims=True)
    index = np.array([[places.get((int(q), int(r)), -1) for q, r in row] for row in near])
    return index, np.where(index >= 0, share, 0.0)


def solve(tissue: Tissue, refinement: int, lone: Floats) -> tuple[Fields, Floats]:
    """Return the steady fields, and the signal of a lone cell whose secretion is spread as `lone` [n]."""
    fields, perfusion = (
        Fields(tissue.n_sites, FIELDS.values("mouse")),
        Perfusion(tissue, np.full(tissue.n_sites, 0.5)),
    )
    solver = Transport(tissue.neighbours, tissue.face_conductance, tissue.volume, tissue.axial)
    solver.set_flow(perfusion.flow, perfusion.outflow, perfusion.pressure)
    curve = OxygenCurve(OXYGEN.values("mouse"), NORMAL_HAEMOGLOBIN)
    h, m = hepatocyte.PARAMETERS.values("mouse"), macrophage.PARAMETERS.values("mouse")
    cells, x = (tissue.kind == PARENCHYMA) / refinement**2, tissue.portal_central
    oxygen, iron, tnf, extra = LANE["oxygen"], LANE["iron"], LANE["tnf"], LANE["il10"]
    for values in (fields.diffusivity, fields.decay, fields.mobile):
        values[extra] = values[tnf]

    source, uptake = np.zeros((tissue.n_sites, LANES)), np.zeros((tissue.n_sites, LANES))
    source[:, oxygen] = perfusion.inflow * fields.mobile[oxygen] * curve.portal_content
    source[:, iron] = perfusion.inflow * fields.mobile[iron]
    uptake[:, iron] = cells * h.uptake_clearance * 3600.0
    density = m.share_zone1 * (1.0 - x) + (1.0 - m.share_zone1 - m.share_zone2) * x
    source[:, tnf] = cells * m.tnf_resting * m.per_hundred / 100.0 * density / 0.5
    source[:, extra] = m.tnf_resting * lone
    use = (
        cells * h.oxygen_use * 3600.0 / FMOL_PER_UM_PL * (h.oxygen_portal + (2.0 - 2.0 * h.oxygen_portal) * x)
    )

    fields.c[:, oxygen] = curve.portal_content
    nothing, steady = np.zeros_like(fields.c), np.zeros(LANES)
    change = np.inf
    for _ in range(_PASSES):
        content = np.maximum(fields["oxygen"], 1e-6)
        tension = curve.tension(content)
        before = uptake[:, oxygen].copy()
        uptake[:, oxygen] = use * tension / (tension + h.oxygen_km) / content
        change = np.abs(uptake[:, oxygen] - before).max() / uptake[:, oxygen].max()
        if change < _SETTLED:
            break
        solver.solve(
            fields.c,
            nothing,
            source,
            uptake,
            steady,
            fields.diffusivity,
            fields.decay,
            fields.mobile,
            _TOLERANCE,
        )
    else:
        raise RuntimeError(f"oxygen does not settle: {change:g}")
    fields.iron[:] = fields.c[:, iron]
    tension = curve.tension(np.ascontiguousarray(fields["oxygen"]))
    fields.c[:, oxygen] = tension
    return fields, fields.c[:, extra].copy()


def level(refinement: int) -> Level:
    """Return what the lattice with sites `PITCH` / `refinement` wide gives."""
    coarse, fine = lattice(1), lattice(refinement)
    index, share = overlap(fine, coarse, refinement)
    middle = (coarse.lobule == 0) & (coarse.kind == PARENCHYMA)
    lone = int(
        np.argmin(
            np.where(middle, np.abs(coarse.portal_central - 0.5) + 1e-9 * np.arange(coarse.n_sites), 9.0)
        )
    )
    spread = np.where(index == lone, share, 0.0).sum(axis=1)
    fields, signal = solve(fine, refinement, spread / spread.sum())

    def averaged(values: Floats) -> Floats:
        total, weight = np.zeros(coarse.n_sites), np.zeros(coarse.n_sites)
        for k in range(4):
            there = index[:, k] >= 0
            np.add.at(total, index[there, k], share[there, k] * values[there])
            np.add.at(weight, index[there, k], share[there, k])
        return total / weight

    inside = (fine.lobule == 0) & (fine.kind == PARENCHYMA)
    place = np.minimum((BINS * fine.portal_central[inside]).astype(int), BINS - 1)
    cells = {name: averaged(fields[name])[middle] for name in SHOWN}
    profile = {
        name: np.bincount(place, fields[name][inside], BINS) / np.bincount(place, minlength=BINS)
        for name in SHOWN
    }
    zones = {
        name: np.array([cells[name][coarse.zone[middle] == zone].mean() for zone in (1, 2, 3)])
        for name in SHOWN
    }
    there = averaged(signal)
    return Level(zones, profile, cells, np.array([there[ring].mean() for ring in _rings(coarse, lone)]))


def _rings(tissue: Tissue, site: int) -> list[NDArray[np.int64]]:
    """Return the site and the three rings of sites around it."""
    dq, dr = (tissue.axial[:, :2] - tissue.axial[site, :2]).T
    steps = (np.abs(dq) + np.abs(dr) + np.abs(dq + dr)) // 2
    return [np.flatnonzero(steps == ring) for ring in range(4)]


def _refinements(scale: Scale) -> tuple[int, ...]:
    return REFINEMENTS[:-1] if scale.quick else REFINEMENTS


def tasks(scale: Scale) -> dict[Any, Task]:
    """Return the tasks of the section."""
    return {
        n: Task(f"lattice with sites {PITCH / n:g} um wide", level, (n,), 1.0 + 0.25 * n**2)
        for n in _refinements(scale)
    }


def cell_error(one: Floats, finest: Floats) -> float:
    """Return the root mean square difference over the mean."""
    return float(np.sqrt(np.mean((one - finest) ** 2)) / finest.mean())


def report(results: dict[Any, Any], scale: Scale, images: Path | None) -> Chapter:
    """Return the chapter."""
    levels = _refinements(scale)
    finest, coarse = results[levels[-1]], results[1]
    chapter, rows, worst = Chapter(""), [], {}

    def judged(passed: bool, what: str) -> str:
        chapter.checks += 1
        if not passed:
            chapter.failures.append(f"lattice, {what}")
        return verdict(passed)

    for name, label in SHOWN.items():
        errors = [cell_error(results[n].cells[name], finest.cells[name]) for n in levels[:-1]]
        for i, n in enumerate(levels):
            values, shift = results[n].zones[name], results[n].zones[name] / finest.zones[name] - 1.0
            if n == levels[-1]:
                rows.append([label, f"{PITCH / n:g}", *map(number, values), "", "", ""])
                continue
            zones = (
                f"{number(v)} ({percent(float(d), signed=True)} %)"
                for v, d in zip(values, shift, strict=True)
            )
            if i == 0:
                worst[name] = float(np.abs(shift).max())
                order = ""
                text = judged(
                    worst[name] <= ALLOWED, f"{label}: {worst[name]:.1%} in the worst zone at {PITCH:g} um"
                )
            else:
                order = f"{observed_order(errors[i - 1], errors[i], levels[-1] // levels[i - 1]):.2f}"
                fall = errors[i - 1] / errors[i]
                text = judged(fall >= LEAST_FALL, f"{label}: error divided by {fall:.2f} at {PITCH / n:g} um")
            rows.append([label, f"{PITCH / n:g}", *zones, f"{percent(errors[i])} %", order, text])
    rings = [
        [f"{PITCH / n:g}", *(number(float(value / finest.rings[0])) for value in results[n].rings)]
        for n in levels
    ]
    own = abs(float(coarse.rings[0] / finest.rings[0] - 1.0))
    if images is not None:
        _draw({n: results[n] for n in levels}, images)
    chapter.text = TEXT.format(
        pitches=", ".join(f"{PITCH / n:g}" for n in levels),
        across=SITES_ACROSS * PITCH,
        coarse=PITCH,
        fall=LEAST_FALL,
        allowed=ALLOWED,
        zones=table(["field", "site (um)", "zone 1", "zone 2", "zone 3", "cells", "order", "verdict"], rows),
        cell=table(["site (um)", "own site", "ring 1", "ring 2", "ring 3"], rings),
        **{name: percent(value) for name, value in worst.items()},
        own=percent(own),
        left={4: "a quarter", 8: "an eighth"}[levels[-1]],
    )
    return chapter


def observed_order(coarse: float, middle: float, refinement: int) -> float:
    """Return the order p at which errors against a lattice `refinement` times finer have this ratio.

    With an error of h^p on each lattice, (1 - N^-p) / (2^-p - N^-p) = coarse / middle, N the refinement.
    """
    orders = np.linspace(0.05, 4.0, 3951)
    fine = float(refinement) ** -orders
    ratio = (1.0 - fine) / (0.5**orders - fine)
    return float(orders[np.argmin(np.abs(ratio - coarse / middle))])


def _draw(results: dict[int, Level], images: Path) -> None:
    """Draw profiles between portal tract and central vein on each lattice."""
    figure = style.new_figure(8.6, 2.9)
    place = (np.arange(BINS) + 0.5) / BINS
    for ax, (name, label) in zip(figure.subplots(1, len(SHOWN)), SHOWN.items(), strict=True):
        style.panel(ax, label, "portal tract (0) to central vein (1)")
        ax.title.set_fontsize(style.LABEL)
        for (n, one), colour in zip(results.items(), style.ordered_colours(len(results)), strict=True):
            ax.plot(
                place,
                one.profile[name],
                "o-",
                color=colour,
                markersize=3.0,
                linewidth=1.2,
                label=f"{PITCH / n:g} µm",
            )
        ax.set_ylim(bottom=0.0)
    style.legend(ax)
    style.write(figure, images / "verification-lattice.png")
