"""Studies with known answers, and a small file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.experiments.sensitivities.study import Study, make_study
from lobule.experiments.sweeps.design import Sampled

KEYS = ("hepatocyte.export_rate", "stellate.stage_half_life", "stellate.threshold", "body.hfe_response")

FILE = """
format = 1
case = "hfe-mouse"
days = {days}
method = "{method}"
number = {number}
replicates = 2
readouts = ["lic_mg_per_g", "hepcidin_ng_per_ml"]
at = {{ hepcidin_ng_per_ml = "max" }}
[settings]
tissue.lobules = 1
[parameters]
body.hfe_response = {{}}
hepatocyte.export_rate = {{ low = 0.02, high = 0.08, scale = "log", unit = "fmol/h" }}
"""


def study_of(method: str, number: int, keys: Sequence[str] = KEYS[:3], **changes: Any) -> Study:
    """Return a study of declared parameters, with three replicates of each point."""
    axes = {key: Sampled(method, number, None, None, "linear") for key in keys}  # type: ignore[arg-type]
    return make_study("known", "hfe-mouse", axes, ["lic_mg_per_g"], range(3), days=1.0, **changes)


def ishigami(unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the function of Ishigami and Homma (1990) for points of the unit cube."""
    x = np.pi * (2.0 * unit - 1.0)
    return np.asarray(np.sin(x[:, 0]) + 7.0 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0]))


#: Its indices: integrals in closed form.
V1, V2 = 0.5 * (1.0 + 0.1 * np.pi**4 / 5.0) ** 2, 7.0**2 / 8.0
V13 = 0.1**2 * np.pi**8 * (1.0 / 18.0 - 1.0 / 50.0)
S1 = np.array([V1, V2, 0.0]) / (V1 + V2 + V13)
ST = np.array([V1 + V13, V2, V13]) / (V1 + V2 + V13)
S13 = V13 / (V1 + V2 + V13)
