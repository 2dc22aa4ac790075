"""What a snapshot holds, with names and units, for all formats alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.experiments.maps import area_percent
from lobule.fields import SPECIES
from lobule.model import Lobule


class Quantity(NamedTuple):
    """One number for every site."""

    name: str
    label: str
    unit: str
    values: NDArray[np.float64]
    """Shape (n_sites,); NaN where there is nothing to have it."""


def site_quantities(model: Lobule) -> list[Quantity]:
    """Return all fields, oxygen tension, collagen and the iron of hepatocytes."""
    found = [Quantity(s.name, s.label, s.unit, np.array(model.fields[s.name])) for s in SPECIES]
    iron = np.full(model.tissue.n_sites, np.nan)
    table = model.population.tables["hepatocyte"]
    iron[table["site"]] = table["iron"]
    return [
        *found,
        Quantity("oxygen_tension", "Oxygen tension", "mmHg", model.oxygen_tension()),
        Quantity("collagen", "Collagen", "% area", area_percent(model)),
        Quantity("hepatocyte_iron", "Iron in hepatocytes", "fmol", iron),
    ]
