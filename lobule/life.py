"""What cells do in a step: they respond, die, divide, lay down matrix, eat, arrive and move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents import genome, hepatocyte, macrophage, msc, stellate
from lobule.geometry import PARENCHYMA
from lobule.iron import Behaviours, book
from lobule.units import HOURS_PER_DAY, UMOL_PER_FMOL

if TYPE_CHECKING:
    from lobule.model import Lobule


def live(model: Lobule, dt: float, toxin: NDArray[np.float64], behaviours: Behaviours) -> None:
    """Let the cells of `model` respond for `dt` hours: die, divide, change, lay matrix down, eat and move.

    Parameters
    ----------
    model : Lobule
        The model; its body, fields and iron are at the end of the step already.
    dt : float
        Step, h.
    toxin : ndarray, shape (n_hepatocytes,)
        Carbon tetrachloride times CYP2E1 at each hepatocyte, mean of the step.
    behaviours : dict of dict of ndarray
        What the rules make of the state at the beginning of the step.
    """
    _handle_hepatocytes(model, dt, toxin, behaviours["hepatocyte"])
    _handle_stellate_cells(model, dt, behaviours["stellate"])
    _handle_macrophages(model, dt, behaviours)
    _handle_msc(model, dt, behaviours["msc"])
    alarm, ccl2 = (np.ascontiguousarray(model.fields[name]) for name in ("damp", "ccl2"))
    model.population.move(dt, model.seed, model.tick, alarm, ccl2)
    for table in model.population.tables.values():
        table["age"] += dt


def _handle_hepatocytes(model: Lobule, dt: float, toxin: NDArray[np.float64], b: dict[str, Any]) -> None:
    population, p, seed, tick = model.population, model.values["hepatocyte"], model.seed, model.tick
    table = population.tables["hepatocyte"]
    capacity = 1.0 + (p.antioxidant_pericentral - 1.0) * model.tissue.portal_central[table["site"]]
    hepatocyte.oxidise(
        dt,
        p,
        capacity,
        b["oxidative_load"],
        b["antioxidant_recovery"],
        table["labile_fold"],
        table["redox"],
        table["antioxidant"],
        table["peroxide"],
    )
    apoptosis, necrosis = _with_disease(model, b["apoptosis"], b["necrosis"])
    genome.oxidise_dna(dt, model.values["genome"], table["labile_fold"], table["redox"], table["dna_damage"])
    fate = np.empty(len(table), np.int8)
    hepatocyte.decide_deaths(
        dt,
        seed,
        tick,
        p,
        toxin,
        apoptosis,
        necrosis,
        b["ferroptosis"],
        table["key"],
        table["redox"],
        table["senescent"],
        fate,
    )
    vacant = population.vacant()
    hepatocyte.enter_cycle(
        dt,
        seed,
        tick,
        p,
        b["division"],
        model.regeneration.demand(dt),
        table["key"],
        table["site"],
        table["senescent"],
        table["cycle"],
        model.tissue.neighbours,
        vacant,
    )
    lytic = int(np.sum(fate >= hepatocyte.NECROSIS))
    model.body.leak_alt(dt, lytic / population.n_hepatocytes * model.regeneration.mass)
    dead = np.flatnonzero(fate != hepatocyte.ALIVE)
    model.bury("hepatocyte", dead, fate[dead] >= hepatocyte.NECROSIS)
    lacking = model.regeneration.mass < 1.0
    filled, grown = population.renew_hepatocytes(seed, tick, vacant, lacking)
    model.regeneration.divisions += filled + grown
    model.regrow(grown)


def _with_disease(
    model: Lobule, apoptosis: NDArray[np.float64], necrosis: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rates of both deaths with those that hepatitis and too much blood add, 1/h."""
    body, p, tissue = model.body, model.values["hepatocyte"], model.tissue
    necrosis = necrosis + model.regeneration.hazard
    if body.viral or body.metabolic:
        x = tissue.portal_central
        site, inside = model.population.tables["hepatocyte"]["site"], tissue.kind == PARENCHYMA
        for activity, weight in (
            (body.viral, p.interface_hepatitis + (1.0 - p.interface_hepatitis) * x),
            (body.metabolic, 1.0 + (p.central_hepatitis - 1.0) * x),
        ):
            hazard = activity / 100.0 / HOURS_PER_DAY * weight[site] / weight[inside].mean()
            apoptosis = apoptosis + (1.0 - p.hepatitis_lytic) * hazard
            necrosis = necrosis + p.hepatitis_lytic * hazard
    return apoptosis, necrosis


def _handle_stellate_cells(model: Lobule, dt: float, b: dict[str, Any]) -> None:
    population, p = model.population, model.values["stellate"]
    table, n = population.tables["stellate"], model.tissue.n_sites
    fate = np.empty(len(table), np.int8)
    stellate.change_stage(
        dt,
        model.seed,
        model.tick,
        p,
        b["activation"],
        table["key"],
        table["stage"],
        table["primed"],
        table["drive"],
        fate,
    )
    normal = population.normal["stellate"]
    stellate.decide_numbers(
        dt,
        model.seed,
        model.tick,
        p,
        b["division_activated"],
        b["division_myofibroblast"],
        (normal - len(table)) / max(normal, len(table)),
        max(0.0, 1.0 - len(table) / (p.cap * normal)),
        table["key"],
        table["stage"],
        fate,
    )
    deposit = np.zeros(n)
    around = model.tissue.neighbours
    stellate.deposit(p, b["deposition"], table["site"], table["stage"], around, deposit)
    m = model.values["matrix"]
    myofibroblasts = np.bincount(table["site"], table["stage"] >= stellate.MYOFIBROBLAST, n)
    macrophages = population.tables["macrophage"]
    m1 = np.bincount(macrophages["site"], macrophages["polarisation"] == macrophage.M1, n)
    timp = m.timp_myofibroblast * myofibroblasts + m.timp_m1 * m1
    collagenase = np.ones(n)
    macrophage.digest(m.collagenase_m2, macrophages["site"], macrophages["polarisation"], around, collagenase)
    cells = population.tables["msc"]
    if cells["collagenase"].any():
        msc.digest(cells["collagenase"], cells["site"], around, collagenase)
    model.matrix.step(dt, deposit, timp, collagenase)
    population.divide_in_place("stellate", np.flatnonzero(fate == stellate.DIVIDE))
    model.bury("stellate", np.flatnonzero(fate == stellate.DIE))


def _handle_macrophages(model: Lobule, dt: float, behaviours: Behaviours) -> None:
    population, p, seed, tick = model.population, model.values["macrophage"], model.seed, model.tick
    table, b, debris = population.tables["macrophage"], behaviours["macrophage"], population.debris
    fate = np.empty(len(table), np.int8)
    kupffer = int(np.sum(table["lineage"] == macrophage.KUPFFER))
    macrophage.polarise(
        dt,
        seed,
        tick,
        p,
        b["to_m1"],
        b["to_m2"],
        b["back_to_m1"],
        max(0.0, 1.0 - kupffer / population.normal["macrophage"]),
        table["key"],
        table["lineage"],
        table["polarisation"],
        fate,
    )
    eaten = macrophage.engulf(
        dt,
        p,
        # Where nobody is dead nobody competes.
        np.argsort(table["key"])
        if debris["bodies"].any() or debris["msc_bodies"].any()
        else np.arange(len(table)),
        table["site"],
        table["engulfed"],
        table["engulfed_msc"],
        table["iron"],
        model.tissue.neighbours,
        debris["bodies"],
        debris["msc_bodies"],
        debris["iron"],
    )
    book(model, "debris", "macrophages", eaten)
    population.divide_in_place("macrophage", np.flatnonzero(fate == macrophage.DIVIDE))
    model.bury("macrophage", np.flatnonzero(fate == macrophage.DIE))
    recruited = behaviours["monocyte"]["recruitment"]
    count = population.recruit(dt, seed, tick, recruited, 0.0)
    if count:
        wanted = p.recruited_iron * count * model.scale * UMOL_PER_FMOL
        moved = model.ledger.move("marrow", "macrophages", wanted) / (model.scale * UMOL_PER_FMOL)
        table["iron"][-count:] = moved / count


def _handle_msc(model: Lobule, dt: float, b: dict[str, Any]) -> None:
    population, table = model.population, model.population.tables["msc"]
    if not len(table):
        return
    vacant = population.vacant()
    fate = np.empty(len(table), np.int8)
    if table["depot"].any() or table["plug"].any():
        msc.loosen(
            dt, model.seed, model.tick, model.values["msc"], table["key"], table["depot"], table["plug"]
        )
    msc.decide(
        dt,
        model.seed,
        model.tick,
        model.values["msc"],
        b["licence"],
        b["death"],
        b["conversion"],
        table["key"],
        table["licence"],
        table["primed"],
        table["guard"],
        table["immunity"],
        vacant[table["site"]],
        fate,
    )
    converted = np.flatnonzero(fate == msc.CONVERT)
    for row in converted:
        population.tables["stellate"].add(
            key=table["key"][row], site=table["site"][row], stage=stellate.MYOFIBROBLAST, from_msc=1
        )
    model.products.converted += converted.size
    changed = np.flatnonzero(fate == msc.DIFFERENTIATE)
    for row in changed[np.argsort(table["key"][changed])]:
        site, iron = table["site"][row], float(table["iron"][row])
        if vacant[site]:
            vacant[site] = 0
            population.tables["hepatocyte"].add(key=table["key"][row], site=site, iron=iron, ferritin=iron)
            book(model, "msc", "hepatocytes", iron)
            table["iron"][row] = 0.0
        else:
            fate[row] = msc.KEEP
    gone = np.flatnonzero(fate != msc.KEEP)
    model.bury("msc", gone, bodies=fate[gone] == msc.DIE)
