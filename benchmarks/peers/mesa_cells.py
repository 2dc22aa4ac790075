"""The hepatocytes' hour with plain Mesa: one agent a cell, its state in ordinary attributes.

Rules are data, as in the project, laid out beforehand the way Python reads them fastest; parameters are
attributes of a named tuple; arrays are lists, since Python reads those faster. Random numbers are drawn
beforehand for all cells at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mesa
from numpy.typing import NDArray

from lobule.agents.response import FULL, CompiledRules

if TYPE_CHECKING:
    from benchmarks.cells import Hour

Terms = list[tuple[int, float, float]]


class Rules:
    """The rules of one type of cell, for one cell at a time."""

    def __init__(self, compiled: CompiledRules, base: dict[str, float]) -> None:
        self.base = list(base.values())
        self.ruled: list[tuple[int, Terms, float, Terms, float]] = []
        for b in range(len(self.base)):
            up, down = (self._terms(compiled, group) for group in (2 * b, 2 * b + 1))
            pulls = (float(x) for x in compiled.saturation[2 * b : 2 * b + 2])
            if up or down:
                self.ruled.append((b, up, next(pulls), down, next(pulls)))

    @staticmethod
    def _terms(c: CompiledRules, group: int) -> Terms:
        rows = range(c.first[group], c.first[group + 1])
        return [(int(c.signal[r]), float(c.half_max[r]), float(c.hill[r])) for r in rows]

    def __call__(self, signals: Sequence[float]) -> list[float]:
        """Return the behaviours of a cell that senses `signals`, in order."""
        result = self.base.copy()
        for b, up, highest, down, lowest in self.ruled:
            value = result[b]
            if up and highest > value:
                value += fullness(up, signals) * (highest - value)
            if down and lowest < value:
                value += fullness(down, signals) * (lowest - value)
            result[b] = value
        return result


def fullness(terms: Terms, signals: Sequence[float]) -> float:
    """Return the joint Hill response to rows of (signal, half-maximum, Hill power)."""
    total = 0.0
    for signal, half_max, hill in terms:
        s = signals[signal]
        if s > 0.0:
            x = s / half_max
            total += x if hill == 1.0 else x * x if hill == 2.0 else x**hill
    return 1.0 if total >= FULL else total / (1.0 + total)


class Liver(mesa.Model):
    """What the hepatocytes of a step have in common."""

    def __init__(self, hour: Hour) -> None:
        super().__init__(rng=1)
        self.hour, self.p = hour, hour.p
        self.rules = Rules(hour.compiled, hour.base)
        self.dt, self.ferroportin, self.bound_share = hour.dt, hour.ferroportin, hour.bound_share
        self.turned = 1.0 - math.exp(-math.log(2.0) / (24.0 * hour.p.haemosiderin_half_time) * hour.dt)
        self.signals: list[list[float]] = hour.site_signals.tolist()
        self.vacant: list[int] = hour.vacant.tolist()
        self.neighbours = [[j for j in row if j >= 0] for row in hour.neighbours.tolist()]
        columns = hour.columns()
        names = [name for name in columns if name != "key"]
        rows = zip(*(columns[name].tolist() for name in names), strict=True)
        lists = (hour.toxin, hour.chelator, hour.gained, hour.capacity)
        places = zip(*(values.tolist() for values in lists), strict=True)
        for row, place in zip(rows, places, strict=True):
            Hepatocyte(self, dict(zip(names, row, strict=True)), place)
        self.keys = columns["key"]
        self.cells: list[Hepatocyte] = list(self.agents)

    def draw(self) -> None:
        """Give every cell its random numbers of the step."""
        draws = zip(*(values.tolist() for values in self.hour.draws(self.keys)), strict=True)
        for cell, numbers in zip(self.cells, draws, strict=True):
            cell.luck = numbers

    def advance(self, shuffled: bool = False) -> None:
        """Advance all cells by one step, in the order of their making or shuffled."""
        self.draw()
        if shuffled:
            self.agents.shuffle_do("step")
        else:
            self.agents.do("step")

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """The columns of all cells."""
        columns = self.hour.columns()
        for name, values in columns.items():
            if name != "key":
                values[:] = [getattr(cell, name) for cell in self.cells]
        return columns


class Hepatocyte(mesa.Agent):
    """One hepatocyte."""

    model: Liver
    site: int
    iron: float
    iron_uptake: float
    labile: float
    ferritin: float
    haemosiderin: float
    labile_fold: float
    redox: float
    antioxidant: float
    peroxide: float
    senescent: int
    cycle: float
    fate: int
    exported: float
    chelated: float
    luck: tuple[float, float, float]

    def __init__(self, model: Liver, state: dict[str, Any], place: tuple[float, ...]) -> None:
        super().__init__(model)
        self.__dict__.update(state)
        self.toxin, self.chelator, self.gained, self.capacity = place

    def step(self) -> None:
        """Sense, then handle iron, oxidise, live or die, and cycle."""
        b = self.sense()
        self.export(b[2])
        self.store()
        self.respond(b)

    def sense(self) -> list[float]:
        """Return the behaviours."""
        own = [self.labile_fold - 1.0, self.redox - 1.0, self.peroxide, self.toxin, self.toxin]
        return self.model.rules(self.model.signals[self.site] + own)

    def export(self, factor: float) -> None:
        """Release iron."""
        model = self.model
        p, dt = model.p, model.dt
        full = self.iron + dt * self.iron_uptake
        most = dt * p.export_rate * model.ferroportin * factor * self.labile_fold
        half = 0.5 * (full - most - p.export_half_iron)
        left = half + math.sqrt(half * half + full * p.export_half_iron)
        self.exported = min(self.iron, max(0.0, full - left))
        self.iron -= self.exported

    def store(self) -> None:
        """Take up iron, lose some to the chelator, and divide it among the stores."""
        model = self.model
        p, dt, chelator = model.p, model.dt, self.chelator
        self.iron_uptake = self.gained / dt
        full = self.iron + self.gained
        above = max(0.0, full - p.normal_iron)
        k = model.bound_share * p.chelation_rate * (above / (above + p.labile_half_iron))
        k = k * chelator / (chelator + p.chelator_half)
        self.iron = iron = full / (1.0 + dt * k)
        self.chelated = dt * k * iron
        above = max(0.0, iron - p.normal_iron)
        rise = (p.labile_max - 1.0) * above / (above + p.labile_half_iron)
        self.labile_fold = 1.0 + rise / (1.0 + chelator / p.chelator_half)
        self.labile = min(iron, self.labile_fold * p.labile_normal * p.volume * 1e-3)
        stored = iron - self.labile
        turned = model.turned * max(0.0, stored - p.haemosiderin_threshold - self.haemosiderin)
        self.haemosiderin = min(stored, self.haemosiderin + turned)
        self.ferritin = stored - self.haemosiderin

    def respond(self, b: list[float]) -> None:
        """Oxidise, decide between life and death, and enter the cell cycle; `b` in the order of the rules."""
        model = self.model
        p, dt = model.p, model.dt
        load, k, _, apoptosis, necrosis, ferroptosis, division = b[:7]
        loss = p.antioxidant_loss * p.antioxidant_recovery * max(0.0, self.redox - 1.0)
        self.antioxidant = antioxidant = (self.antioxidant + dt * k) / (1.0 + dt * (k + loss))
        self.redox = redox = min(p.redox_max, (1.0 + load / self.capacity) / antioxidant)
        made = p.peroxidation_rate * max(0.0, self.labile_fold * redox - 1.0) * (1.0 - antioxidant)
        self.peroxide = (self.peroxide + dt * made) / (1.0 + dt * p.peroxide_repair * antioxidant)

        for_death, for_senescence, for_division = self.luck
        necrosis += p.toxin_hazard * self.toxin
        total = apoptosis + necrosis + ferroptosis
        self.fate = 0
        death = 1.0 - math.exp(-total * dt)
        if for_death < death:
            share = for_death / death * total
            self.fate = 1 if share < apoptosis else 2 if share < apoptosis + necrosis else 3
        hazard = p.senescence_rate * max(0.0, redox - 1.0)
        if hazard > 0.0 and for_senescence < 1.0 - math.exp(-hazard * dt):
            self.senescent = 1

        if self.cycle >= 0.0:
            self.cycle += dt
        elif not self.senescent:
            vacant = model.vacant
            free = sum(vacant[j] for j in model.neighbours[self.site])
            if free:
                hazard = division * min(1.0, free / p.full_vacancy)
                waits = -math.log(1.0 - for_division)
                if waits < hazard * dt:
                    self.cycle = dt - waits / hazard
