"""Treatments carried out: drug, toxin, vesicle and cell levels of the body, and what each dose does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lobule.agents.declare import Parameter, Parameters
from lobule.doses import (
    AlcoholChange,
    ChelatorDose,
    DietChange,
    EVDose,
    Hepatectomy,
    HepatitisChange,
    IronInjection,
    MSCDose,
    Phlebotomy,
    ToxinDose,
    Transfusion,
)
from lobule.infusion import give_vesicles, infuse, refused_lot
from lobule.units import LN2, PL_PER_ML, UMOL_PER_UG

if TYPE_CHECKING:
    from lobule.model import Lobule

_PK = "recalled from pharmacokinetic reviews"

DRUGS = Parameters(
    "drugs",
    "What is given and how long it stays",
    deferoxamine_half_life=Parameter(0.4, "h", 0.3, 6.0, "half-life in plasma", "20-30 min (TCRM 2009)"),
    deferasirox_half_life=Parameter(12.0, "h", 8.0, 16.0, "half-life in plasma", "8-16 h (TCRM 2009)"),
    deferiprone_half_life=Parameter(2.5, "h", 1.5, 4.0, "half-life in plasma", "1.5-4 h (TCRM 2009)"),
    deferoxamine_volume=Parameter(1.2, "L/kg", 0.5, 3.0, "volume of distribution", _PK),
    deferasirox_volume=Parameter(0.2, "L/kg", 0.1, 0.5, "volume of distribution", _PK),
    deferiprone_volume=Parameter(1.6, "L/kg", 0.5, 2.5, "volume of distribution", _PK),
    deferoxamine_mass=Parameter(657.0, "g/mol", 560.0, 660.0, "molar mass of the mesylate", "chemistry"),
    deferasirox_mass=Parameter(373.0, "g/mol", 373.0, 374.0, "molar mass", "chemistry"),
    deferiprone_mass=Parameter(139.0, "g/mol", 139.0, 140.0, "molar mass", "chemistry"),
    deferoxamine_iron=Parameter(1.0, "Fe/molecule", 1.0, 1.0, "iron bound by one molecule", "hexadentate"),
    deferasirox_iron=Parameter(0.5, "Fe/molecule", 0.5, 0.5, "iron bound by one molecule", "tridentate"),
    deferiprone_iron=Parameter(0.3333, "Fe/molecule", 0.33, 0.34, "iron bound by one molecule", "bidentate"),
    deferoxamine_potency=Parameter(140.0, "-", 1.0, 1000.0, "effect on stored iron over that of as much iron-binding deferasirox in plasma", "assumed: 40 mg/kg over 10 h takes about as much iron as 20 mg/kg deferasirox (published: 0.4-0.5 and 0.3-0.4 mg/kg a day), at a far lower level"),
    deferasirox_potency=Parameter(1.0, "-", 1.0, 1.0, "the same", "by definition"),
    deferiprone_potency=Parameter(4.0, "-", 0.5, 50.0, "the same", "assumed: three times 25 mg/kg take about as much (published: 0.3-0.45 mg/kg a day)"),
    deferoxamine_urine=Parameter(0.6, "-", 0.3, 0.8, "share of the iron it binds that leaves with urine, the rest with faeces", "recalled: a third to a half leaves with bile"),
    deferasirox_urine=Parameter(0.08, "-", 0.0, 0.2, "the same", "recalled: 8 % of the drug in urine, 84 % in faeces; its iron taken to go with it"),
    deferiprone_urine=Parameter(0.9, "-", 0.7, 1.0, "the same", "recalled: 75-90 % of the drug in urine"),
    ccl4_half_life=Parameter(4.0, "h", 1.0, 12.0, "half-life of carbon tetrachloride in the liver", "assumed"),
    ccl4_absorption_half_life=Parameter(12.0, "h", 0.1, 24.0, "half-time in which carbon tetrachloride given in oil reaches the liver", "assumed: transaminases of mice are highest 16-48 h after a dose in oil"),
    thioacetamide_half_life=Parameter(12.0, "h", 2.0, 24.0, "half-life of thioacetamide and its S-oxide in the liver", "assumed: necrosis of the rat is largest at 24-36 h, later than of carbon tetrachloride"),
    thioacetamide_dose=Parameter(500.0, "mg/kg", 100.0, 1000.0, "dose whose level kills as fast as that of 1 mL/kg of carbon tetrachloride", "assumed: 200 mg/kg, the usual dose, then kills about as many in all, three times as slowly"),
    ev_half_life=Parameter(0.1, "h", 0.03, 0.5, "half-life of injected vesicles in plasma", "recalled: 2-10 min"),
    ev_portal_gain=Parameter(3.0, "-", 1.0, 10.0, "first-pass exposure of the liver to intraportal over intravenous vesicles", "assumed"),
)  # fmt: skip

MOMENT_HOURS = 0.25
CHELATORS = ("deferoxamine", "deferasirox", "deferiprone")


class Levels:
    """What of the treatments is in the body now.

    Attributes
    ----------
    chelator : dict of str to float
        Plasma concentration of each drug, uM.
    infusions : list of [str, float, float]
        Drug, rate (uM/h) and time left (h) of each running administration.
    bindable : float
        Iron that all chelator given since the start could have bound, umol for the whole body.
    ccl4_depot, ccl4, thioacetamide, ev, lung_msc : float
        Carbon tetrachloride not yet absorbed and in the liver, thioacetamide (1 = what 1 mL/kg of the first
        amounts to), vesicles in plasma and MSC held in the lung, both times their potency.
    """

    def __init__(self, values: Any, lung_half_life: float, chelator_half: float) -> None:
        self.values = values
        self.lung_half_life, self.chelator_half = lung_half_life, chelator_half
        self.chelator = dict.fromkeys(CHELATORS, 0.0)
        self.infusions: list[list[Any]] = []
        self.bindable = 0.0
        self.ccl4_depot = self.ccl4 = self.thioacetamide = self.ev = self.lung_msc = 0.0

    @property
    def toxin(self) -> float:
        """All in the liver that CYP2E1 turns into poison; 1 mL/kg of carbon tetrachloride at once would be 1."""
        return self.ccl4 + self.thioacetamide

    def step(self, dt: float) -> dict[str, float]:
        """Let `dt` hours pass; return the mean level of each over them.

        Returns
        -------
        dict
            ``chelator`` (iron-binding capacity in plasma as that of deferasirox, uM: the steady level that
            would act as the one that comes and goes), ``capacity`` (iron that all of it can bind, umol per kg of body),
            ``urine`` (share of it that belongs to urine, 0 to 1),
            ``ccl4``, ``thioacetamide``, ``ev`` (particles), ``lung_msc`` (cells).
        """
        p = self.values
        mean = dict(zip(("chelator", "capacity", "urine"), self._pass_chelators(dt), strict=True))
        mean["ccl4"] = self._absorb_ccl4(dt)
        for name, half_life in (
            ("thioacetamide", p.thioacetamide_half_life),
            ("ev", p.ev_half_life),
            ("lung_msc", self.lung_half_life),
        ):
            k = LN2 / half_life
            before = getattr(self, name)
            mean[name] = before * (1.0 - math.exp(-k * dt)) / (k * dt)
            setattr(self, name, before * math.exp(-k * dt))
        return mean

    def _absorb_ccl4(self, dt: float) -> float:
        """Let carbon tetrachloride reach the liver and leave it for `dt` hours; return its mean level there."""
        p = self.values
        k, ka = LN2 / p.ccl4_half_life, LN2 / p.ccl4_absorption_half_life
        ka *= 1.0 + 1e-6 * (abs(ka - k) < 1e-6 * k)  # the formula has no limit in it
        before, depot = self.ccl4, self.ccl4_depot
        gone, absorbed = math.exp(-k * dt), math.exp(-ka * dt)
        self.ccl4 = before * gone + depot * ka / (k - ka) * (absorbed - gone)
        self.ccl4_depot = depot * absorbed
        return max(0.0, before + depot - self.ccl4 - self.ccl4_depot) / (k * dt)

    def _pass_chelators(self, dt: float) -> tuple[float, float, float]:
        """Let the chelators come and go for `dt` hours; return effective level, capacity and share of urine.

        The effect saturates, so it is averaged over moments (:data:`MOMENT_HOURS`), not the level.
        """
        if not (self.infusions or any(self.chelator.values())):
            return 0.0, 0.0, 0.0
        p, moments = self.values, max(1, math.ceil(dt / MOMENT_HOURS))
        h, effect = dt / moments, 0.0
        held = dict(self.chelator)
        for _ in range(moments):
            level = 0.0
            for drug in CHELATORS:
                k = LN2 / getattr(p, f"{drug}_half_life")
                rate = 0.0
                for infusion in self.infusions:
                    if infusion[0] == drug:
                        span = min(h, infusion[2])
                        rate += infusion[1] * span / h
                        held[drug] += infusion[1] * span
                        infusion[2] -= span
                start, steady, fading = self.chelator[drug], rate / k, math.exp(-k * h)
                mean = steady + (start - steady) * (1.0 - fading) / (k * h)
                level += mean * getattr(p, f"{drug}_iron") * getattr(p, f"{drug}_potency")
                self.chelator[drug] = steady + (start - steady) * fading
            effect += level / (level + self.chelator_half) / moments
        self.infusions = [infusion for infusion in self.infusions if infusion[2] > 1e-9]
        capacity = {
            drug: amount * getattr(p, f"{drug}_volume") * getattr(p, f"{drug}_iron")
            for drug, amount in held.items()
        }
        total = sum(capacity.values())
        urine = sum(amount * getattr(p, f"{drug}_urine") for drug, amount in capacity.items())
        return self.chelator_half * effect / (1.0 - effect), total, urine / total if total else 0.0

    def spend(self, share: float) -> None:
        """Take away the `share` (0 to 1) of the chelators that has bound iron."""
        for drug in CHELATORS:
            self.chelator[drug] *= 1.0 - share

    def state(self) -> dict[str, Any]:
        """Return the levels as plain values."""
        names = ("chelator", "infusions", "bindable", "ccl4_depot", "ccl4", "thioacetamide", "ev", "lung_msc")
        return {name: getattr(self, name) for name in names}

    def restore(self, state: dict[str, Any]) -> None:
        """Set the levels from :meth:`state`."""
        for name, value in state.items():
            setattr(self, name, value)


def carry_out(model: Lobule, treatment: Any, number: int) -> str:
    """Apply one treatment to `model` at the start of a step.

    Parameters
    ----------
    model : Lobule
        The model.
    treatment : Treatment
        One of the treatments of :mod:`lobule.doses`.
    number : int
        Doses of cells given before it at the same hour: the key of its chance.

    Returns
    -------
    str
        What happened, in words for the log.
    """
    body, levels = model.body, model.levels
    weight = body.reference.body_weight
    match treatment:
        case MSCDose():
            return infuse(model, treatment, number)
        case EVDose():
            return give_vesicles(model, treatment)
        case Phlebotomy():
            return _draw_blood(model, treatment)
        case Transfusion():
            volume = treatment.amount(weight)
            iron = volume * treatment.iron_mg_per_ml * 1000.0 * UMOL_PER_UG
            model.ledger.move("transfusion", "red_cells", iron)
            return f"{volume:g} mL of red cells"
        case ChelatorDose():
            mass = getattr(levels.values, f"{treatment.drug}_mass")
            volume = getattr(levels.values, f"{treatment.drug}_volume")
            mg_per_kg = treatment.amount_per_kg(weight)
            rise = mg_per_kg / mass * 1000.0 / volume
            if rise > 0.0:
                levels.infusions.append([treatment.drug, rise / treatment.hours, treatment.hours])
                iron = getattr(levels.values, f"{treatment.drug}_iron")
                levels.bindable += mg_per_kg * weight / mass * iron
            return f"{mg_per_kg:g} mg/kg {treatment.drug}"
        case ToxinDose(agent="ccl4"):
            levels.ccl4_depot += treatment.dose
            return f"CCl4, {treatment.dose:g} mL/kg"
        case ToxinDose():
            levels.thioacetamide += treatment.dose / levels.values.thioacetamide_dose
            return f"thioacetamide, {treatment.dose:g} mg/kg"
        case DietChange():
            body.diet_percent = treatment.iron_percent
            return f"diet of {treatment.iron_percent:g} % iron"
        case AlcoholChange():
            body.alcohol, body.alcohol_per_kg = treatment.grams_per_day or 0.0, 0.0
            if treatment.is_per_kg:
                body.alcohol_per_kg = treatment.stated
            unit = "g/kg" if treatment.is_per_kg else "g"
            return f"{treatment.stated:g} {unit} alcohol a day" if treatment.stated else "no more alcohol"
        case IronInjection():
            mg = treatment.amount(weight)
            model.ledger.move("injection", treatment.compound, mg * 1000.0 * UMOL_PER_UG)
            return f"{mg:.3g} mg of iron {treatment.compound}"
        case HepatitisChange():
            setattr(body, treatment.cause, treatment.hazard_percent_per_day)
            activity = treatment.hazard_percent_per_day
            return (
                f"{treatment.cause} hepatitis, {activity:g} % of hepatocytes a day"
                if activity
                else f"no more {treatment.cause} hepatitis"
            )
        case Hepatectomy():
            model.resect(treatment.share)
            return f"{100.0 * treatment.share:g} % of the liver removed"
    raise TypeError(f"no such treatment: {treatment!r}")


def refusal(model: Lobule, treatment: Any) -> str:
    """Return in words why the limits of `treatment` itself forbid it now; nothing where they do not.

    A lot of cells or vesicles is made and tested for it.
    """
    if isinstance(treatment, MSCDose | EVDose):
        return refused_lot(model, treatment)
    if isinstance(treatment, Phlebotomy):
        haemoglobin, least = model.body.haemoglobin / 10.0, treatment.minimum_ferritin_ug_per_l
        if haemoglobin < treatment.minimum_haemoglobin_g_per_dl:
            return f"no phlebotomy: haemoglobin {haemoglobin:.1f} g/dL"
        if least is not None and (ferritin := model.ferritin) < least:
            return f"no phlebotomy: ferritin {ferritin:.0f} ug/L"
    return ""


def _draw_blood(model: Lobule, treatment: Phlebotomy) -> str:
    body, ledger = model.body, model.ledger
    blood_ml = body.reference.blood_volume
    volume = treatment.amount(body.reference.body_weight)
    share = min(1.0, volume / blood_ml)
    for pool in ("red_cells", "plasma"):
        ledger.move(pool, "phlebotomy", ledger.pool[pool] * share)
    body.phlebotomies += volume > 0.0
    body.blood_drawn += volume
    return f"{volume:g} mL of blood drawn"


def ev_inlet(particles: float, plasma_litres: float) -> float:
    """Return the plasma concentration of vesicles (particles/pL) of `particles` in `plasma_litres`."""
    return particles / (plasma_litres * 1000.0 * PL_PER_ML)
