"""DNA of hepatocytes: oxidised bases, and the mutations that cells make of them when they divide."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents.declare import Parameter, Parameters
from lobule.agents.jit import kernel

PARAMETERS = Parameters(
    "genome",
    "DNA damage and the risk of cancer",
    repair_half_life=Parameter(12.0, "h", 1.0, 72.0, "half-life of oxidised bases under base excision repair", "recalled: hours to a day"),
    oxidation=Parameter(1.5, "-", 0.0, 10.0, "rise of the oxidation of DNA per unit excess of labile iron times redox state", "assumed: two to three times the oxidised bases in an iron-loaded liver; recalled: 8-OHdG is raised in haemochromatosis"),
    cirrhosis_factor=Parameter(20.0, "-", 1.0, 200.0, "factor of a cirrhotic liver (stage 4) on the risk of hepatocellular carcinoma", "recalled: in haemochromatosis 1-4 % a year with cirrhosis, nearly none without"),
)  # fmt: skip


@kernel
def oxidise_dna(dt, p, fold, redox, damage):  # type: ignore[no-untyped-def]
    """Advance the oxidised bases of each cell, 1 in health, by `dt` hours: oxidation against repair, implicit.

    Labile iron (`fold`) turns peroxide (`redox`) into hydroxyl radicals, so their product drives it.
    """
    k = dt * np.log(2.0) / p.repair_half_life
    for i in range(damage.size):
        made = 1.0 + p.oxidation * max(0.0, fold[i] * redox[i] - 1.0)
        damage[i] = (damage[i] + k * made) / (1.0 + k)


def mutate(damage: NDArray[np.float64], mutations: NDArray[np.float64], rows: NDArray[np.int64]) -> None:
    """Let dividing cells `rows` turn damage above the normal into mutations, which both daughters inherit."""
    mutations[rows] += np.maximum(0.0, damage[rows] - 1.0)


def cancer_risk(p: Any, mutations: NDArray[np.float64], stage: float) -> float:
    """Return the index of the risk of cancer: mean mutations of a cell, times a factor of the stage.

    Parameters
    ----------
    p : named tuple
        Values of `PARAMETERS`.
    mutations : ndarray, shape (n_hepatocytes,)
        Of each living hepatocyte.
    stage : float
        Stage of fibrosis, 0 to 4; the index is NaN where it is NaN.
    """
    return float(mutations.mean() * p.cirrhosis_factor ** (stage / 4.0)) if mutations.size else np.nan
