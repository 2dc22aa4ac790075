"""What a case file may prescribe: the treatments, the toxins and their schedules.

These are declarations only; `lobule.courses` holds the visits and `lobule.treatments` carries the doses out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from lobule.cellproducts import CellProduct, Product
from lobule.schedule import check_condition, check_schedule
from lobule.strict import Section

HOURS_PER_DAY = 24.0
TOLERANCE_HOURS = 1e-6

#: What a dose can be without being a typing error, by key and species, and the words for it.
LARGEST: dict[str, tuple[dict[str, float], str]] = {
    "volume_ml": ({"mouse": 1.0, "rat": 10.0, "human": 1500.0}, "mL at once"),
    "volume_ml_per_kg": ({"mouse": 40.0, "rat": 30.0, "human": 25.0}, "mL per kg at once"),
    "grams_per_day": ({"mouse": 1.0, "rat": 10.0, "human": 600.0}, "g a day"),
    "grams_per_kg_per_day": ({"mouse": 40.0, "rat": 30.0, "human": 10.0}, "g per kg a day"),
    "mg": ({"mouse": 100.0, "rat": 1000.0, "human": 100_000.0}, "mg at once"),
}
#: Unit and largest dose of each poison.
LARGEST_TOXIN = {"ccl4": ("mL/kg", 5.0), "thioacetamide": ("mg/kg", 1000.0)}
GRAMS_PER_KG = 1000.0


class Condition(Section):
    """A readout above or below a value, as it is when a visit is due."""

    readout: str
    """Name of a readout, such as "ferritin_ug_per_l"."""
    above: float | None = None
    """Met while the readout is above this, in its unit; this or `below`."""
    below: float | None = None
    """Met while the readout is below this."""

    @model_validator(mode="after")
    def _is_one_condition(self) -> Self:
        check_condition(self)
        return self


class Dose(Section):
    """When something is given: on `day`, or at visits every `every_days`, where their conditions allow it."""

    day: float = Field(ge=0, le=100_000)
    """Days since the start of the run; the first visit of a schedule."""
    every_days: float | None = Field(default=None, ge=1 / HOURS_PER_DAY, le=100_000)
    """Days between the visits of a schedule."""
    until_day: float | None = Field(default=None, ge=0, le=100_000)
    """Last day of the schedule, inclusive; the end of the run when absent."""
    on_days: float | None = Field(default=None, ge=1 / HOURS_PER_DAY, le=100_000)
    """Days of a cycle with visits, the first of them at its start; the first cycle begins on `day`."""
    off_days: float | None = Field(default=None, ge=1 / HOURS_PER_DAY, le=100_000)
    """Days of a cycle without visits, after these."""
    doses: int | None = Field(default=None, ge=0, le=1_000_000)
    """Most doses that are given; those held or missed do not count."""
    start_when: Condition | None = None
    """Nothing is given before the first visit at which this is met."""
    stop_when: Condition | None = None
    """The course ends at the first visit at which this is met, without a dose."""
    resume_when: Condition | None = None
    """A course that has ended goes on from the visit at which this is met, and `stop_when` is not."""
    hold_when: Condition | None = None
    """A visit at which this is met passes without a dose."""
    missed_percent: float = Field(default=0.0, ge=0, le=100)
    """Share of the visits that are missed, by chance (%); the same in all arms with this treatment."""

    @model_validator(mode="after")
    def _schedule_is_possible(self) -> Self:
        check_schedule(self)
        return self

    def due_hours(self, end_hours: float) -> list[float]:
        """Return the hours since the start at which visits are due, all before `end_hours`."""
        first = self.day * HOURS_PER_DAY
        if self.every_days is None:
            return [first] if first < end_hours - TOLERANCE_HOURS else []
        last = end_hours if self.until_day is None else min(end_hours, self.until_day * HOURS_PER_DAY)
        interval = self.every_days * HOURS_PER_DAY
        each, cycles, cycle = int((last - first + TOLERANCE_HOURS) // interval) + 1, 1, 0.0
        if self.on_days is not None and self.off_days is not None:
            cycle = (self.on_days + self.off_days) * HOURS_PER_DAY
            cycles = int((last - first + TOLERANCE_HOURS) // cycle) + 1
            each = min(each, math.ceil((self.on_days * HOURS_PER_DAY - TOLERANCE_HOURS) / interval))
        due = [first + c * cycle + i * interval for c in range(cycles) for i in range(each)]
        return [h for h in due if h <= last + TOLERANCE_HOURS and h < end_hours - TOLERANCE_HOURS]


class WeighedDose(Dose):
    """A dose given as a whole, or per kilogram of the body weight of that day: exactly one of the two."""

    whole: ClassVar[str]
    per_kg: ClassVar[str]

    @model_validator(mode="after")
    def _has_one_amount(self) -> Self:
        given = [name for name in (self.whole, self.per_kg) if getattr(self, name) is not None]
        if not given:
            raise ValueError(f"{self.whole} is missing -> give {self.whole} or {self.per_kg}")
        if len(given) == 2:
            raise ValueError(f"{self.whole} and {self.per_kg} -> give one of the two, not both")
        return self

    @property
    def is_per_kg(self) -> bool:
        """Whether the dose is given per kilogram."""
        return getattr(self, self.whole) is None

    @property
    def stated(self) -> float:
        """The amount as the case states it, a whole or per kilogram."""
        return float(getattr(self, self.per_kg if self.is_per_kg else self.whole))

    def amount(self, body_weight: float) -> float:
        """Return the whole amount for a body of `body_weight` (g)."""
        return self.stated * body_weight / GRAMS_PER_KG if self.is_per_kg else self.stated

    def amount_per_kg(self, body_weight: float) -> float:
        """Return the amount per kilogram of a body of `body_weight` (g)."""
        return self.stated if self.is_per_kg else self.stated * GRAMS_PER_KG / body_weight


class _Cells(WeighedDose):
    whole, per_kg = "cells", "cells_per_kg"
    kind: Literal["msc"]
    cells: float | None = Field(default=None, ge=0, le=1e12)
    """Cells given, all alive unless `viability` says otherwise; this or `cells_per_kg`."""
    cells_per_kg: float | None = Field(default=None, ge=0, le=1e10)
    """Cells per kg of body weight."""
    route: Literal["intraportal", "hepatic-artery", "intravenous", "intrahepatic"]
    """Way in; it decides how many reach the liver alive."""
    source: Literal["bone-marrow", "adipose", "umbilical-cord"] = "bone-marrow"
    """Tissue the cells were grown from."""
    primed: bool = False
    """Licensed with inflammatory cytokines before they are given."""


class MSCDose(CellProduct, _Cells):
    """Mesenchymal stem cells."""

    @model_validator(mode="after")
    def _depot_is_injected(self) -> Self:
        if self.depot and self.route != "intrahepatic":
            raise ValueError(f'depot = true with route = "{self.route}" -> a depot is injected: intrahepatic')
        return self


class _Particles(WeighedDose):
    whole, per_kg = "particles", "particles_per_kg"
    kind: Literal["ev"]
    particles: float | None = Field(default=None, ge=0, le=1e16)
    """Particles given; this or `particles_per_kg`."""
    particles_per_kg: float | None = Field(default=None, ge=0, le=1e14)
    """Particles per kg of body weight."""
    route: Literal["intravenous", "intraportal"]


class EVDose(Product, _Particles):
    """Extracellular vesicles of mesenchymal stem cells."""


class Phlebotomy(WeighedDose):
    """Blood drawn."""

    whole, per_kg = "volume_ml", "volume_ml_per_kg"
    kind: Literal["phlebotomy"]
    volume_ml: float | None = Field(default=None, ge=0)
    """Whole blood drawn (mL); this or `volume_ml_per_kg`."""
    volume_ml_per_kg: float | None = Field(default=None, ge=0)
    """Whole blood drawn per kg of body weight (mL/kg)."""
    minimum_haemoglobin_g_per_dl: float = Field(default=11.0, ge=0, le=25)
    """The session is skipped when haemoglobin is below this (g/dL)."""
    minimum_ferritin_ug_per_l: float | None = Field(default=None, ge=0, le=10_000)
    """The session is skipped when serum ferritin is below this (ug/L)."""


class Transfusion(WeighedDose):
    """Packed red cells given."""

    whole, per_kg = "volume_ml", "volume_ml_per_kg"
    kind: Literal["transfusion"]
    volume_ml: float | None = Field(default=None, ge=0)
    """Packed red cells (mL); this or `volume_ml_per_kg`."""
    volume_ml_per_kg: float | None = Field(default=None, ge=0)
    """Packed red cells per kg of body weight (mL/kg)."""
    iron_mg_per_ml: float = Field(default=1.08, gt=0, le=2)
    """Iron of packed red cells (mg/mL)."""


class ChelatorDose(WeighedDose):
    """An iron chelator."""

    whole, per_kg = "mg", "mg_per_kg"
    kind: Literal["chelator"]
    drug: Literal["deferoxamine", "deferasirox", "deferiprone"]
    mg_per_kg: float | None = Field(default=None, ge=0, le=500)
    """Dose of one administration (mg per kg of body weight); this or `mg`."""
    mg: float | None = Field(default=None, ge=0)
    """Dose of one administration (mg)."""
    hours: float = Field(default=1.0, gt=0, le=24)
    """Duration of one administration (h)."""
    stop_on_event: bool | None = None
    """Whether an adverse event of the drug ends it for good, man only; when absent, a severe one does."""


class ToxinDose(Dose):
    """A liver poison."""

    kind: Literal["toxin"]
    agent: Literal["ccl4", "thioacetamide"]
    dose: float = Field(ge=0)
    """CCl4: mL per kg of body weight, at most 5; thioacetamide: mg per kg, at most 1000."""

    @model_validator(mode="after")
    def _is_no_typing_error(self) -> Self:
        unit, most = LARGEST_TOXIN[self.agent]
        if self.dose > most:
            raise ValueError(f"dose = {self.dose:g} -> of {self.agent} at most {most:g} {unit}")
        return self


class DietChange(Dose):
    """Another diet from this day on."""

    kind: Literal["diet"]
    iron_percent: float = Field(ge=0, le=5)
    """Iron, percent of the diet's mass."""


class AlcoholChange(WeighedDose):
    """Another habit of drinking from this day on."""

    whole, per_kg = "grams_per_day", "grams_per_kg_per_day"
    kind: Literal["alcohol"]
    grams_per_day: float | None = Field(default=None, ge=0)
    """Ethanol drunk in a day (g); 0 when drinking stops; this or `grams_per_kg_per_day`."""
    grams_per_kg_per_day: float | None = Field(default=None, ge=0)
    """Ethanol drunk in a day per kg of body weight (g/kg), which follows the weight from then on."""


class IronInjection(WeighedDose):
    """Parenteral iron, which macrophages take out of the blood."""

    whole, per_kg = "mg", "mg_per_kg"
    kind: Literal["iron-injection"]
    compound: Literal["dextran", "sucrose"] = "dextran"
    """What holds the iron; it decides how fast macrophages take it up."""
    mg: float | None = Field(default=None, ge=0)
    """Iron (mg); this or `mg_per_kg`."""
    mg_per_kg: float | None = Field(default=None, ge=0, le=3000)
    """Iron per kg of body weight (mg/kg)."""


class HepatitisChange(Dose):
    """A chronic hepatitis, or another activity of it, from this day on."""

    kind: Literal["hepatitis"]
    cause: Literal["viral", "metabolic"]
    """viral: all zones, most at the portal tracts; metabolic: most around the central vein."""
    hazard_percent_per_day: float = Field(ge=0, le=5)
    """Hepatocytes that die of it in a day, mean of the lobule (%); 0 when it is cured."""


class Hepatectomy(Dose):
    """A part of the liver removed; the lobules that remain are whole."""

    kind: Literal["partial-hepatectomy"]
    share: float = Field(ge=0, le=0.9)
    """Share of the liver that is cut off."""


Treatment = Annotated[
    MSCDose
    | EVDose
    | Phlebotomy
    | Transfusion
    | ChelatorDose
    | ToxinDose
    | DietChange
    | AlcoholChange
    | IronInjection
    | HepatitisChange
    | Hepatectomy,
    Field(discriminator="kind"),
]


def doses_before(events: Sequence[tuple[Any, ...]], index: int) -> int:
    """Return how many doses of cells are due before event `index` (hour, dose, ...) at its hour.

    The number is the key of the dose's chance: no other event, and no empty dose, shifts it.
    """
    hours = events[index][0]
    count = 0
    while index > 0 and events[index - 1][0] == hours:
        index -= 1
        dose = events[index][1]
        count += isinstance(dose, MSCDose) and dose.stated > 0.0
    return count
