"""The diffusing species: their units, coefficients, and the arrays that hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents.declare import Parameter, Parameters
from lobule.multigrid import LANES
from lobule.units import LN2


@dataclass(frozen=True)
class Species:
    """One species: its lane is its place in :data:`SPECIES`."""

    name: str
    label: str
    unit: str
    meaning: str
    steady: bool = False
    carrier: str = "plasma"


SPECIES = (
    Species("iron", "NTBI", "uM", "non-transferrin-bound iron", steady=True),
    Species("oxygen", "Oxygen", "uM", "oxygen content of blood, haemoglobin included", True, "blood"),
    Species("chelator", "Chelator", "uM", "iron chelator", steady=True),
    Species("ros", "ROS", "uM", "extracellular H2O2 and lipid-peroxidation products"),
    Species("tnf", "TNF-a", "ng/mL", "tumour necrosis factor alpha"),
    Species("il1b", "IL-1b", "ng/mL", "interleukin 1 beta"),
    Species("il6", "IL-6", "ng/mL", "interleukin 6"),
    Species("il10", "IL-10", "ng/mL", "interleukin 10"),
    Species("tgfb", "TGF-b", "ng/mL", "active transforming growth factor beta 1"),
    Species("hgf", "HGF", "ng/mL", "hepatocyte growth factor"),
    Species("pdgf", "PDGF", "ng/mL", "platelet-derived growth factor BB"),
    Species("ev", "EVs", "particles/pL", "extracellular vesicles of mesenchymal stem cells"),
    Species("ccl2", "CCL2", "ng/mL", "monocyte-recruiting chemokine"),
    Species("damp", "DAMPs", "ng/mL", "alarm signals of dying cells (HMGB1 and the like)"),
    Species("pge2", "PGE2", "ng/mL", "prostaglandin E2"),
)
LANE = {species.name: lane for lane, species in enumerate(SPECIES)}
LOCAL_IRON = len(
    SPECIES
)  # the last lane: NTBI from releases inside the lobule, solved apart from the inlet's


def _species(
    name: str, diffusivity: Parameter, mobile: Parameter, half_life: Parameter | None = None
) -> dict[str, Parameter]:
    declared = {f"{name}_diffusivity": diffusivity, f"{name}_mobile": mobile}
    if half_life is not None:
        declared[f"{name}_half_life"] = half_life
    return declared


def _d(value: float, low: float, high: float, source: str) -> Parameter:
    return Parameter(value, "um2/s", low, high, "diffusivity in the space of Disse", source)


def _t(value: float, low: float, high: float, source: str) -> Parameter:
    return Parameter(
        value, "min", low, high, "half-life by everything but modelled uptake and washout", source
    )


def _f(value: float, source: str) -> Parameter:
    return Parameter(value, "-", 0.0, 1.0, "fraction that moves with its carrier along the sinusoid", source)


_FREE = "free in plasma"
_DISSE = "assumed: exchanges with blood, held back by binding in the space of Disse (after Goresky 1965)"

FIELDS = Parameters(
    "fields",
    "Transport of what diffuses and flows",
    plasma_fraction=Parameter(0.58, "-", 0.5, 0.7, "plasma share of sinusoidal blood flow", "one minus sinusoidal haematocrit"),
    mobile_factor=Parameter(1.0, "-", 0.0, 3.0, "one factor on the mobile fraction of all mediators", "sensitivity factor"),
    **_species("iron", _d(400, 200, 600, "assumed: Fe-citrate, 0.4-2 kDa"), _f(1.0, _FREE)),
    **_species("oxygen", _d(200, 50, 400, "derived: 2000 um2/s dissolved over the 50-fold capacity of blood, through all tissue rather than the extracellular fifth"), _f(1.0, "red cells and plasma")),
    **_species("chelator", _d(300, 50, 500, "assumed: small drug"), _f(1.0, _FREE)),
    **_species("ros", _d(500, 100, 1400, "assumed: between H2O2 (1400) and aldehydes in tissue"), _f(1.0, "small and unbound"), _t(0.5, 0.02, 3, "assumed: between extracellular H2O2 (seconds) and 4-hydroxynonenal (2 min)")),
    **_species("tnf", _d(10, 5, 30, "5.2-9.3 in lung and granuloma models"), _f(0.1, _DISSE), _t(30, 16, 70, "plasma 16 min, models 68 min")),
    **_species("il1b", _d(20, 10, 60, "assumed: 17 kDa"), _f(0.05, _DISSE), _t(40, 20, 60, "assumed")),
    **_species("il6", _d(20, 10, 60, "assumed: 21 kDa"), _f(0.1, _DISSE), _t(60, 2, 100, "recalled from plasma kinetics")),
    **_species("il10", _d(20, 1.4, 50, "1.4-5.2 in granuloma models"), _f(0.1, _DISSE), _t(100, 60, 150, "recalled from plasma kinetics")),
    **_species("tgfb", _d(26, 20, 50, "published agent-based fibrosis models"), _f(0.05, _DISSE), _t(2.5, 2, 10, "Wakefield 1990: active TGF-b1 in the rat 2-3 min")),
    **_species("hgf", _d(30, 5, 60, "recalled: 90 kDa, binds heparan sulphate"), _f(0.05, _DISSE), _t(7, 4, 30, "recalled: plasma 4-10 min")),
    **_species("pdgf", _d(30, 10, 60, "recalled"), _f(0.05, _DISSE), _t(15, 2, 30, "recalled")),
    **_species("ev", _d(1, 0.1, 4.4, "6.6 in water at 37 C by Stokes-Einstein, hindered in tissue"), _f(0.1, _DISSE), _t(30, 2, 60, "recalled: plasma 2-10 min, mostly hepatic uptake")),
    **_species("ccl2", _d(50, 5, 100, "published agent-based models"), _f(0.05, _DISSE), _t(45, 30, 60, "recalled")),
    **_species("damp", _d(30, 10, 60, "assumed: HMGB1, 25 kDa"), _f(0.05, _DISSE), _t(40, 20, 60, "recalled")),
    **_species("pge2", _d(300, 100, 500, "assumed: 0.35 kDa"), _f(0.1, _DISSE), _t(5, 0.5, 15, "recalled: cleared within a few minutes")),
)  # fmt: skip


class Fields(Mapping[str, NDArray[np.float64]]):
    """Concentrations over sites: ``fields["tnf"]`` is an array of shape (n_sites,) in the species' unit.

    Parameters
    ----------
    n_sites : int
        Sites of the tissue.
    values : FieldsParameters
        Values of :data:`FIELDS`.

    Attributes
    ----------
    c : ndarray, shape (n_sites, 16)
        All lanes. The ``iron`` lane holds the answer to a unit inlet; ``fields["iron"]`` the concentration.
    diffusivity, decay, mobile : ndarray, shape (16,)
        um2/h, 1/h, and the fraction of *blood* flow that carries the species.
    """

    def __init__(self, n_sites: int, values: Any) -> None:
        self.c = np.zeros((n_sites, LANES))
        self.iron = np.zeros(n_sites)
        self.diffusivity = np.zeros(LANES)
        self.decay = np.zeros(LANES)
        self.mobile = np.zeros(LANES)
        self.steady = np.zeros(LANES, bool)
        for lane, species in enumerate(SPECIES):
            name = species.name
            half_life: float | None = getattr(values, f"{name}_half_life", None)
            carrier = 1.0 if species.carrier == "blood" else values.plasma_fraction
            bound = half_life is not None and name != "ros"
            mobile = getattr(values, f"{name}_mobile") * (values.mobile_factor if bound else 1.0)
            self.diffusivity[lane] = getattr(values, f"{name}_diffusivity") * 3600.0
            self.decay[lane] = 0.0 if half_life is None else LN2 / (half_life / 60.0)
            self.mobile[lane] = min(1.0, mobile) * carrier
            self.steady[lane] = species.steady
        for target in (self.diffusivity, self.decay, self.mobile, self.steady):
            target[LOCAL_IRON] = target[LANE["iron"]]

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self.iron if name == "iron" else self.c[:, LANE[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(LANE)

    def __len__(self) -> int:
        return len(LANE)

    def inverse_step(self, dt: float) -> NDArray[np.float64]:
        """Return 1/dt a lane (1/h), zero for species that are solved steady."""
        return np.where(self.steady, 0.0, 1.0 / dt)
