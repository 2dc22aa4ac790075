"""Oxygen of blood: from content to tension and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents.declare import Parameter, Parameters

NORMAL_HAEMOGLOBIN = 150.0  # g/L, to which the capacity below refers

OXYGEN = Parameters(
    "oxygen",
    "Oxygen carried by blood",
    capacity=Parameter(9300.0, "uM", 8000.0, 10000.0, "oxygen bound by saturated blood of 150 g/L haemoglobin", "four per haemoglobin"),
    solubility=Parameter(1.35, "uM/mmHg", 1.2, 1.5, "oxygen dissolved in blood", "recalled"),
    p50=Parameter(40.0, "mmHg", 24.0, 45.0, "tension of half-saturated haemoglobin", "recalled, mouse; man 26.8", {"human": 26.8, "rat": 38.0}),
    hill=Parameter(2.8, "-", 2.4, 3.0, "Hill power of haemoglobin", "recalled", {"human": 2.7}),
    portal_tension=Parameter(65.0, "mmHg", 50.0, 75.0, "tension of mixed blood entering the sinusoids", "periportal 60-70 mmHg"),
)  # fmt: skip


class OxygenCurve:
    """The dissociation curve of one subject's blood.

    Parameters
    ----------
    values : OxygenParameters
        Values of :data:`OXYGEN`.
    haemoglobin : float
        g/L.
    """

    def __init__(self, values: Any, haemoglobin: float) -> None:
        self.haemoglobin = haemoglobin
        self._tension = np.linspace(0.0, 150.0, 601)
        power = self._tension**values.hill
        saturation = power / (values.p50**values.hill + power)
        capacity = values.capacity * haemoglobin / NORMAL_HAEMOGLOBIN
        self._content = capacity * saturation + values.solubility * self._tension
        self.portal_content = float(np.interp(values.portal_tension, self._tension, self._content))

    def tension(self, content: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the tension (mmHg) of blood of the given oxygen content (uM), any shape."""
        return np.interp(content, self._content, self._tension)
