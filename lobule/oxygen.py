"""Oxygen of blood: from content to tension and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents.declare import Parameter, Parameters
from lobule.agents.jit import kernel

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


KNOTS = 4096


@kernel
def tension_of(table, knots_per_um, content):  # type: ignore[no-untyped-def]
    """Return the oxygen tension (mmHg) for a content (uM) from a curve's `table`."""
    place = content * knots_per_um
    k = int(place)
    if k + 1 >= table.size:
        return table[-1]
    return table[k] + (table[k + 1] - table[k]) * (place - k)


@kernel
def _tensions(table, knots_per_um, content, out):  # type: ignore[no-untyped-def]
    for i in range(content.size):
        out[i] = tension_of(table, knots_per_um, content[i])


class OxygenCurve:
    """The dissociation curve of one subject's blood.

    Parameters
    ----------
    values : OxygenParameters
        Values of :data:`OXYGEN`.
    haemoglobin : float
        g/L.

    Attributes
    ----------
    portal_content : float
        Oxygen content of the blood that enters, uM.
    table, knots_per_um : ndarray, float
        Tension (mmHg) at evenly spaced contents from 0, and knots per uM.
    """

    def __init__(self, values: Any, haemoglobin: float) -> None:
        self.haemoglobin = haemoglobin
        tension = np.linspace(0.0, 150.0, 601)
        power = tension**values.hill
        saturation = power / (values.p50**values.hill + power)
        capacity = values.capacity * haemoglobin / NORMAL_HAEMOGLOBIN
        content = capacity * saturation + values.solubility * tension
        self.portal_content = float(np.interp(values.portal_tension, tension, content))
        self.table = np.interp(np.linspace(0.0, content[-1], KNOTS), content, tension)
        self.knots_per_um = (KNOTS - 1) / float(content[-1])

    def tension(self, content: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the oxygen tension (mmHg) of blood of the given oxygen content (uM), shape (n,)."""
        out = np.empty(content.size)
        _tensions(self.table, self.knots_per_um, content, out)
        return out
