"""Blood flow through the sinusoids: Darcy flow on the sites' graph, with a resistance that scars raise.

Blood enters the sites of the portal tracts from a fixed upstream pressure through the portal resistance and
leaves through the central veins at pressure zero. A site conducts g0 / (1 + max(0, c - 1)/5.5 + s) where c is
its collagen in percent of area and s what cells that plug its sinusoid add: on uniform collagen this is the
relation HVPG = 2 + 0.45 c mmHg of Calvaruso et al. 2009. Upstream pressure, portal resistance and g0 follow
from the healthy organ: its flow per gram, its sinusoidal pressure drop and the share of the whole drop that
lies upstream of the sinusoids.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents.declare import Parameter, Parameters
from lobule.geometry import CENTRAL_VEIN, PARENCHYMA, PORTAL_TRACT, Tissue
from lobule.pressure import correct, factorise, imbalance, join, moved, spread

PERFUSION = Parameters(
    "perfusion",
    "Blood flow through the sinusoids",
    organ_flow=Parameter(
        1.6,
        "mL/min/g",
        0.2,
        5.0,
        "Blood flow through one gram of healthy liver, portal and arterial together.",
        "mouse: 1.8 mL/min per 20 g, Davies & Morris 1993; man: indicator dilution, 1.03 +/- 0.12 mL/min/mL; "
        "rat: Davies & Morris 1993",
        {"rat": 1.4, "human": 1.05},
    ),
    sinusoidal_drop=Parameter(
        2.45,
        "mmHg",
        0.5,
        6.0,
        "Pressure drop from portal tract to central vein before collagen raises it.",
        "derived: intercept and slope of HVPG on collagen area, Calvaruso et al. 2009 (10.1002/hep.22745)",
    ),
    portal_share=Parameter(
        0.8,
        "-",
        0.0,
        0.98,
        "Share of the pressure drop upstream of the sinusoids; near 1, scars hardly lower the flow.",
        "assumed: total flow then falls by a third when sinusoidal resistance has risen fourfold",
    ),
    collagen_onset=Parameter(
        1.0,
        "% area",
        0.0,
        10.0,
        "Collagen above which the sinusoidal resistance rises.",
        "derived from Calvaruso et al. 2009, uniform collagen",
    ),
    collagen_doubling=Parameter(
        5.5,
        "% area",
        1.0,
        50.0,
        "Further collagen that doubles the sinusoidal resistance.",
        "derived from Calvaruso et al. 2009, uniform collagen",
    ),
    sinusoid_fraction=Parameter(
        0.15,
        "-",
        0.05,
        0.4,
        "Share of the tissue volume inside the sinusoids.",
        "15.3 +/- 3.9 %, Peeters et al. 2017 (PMC5314389)",
    ),
    refresh=Parameter(
        0.2,
        "-",
        0.0,
        0.5,
        "Relative change of any site's conductance after which the flow is solved again.",
        "assumed: of one site among thousands",
    ),
)

#: Conductance from a site of the central vein to the outlet, relative to a face between healthy sites.
_VEIN = 1e3
#: Largest imbalance of any site, relative to the largest inflow of any.
_BALANCED = 1e-12
#: Rounds from the true imbalance, and iterations a round; a few hundred are many.
_REFINEMENTS, _ITERATIONS = 4, 5000


class Perfusion:
    """Pressure and flow in a tissue.

    Parameters
    ----------
    tissue : Tissue
        The sites, n of them.
    baseline : float [n]
        Collagen in health (% of site area).
    parameters : named tuple, optional
        Values of `PERFUSION`; those of the tissue's species if not given.

    Attributes
    ----------
    pressure : float [n]
        mmHg above the central veins.
    flow : float [n, 8]
        pL/h out of a site to each neighbour; what leaves one enters the other, to the bit.
    inflow, outflow : float [n]
        pL/h into the sites of the portal tracts and out of those of the central veins.
    seen, plugged : float [n]
        Collagen of the last solve, and the resistance that plugs added, over that of the site in health.
    load : float
        Flow that the portal bed sends through the tissue over that in health, scars aside; with `seen` and
        `plugged` the only state, the rest follows.

    Raises
    ------
    ValueError
        If the tissue lacks a portal tract or a central vein, or a way from the one to the other.

    Notes
    -----
    Every solve starts from nothing: from the last pressure it would save 5 to 10 % of the iterations, and
    the bits would depend on the past. They do not depend on threads: `@` of long arrays would.
    """

    pressure: NDArray[np.float64]
    flow: NDArray[np.float64]
    inflow: NDArray[np.float64]
    outflow: NDArray[np.float64]
    seen: NDArray[np.float64]
    plugged: NDArray[np.float64]

    def __init__(self, tissue: Tissue, baseline: NDArray[np.float64], parameters: Any = None) -> None:
        self.parameters = p = PERFUSION.values(tissue.species) if parameters is None else parameters
        self._around, self._shape = tissue.neighbours, tissue.face_conductance
        self._widest = float(self._shape.max())
        self._portal = _inlets(tissue)
        self._vein = _VEIN * (tissue.kind == CENTRAL_VEIN)
        if not (self._portal.any() and self._vein.any()):
            raise ValueError("perfusion needs a portal tract to enter by and a central vein to leave by")
        cells = np.count_nonzero(tissue.kind == PARENCHYMA)
        cell_volume = tissue.volume[0] / tissue.phi_e
        self._blood = p.sinusoid_fraction * cells * cell_volume
        self._healthy_inflow = p.organ_flow * tissue.grams * 60.0 * 1e9
        self._upstream = p.sinusoidal_drop / (1.0 - p.portal_share)
        self.load = 1.0
        self.flow = np.empty(tissue.neighbours.shape)
        self.seen, self.plugged = np.array(baseline, float), np.zeros(len(baseline))
        face = self._faces()
        self._entry = self._calibrated_entry(face)
        pressure = self._pressure(face, self._entry, _BALANCED)
        entering = self._entry * (self._portal * (1.0 - pressure)).sum()
        self._g0 = self._healthy_inflow / (entering * self._upstream)
        self._take(face, pressure)
        self._healthy_share = self.throughflow() / self.inflow.sum()
        self._healthy_resistance = self._resistance()
        onset = np.maximum(0.0, self.seen - p.collagen_onset)  # in man, health is beyond it
        self._healthy_pressure = p.sinusoidal_drop * (1.0 + float(onset.mean()) / p.collagen_doubling)

    def solve(self, collagen_percent: NDArray[np.float64], plugs: NDArray[np.float64] | None = None) -> None:
        """Solve pressure and flow for collagen [n] (% of site area) and the resistance that plugs [n] add."""
        self.seen = np.array(collagen_percent, float)
        self.plugged = np.zeros(len(self.seen)) if plugs is None else np.array(plugs, float)
        face = self._faces()
        self._take(face, self._pressure(face, self._entry, _BALANCED))

    def carry(self, load: float) -> bool:
        """Let `load` times the healthy flow be sent through the tissue; return whether that is news."""
        if load == self.load:
            return False
        self.load = load
        self._send()
        return True

    def needs_update(
        self, collagen_percent: NDArray[np.float64], plugs: NDArray[np.float64] | None = None
    ) -> bool:
        """Return whether collagen [n] or plugs [n] have moved enough since the last solve to matter."""
        p, collagen = self.parameters, np.asarray(collagen_percent, float)
        plugs = np.zeros(len(collagen)) if plugs is None else plugs
        if self.plugged.any() and not plugs.any():  # the last plug is gone: nothing of it is to stay
            return True
        onset, doubling = p.collagen_onset, p.collagen_doubling
        return bool(moved(self.seen, collagen, self.plugged, plugs, onset, doubling, p.refresh))

    @property
    def plugged_share(self) -> float:
        """Share (0 to 1) of the blood of health whose way leads through what is plugged."""
        return min(1.0, float((self._healthy_share * self.plugged / (1.0 + self.plugged)).sum()))

    @property
    def portal_pressure(self) -> float:
        """Hepatic venous pressure gradient (mmHg) that the healthy inflow would need.

        The organism defends its portal inflow, and the measured relation to collagen holds at that inflow.
        """
        drop = self._healthy_pressure * self.load
        return float(drop * self._resistance() / self._healthy_resistance)

    @property
    def inflow_fraction(self) -> float:
        """Total inflow over that of the healthy tissue."""
        return float(self.inflow.sum() / self._healthy_inflow)

    @property
    def transit_time(self) -> float:
        """Mean time (s) blood spends in the sinusoids: their volume over the inflow."""
        return float(3600.0 * self._blood / self.inflow.sum())

    def throughflow(self) -> NDArray[np.float64]:
        """Return the blood [n] that passes through each site, pL/h."""
        return np.asarray(np.maximum(self.flow, 0.0).sum(axis=1) + self.outflow)

    def _resistance(self) -> float:
        return float((self.inflow * self.pressure).sum() / self.inflow.sum() ** 2)

    def _faces(self) -> NDArray[np.float64]:
        """Return the conductance [n, 4] of each face ahead, relative to the widest in health."""
        p = self.parameters
        scar = np.maximum(0.0, self.seen - p.collagen_onset) / p.collagen_doubling
        conductance = 1.0 / (1.0 + scar + self.plugged)
        face = np.empty((len(conductance), 4))
        join(self._around, self._shape, self._widest, conductance, face)
        return face

    def _take(self, face: NDArray[np.float64], p: NDArray[np.float64]) -> None:
        """Set pressure and flows from the pressure [n] for an upstream pressure of 1."""
        self._face, self._relative = face, p
        self._send()

    def _send(self) -> None:
        upstream, face, p = self._upstream * self.load, self._face, self._relative
        scale = self._g0 * upstream
        self.pressure = upstream * p
        self.inflow = scale * self._entry * self._portal * (1.0 - p)
        self.outflow = scale * self._vein * p
        spread(self._around, face, p, scale, self.flow)

    def _pressure(
        self,
        face: NDArray[np.float64],
        entry: float,
        tolerance: float,
        guess: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Return pressure [n] for an upstream pressure of 1; all conductances are relative to g0."""
        n = len(face)
        p = np.zeros(n) if guess is None else guess.copy()
        entering = entry * self._portal
        sink = entering + self._vein
        inverse, r = np.empty(n), np.empty(n)
        factorise(self._around, face, sink, inverse)
        for _ in range(_REFINEMENTS):
            worst, inflow = imbalance(self._around, face, entering, self._vein, p, r)
            if worst <= tolerance * inflow:
                break
            correct(self._around, face, sink, inverse, r, p, 0.5 * tolerance * inflow, _ITERATIONS)
        else:
            worst, inflow = imbalance(self._around, face, entering, self._vein, p, r)
            if not (self._vein * p).any():
                raise ValueError("perfusion needs a way from a portal tract to a central vein")
            if not worst <= 100.0 * tolerance * inflow:
                raise RuntimeError(f"blood pressure does not settle: {worst / inflow:g} of an inflow astray")
        return p

    def _calibrated_entry(self, face: NDArray[np.float64]) -> float:
        """Return the portal conductance at which the healthy drop has its portal share.

        The share scales with the portal resistance but for how blood divides between the sites of a tract,
        so few rounds suffice, each solved from the last and only as well as it deserves.
        """
        share = self.parameters.portal_share
        if share == 0.0:
            return _VEIN
        entry, p, error = 1.0, None, 1.0
        for _ in range(20):
            p = self._pressure(face, entry, max(_BALANCED, 1e-4 * error), p)
            into = self._portal * (1.0 - p)
            drop = (into * p).sum() / into.sum()
            step = (1.0 - drop) / drop * (1.0 - share) / share
            error = abs(step - 1.0)
            entry *= step
            if error < 1e-6:
                break
        return entry


def _inlets(tissue: Tissue) -> NDArray[np.float64]:
    """Return the conductance [n] of the way into each site, in units of an uncut site of a regular tract."""
    beside = tissue.neighbours[:, :6]
    if tissue.lobule_size is not None:
        # A tract on the outer edge is cut: it has the share of its conductance that lies in the tissue.
        share = np.count_nonzero(beside >= 0, axis=1) / 6.0
    else:
        # Drawn tracts are of any size: blood leaves them through their walls. A regular one has seven sites
        # and eighteen faces to parenchyma.
        cells = (beside >= 0) & (tissue.kind[np.maximum(beside, 0)] == PARENCHYMA)
        share = np.count_nonzero(cells, axis=1) * (7.0 / 18.0)
    return np.where(tissue.kind == PORTAL_TRACT, share, 0.0)
