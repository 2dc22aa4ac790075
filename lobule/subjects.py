"""What a healthy animal of a given age weighs and holds: growth and the appetite for iron follow it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from lobule.units import UMOL_PER_UG, WET_TO_DRY_LIVER

# Mouse, wild type, 0.02 % iron diet. Derived from published growth (B6 males 25.4 g at 96 d), blood volume
# (0.085 mL/g), haemoglobin by age, liver weight (4.5-5 % of body weight), liver iron (370 ug/g dry weight at
# ten weeks: Zhou 1998; 441 +/- 85 in adults on an adequate diet) and 12 ug/g elsewhere; absorption is the
# change of the total plus a loss of 0.33 ug per gram and day (ferrokinetic model of Parmar 2017).
_MOUSE = """
age_d  body_g  liver_g  red_ug  marrow_ug  spleen_ug  liver_ug_g  other_ug  absorbed_ug_d
21     10.1    0.45     343     22         3          85          121       35
28     13.7    0.65     514     30         4          150         164       40
35     16.8    0.84     693     38         5          215         201       38
42     19.3    0.97     826     42         8          280         232       32
56     22.7    1.13     1007    43         18         325         272       20
70     24.4    1.22     1094    38         22         370         293       14
120    26.0    1.30     1150    40         25         425         310       8.5
"""
# Adult rat, 350 g: scaled from the mouse by body weight, liver 3.7 % of it, LIC 0.5 mg/g. Assumed.
_RAT = """
age_d  body_g  liver_g  red_ug  marrow_ug  spleen_ug  liver_ug_g  other_ug  absorbed_ug_d
90     350     13.0     13500   450        250        500         4200      100
"""
# Adult man, 75 kg: red cells 2.5 g, marrow 0.3 g, liver 1.5 kg at 1.0 mg/g, losses 1 mg/day (AASLD 2008).
_HUMAN = """
age_d  body_g  liver_g  red_ug    marrow_ug  spleen_ug  liver_ug_g  other_ug  absorbed_ug_d
6570   75000   1500     2500000   300000     40000      1000        350000    1000
"""
_TABLES = {"mouse": _MOUSE, "rat": _RAT, "human": _HUMAN}


@dataclass(frozen=True)
class Reference:
    """A healthy subject: weights in g, iron in umol, liver iron in umol/g dry, absorption in umol/h."""

    body_weight: float
    liver_weight: float
    red_cells: float
    marrow: float
    spleen: float
    liver_iron: float
    other: float
    absorption: float

    @property
    def liver_dry_weight(self) -> float:
        """Dry weight of the liver, g."""
        return self.liver_weight / WET_TO_DRY_LIVER


class Growth:
    """The reference subject of a species and sex as a function of age.

    Parameters
    ----------
    species : {"mouse", "rat", "human"}
        Whose table.
    weight_factor : float
        Factor on every weight and amount (a smaller sex).

    Attributes
    ----------
    first_age : float
        Youngest age of the table in days.
    """

    def __init__(self, species: str, weight_factor: float = 1.0) -> None:
        rows = np.array([line.split() for line in _TABLES[species].split("\n")[2:-1]], float)
        iron = UMOL_PER_UG
        scale = np.array([1.0, 1.0, iron, iron, iron, iron, iron, iron / 24.0]) * weight_factor
        scale[5] = iron  # a concentration
        self.first_age = float(rows[0, 0])
        self._last_age = float(rows[-1, 0])
        self._values = rows[:, 1:] * scale
        self._curve = PchipInterpolator(rows[:, 0], self._values) if len(rows) > 1 else None

    def at(self, age_days: float) -> Reference:
        """Return the reference at `age_days`; grown up, it stays as it is."""
        if self._curve is None or age_days >= self._last_age:
            row = self._values[-1]
        else:
            row = self._curve(max(age_days, self.first_age))
        return Reference(*(float(v) for v in row))
