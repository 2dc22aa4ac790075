"""`Lobule`: the liver sections, the body around them, and one step of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

import mesa
import numpy as np
from numpy.typing import NDArray

from lobule import snapshot
from lobule.agents import hepatocyte
from lobule.agents.cell import Cell
from lobule.agents.rules import rules_from
from lobule.agents.table import CellTable
from lobule.body import Body, LiverSigns
from lobule.case import Case, load_case
from lobule.courses import Courses, notes, treat
from lobule.doses import TOLERANCE_HOURS
from lobule.errors import InputError
from lobule.exchange import Exchange
from lobule.fields import LANE, Fields
from lobule.function import Function
from lobule.infusion import Products
from lobule.interruption import uninterrupted
from lobule.iron import distribute, release
from lobule.landmarks import landmarks_of
from lobule.ledger import LIVER_POOLS, Ledger
from lobule.life import live
from lobule.mapped import tissue_of
from lobule.matrix import Matrix
from lobule.oxygen import OxygenCurve
from lobule.parameters import parameter_values
from lobule.perfusion import Perfusion
from lobule.plausibility import check_amendment
from lobule.population import POOL, Population
from lobule.readouts import liver_iron_umol, readouts
from lobule.regeneration import Regeneration
from lobule.safety import Safety
from lobule.sensing import Senses, rule_set
from lobule.start import populate
from lobule.subjects import growth_of
from lobule.transport import Transport
from lobule.treatments import Levels, ev_inlet
from lobule.units import HOURS_PER_DAY, IRON_MOLAR_MASS, UMOL_PER_FMOL


class Lobule(mesa.Model):
    """A piece of liver in a body.

    Parameters
    ----------
    case : str, path or Case
        Name of a built-in case, path of a case file, or a case.
    rng : int, optional
        Seed; the case's own when not given.
    settings : mapping of str to object, optional
        Changes of the case or of parameters by dotted key.

    Attributes
    ----------
    case : Case
        The case; of a cohort, that of the subject that the seed stands for.
    hours : float
        Time since the start of the run, h.
    cells : dict of type to CellTable
        The populations by handle class; ``model.cells[Hepatocyte]["iron"]`` is a column.
    fields : Fields
        ``model.fields["tnf"]`` is an array over sites.
    tissue : Tissue
        Sites: coordinates (um), kinds, zones, neighbours.
    population : Population
        The same populations by name, and what is left of the dead.
    scale : float
        Hepatocytes of the liver over those of the sections.

    Raises
    ------
    InputError
        If the case or a setting is wrong.
    """

    population: Population
    cells: dict[type[Cell], CellTable]
    scale: float
    scale_per_gram: float

    def __init__(
        self,
        case: str | Path | Case = "hfe-mouse",
        *,
        rng: int | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        loaded = load_case(case, settings)
        seed = loaded.seed if rng is None else int(rng)
        if not 0 <= seed < 2**63:
            raise InputError(f"rng = {seed} -> a seed is a whole number from 0 to 2**63 - 1")
        self.case = loaded.for_subject(seed)
        super().__init__(rng=seed)
        self.seed = np.uint64(seed)
        subject, layout = self.case.subject, self.case.tissue
        self.values = values = parameter_values(self.case)
        self.rules = rule_set(values, rules_from(list(self.case.rules), self.case.name))
        self.tissue = tissue_of(layout, subject.species, values["geometry"])
        self._cyp2e1 = hepatocyte.cyp2e1(values["hepatocyte"], self.tissue.portal_central)
        n = self.tissue.n_sites
        self._senses = Senses(self.rules, n)
        self.matrix = Matrix(n, values["matrix"])
        self.perfusion = Perfusion(self.tissue, self.matrix.collagen, values["perfusion"])
        self.landmarks = landmarks_of(self.tissue, values["septa"].edge_band)
        self.fields = Fields(n, values["fields"])
        self.transport = Transport(
            self.tissue.neighbours, self.tissue.face_conductance, self.tissue.volume, self.tissue.axial
        )
        hfe = subject.genotype == "hfe-knockout"
        self.exchange = Exchange(self.tissue, self.fields, self.perfusion, self.transport, values, hfe)
        body = values["body"]
        growth = growth_of(self.case, body)
        self.ledger = Ledger()
        self.body = Body(body, growth, subject.age_days, subject.genotype, self.ledger)
        if self.case.diet.iron_percent is not None:
            self.body.diet_percent = self.case.diet.iron_percent
        self.levels = Levels(
            values["drugs"], values["msc"].lung_half_life, values["hepatocyte"].chelator_half
        )
        self.products = Products(values["products"])
        self.regeneration = Regeneration(values["regeneration"])
        self.deaths = 0
        self.tick = np.uint64(0)
        self.hours = 0.0
        self.last_solve: Any = None
        self.log: list[tuple[float, str]] = []
        self.courses = Courses(self.case)
        self.safety = Safety(values["safety"])
        self.next_event = 0
        populate(self)
        self.function = Function(
            values["function"], self.perfusion.throughflow(), self.population.n_hepatocytes
        )
        self.perfuse()
        self.fields["oxygen"][:] = self.exchange.curve.portal_content
        if layout.agents:
            for handle, table in self.cells.items():
                table.attach_handles(partial(handle, self))

    @property
    def age_days(self) -> float:
        """Age of the subject, d."""
        return self.body.start_age + self.hours / HOURS_PER_DAY

    @property
    def liver_iron(self) -> float:
        """Iron of the liver, umol per gram of dry weight."""
        dry = self.body.reference.liver_dry_weight * self.regeneration.mass
        return sum(liver_iron_umol(self).values()) / dry

    @property
    def ferritin(self) -> float:
        """Serum ferritin, ug/L."""
        return self.body.ferritin(
            self.liver_iron * IRON_MOLAR_MASS / 1000.0, float(self.fields["il6"].mean())
        )

    @property
    def liver_function(self) -> float:
        """Function of the whole liver, 100 in health: that of the sections times the mass that is left."""
        sections = self.function.percent(self.population.tables["hepatocyte"], self.matrix.excess)
        return sections * self.regeneration.mass

    @property
    def step_hours(self) -> float:
        """Length of the coming step, h; past the end of the case that of its last phase."""
        return self.case.clock.step_at(int(self.tick))[1]

    @property
    def last_step_hours(self) -> float:
        """Length of the step just made, h; 0 before the first."""
        return self.case.clock.step_at(int(self.tick) - 1)[1] if self.tick else 0.0

    def ledger_error(self) -> float:
        """Return the relative error of the iron account, the cells' own columns held against it."""
        return self.ledger.error(liver_iron_umol(self))

    def oxygen_tension(self) -> NDArray[np.float64]:
        """Return the oxygen tension of each site, mmHg."""
        return self.exchange.curve.tension(self.fields["oxygen"])

    def readouts(self) -> dict[str, float]:
        """Return what a clinic or a laboratory would report; see :mod:`lobule.readouts`."""
        return readouts(self)

    def step(self) -> None:
        """Advance by one step of the case's clock."""
        dt = self.step_hours
        treat(self)
        levels = self.levels.step(dt)
        self.products.step(dt)
        tables = self.population.tables
        toxin = (levels["ccl4"] + levels["thioacetamide"]) * self._cyp2e1[tables["hepatocyte"]["site"]]
        curve, haemoglobin = self.exchange.curve, self.body.haemoglobin
        if abs(haemoglobin - curve.haemoglobin) > 1e-3 * haemoglobin:
            self.exchange.curve = OxygenCurve(self.values["oxygen"], haemoglobin)
        behaviours = self.behaviours(toxin, levels)
        macrophages = min(1.0, self.regeneration.mass) if len(tables["macrophage"]) else 0.0
        released = self.body.release(dt, self.hours, macrophages, self.liver_iron)
        release(self, dt, released.to_liver, behaviours)
        delivery = self.body.settle(dt, released, self._signs(dt))
        self._grow()
        carried = self.perfusion.carry(self.regeneration.flow)
        plugs = self.population.plugs()
        narrowed = self.perfusion.needs_update(self.matrix.collagen, plugs)
        if narrowed:
            self.perfusion.solve(self.matrix.collagen, plugs)
        if narrowed or carried:
            self.perfuse()
        distribute(self, dt, levels, delivery, behaviours)
        live(self, dt, toxin, behaviours)
        self.function.step(dt, self.liver_function)
        self.tick = np.uint64(int(self.tick) + 1)
        self.hours = self.case.clock.step_at(int(self.tick))[0]

    def _signs(self, dt: float) -> LiverSigns:
        table, p = self.population.tables["hepatocyte"], self.values["hepatocyte"]
        weight = hepatocyte.transferrin_weight(dt, p, table["iron"], table["iron_uptake"])
        return LiverSigns(
            iron=self.liver_iron,
            il6=float(self.fields["il6"].mean()),
            transferrin_uptake=float(weight.sum()) / self.population.n_hepatocytes * self.regeneration.mass,
        )

    def _grow(self) -> None:
        scale = self._present_scale()
        if scale != self.scale:
            self.population.dilute(scale / self.scale)
            self.scale = scale

    def _present_scale(self) -> float:
        return self.scale_per_gram * self.body.reference.liver_weight * self.regeneration.mass

    def resect(self, share: float) -> None:
        """Cut `share` (0 to 1) of the liver off: whole lobules go, and the sections stand for fewer."""
        if share > 0.0:
            for pool in LIVER_POOLS:
                self.ledger.move(pool, "resection", self.ledger.pool[pool] * share)
            self.regeneration.resect(share)
            self.scale = self._present_scale()

    def regrow(self, divisions: int) -> None:
        """Let the liver gain what `divisions` hepatocytes of the sections, which had no room, make of it."""
        if divisions:
            self.regeneration.grow(divisions, len(self.population.tables["hepatocyte"]))
            self._grow()

    def perfuse(self) -> None:
        """Hand the flow on, and to the transport the hindrance of the scar it was solved for."""
        self.function.perfuse(self.perfusion)
        self.transport.set_flow(self.perfusion.flow, self.perfusion.outflow, self.perfusion.pressure)
        self.transport.set_diffusion_scale(self.matrix.diffusion_scale(self.perfusion.seen))

    def inlet(self, levels: Mapping[str, float]) -> dict[str, float]:
        """Return the concentrations in the blood that enters, for the mean drug `levels` of a step."""
        plasma = self.body.plasma_litres(self.body.reference)
        return {
            "oxygen": self.exchange.curve.portal_content,
            "chelator": levels["chelator"],
            "ev": ev_inlet(levels["ev"], plasma),
        }

    def site_signals(self) -> NDArray[np.float64]:
        """Return the signals of every site, shape (n_sites, n_signals), in the order of `SITE_SIGNALS`."""
        signals = np.empty((self.tissue.n_sites, len(LANE) + 1))
        signals[:, :-1] = self.fields.c[:, : len(LANE)]
        signals[:, LANE["iron"]] = self.fields.iron
        signals[:, LANE["oxygen"]] = self.oxygen_tension()
        signals[:, -1] = self.matrix.collagen
        return signals

    def behaviours(self, toxin: NDArray[np.float64], levels: Mapping[str, float]) -> Any:
        """Evaluate all rules for the state as it is; see :meth:`Senses.behaviours`."""
        p = self.values["msc"]
        factor = levels["lung_msc"] / (self.body.reference.body_weight * p.lung_reference)
        tables, drinking = self.population.tables, self.body.drinking
        ethanol = drinking * self._cyp2e1[tables["hepatocyte"]["site"]]
        return self._senses.behaviours(self.site_signals(), tables, toxin, ethanol, drinking, factor)

    def run(self, days: float | None = None, progress: Callable[[Lobule], None] | None = None) -> Self:
        """Run for `days` more, or to the end of the case; `progress` is called after each step."""
        if days is not None and not (isinstance(days, int | float) and 0.0 <= days < 1e6):
            raise InputError(f"days = {days!r} -> must be a number from 0 to a million")
        end = self.case.end_hours if days is None else self.hours + days * HOURS_PER_DAY
        while self.hours < end - TOLERANCE_HOURS:
            with uninterrupted():
                self.step()
            if progress is not None:
                progress(self)
        return self

    @property
    def due(self) -> list[Any]:
        """Treatments that are due before the next step."""
        return self.courses.due(self.next_event, self.hours + TOLERANCE_HOURS)

    def notes(self) -> list[str]:
        """Return what became of courses of treatment that did not go as planned, in words."""
        return notes(self)

    def amend(self, case: Case) -> None:
        """Go on with `case`, which may differ from the model's own in what is still to come.

        The run is then the one that `case` would have given from its start: treatments can be added from now
        on, and the clock be drawn out.

        Raises
        ------
        InputError
            If `case` has another subject, start, tissue, diet, parameters or rules, or another past.
        """
        check_amendment(self.case, case, int(self.tick), self.next_event)
        self.case = case
        self.courses.amend(case)

    def kill(self, cell: Cell) -> None:
        """Let one cell die: its iron stays in the account, as debris of its site."""
        name = cell.table.name
        self.bury(name, np.array([cell.row]))

    def bury(
        self,
        name: str,
        rows: NDArray[np.int64],
        lytic: NDArray[np.bool_] | None = None,
        bodies: NDArray[np.bool_] | bool = True,
    ) -> None:
        """Book the deaths of cells `rows` of a type and turn them into debris."""
        if rows.size:
            iron = self.population.bury(name, rows, lytic, bodies)
            if iron:
                self.ledger.move(POOL[name], "debris", iron * self.scale * UMOL_PER_FMOL)
            if name in POOL and not len(self.population.tables[name]):
                self.ledger.close(POOL[name])
            if name == "hepatocyte":
                self.deaths += rows.size

    def save(self, path: str | Path) -> None:
        """Write the whole state to one file, atomically."""
        snapshot.save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the model saved at `path`, which goes on as if it had never stopped."""
        case, seed, state = snapshot.read(Path(path))
        model = cls(case, rng=seed)
        snapshot.restore(model, state)
        return model
