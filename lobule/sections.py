"""The tables of a case file: subject, start, tissue, clock, diet and record."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lobule.doses import HOURS_PER_DAY, TOLERANCE_HOURS, Section
from lobule.tissue_map import TissueMap

LOBULES = (1, 7, 19)
MOST_SITES = 3e6  # about 2 kB each
USUAL_RADIUS_UM, USUAL_PITCH_UM = 284.0, 23.0  # of the mouse, to estimate the number of sites
OLDEST_DAYS = {"mouse": 1500.0, "rat": 1500.0, "human": 40000.0}

#: Of a scar at the start of which nothing else is said. Assumed: dense scar cross-links soon, and lasts.
CROSS_LINKED_PERCENT = 80.0

Count = Annotated[int, Field(ge=1, le=100)]


class Subject(Section):
    """The animal or the patient at the start of the run."""

    species: Literal["mouse", "rat", "human"]
    genotype: Literal["wild-type", "hfe-knockout", "thalassaemia-major"] = "wild-type"
    """In man, hfe-knockout stands for homozygous C282Y; thalassaemia-major is for man alone."""
    sex: Literal["male", "female"] = "male"
    age_days: float = Field(ge=0)
    """Age when the run starts (days)."""

    @model_validator(mode="after")
    def _lives_that_long(self) -> Self:
        if self.age_days > (oldest := OLDEST_DAYS[self.species]):
            raise ValueError(
                f"age_days = {self.age_days:g} -> a {self.species} is at most {oldest:g} days old"
            )
        if self.genotype == "thalassaemia-major" and self.species != "human":
            raise ValueError(
                f'genotype = "thalassaemia-major" in a {self.species} -> the parameters are for man'
            )
        return self


class Start(Section):
    """What the subject's body and liver are like when the run starts; in health where nothing is said."""

    lic_mg_per_g: float | None = Field(default=None, ge=0.05, le=80)
    """Liver iron (mg/g dry); the rest of the body holds what goes with it."""
    zone1_to_zone3_ratio: float | None = Field(default=None, ge=0.1, le=10)
    """Iron of the mean hepatocyte of zone 1 over that of zone 3; 1 when absent."""
    haemoglobin_g_per_dl: float | None = Field(default=None, ge=2, le=25)
    """Haemoglobin (g/dL); that of the healthy subject of this age when absent."""
    collagen_area_percent: float | None = Field(default=None, gt=0, le=60)
    """Collagen proportionate area of the parenchyma, the healthy collagen included (% area)."""
    collagen_pattern: Literal["septal", "portal", "pericentral", "diffuse"] | None = None
    """Where the scar lies; on the lines between tracts and from tract to vein ("septal") when absent."""
    collagen_cross_linked_percent: float | None = Field(default=None, ge=0, le=100)
    """Share of the scar that is cross-linked and lasts (%); 80 when absent."""
    activated_stellate_percent: float | None = Field(default=None, ge=0, le=100)
    """Share of the stellate cells that are myofibroblasts (%), which then lie where the scar is."""
    senescent_percent: float | None = Field(default=None, ge=0, le=100)
    """Share of the hepatocytes that no longer divide (%)."""

    @model_validator(mode="after")
    def _has_the_scar_it_describes(self) -> Self:
        for name in ("collagen_pattern", "collagen_cross_linked_percent"):
            if getattr(self, name) is not None and self.collagen_area_percent is None:
                raise ValueError(f"{name} -> describes a scar: give collagen_area_percent as well")
        return self


def _or_a_path(schema: dict[str, Any]) -> None:
    """Let the schema say that a map may also be the path of one."""
    schema["anyOf"] = [{"type": "string"}, *schema["anyOf"]]


class Tissue(Section):
    """The piece of liver."""

    lobules: Literal[1, 7, 19] | tuple[Count, Count] | None = 1
    """1, 7 or 19 lobules in a hexagon, or [rows, columns]."""
    layers: Annotated[int, Field(ge=1, le=50)] = 1
    """Sections stacked on each other."""
    radius_um: float | None = Field(default=None, ge=100, le=1500)
    """Centre to corner of a lobule (um); that of the species when absent."""
    map: TissueMap | None = Field(default=None, json_schema_extra=_or_a_path)
    """A tissue drawn from histology, instead of lobules: the path of a tissue file, from the case file's
    folder, or its content."""
    agents: bool = True
    """Give each cell a Mesa agent as its handle; costs time in large tissues."""

    @model_validator(mode="before")
    @classmethod
    def _map_or_lobules(cls, value: Any) -> Any:
        """Leave the default number of lobules out where there is a map."""
        if isinstance(value, dict) and value.get("map") is not None:
            return {"lobules": None, **value}
        return value

    @field_validator("lobules", mode="before")
    @classmethod
    def _known_layout(cls, value: Any) -> Any:
        numbers = value if isinstance(value, list | tuple) else [value]
        if all(isinstance(n, int) and not isinstance(n, bool) for n in numbers):
            if len(numbers) == 2 and all(1 <= n <= 100 for n in numbers):
                return tuple(numbers)
            if numbers is not value and value in LOBULES:
                return value
        if value is None:
            return value
        raise ValueError("must be 1, 7, 19 or [rows, columns], each from 1 to 100")

    @model_validator(mode="after")
    def _fits_in_memory(self) -> Self:
        what = "lobules, layers and radius_um make"
        if self.map is not None:
            for key in ("lobules", "radius_um"):
                if (given := getattr(self, key)) is not None:
                    raise ValueError(f"{key} = {given} -> a map has its own shape: leave it out")
            what = "layers and map make"
        elif self.lobules is None:
            raise ValueError("lobules is missing -> 1, 7, 19 or [rows, columns]; or give a map")
        sites = self.sites((self.radius_um or USUAL_RADIUS_UM) / USUAL_PITCH_UM)
        if sites > MOST_SITES:
            raise ValueError(
                f"{what} {sites / 1e6:.3g} million sites -> "
                f"at most {MOST_SITES / 1e6:g} million fit in memory"
            )
        return self

    def sites(self, radius: float) -> float:
        """Return about how many sites there are, for lobules whose radius is that many sites."""
        if self.map is not None:
            return float(self.map.sites * self.layers)
        assert self.lobules is not None
        count = self.lobules if isinstance(self.lobules, int) else self.lobules[0] * self.lobules[1]
        return count * self.layers * 3.0 * radius**2


class Phase(Section):
    """A stretch of the run with one step length."""

    days: float = Field(gt=0, le=100_000)
    """Length (days); a whole number of steps."""
    step_hours: float = Field(ge=0.25, le=24)
    """Length of a step (h)."""

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        if abs(self.days * HOURS_PER_DAY - self.steps * self.step_hours) > TOLERANCE_HOURS or not self.steps:
            raise ValueError(f"days = {self.days:g} is not a whole number of steps of {self.step_hours:g} h")
        return self

    @property
    def steps(self) -> int:
        """Number of steps."""
        return round(self.days * HOURS_PER_DAY / self.step_hours)


class Clock(Section):
    """The clock of the run, declared beforehand and never chosen from the state."""

    phases: Annotated[tuple[Phase, ...], Field(min_length=1, strict=False)]

    @property
    def end_hours(self) -> float:
        """Length of the run (h)."""
        return sum(phase.steps * phase.step_hours for phase in self.phases)

    def step_at(self, tick: int) -> tuple[float, float]:
        """Return the start and the length (h) of step `tick`; past the end the last phase goes on."""
        start = 0.0
        for phase in self.phases[:-1]:
            if tick < phase.steps:
                return start + tick * phase.step_hours, phase.step_hours
            tick -= phase.steps
            start += phase.steps * phase.step_hours
        length = self.phases[-1].step_hours
        return start + tick * length, length

    def step_start(self, hours: float) -> float:
        """Return the first start of a step at or after `hours` (h); the end of the run when there is none."""
        start = 0.0
        for phase in self.phases:
            step = max(0, math.ceil((hours - start - TOLERANCE_HOURS) / phase.step_hours))
            if step < phase.steps:
                return start + step * phase.step_hours
            start += phase.steps * phase.step_hours
        return start


class Diet(Section):
    """What the subject eats at the start."""

    iron_percent: float | None = Field(default=None, ge=0, le=5)
    """Iron, percent of the diet's mass; what is normal for the species when absent (rodent chow 0.02)."""


class Record(Section):
    """What is kept of the run."""

    every_hours: float = Field(default=24.0, ge=0.25, le=8760)
    """Hours between two rows of the series."""
    snapshot_days: Annotated[tuple[Annotated[float, Field(ge=0, le=100_000)], ...], Field(strict=False)] = ()
    """Days on which cells and fields are kept."""
    final_snapshot: bool = True
    """Keep the cells and fields of the final state, too."""
