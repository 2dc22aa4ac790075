"""The rest of the organism: plasma iron and transferrin, red cells, marrow, spleen, other tissue, hepcidin, ALT."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from lobule.agents.declare import Parameter, Parameters
from lobule.ledger import Ledger
from lobule.subjects import Growth, Reference
from lobule.units import HOURS_PER_DAY, LN2, UMOL_PER_UG

_PARMAR = "ferrokinetic model of Parmar 2017, fitted to the tracer data of Lopes 2010"

BODY = Parameters(
    "body",
    "The organism around the liver",
    female_weight=Parameter(0.9, "-", 0.7, 1.0, "body weight of females over males", "Gargiulo 2014: 0.85-0.95, mouse", {"human": 0.85}),
    plasma_volume=Parameter(48.9, "mL/kg", 30.0, 60.0, "plasma volume", "Durbin 1992, mouse", {"human": 40.0, "rat": 40.0}),
    blood_volume=Parameter(85.0, "mL/kg", 55.0, 100.0, "blood volume", "recalled, mouse", {"human": 70.0, "rat": 65.0}),
    haemoglobin_iron=Parameter(3.47, "mg/g", 3.4, 3.5, "iron of haemoglobin", "four atoms in 64.5 kDa"),
    transferrin_capacity=Parameter(45.0, "uM", 35.0, 80.0, "total iron-binding capacity of plasma", "mouse 39-52 by strain and diet", {"human": 60.0, "rat": 60.0}),
    normal_saturation=Parameter(0.67, "-", 0.15, 0.75, "transferrin saturation at the reference", "68 +/- 3 % (Zhou 1998); B6 on an adequate diet 29 %", {"human": 0.30, "rat": 0.40}),
    red_cell_life=Parameter(40.5, "d", 35.0, 130.0, "mean life of red cells", "de Jong 2001: 2.5 %/d; " + _PARMAR, {"human": 120.0, "rat": 60.0}),
    marrow_time=Parameter(1.25, "d", 0.5, 20.0, "mean stay of iron in the marrow", "derived: 40 ug at 31 ug/day", {"human": 14.0}),
    marrow_response=Parameter(5.0, "d", 1.0, 20.0, "time in which the marrow aims to make up lost red cells", "assumed"),
    marrow_floor=Parameter(0.1, "-", 0.0, 0.5, "smallest red-cell production over the normal", "assumed"),
    marrow_cap=Parameter(4.0, "-", 2.0, 6.0, "largest red-cell production over the normal", "recalled: 3-4 in man; a weanling mouse needs 3"),
    supply_half=Parameter(0.3, "-", 0.05, 2.0, "plasma iron over normal at which marrow and tissue get about a quarter of their need", "assumed: receptor-mediated uptake is near saturation"),
    other_return=Parameter(0.015, "1/d", 0.0, 0.1, "iron that other tissue gives back to plasma", "derived: uptake 25 % of plasma turnover, losses 8 ug/day"),
    loss=Parameter(0.33, "ug/g/d", 0.005, 1.0, "iron lost with skin, gut and bile per gram of body", _PARMAR, {"human": 0.0133, "rat": 0.28}),
    liver_transferrin_rate=Parameter(3.0, "1/d", 0.5, 6.0, "plasma transferrin iron taken up by the normal liver", _PARMAR, {"human": 1.0}),
    overflow_threshold=Parameter(0.5, "-", 0.0, 0.7, "transferrin saturation from which iron fails to bind", "NTBI appears at 50 % (Ryan 2022); labile plasma iron at 75 % (Le Lan 2005)"),
    overflow_power=Parameter(2.7, "-", 2.0, 4.0, "steepness of the overflow above it", "derived from the 2.5-fold NTBI of Hfe-/- mice (Chua 2004)"),
    overflow_liver=Parameter(0.92, "-", 0.6, 1.0, "share of the overflow that the liver takes", "assumed: pancreas, heart and others take the rest; 85 % of the extra iron of Hfe-/- mice ends in the liver"),
    liver_recycling=Parameter(0.35, "-", 0.2, 0.8, "share of old red cells that end in Kupffer cells", "spleen 36 %, liver 19 % of damaged cells, mouse; 0.8 after splenectomy"),
    spleen_release_half_life=Parameter(0.9, "d", 0.2, 10.0, "half-life of splenic iron at normal hepcidin", "derived: spleen 22 ug at 17 ug/day", {"human": 1.6}),
    hepcidin_half_life=Parameter(10.0, "h", 2.0, 22.0, "half-life of hepcidin", "0.07 /h in a published model"),
    ferroportin_half_life=Parameter(12.5, "h", 6.0, 24.0, "half-life of the response of ferroportin", "0.055 /h, liver (Enculescu)"),
    hepcidin_power=Parameter(1.0, "-", 1.0, 2.0, "steepness of ferroportin against hepcidin", "assumed"),
    hepcidin_stores=Parameter(0.5, "-", 0.1, 0.9, "share of hepcidin that answers to liver iron (BMP6)", "assumed; the rest answers to transferrin iron"),
    stores_half=Parameter(2.0, "-", 0.5, 5.0, "liver iron over normal at which that answer is half", "assumed"),
    hepcidin_il6=Parameter(4.0, "-", 0.0, 20.0, "largest rise of hepcidin by interleukin 6", "assumed"),
    il6_half=Parameter(5.0, "ng/mL", 0.5, 20.0, "interleukin 6 for half that rise", "recalled: 1-5"),
    hfe_response=Parameter(0.25, "-", 0.1, 0.5, "hepcidin answer of Hfe-/- over wild type", "fit: absorption of Hfe-/- 1.6 times wild type at weaning; 24 h answer to iron 15 against 74 % (Piperno 2007)", {"human": 0.25}),
    hepcidin_reference=Parameter(60.0, "ng/mL", 10.0, 300.0, "hepcidin reported at the normal level", "median 65 (women) to 112 (men) ng/mL (Ganz 2008); assays differ tenfold", {"human": 90.0}),
    diet_normal=Parameter(0.02, "%", 0.003, 0.1, "iron of the diet that the reference absorbs from", "Zhou 1998", {"human": 0.003}),
    diet_power=Parameter(0.4, "-", 0.1, 1.0, "power of the diet's iron in absorption", "fit: 2 % carbonyl iron for 14 d takes wild type from 0.37 to about 2.1 mg/g (Zhou 1998)"),
    alt_baseline=Parameter(35.0, "IU/L", 5.0, 60.0, "ALT in health", "FVB colony 35 +/- 12", {"human": 9.0}),
    alt_gain=Parameter(22000.0, "IU/L d", 10000.0, 60000.0, "rise of ALT per fraction of hepatocytes lysed a day", "derived: 57 U/g and the half-life below; man 48,457", {"human": 48457.0}),
    alt_half_life=Parameter(6.5, "h", 4.0, 50.0, "half-life of ALT in plasma", "recalled: 5-8 h, mouse; man 47 h", {"human": 47.5}),
    ferritin_per_liver_iron=Parameter(125.0, "ug/L per mg/g", 50.0, 300.0, "serum ferritin per liver iron", "recalled: 100-150 in HFE, 150-200 in thalassaemia"),
)  # fmt: skip


@dataclass(frozen=True)
class Delivery:
    """Iron that reaches the liver in a step, umol, for the whole liver."""

    ntbi: float
    transferrin: float
    red_cells: float


@dataclass(frozen=True)
class LiverSigns:
    """What the body senses of the liver: liver iron (umol/g dry), IL-6 (ng/mL), relative transferrin uptake."""

    iron: float
    il6: float
    transferrin_uptake: float
    has_macrophages: bool


class Body:
    """One organism: its pools are in the ledger, its signals here.

    Parameters
    ----------
    values : BodyParameters
        Values of :data:`BODY`.
    growth : Growth
        The healthy subject by age.
    age_days : float
        Age at the start.
    hfe : bool
        Whether Hfe is knocked out.
    ledger : Ledger
        The iron account, opened by the caller.
    """

    def __init__(self, values: Any, growth: Growth, age_days: float, hfe: bool, ledger: Ledger) -> None:
        self.values, self.growth, self.ledger = values, growth, ledger
        self.start_age = age_days
        self.response = values.hfe_response if hfe else 1.0
        self.reference = growth.at(age_days)
        self.hepcidin = self.response
        self.ferroportin = self._ferroportin(self.hepcidin)
        self.alt = values.alt_baseline
        self.diet_percent = values.diet_normal

    def initial_pools(self) -> dict[str, float]:
        """Return the iron of a healthy subject of this age outside the liver, umol."""
        ref, normal = self.reference, self.values.normal_saturation
        return {
            "plasma": normal * self.transferrin_capacity(ref),
            "red_cells": ref.red_cells,
            "marrow": ref.marrow,
            "spleen": ref.spleen,
            "other": ref.other,
        }

    def plasma_litres(self, ref: Reference) -> float:
        """Return the plasma volume, L."""
        return self.values.plasma_volume * ref.body_weight * 1e-6

    def transferrin_capacity(self, ref: Reference) -> float:
        """Return the iron that transferrin can hold, umol."""
        return self.values.transferrin_capacity * self.plasma_litres(ref)

    @property
    def saturation(self) -> float:
        """Transferrin saturation, 0 to 1."""
        return self.ledger.pool["plasma"] / self.transferrin_capacity(self.reference)

    @property
    def haemoglobin(self) -> float:
        """Haemoglobin, g/L."""
        grams = self.ledger.pool["red_cells"] / UMOL_PER_UG * 1e-3 / self.values.haemoglobin_iron
        return grams / (self.values.blood_volume * self.reference.body_weight * 1e-6)

    def _ferroportin(self, hepcidin: float) -> float:
        return 2.0 / (1.0 + hepcidin**self.values.hepcidin_power)

    def overflow(self, saturation: float) -> float:
        """Return the share of inflowing iron that fails to bind transferrin at `saturation`."""
        p = self.values
        above = (saturation - p.overflow_threshold) / (1.0 - p.overflow_threshold)
        return min(1.0, max(0.0, above) ** p.overflow_power)

    def step(self, dt: float, hours: float, liver: LiverSigns) -> Delivery:
        """Advance the body by `dt` hours from `hours` after the start; return what reaches the liver.

        Plasma iron is solved implicitly, so transferrin is never filled beyond its capacity whatever the step.
        """
        p, ledger, day = self.values, self.ledger, HOURS_PER_DAY
        before = self.reference
        ref = self.growth.at(self.start_age + (hours + dt) / day)
        self.reference = ref
        diet = (self.diet_percent / p.diet_normal) ** p.diet_power
        ledger.move("absorption", "inflow", before.absorption * self.ferroportin * diet * dt)

        def decays(pool: str, rate: float) -> float:
            return ledger.pool[pool] * (1.0 - 1.0 / (1.0 + dt * rate))

        destroyed = decays("red_cells", 1.0 / (p.red_cell_life * day))
        to_liver = destroyed * p.liver_recycling if liver.has_macrophages else 0.0
        ledger.move("red_cells", "macrophages", to_liver)
        ledger.move("red_cells", "spleen", destroyed - to_liver)
        ledger.move(
            "spleen", "inflow", decays("spleen", LN2 / (p.spleen_release_half_life * day) * self.ferroportin)
        )
        lost = p.loss * UMOL_PER_UG / day * before.body_weight * dt
        lost = ledger.move("other", "loss", min(lost, decays("other", lost / dt / before.other)))
        returned = ledger.move("other", "inflow", decays("other", p.other_return / day))

        production = before.red_cells / (p.red_cell_life * day) * dt
        short = ref.red_cells + ref.marrow - ledger.pool["red_cells"] - ledger.pool["marrow"]
        growth = ref.red_cells + ref.marrow - before.red_cells - before.marrow
        need = destroyed + growth + (short - growth) * (1.0 - math.exp(-dt / (p.marrow_response * day)))
        need = min(max(need, p.marrow_floor * production), p.marrow_cap * production)
        other_need = ref.other - before.other + lost + returned
        delivery = self._settle_plasma(dt, need, other_need, liver.transferrin_uptake)
        ledger.move("marrow", "red_cells", decays("marrow", 1.0 / (p.marrow_time * day)))
        self._answer(dt, liver)
        return Delivery(delivery.ntbi, delivery.transferrin, to_liver)

    def _settle_plasma(
        self, dt: float, marrow_need: float, other_need: float, liver_uptake: float
    ) -> Delivery:
        """Share the inflow among transferrin, overflow and the takers of transferrin iron."""
        p, ledger = self.values, self.ledger
        capacity = self.transferrin_capacity(self.reference)
        normal = p.normal_saturation * capacity
        inflow, start = ledger.pool["inflow"], ledger.pool["plasma"]
        liver_rate = p.liver_transferrin_rate / HOURS_PER_DAY * liver_uptake * dt

        def fluxes(plasma: float) -> tuple[float, float, float, float]:
            x = plasma / normal
            supply = (1.0 + p.supply_half) * x / (x + p.supply_half)
            failed = inflow * self.overflow(plasma / capacity)
            return failed, marrow_need * supply, other_need * supply, liver_rate * plasma

        low, high = 0.0, max(capacity, start)
        for _ in range(80):
            middle = 0.5 * (low + high)
            failed, marrow, other, liver = fluxes(middle)
            if middle - start - inflow + failed + marrow + other + liver < 0.0:
                low = middle
            else:
                high = middle
        failed, marrow, other, liver = fluxes(0.5 * (low + high))
        to_liver = ledger.move("inflow", "hepatocytes", failed * p.overflow_liver)
        ledger.move("inflow", "other", failed - to_liver)
        ledger.move("inflow", "plasma", ledger.pool["inflow"])
        ledger.move("plasma", "marrow", marrow)
        ledger.move("plasma", "other", other)
        return Delivery(to_liver, ledger.move("plasma", "hepatocytes", liver), 0.0)

    def _answer(self, dt: float, liver: LiverSigns) -> None:
        """Let hepcidin follow liver iron, transferrin iron and inflammation, and ferroportin follow hepcidin."""
        p = self.values
        stores = liver.iron / self.reference.liver_iron
        stores = (1.0 + p.stores_half) * stores / (stores + p.stores_half)
        transferrin = self.saturation / p.normal_saturation
        target = self.response * (p.hepcidin_stores * stores + (1.0 - p.hepcidin_stores) * transferrin)
        target += p.hepcidin_il6 * liver.il6 / (liver.il6 + p.il6_half)
        self.hepcidin += (target - self.hepcidin) * (1.0 - math.exp(-LN2 * dt / p.hepcidin_half_life))
        wanted = self._ferroportin(self.hepcidin)
        self.ferroportin += (wanted - self.ferroportin) * (
            1.0 - math.exp(-LN2 * dt / p.ferroportin_half_life)
        )

    def leak_alt(self, dt: float, lysed_fraction: float) -> None:
        """Let ALT follow the share of hepatocytes lysed in a step of `dt` hours."""
        p = self.values
        level = p.alt_baseline + p.alt_gain * lysed_fraction / dt * HOURS_PER_DAY
        self.alt += (level - self.alt) * (1.0 - math.exp(-LN2 * dt / p.alt_half_life))

    def state(self) -> dict[str, float]:
        """Return the signals as plain values."""
        return {name: getattr(self, name) for name in ("hepcidin", "ferroportin", "alt", "diet_percent")}

    def restore(self, state: dict[str, float], hours: float) -> None:
        """Set the signals from :meth:`state` at `hours` after the start."""
        for name, value in state.items():
            setattr(self, name, value)
        self.reference = self.growth.at(self.start_age + hours / HOURS_PER_DAY)
