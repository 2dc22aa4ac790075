"""How well the liver works, and what a clinic finds when it does not: albumin, bilirubin, pressure, signs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents.declare import Parameter, Parameters
from lobule.agents.table import CellTable
from lobule.perfusion import Perfusion
from lobule.units import HOURS_PER_DAY, LN2

_LUNOVA = "regression in advanced human cirrhosis, Lunova et al. 2021"

FUNCTION = Parameters(
    "function",
    "Function of the liver and its failure",
    senescent=Parameter(0.5, "-", 0.0, 1.0, "function of a senescent hepatocyte over that of another", "assumed"),
    flow_reserve=Parameter(0.3, "-", 0.05, 1.0, "blood flow of a site over that in health below which its hepatocyte lacks supply", "assumed"),
    capillarised=Parameter(0.5, "-", 0.0, 1.0, "share of function that the densest collagen takes from the cell on it", "assumed: capillarised sinusoids exchange less"),
    capillarised_collagen=Parameter(25.0, "% area", 5.0, 60.0, "collagen above that in health for half of that loss; Hill power 2", "assumed"),
    icg_extraction=Parameter(1.2, "-", 0.3, 3.0, "clearance of indocyanine green at full function over plasma flow: 1 - exp(-this) is extracted in one pass", "derived: extraction of 0.7 in health"),
    icg_flow=Parameter(0.317, "1/min", 0.1, 0.6, "hepatic plasma flow over plasma volume", "0.95 L/min over 3 L, man"),
    albumin_normal=Parameter(30.0, "g/L", 20.0, 50.0, "serum albumin in health", "recalled: mouse 25-35, rat 30-40, man 35-50", {"rat": 35.0, "human": 42.0}),
    albumin_half_life=Parameter(1.5, "d", 0.5, 25.0, "half-life of serum albumin", "recalled: mouse 35 h, rat 2-2.5 d, man 19 d", {"rat": 2.2, "human": 19.0}),
    albumin_reserve=Parameter(60.0, "%", 10.0, 100.0, "liver function below which albumin falls", "assumed"),
    bilirubin_normal=Parameter(3.0, "umol/L", 1.0, 20.0, "serum bilirubin in health", "recalled: rodents 2-5, man 3-21", {"human": 10.0}),
    bilirubin_residual=Parameter(0.02, "-", 0.005, 0.2, "clearance of bilirubin without a liver, over that in health", "assumed: levels hardly exceed 500 umol/L"),
    jaundice=Parameter(34.0, "umol/L", 20.0, 60.0, "bilirubin from which jaundice is seen", "recalled: 2 mg/dL"),
    failure=Parameter(25.0, "%", 5.0, 50.0, "liver function below which the liver fails", "recalled: least remnant after resection of a healthy liver 20-30 %"),
    contraction=Parameter(0.2, "-", 0.0, 1.0, "rise of the portal pressure gradient by the contraction of myofibroblasts at `contraction_density`", "assumed; recalled: a fifth to a third of the resistance of a cirrhotic liver relaxes (Bhathal and Grossman 1985)"),
    contraction_density=Parameter(30.0, "cells", 5.0, 100.0, "myofibroblasts per 100 hepatocyte sites of a septal liver", "assumed"),
    portal_hypertension=Parameter(10.0, "mmHg", 5.0, 20.0, "hepatic venous pressure gradient from which portal hypertension is clinically significant", "World J Hepatol 2015 7:607"),
    ascites_pressure=Parameter(12.0, "mmHg", 6.0, 20.0, "least gradient at which ascites forms", "recalled: rare below 12 mmHg (Morali et al. 1992)"),
    ascites_albumin=Parameter(0.71, "-", 0.4, 1.0, "albumin over that in health below which ascites forms", "recalled: 30 g/L in man"),
    stiffness_base=Parameter(2.48, "kPa", 0.0, 10.0, "stiffness without pressure and collagen", _LUNOVA),
    stiffness_pressure=Parameter(1.29, "kPa/mmHg", 0.0, 5.0, "stiffness per portal pressure gradient", _LUNOVA),
    stiffness_collagen=Parameter(0.26, "kPa per %", 0.0, 2.0, "stiffness per collagen area", _LUNOVA),
)  # fmt: skip


class Function:
    """Function of the liver now, and albumin, which follows it slowly.

    Parameters
    ----------
    values : named tuple
        Values of `FUNCTION`.
    healthy_flow : float [n]
        Blood through each site in health, pL/h.
    n_hepatocytes : int
        Hepatocytes of the healthy tissue.

    Attributes
    ----------
    albumin : float
        Serum albumin, g/L.
    supply : float [n]
        Share of a hepatocyte's function that the blood at its site sustains, 0 to 1; follows from the flow.
    """

    def __init__(self, values: Any, healthy_flow: NDArray[np.float64], n_hepatocytes: int) -> None:
        self.values, self._n = values, n_hepatocytes
        self._enough = values.flow_reserve * healthy_flow
        self.supply = np.ones(len(healthy_flow))
        self.albumin = values.albumin_normal

    def perfuse(self, perfusion: Perfusion) -> None:
        """Take over the flow as last solved."""
        flow = perfusion.throughflow()
        self.supply = np.divide(flow, self._enough, out=np.ones(len(flow)), where=self._enough > flow)

    def percent(self, hepatocytes: CellTable, excess: NDArray[np.float64]) -> float:
        """Return the function of the liver, 100 in health.

        Parameters
        ----------
        hepatocytes : CellTable
            The living hepatocytes.
        excess : float [n]
            Collagen above that in health, % of the site's area.
        """
        p = self.values
        scar = (excess / p.capillarised_collagen) ** 2
        exchange = self.supply * (1.0 - p.capillarised * scar / (1.0 + scar))
        able = exchange[hepatocytes["site"]] * np.where(hepatocytes["senescent"] == 1, p.senescent, 1.0)
        return 100.0 * float(able.sum()) / self._n

    def step(self, dt: float, percent: float) -> None:
        """Let albumin follow a function of `percent` for `dt` hours."""
        p = self.values
        level = p.albumin_normal * min(1.0, percent / p.albumin_reserve)
        self.albumin += (level - self.albumin) * -math.expm1(
            -LN2 * dt / (p.albumin_half_life * HOURS_PER_DAY)
        )

    def icg_r15(self, percent: float) -> float:
        """Return the indocyanine green left in plasma after 15 minutes, %."""
        p = self.values
        extraction = 1.0 - math.exp(-p.icg_extraction * percent / 100.0)
        return 100.0 * math.exp(-15.0 * p.icg_flow * extraction)

    def bilirubin(self, percent: float) -> float:
        """Return serum bilirubin, umol/L: what is made as in health over what is cleared."""
        p = self.values
        share = percent / 100.0
        return float(p.bilirubin_normal / (p.bilirubin_residual + (1.0 - p.bilirubin_residual) * share))

    def hvpg(self, structural: float, myofibroblasts: int) -> float:
        """Return the hepatic venous pressure gradient, mmHg.

        Parameters
        ----------
        structural : float
            The gradient that scar makes at the healthy inflow, mmHg.
        myofibroblasts : int
            Myofibroblasts in the sections.
        """
        p = self.values
        density = 100.0 * myofibroblasts / self._n
        return float(structural * (1.0 + p.contraction * density / p.contraction_density))

    def stiffness(self, hvpg: float, area: float) -> float:
        """Return the stiffness of a human liver (kPa) at a gradient of `hvpg` mmHg and a collagen `area` in %."""
        p = self.values
        return float(p.stiffness_base + p.stiffness_pressure * hvpg + p.stiffness_collagen * area)

    def signs(self, percent: float, hvpg: float) -> dict[str, int]:
        """Return, as 0 or 1, which signs of a failing liver there are."""
        p = self.values
        thin = self.albumin < p.ascites_albumin * p.albumin_normal
        return {
            "portal_hypertension": int(hvpg >= p.portal_hypertension),
            "ascites": int(hvpg >= p.ascites_pressure and thin),
            "jaundice": int(self.bilirubin(percent) > p.jaundice),
            "liver_failure": int(percent < p.failure),
        }

    def state(self) -> dict[str, float]:
        """Return what a snapshot must hold."""
        return {"albumin": self.albumin}

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from :meth:`state`."""
        self.albumin = state["albumin"]
