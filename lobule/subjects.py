"""What a healthy subject of a given age weighs and holds: growth and the appetite for iron follow it."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator

from lobule import references
from lobule.errors import InputError
from lobule.units import HOURS_PER_DAY, UMOL_PER_UG, WET_TO_DRY_LIVER

if TYPE_CHECKING:
    from lobule.case import Case

DAYS_PER_YEAR = 365.25
_TABLES = {
    ("rat", "male"): references.RAT_MALE,
    ("rat", "female"): references.RAT_FEMALE,
    ("human", "male"): references.MAN,
    ("human", "female"): references.WOMAN,
}
_KNOTS = 600  # of the curves of rat and man, over the logarithm of age
_SHIFT = {"rat": 10.0, "human": 60.0}  # d, added to age before taking its logarithm
_WIDTH = 0.1  # standard deviation of the smoothing, in the same logarithm
_TOTAL = 7  # column of total iron

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """A healthy subject: weights in g, iron in umol, liver iron in umol/g dry, rates in umol/h."""

    body_weight: float
    liver_weight: float
    red_cells: float
    marrow: float
    spleen: float
    liver_iron: float
    other: float
    absorption: float
    menses: float
    """Iron lost with menstrual blood."""
    blood_volume: float
    """Volume that venous blood must have to hold the red cells, mL."""

    @property
    def liver_dry_weight(self) -> float:
        """Dry weight of the liver, g."""
        return self.liver_weight / WET_TO_DRY_LIVER

    @property
    def haemoglobin(self) -> float:
        """Haemoglobin of venous blood, g/L."""
        return self.red_cells / UMOL_PER_UG / references.HAEMOGLOBIN_IRON / self.blood_volume

    @property
    def total_iron(self) -> float:
        """Iron of the whole subject but for plasma, umol."""
        stored = self.liver_iron * self.liver_dry_weight
        return self.red_cells + self.marrow + self.spleen + self.other + stored


class Growth:
    """The reference subject of a species and sex as a function of age.

    A rat and a human absorb what the subject needs to stay on the table: the change of total iron, obligatory
    losses and menses. Plasma iron, a thousandth of the total, is left out. The mouse's absorption is in its
    table.

    Parameters
    ----------
    species : {"mouse", "rat", "human"}
        Whose table.
    sex : {"male", "female"}
        Whose table; there is only one of the mouse.
    loss : float, optional
        Obligatory loss of iron, ug per gram of body weight and day; by default that of the species.
    menses : float, optional
        Iron that a menstruating woman loses, mg/d.
    female_weight : float, optional
        Factor on every weight and amount of a female of a species with one table.

    Attributes
    ----------
    first_age : float
        Youngest age of the table in days.
    last_age : float
        Age in days from which the subject stays as it is.
    """

    def __init__(
        self,
        species: str,
        sex: str = "male",
        *,
        loss: float | None = None,
        menses: float = references.MENSES,
        female_weight: float = 0.9,
    ) -> None:
        loss = references.LOSS[species] if loss is None else loss
        self._loss = loss * UMOL_PER_UG / HOURS_PER_DAY  # umol/g/h
        self._menses = 0.0
        self._derived = species != "mouse"
        self._shift = _SHIFT.get(species, 0.0)
        if self._derived:
            ages, curve = _curves(species, sex)
            if (species, sex) == ("human", "female"):
                self._menses = menses * 1e3 * UMOL_PER_UG / HOURS_PER_DAY
        else:
            ages, curve = _mouse(female_weight if sex == "female" else 1.0)
        self.first_age, self.last_age = float(ages[0]), float(ages[-1])
        self._knots: list[float] = curve.x.tolist()
        self._pieces: list[list[list[float]]] = np.moveaxis(curve.c, 0, 2).tolist()
        self._last = self._reference(self.last_age, *self._evaluate(self.last_age), grown=True)

    def at(self, age_days: float) -> Reference:
        """Return the reference at `age_days`; from the last age of the table on it stays as it is."""
        if age_days >= self.last_age:
            return self._last
        age = max(age_days, self.first_age)
        return self._reference(age, *self._evaluate(age))

    def _evaluate(self, age: float) -> tuple[list[float], float]:
        """Return the columns at `age` and the change of total iron, umol/d."""
        x = math.log(age + self._shift) if self._derived else age
        i = min(bisect_right(self._knots, x), len(self._knots) - 1) - 1
        s = x - self._knots[i]
        columns = [((a * s + b) * s + c) * s + d for a, b, c, d in self._pieces[i]]
        if not self._derived:
            return columns, 0.0
        a, b, c, _ = self._pieces[i][_TOTAL]
        return columns, ((3.0 * a * s + 2.0 * b) * s + c) / (age + self._shift)

    def _reference(self, age: float, columns: list[float], gain: float, grown: bool = False) -> Reference:
        body, liver, red, marrow, spleen, lic, other, absorption, blood = columns
        menses = 0.0
        if self._derived:
            if self._menses:
                menses = self._menses * _menstruates(age / DAYS_PER_YEAR)
            gain = 0.0 if grown else gain / HOURS_PER_DAY
            absorption = max(0.0, gain + self._loss * body + menses)
        return Reference(body, liver, red, marrow, spleen, lic, other, absorption, menses, blood)


def growth_of(case: Case, p: Any) -> Growth:
    """Return the reference subject of a case; `p` are the values of :data:`lobule.body.BODY`.

    Raises
    ------
    InputError
        If the subject is younger than the table.
    """
    subject = case.subject
    growth = Growth(subject.species, subject.sex, loss=p.loss, menses=p.menses, female_weight=p.female_weight)
    if subject.age_days < growth.first_age:
        raise InputError(
            f"{case.name}: subject.age_days = {subject.age_days:g} -> "
            f"a {subject.species} can be followed from day {growth.first_age:g}"
        )
    return growth


def _menstruates(years: float) -> float:
    """Return the share of `references.MENSES` at an age in years."""
    begins, full, ends, none = references.MENSES_AGES
    return max(0.0, min(1.0, (years - begins) / (full - begins), (none - years) / (none - ends)))


def _rows(table: str) -> Array:
    """Return the numbers of a table."""
    return np.array([line.split() for line in table.strip().split("\n")[1:]], float)


def _mouse(factor: float) -> tuple[Array, PchipInterpolator]:
    """Return the ages (d) and the curves over age of the mouse, `factor` times as heavy as in the table."""
    rows = _rows(references.MOUSE)
    iron = UMOL_PER_UG
    scale = np.array([1.0, 1.0, iron, iron, iron, iron, iron, iron / HOURS_PER_DAY]) * factor
    scale[5] = iron  # a concentration
    values = rows[:, 1:] * scale
    blood = references.MOUSE_BLOOD * values[:, :1]
    return rows[:, 0], PchipInterpolator(rows[:, 0], np.hstack([values, blood]))


@cache
def _curves(species: str, sex: str) -> tuple[Array, CubicSpline]:
    """Return the ages (d) of the table and curves over the logarithm of age.

    What a table gives is interpolated monotonically and smoothed, so that the change of total iron has no
    corners at the ages of the table; amounts are products of that.
    """
    rows = _rows(_TABLES[species, sex])
    ages = rows[:, 0] * (DAYS_PER_YEAR if species == "human" else 1.0)
    x = np.log(ages + _SHIFT[species])
    knots = np.linspace(x[0], x[-1], _KNOTS)
    values = _smooth(PchipInterpolator(x, rows[:, 1:])(knots), _WIDTH / (knots[1] - knots[0]))
    body, liver, blood, haemoglobin, lic, marrow, tissue = values.T
    if species == "human":
        body = 1e3 * body
    else:
        liver = 1e-2 * liver * body
    volume = 1e-3 * blood * body  # mL
    red = volume * haemoglobin * references.HAEMOGLOBIN_IRON  # mL g/L mg/g = ug
    marrow = 1e-2 * marrow * red
    spleen = references.SPLEEN[species] * red
    stored = 1e3 * lic * liver / WET_TO_DRY_LIVER
    outside = references.OUTSIDE[species]
    other = tissue * body + (outside * stored - spleen if outside else 0.0)
    total = red + marrow + spleen + other + stored
    iron = UMOL_PER_UG
    columns = [body, liver, *(iron * y for y in (red, marrow, spleen, 1e3 * lic, other, total)), volume]
    return ages, CubicSpline(knots, np.stack(columns, axis=1))


def _smooth(columns: Array, width: float) -> Array:
    """Return `columns` smoothed by a Gaussian of `width` rows; straight lines and the ends stay."""
    reach = math.ceil(4.0 * width)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    padded = np.pad(columns, ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")
    return np.stack([np.convolve(y, kernel / kernel.sum(), mode="valid") for y in padded.T], axis=1)
