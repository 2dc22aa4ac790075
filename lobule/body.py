"""The rest of the organism: red cells, marrow, spleen, other tissue, hepcidin, ALT; its parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from lobule.agents.declare import Parameter, Parameters
from lobule.ledger import COMPOUNDS, Ledger
from lobule.plasma import Delivery, overflow, share_out
from lobule.subjects import Growth, Reference
from lobule.units import HOURS_PER_DAY, IRON_MOLAR_MASS, LN2, UMOL_PER_UG

_PARMAR = "ferrokinetic model of Parmar 2017, fitted to the tracer data of Lopes 2010"

BODY = Parameters(
    "body",
    "The organism around the liver",
    female_weight=Parameter(0.9, "-", 0.7, 1.0, "body weight of female mice over males", "Gargiulo 2014: 0.85-0.95; women and female rats have tables of their own"),
    plasma_volume=Parameter(48.9, "mL/kg", 30.0, 60.0, "plasma volume", "Durbin 1992, mouse", {"human": 40.0, "rat": 40.0}),
    haemoglobin_iron=Parameter(3.47, "mg/g", 3.4, 3.5, "iron of haemoglobin", "four atoms in 64.5 kDa"),
    transferrin_capacity=Parameter(45.0, "uM", 35.0, 80.0, "total iron-binding capacity of plasma", "mouse 39-52 by strain and diet", {"human": 60.0, "rat": 60.0}),
    normal_saturation=Parameter(0.67, "-", 0.15, 0.75, "transferrin saturation at the reference", "68 +/- 3 % (Zhou 1998); B6 on an adequate diet 29 %", {"human": 0.30, "rat": 0.40}),
    red_cell_life=Parameter(40.5, "d", 35.0, 130.0, "mean life of red cells", "de Jong 2001: 2.5 %/d; " + _PARMAR, {"human": 120.0, "rat": 60.0}),
    marrow_time=Parameter(1.25, "d", 0.5, 20.0, "mean stay of iron in the marrow", "derived: 40 ug at 31 ug/day", {"human": 14.0}),
    marrow_response=Parameter(5.0, "d", 1.0, 20.0, "time in which the marrow aims to make up lost red cells", "assumed"),
    marrow_floor=Parameter(0.1, "-", 0.0, 0.5, "smallest red-cell production over the normal", "assumed"),
    marrow_cap=Parameter(4.0, "-", 2.0, 6.0, "largest red-cell production over the normal", "recalled: 3-4 in man; a weanling mouse needs 3"),
    supply_half=Parameter(0.3, "-", 0.05, 2.0, "plasma iron over normal at which marrow and tissue get about a quarter of their need", "assumed: receptor-mediated uptake is near saturation"),
    other_return=Parameter(0.015, "1/d", 0.0, 0.1, "iron that other tissue gives back to plasma", "derived: uptake 25 % of plasma turnover, losses 8 ug/day; man: assumed, stores of pancreas and heart last for years", {"human": 0.0008}),
    loss=Parameter(0.33, "ug/g/d", 0.005, 1.0, "iron lost with skin, gut and bile per gram of body", _PARMAR, {"human": 0.0133, "rat": 0.28}),
    menses=Parameter(0.6, "mg/d", 0.0, 2.0, "iron lost with menses, mean of the cycle", "recalled: 0.5-0.7 from 13 to 50 years"),
    demand_hepcidin=Parameter(0.0, "-", 0.0, 10.0, "how far growth and menses lower hepcidin in health, per iron need over obligatory loss", "0 in rodents, whose absorption table has it; man: fit to 0.5-0.7 mg/d less net absorption of HFE women than men and 0.05 mg/d of children; medians 65 and 112 ng/mL (Ganz 2008) alone give 1", {"human": 3.0}),
    thalassaemia_output=Parameter(0.2, "-", 0.0, 1.0, "share of marrow iron that leaves as red cells in thalassaemia major", "recalled: most erythroblasts die in the marrow"),
    thalassaemia_red_cell_life=Parameter(60.0, "d", 20.0, 120.0, "mean life of red cells in transfused thalassaemia major", "recalled: half-life of donor cells about 30 d after storage, in a hypersplenic patient"),
    thalassaemia_response=Parameter(0.7, "-", 0.1, 1.0, "hepcidin answer in transfused thalassaemia major over wild type", "assumed: erythroferrone lowers it between transfusions"),
    liver_transferrin_rate=Parameter(3.0, "1/d", 0.5, 6.0, "plasma transferrin iron taken up by the normal liver", _PARMAR, {"human": 1.0}),
    overflow_threshold=Parameter(0.5, "-", 0.0, 0.7, "transferrin saturation from which iron fails to bind", "NTBI appears at 50 % (Ryan 2022); labile plasma iron at 75 % (Le Lan 2005)"),
    overflow_power=Parameter(2.7, "-", 2.0, 4.0, "steepness of the overflow above it", "derived from the 2.5-fold NTBI of Hfe-/- mice (Chua 2004)"),
    overflow_liver=Parameter(0.92, "-", 0.6, 1.0, "share of the overflow that the liver takes", "assumed: pancreas, heart and others take the rest; 85 % of the extra iron of Hfe-/- mice ends in the liver; man: liver share of stores 0.555 (10.6 mg/kg per mg/g, Angelucci 2000)", {"human": 0.8}),
    liver_recycling=Parameter(0.35, "-", 0.2, 0.8, "share of old red cells that end in Kupffer cells", "spleen 36 %, liver 19 % of damaged cells, mouse; 0.8 after splenectomy"),
    dextran_half_life=Parameter(6.0, "h", 1.0, 72.0, "half-life of injected iron dextran in plasma, until macrophages have it", "rodents assumed; man 5 to more than 20 h (label of INFeD)", {"human": 12.0}),
    sucrose_half_life=Parameter(3.0, "h", 0.5, 12.0, "half-life of injected iron sucrose in plasma", "rodents assumed; man 5-6 h (recalled)", {"human": 5.3}),
    injection_liver=Parameter(0.8, "-", 0.3, 0.95, "share of injected iron that liver macrophages take", "assumed: those of the spleen take the rest; particles go to the liver by 60-90 %"),
    spleen_release_half_life=Parameter(0.9, "d", 0.2, 10.0, "half-life of splenic iron at normal hepcidin", "derived: spleen 22 ug at 17 ug/day", {"human": 1.6}),
    hepcidin_half_life=Parameter(10.0, "h", 2.0, 22.0, "half-life of hepcidin", "0.07 /h in a published model"),
    ferroportin_half_life=Parameter(12.5, "h", 6.0, 24.0, "half-life of the response of ferroportin", "0.055 /h, liver (Enculescu)"),
    hepcidin_power=Parameter(1.0, "-", 1.0, 2.0, "steepness of ferroportin against hepcidin", "assumed"),
    hepcidin_stores=Parameter(0.5, "-", 0.1, 0.9, "share of hepcidin that answers to liver iron (BMP6)", "assumed; the rest answers to transferrin iron"),
    stores_half=Parameter(2.0, "-", 0.5, 5.0, "liver iron over normal at which that answer is half", "assumed"),
    hepcidin_il6=Parameter(4.0, "-", 0.0, 20.0, "largest rise of hepcidin by interleukin 6", "assumed"),
    il6_half=Parameter(5.0, "ng/mL", 0.5, 20.0, "interleukin 6 for half the rise of hepcidin and of ferritin", "recalled: 1-5"),
    alcohol_half=Parameter(10.0, "g/kg/d", 0.3, 30.0, "drinking that counts as 1: at which its effects on hepcidin and macrophages are half of their largest", "assumed: mice take up to 20; man: 60 g a day, where harm begins; rodents burn ethanol some ten times as fast", {"rat": 8.0, "human": 0.8}),
    hepcidin_alcohol=Parameter(1.0, "-", 0.0, 1.0, "largest share of hepcidin that drinking takes away", "assumed, so that it is halved at alcohol_half; alcohol lowers hepcidin in mice and drinkers (Harrison-Findik 2006, recalled)"),
    liver_share_of_stores=Parameter(0.85, "-", 0.3, 1.0, "share of excess iron that the liver holds in a subject that starts a run with a given liver iron", "assumed: 85 % of the extra iron of Hfe-/- mice ends in the liver; man: 5.9 of the 10.6 mg/kg per mg/g of Angelucci 2000", {"human": 0.555}),
    hfe_response=Parameter(0.28, "-", 0.05, 0.5, "hepcidin answer of Hfe-/- over wild type", "fit: liver iron of Hfe-/- at ten weeks (Zhou 1998); absorption 1.6 times wild type at weaning and a 24 h answer to iron of 15 against 74 % (Piperno 2007) say which way; man: fit to the liver iron of men with HFE at 50 (9-14 mg/g)", {"human": 0.08}),
    hepcidin_reference=Parameter(60.0, "ng/mL", 10.0, 300.0, "hepcidin reported at the normal level", "median 65 (women) to 112 (men) ng/mL (Ganz 2008); assays differ tenfold", {"human": 90.0}),
    diet_normal=Parameter(0.02, "%", 0.003, 0.1, "iron of the diet that the reference absorbs from", "Zhou 1998", {"human": 0.003}),
    diet_power=Parameter(0.9, "-", 0.1, 1.0, "power of the diet's iron in absorption, in a subject of normal stores", "fit: 2 % carbonyl iron for 14 d takes wild type from 0.37 to about 2.1 mg/g (Zhou 1998); rat, man: as fitted to that without mucosal_half", {"human": 0.4, "rat": 0.4}),
    mucosal_half=Parameter(0.5, "mg/g", 0.2, 100.0, "liver iron above the healthy at which the power of the diet's iron is halved", "fit with diet_power; Ajioka 2002: carbonyl iron lowers absorption over 5-fold in wild-type and Hfe-/- mice alike, though hepcidin of Hfe-/- does not rise; rats load on to 30 mg/g and more: 100, assumed", {"human": 100.0, "rat": 100.0}),
    alt_baseline=Parameter(35.0, "IU/L", 5.0, 60.0, "ALT in health", "FVB colony 35 +/- 12", {"human": 9.0}),
    alt_gain=Parameter(22000.0, "IU/L d", 10000.0, 60000.0, "rise of ALT per fraction of hepatocytes lysed a day", "derived: 57 U/g and the half-life below; man 48,457", {"human": 48457.0}),
    alt_half_life=Parameter(6.5, "h", 4.0, 50.0, "half-life of ALT in plasma", "recalled: 5-8 h, mouse; man 47 h", {"human": 47.5}),
    ferritin_per_liver_iron=Parameter(125.0, "ug/L per mg/g", 50.0, 300.0, "serum ferritin per liver iron", "recalled: 100-150 in haemochromatosis; rodents: assumed alike"),
    thalassaemia_ferritin=Parameter(175.0, "ug/L per mg/g", 50.0, 400.0, "the same in transfused thalassaemia major", "recalled: 150-200"),
    ferritin_il6=Parameter(3.0, "-", 0.0, 20.0, "largest rise of serum ferritin by interleukin 6, over that without", "assumed: an acute-phase protein, several-fold in inflammation"),
)  # fmt: skip


def _taken(share: float, macrophages: float) -> float:
    """Return the liver's share when it has only a part (0 to 1) of the macrophages that take `share` in health."""
    return share * macrophages / (1.0 - share * (1.0 - macrophages))


@dataclass(frozen=True)
class Release:
    """What the first half of a step leaves for the second, umol for the whole body."""

    before: Reference
    """The reference at the beginning of the step."""
    gone: float
    """Iron of the red cells that died or were lost with menses."""
    to_liver: float
    """What Kupffer cells have taken up: a part of it, and injected iron."""
    other_need: float
    """What other tissue would take from plasma."""


@dataclass(frozen=True)
class LiverSigns:
    """What the body senses of the liver: liver iron (umol/g dry), IL-6 (ng/mL), relative transferrin uptake."""

    iron: float
    il6: float
    transferrin_uptake: float


#: Signals of the body that a snapshot holds.
STATE = (
    "hepcidin",
    "ferroportin",
    "alt",
    "diet_percent",
    "alcohol",
    "alcohol_per_kg",
    "viral",
    "metabolic",
    "phlebotomies",
    "blood_drawn",
)


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
    genotype : str
        ``"wild-type"``, ``"hfe-knockout"`` or ``"thalassaemia-major"``.
    ledger : Ledger
        The iron account, opened by the caller.
    """

    def __init__(self, values: Any, growth: Growth, age_days: float, genotype: str, ledger: Ledger) -> None:
        self.values, self.growth, self.ledger = values, growth, ledger
        self.start_age = age_days
        thalassaemia = genotype == "thalassaemia-major"
        self.response = {
            "hfe-knockout": values.hfe_response,
            "thalassaemia-major": values.thalassaemia_response,
        }.get(genotype, 1.0)
        self.red_cell_life = values.thalassaemia_red_cell_life if thalassaemia else values.red_cell_life
        self.ferritin_per_liver_iron = (
            values.thalassaemia_ferritin if thalassaemia else values.ferritin_per_liver_iron
        )
        self.marrow_output = values.thalassaemia_output if thalassaemia else 1.0
        self.reference = growth.at(age_days)
        self.hepcidin = self.response
        self.ferroportin = self._ferroportin(self.hepcidin)
        self.alt = values.alt_baseline
        self.diet_percent = values.diet_normal
        self.alcohol = 0.0  # g of ethanol a day
        self.alcohol_per_kg = 0.0  # g of ethanol per kg and day, beside that
        self.viral = self.metabolic = 0.0  # hepatitis, % of hepatocytes a day
        self.phlebotomies, self.blood_drawn = 0, 0.0  # sessions, mL

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

    def red_cell_iron(self, haemoglobin: float) -> float:
        """Return the iron (umol) of red cells that make `haemoglobin` (g/L)."""
        grams = haemoglobin * self.reference.blood_volume * 1e-3
        return grams * self.values.haemoglobin_iron * 1e3 * UMOL_PER_UG

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
        return grams / (self.reference.blood_volume * 1e-3)

    @property
    def drinking(self) -> float:
        """Alcohol per body weight over `alcohol_half`."""
        half = self.values.alcohol_half
        return self.alcohol / (self.reference.body_weight * 1e-3 * half) + self.alcohol_per_kg / half

    @property
    def hepcidin_level(self) -> float:
        """Hepcidin of the healthy subject over that of a grown man: lower where growth or menses need iron."""
        ref, p = self.reference, self.values
        loss = p.loss * UMOL_PER_UG / HOURS_PER_DAY * ref.body_weight
        return 1.0 / (1.0 + p.demand_hepcidin * max(0.0, ref.absorption / loss - 1.0))

    def _ferroportin(self, hepcidin: float) -> float:
        """Return ferroportin, 1 in health, under `hepcidin` relative to the healthy level."""
        level, n = self.hepcidin_level, self.values.hepcidin_power
        return (1.0 + level**n) / (1.0 + (level * hepcidin) ** n)

    def overflow(self, saturation: float) -> float:
        """Return the share of inflowing iron that fails to bind transferrin at `saturation`."""
        return overflow(saturation, self.values)

    def release(self, dt: float, hours: float, macrophages: float, liver_iron: float) -> Release:
        """Begin a step of `dt` hours from `hours` after the start: all that gives iron to plasma, gives it.

        Old red cells die, the spleen and other tissue return iron and the gut absorbs, less with `liver_iron`
        (umol/g dry) from an iron-rich diet; the liver's own releases join them in the pool ``inflow`` before
        :meth:`settle`. `macrophages` is how much of the healthy liver there is that has any, 0 to 1.
        """
        p, ledger, day = self.values, self.ledger, HOURS_PER_DAY
        before, ref = self.reference, self.growth.at(self.start_age + (hours + dt) / day)
        self.reference = ref
        diet = (self.diet_percent / p.diet_normal) ** self._diet_power(liver_iron)
        absorbed = 0.5 * (before.absorption + ref.absorption)
        ledger.move("absorption", "inflow", absorbed * self.ferroportin * diet * dt)
        # Red cells and other tissue are refilled at the end of the step: so much leaves them that they stay level.
        destroyed = ledger.pool["red_cells"] * dt / (self.red_cell_life * day)
        to_liver = destroyed * _taken(p.liver_recycling, macrophages)
        ledger.move("red_cells", "macrophages", to_liver)
        ledger.move("red_cells", "spleen", destroyed - to_liver)
        for compound in COMPOUNDS:
            taken = ledger.pool[compound] * -math.expm1(-LN2 * dt / getattr(p, f"{compound}_half_life"))
            into_liver = ledger.move(compound, "macrophages", taken * _taken(p.injection_liver, macrophages))
            ledger.move(compound, "spleen", taken - into_liver)
            to_liver += into_liver
        bled = ledger.move("red_cells", "menses", 0.5 * (before.menses + ref.menses) * dt)
        rate = LN2 / (p.spleen_release_half_life * day) * self.ferroportin
        ledger.move("spleen", "inflow", self._decay("spleen", rate, dt))
        lost = p.loss * UMOL_PER_UG / day * 0.5 * (before.body_weight + ref.body_weight) * dt
        lost = ledger.move("other", "loss", lost * min(1.0, ledger.pool["other"] / before.other))
        grown = ref.other - before.other
        shrunk = max(0.0, -grown) / before.other
        ledger.move("other", "inflow", ledger.pool["other"] * (dt * p.other_return / day + shrunk))
        kept = before.other * dt * p.other_return / day  # a store above the reference runs down to it
        return Release(before, destroyed + bled, to_liver, max(0.0, grown) + lost + kept)

    def _diet_power(self, liver_iron: float) -> float:
        """Return the power of the diet's iron in absorption: less in a loaded gut; `liver_iron` in umol/g dry."""
        excess = max(0.0, liver_iron - self.reference.liver_iron) * IRON_MOLAR_MASS / 1000.0
        return float(self.values.diet_power / (1.0 + excess / self.values.mucosal_half))

    def _decay(self, pool: str, rate: float, dt: float) -> float:
        """Return what leaves `pool` at `rate` (1/h) in an implicit step of `dt` hours, umol."""
        return self.ledger.pool[pool] * (1.0 - 1.0 / (1.0 + dt * rate))

    def settle(self, dt: float, released: Release, liver: LiverSigns) -> Delivery:
        """End the step that :meth:`release` began: share plasma iron out; return what reaches the liver.

        Plasma iron is solved implicitly, so transferrin is never filled beyond its capacity whatever the step.
        """
        p, day, pool = self.values, HOURS_PER_DAY, self.ledger.pool
        before, ref = released.before, self.reference
        production = before.red_cells / (p.red_cell_life * day) * dt
        short = ref.red_cells + ref.marrow - pool["red_cells"] - pool["marrow"]
        growth = ref.red_cells + ref.marrow - before.red_cells - before.marrow
        need = released.gone + growth
        need += (short - released.gone - growth) * (1.0 - math.exp(-dt / (p.marrow_response * day)))
        need = min(max(need, p.marrow_floor * production), p.marrow_cap * production)
        delivery = self._settle_plasma(dt, need, released.other_need, liver.transferrin_uptake)
        ripe = self._decay("marrow", 1.0 / (p.marrow_time * day), dt)
        self.ledger.move("marrow", "red_cells", self.marrow_output * ripe)
        self.ledger.move("marrow", "spleen", (1.0 - self.marrow_output) * ripe)
        self._answer(dt, liver)
        return delivery

    def _settle_plasma(
        self, dt: float, marrow_need: float, other_need: float, liver_uptake: float
    ) -> Delivery:
        rate = self.values.liver_transferrin_rate / HOURS_PER_DAY * liver_uptake * dt
        capacity = self.transferrin_capacity(self.reference)
        return share_out(self.ledger, self.values, capacity, marrow_need, other_need, rate)

    def _answer(self, dt: float, liver: LiverSigns) -> None:
        """Let hepcidin follow liver iron, transferrin iron and inflammation, and ferroportin follow hepcidin."""
        p = self.values
        stores = liver.iron / self.reference.liver_iron
        stores = (1.0 + p.stores_half) * stores / (stores + p.stores_half)
        transferrin = self.saturation / p.normal_saturation
        target = self.response * (p.hepcidin_stores * stores + (1.0 - p.hepcidin_stores) * transferrin)
        target += p.hepcidin_il6 * liver.il6 / (liver.il6 + p.il6_half)
        target *= 1.0 - p.hepcidin_alcohol * self.drinking / (1.0 + self.drinking)
        self.hepcidin += (target - self.hepcidin) * (1.0 - math.exp(-LN2 * dt / p.hepcidin_half_life))
        wanted = self._ferroportin(self.hepcidin)
        self.ferroportin += (wanted - self.ferroportin) * (
            1.0 - math.exp(-LN2 * dt / p.ferroportin_half_life)
        )

    def ferritin(self, lic: float, il6: float) -> float:
        """Return serum ferritin (ug/L) for liver iron (mg/g dry) and mean interleukin 6 (ng/mL)."""
        inflammation = self.values.ferritin_il6 * il6 / (il6 + self.values.il6_half)
        return float(self.ferritin_per_liver_iron * lic * (1.0 + inflammation))

    def leak_alt(self, dt: float, lysed_fraction: float) -> None:
        """Let ALT follow the share of hepatocytes lysed in a step of `dt` hours."""
        p = self.values
        level = p.alt_baseline + p.alt_gain * lysed_fraction / dt * HOURS_PER_DAY
        self.alt += (level - self.alt) * (1.0 - math.exp(-LN2 * dt / p.alt_half_life))

    def state(self) -> dict[str, float]:
        """Return the signals as plain values."""
        return {name: getattr(self, name) for name in STATE}

    def restore(self, state: dict[str, float], hours: float) -> None:
        """Set the signals from :meth:`state` at `hours` after the start."""
        for name, value in state.items():
            setattr(self, name, value)
        self.reference = self.growth.at(self.start_age + hours / HOURS_PER_DAY)
