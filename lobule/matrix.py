"""Collagen: two pools a site, deposition, density-dependent cross-linking, and degradation against TIMP."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents.declare import Parameter, Parameters
from lobule.agents.jit import kernel
from lobule.units import HOURS_PER_DAY, LN2

_SCAN = "A scan of 486 sets against Iredale 1998 (rat, near control 28 d after 4 weeks of CCl4) and Dias 2008 (79 % left 56 d after 15 weeks)"

MATRIX = Parameters(
    "matrix",
    "Collagen as a share of the site's area",
    pace=Parameter(1.0, "-", 0.03, 1.0, "pace at which collagen is laid down, cross-linked and taken away, over that of rodents", "man: fit to a third of cirrhoses that are none any more nine years after phlebotomy began (Falize 2006), where it spreads log-normally by 0.7 among patients (assumed); a half-life of 3000 d for 300", {"human": 0.1}),
    baseline=Parameter(0.5, "% area", 0.2, 3.0, "collagen of the healthy lobule", "Sirius red, mouse 0.5, man 1-2, rat 2.2 (Dias 2008)", {"human": 1.5, "rat": 2.0}),
    soft_half_life=Parameter(5.0, "d", 3.0, 20.0, "half-life of soft collagen at pace 1 and unit collagenase, without TIMP", _SCAN),
    cross_half_life=Parameter(300.0, "d", 100.0, 400.0, "half-life of cross-linked collagen, likewise", _SCAN),
    cross_linking_half_time=Parameter(5.0, "d", 3.0, 20.0, "half-time of cross-linking at pace 1 and full density", _SCAN),
    cross_linking_density=Parameter(60.0, "% area", 5.0, 90.0, "collagen density of half-maximal cross-linking", "assumed: the well-mixed scan gives 11, but scar is local and dense where it is; no value passes Iredale 1998 and Dias 2008 in space (docs/limits.md)"),
    cross_linking_hill=Parameter(4.0, "-", 2.0, 8.0, "steepness of cross-linking with density", _SCAN),
    densest=Parameter(60.0, "% area", 30.0, 100.0, "collagen of the densest scar, at which deposition stops", "assumed: thick septa are not all collagen"),
    timp_half_life=Parameter(2.0, "d", 0.5, 5.0, "half-life of TIMP activity at a site", "Iredale 1998: falls fast when injury stops; value from the scan"),
    timp_myofibroblast=Parameter(2.0, "1/cell", 0.0, 10.0, "TIMP activity that one myofibroblast keeps up at its site", "assumed"),
    timp_m1=Parameter(0.5, "1/cell", 0.0, 5.0, "TIMP activity that one M1 macrophage keeps up at its site", "assumed"),
    collagenase_m2=Parameter(1.0, "1/cell", 0.0, 10.0, "extra collagenase activity of one restorative (M2) macrophage", "Ramachandran 2012: main source in resolution; amount assumed"),
    hindrance_density=Parameter(25.0, "% area", 5.0, 100.0, "collagen density that halves diffusivity", "assumed"),
)  # fmt: skip


@kernel
def remodel(soft, cross, timp, deposit, timp_source, collagenase, dt, p):  # type: ignore[no-untyped-def]
    """Advance both collagen pools and TIMP by `dt` hours, implicitly and without losing positivity.

    Parameters
    ----------
    soft, cross, timp : ndarray, shape (n_sites,)
        Collagen above baseline in % of area, and TIMP activity. Changed in place.
    deposit : ndarray, shape (n_sites,)
        New soft collagen at the pace of rodents, % area per hour.
    timp_source, collagenase : ndarray, shape (n_sites,)
        TIMP activity that local cells keep up; collagenase activity, 1 in health.
    """
    day = HOURS_PER_DAY / p.pace
    k_soft = LN2 / (p.soft_half_life * day)
    k_cross = LN2 / (p.cross_half_life * day)
    k_link = LN2 / (p.cross_linking_half_time * day)
    k_timp = LN2 / (p.timp_half_life * HOURS_PER_DAY)
    for i in range(soft.size):
        timp[i] = (timp[i] + dt * k_timp * timp_source[i]) / (1.0 + dt * k_timp)
        activity = collagenase[i] / (1.0 + timp[i])
        density = (soft[i] + cross[i]) / p.cross_linking_density
        power = density**p.cross_linking_hill
        link = k_link * power / (1.0 + power)
        laid = p.pace * deposit[i]
        filling = laid / p.densest  # laying down slows as the site fills
        fading = 1.0 + dt * k_cross * activity
        soft[i] = (soft[i] + dt * max(0.0, laid - filling * cross[i] / fading)) / (
            1.0 + dt * (k_soft * activity + link + filling * (1.0 + dt * link / fading))
        )
        cross[i] = (cross[i] + dt * link * soft[i]) / fading


class Matrix:
    """Collagen of every site.

    Attributes
    ----------
    soft, cross : ndarray, shape (n_sites,)
        Collagen above the baseline, % of the site's area.
    timp : ndarray, shape (n_sites,)
        TIMP activity, 0 in health.
    """

    def __init__(self, n_sites: int, values: Any) -> None:
        self.values = values
        self.soft = np.zeros(n_sites)
        self.cross = np.zeros(n_sites)
        self.timp = np.zeros(n_sites)

    @property
    def collagen(self) -> NDArray[np.float64]:
        """Total collagen of each site, % of its area."""
        return self.values.baseline + self.soft + self.cross

    @property
    def excess(self) -> NDArray[np.float64]:
        """Collagen of each site above that in health, % of its area."""
        return self.soft + self.cross

    def diffusion_scale(self, collagen: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the factor on diffusivity of sites with `collagen` (% area): 1 in health, falling as it rises."""
        excess = collagen - self.values.baseline
        return 1.0 / (1.0 + excess / self.values.hindrance_density)

    def step(
        self,
        dt: float,
        deposit: NDArray[np.float64],
        timp_source: NDArray[np.float64],
        collagenase: NDArray[np.float64],
    ) -> None:
        """Advance by `dt` hours; see :func:`remodel`."""
        remodel(self.soft, self.cross, self.timp, deposit, timp_source, collagenase, dt, self.values)
