"""What nobody lives through: a run goes on with it, and its notes say so."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.readouts import READOUTS


class Bound(NamedTuple):
    """The range of a readout in living subjects, and where it is from."""

    readout: str
    low: float
    high: float
    source: str


BOUNDS = (
    Bound("haemoglobin_g_per_dl", 2.0, 25.0, "recalled: few survive 2 g/dL; polycythaemia reaches 25"),
    Bound("lic_mg_per_g", 0.0, 100.0, "assumed: twice the most that is seen in transfused livers"),
    Bound("liver_mass_percent", 10.0, math.inf, "remnants of 10 to 18 % fail (rat, recalled)"),
    Bound("hvpg_mmhg", 0.0, 60.0, "recalled: cirrhosis reaches 40 to 50"),
)


def beyond_life(columns: Mapping[str, NDArray[np.float64]]) -> Iterator[str]:
    """Yield a line for each readout of a series that leaves the range of :data:`BOUNDS`.

    Parameters
    ----------
    columns : mapping of str to ndarray
        The columns of a series, equally long.
    """
    days = np.asarray(columns["hours"]) / 24.0
    for bound in BOUNDS:
        values = np.asarray(columns[bound.readout])
        outside = np.flatnonzero((values < bound.low) | (values > bound.high))
        if outside.size:
            value, unit = float(values[outside[0]]), READOUTS[bound.readout][0]
            side, limit = ("below", bound.low) if value < bound.low else ("above", bound.high)
            yield (
                f"{bound.readout} is {value:.3g} {unit} on day {days[outside[0]]:.4g}: nobody lives {side} "
                f"{limit:g}, so what follows happens in no subject"
            )
