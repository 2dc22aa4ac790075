"""A whole hour of liver with plain Mesa agents and SciPy's direct solver.

Hepatocytes follow the whole rule. Kupffer cells and stellate cells sense, secrete, recycle iron and change
their state. Left out, all of which favours this side: the body, growth, debris and its clearance, arriving
monocytes, divisions, moves, remodelling of the matrix, MSC, and a second solve for saturable uptake.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mesa
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.mesa_cells import Hepatocyte, Rules
from benchmarks.peers.scipy_fields import Sparse
from lobule.fields import LANE, LOCAL_IRON
from lobule.units import FMOL_PER_UM_PL

if TYPE_CHECKING:
    from benchmarks.fields import Problem
    from lobule import Lobule

PER_FMOL = 1.0 / FMOL_PER_UM_PL
_L = LANE
KUPFFER, M1, M2 = 0, 1, 2
ACTIVATED, MYOFIBROBLAST, LAST_STAGE = 1, 8, 14


class Liver(mesa.Model):
    """The cells and fields of a model of ours, in plain Mesa.

    Parameters
    ----------
    model : Lobule
        Where cells, fields and parameters come from.
    problem : Problem
        The transport of that model; its only hour is overwritten every step.
    """

    def __init__(self, model: Lobule, problem: Problem) -> None:
        super().__init__(rng=1)
        self.values, self.dt = model.values, 1.0
        self.p = p = model.values["hepatocyte"]
        self.m, self.s = model.values["macrophage"], model.values["stellate"]
        self.rules, self.macrophage_rules, self.stellate_rules = (
            Rules(model.rules.compile(name), dict(model.rules.behaviours[name]))
            for name in ("hepatocyte", "macrophage", "stellate")
        )
        self.turned = 1.0 - math.exp(-math.log(2.0) / (24.0 * p.haemosiderin_half_time) * self.dt)
        self.ferroportin, self.bound_share = float(model.body.ferroportin), 0.0
        self.chance = self.rng.random
        tissue = model.tissue
        self.neighbours = [[j for j in row if j >= 0] for row in tissue.neighbours.tolist()]
        self.vacant: list[int] = model.population.vacant().tolist()
        hfe = p.uptake_hfe_factor if model.case.subject.genotype == "hfe-knockout" else 1.0
        self.clearance = p.uptake_clearance * 3600.0 * hfe
        self.zonal = (p.oxygen_portal + (2.0 - 2.0 * p.oxygen_portal) * tissue.portal_central).tolist()
        self.collagen = float(model.matrix.collagen[0])
        self.sparse, self.problem = Sparse(problem, "spsolve"), problem
        self.c = self.sparse.c
        self.c[:] = model.fields.c
        self.iron = np.array(model.fields["iron"])
        self.tension = np.linspace(0.0, 150.0, 601)
        self.content = _content(model.values["oxygen"], float(model.body.haemoglobin), self.tension)
        self.blood: NDArray[np.float64] = problem.source[0].copy()  # what blood brings in
        self._populate(model)

    def _populate(self, model: Lobule) -> None:
        columns = {name: table.state() for name, table in model.population.tables.items()}
        place = (model.values["hepatocyte"].antioxidant_pericentral - 1.0) * model.tissue.portal_central + 1.0
        for row in _rows(columns["hepatocyte"]):
            cell = LiverCell(self, row, (0.0, 0.0, 0.0, float(place[row["site"]])))
            cell.fate = 0
        for row in _rows(columns["macrophage"]):
            Macrophage(self, row)
        for row in _rows(columns["stellate"]):
            Stellate(self, row)
        self.hepatocytes: list[LiverCell] = list(self.agents_by_type[LiverCell])

    def advance(self, inlet: float = 0.0) -> None:
        """Advance by an hour in which blood brings NTBI at `inlet` uM; no random number is repeated."""
        n, lanes = self.c.shape
        content = np.maximum(self.c[:, _L["oxygen"]], 1e-6)
        tension = np.interp(content, self.content, self.tension)
        around = self.c[:, : len(LANE)].copy()
        around[:, _L["iron"]], around[:, _L["oxygen"]] = self.iron, tension
        self.signals: list[list[float]] = [[*row, self.collagen] for row in around.tolist()]
        self.source, self.uptake = ([[0.0] * lanes for _ in range(n)] for _ in range(2))
        self.use, self.cleared = [0.0] * n, [0.0] * n
        self.agents.do("emit")
        uptake = self.problem.uptake[0]
        self.problem.source[0] = self.blood + np.array(self.source)
        uptake[:] = self.uptake
        uptake[:, _L["oxygen"]] = np.array(self.use) * tension / (tension + self.p.oxygen_km) / content
        iron = np.array(self.cleared) / (1.0 + self.iron / self.p.uptake_km)
        uptake[:, _L["iron"]] = uptake[:, LOCAL_IRON] = iron
        self.sparse.hour()
        self.iron = inlet * self.c[:, _L["iron"]] + self.c[:, LOCAL_IRON]
        self.gained: list[float] = (iron * self.iron * self.dt * FMOL_PER_UM_PL).tolist()
        self.agents.do("answer")


class LiverCell(Hepatocyte):
    """A hepatocyte that also secretes and clears."""

    model: Liver
    key: int
    births: int

    def emit(self) -> None:
        """Sense, release iron, secrete and clear."""
        model, site, p = self.model, self.site, self.model.p
        self.b = b = self.sense()
        self.export(b[2])
        source, uptake = model.source[site], model.uptake[site]
        source[_L["ros"]] += b[7] * PER_FMOL
        source[_L["damp"]] += b[8]
        source[_L["ccl2"]] += b[9]
        uptake[_L["ros"]] += p.ros_scavenging * self.antioxidant
        uptake[_L["ev"]] += p.ev_uptake
        model.use[site] += p.oxygen_use * model.zonal[site] * 3600.0 * PER_FMOL
        model.cleared[site] += model.clearance / (1.0 + self.iron / p.uptake_saturation)

    def answer(self) -> None:
        """Store iron, oxidise, live or die, and cycle."""
        self.gained = self.model.gained[self.site]
        self.store()
        chance = self.model.chance
        self.luck = (chance(), chance(), chance())
        self.respond(self.b)


class Macrophage(mesa.Agent):
    """A macrophage."""

    model: Liver
    site: int
    iron: float
    lineage: int
    polarisation: int
    engulfed: float
    engulfed_msc: float

    def __init__(self, model: Liver, state: dict[str, Any]) -> None:
        super().__init__(model)
        self.__dict__.update(state)

    def emit(self) -> None:
        """Sense, secrete and clear."""
        model, site, p = self.model, self.site, self.model.m
        own = [self.iron, self.engulfed, self.engulfed_msc, 0.0, 0.0]
        self.b = b = model.macrophage_rules(model.signals[site] + own)
        source = model.source[site]
        model.uptake[site][_L["ev"]] += p.ev_uptake
        model.use[site] += p.oxygen_use * 3600.0 * PER_FMOL
        if self.polarisation == M1:
            source[_L["tnf"]] += b[3]
            source[_L["il1b"]] += p.il1b_m1
            source[_L["il6"]] += p.il6_m1
            source[_L["tgfb"]] += p.tgfb_m1
            source[_L["pdgf"]] += p.pdgf_m1
            source[_L["ccl2"]] += p.ccl2_m1
            source[_L["ros"]] += p.ros_m1 * PER_FMOL
        elif self.polarisation == M2:
            source[_L["il10"]] += b[4]
            source[_L["tgfb"]] += p.tgfb_m2
            source[_L["hgf"]] += p.hgf_m2
        else:
            source[_L["tnf"]] += p.tnf_resting
            source[_L["il10"]] += p.il10_resting
            source[_L["tgfb"]] += p.tgfb_resting

    def answer(self) -> None:
        """Recycle iron, digest, and change polarisation."""
        model, p, dt = self.model, self.model.m, self.model.dt
        rate = math.log(2.0) / (24.0 * p.release_half_life) * model.ferroportin
        self.iron /= 1.0 + dt * rate
        digested = math.exp(-math.log(2.0) / p.digestion_half_life * dt)
        self.engulfed *= digested
        self.engulfed_msc *= digested
        to_m1, to_m2, back = self.b[:3]
        u = model.chance()
        if self.polarisation == M1:
            if u < 1.0 - math.exp(-to_m2 * dt):
                self.polarisation = M2
        elif self.polarisation == M2:
            calm = math.log(2.0) / (24.0 * p.calming_half_life) if self.lineage == KUPFFER else 0.0
            change = 1.0 - math.exp(-(back + calm) * dt)
            if u < change:
                self.polarisation = M1 if u * (back + calm) < change * back else 0
        elif u < 1.0 - math.exp(-to_m1 * dt):
            self.polarisation = M1


class Stellate(mesa.Agent):
    """A stellate cell."""

    model: Liver
    site: int
    stage: int
    primed: int
    drive: float

    def __init__(self, model: Liver, state: dict[str, Any]) -> None:
        super().__init__(model)
        self.__dict__.update(state)

    def emit(self) -> None:
        """Sense and secrete."""
        model, p = self.model, self.model.s
        self.b = b = model.stellate_rules(model.signals[self.site])
        source = model.source[self.site]
        if self.stage >= ACTIVATED:
            source[_L["tgfb"]] += b[2] * (1.0 if self.stage >= MYOFIBROBLAST else p.tgfb_activated_share)
            source[_L["pdgf"]] += p.pdgf_activated
        else:
            source[_L["hgf"]] += p.hgf_quiescent

    def answer(self) -> None:
        """Advance or revert the stage."""
        model, p, dt = self.model, self.model.s, self.model.dt
        self.drive = self.b[0]
        felt = self.drive - p.threshold
        if felt > 0.0 and self.stage < LAST_STAGE:
            rate = math.log(2.0) / p.stage_half_life * felt * (p.priming if self.primed else 1.0)
            left = dt + math.log(1.0 - model.chance()) / rate
            while left >= 0.0 and self.stage < LAST_STAGE:
                self.stage += 1
                left += math.log(1.0 - model.chance()) / rate
        calm = max(0.0, 1.0 - max(0.0, felt) / p.calm)
        if self.stage > 0 and calm > 0.0:
            rate = math.log(2.0) / (24.0 * p.reversal_half_life)
            if model.chance() < 1.0 - math.exp(-rate * calm * dt):
                self.stage = 0


def _rows(columns: dict[str, NDArray[Any]]) -> list[dict[str, Any]]:
    lists = zip(*(values.tolist() for values in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in lists]


def _content(p: Any, haemoglobin: float, tension: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the oxygen content (uM) of blood at each tension."""
    power = tension**p.hill
    saturation = power / (p.p50**p.hill + power)
    return np.asarray(p.capacity * haemoglobin / 150.0 * saturation + p.solubility * tension)
