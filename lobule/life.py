"""One step of the liver: cells emit, fields answer, iron is booked, cells respond, die, divide and move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents import hepatocyte, macrophage, msc, stellate
from lobule.body import Delivery
from lobule.fields import LANE
from lobule.oxygen import OxygenCurve
from lobule.units import LN2, UMOL_PER_FMOL

if TYPE_CHECKING:
    from lobule.model import Lobule

Behaviours = dict[str, dict[str, NDArray[np.float64]]]


def live(model: Lobule, dt: float, levels: Mapping[str, float], delivery: Delivery) -> None:
    """Advance fields, cells and matrix of `model` by `dt` hours.

    Parameters
    ----------
    model : Lobule
        The model, its body already advanced.
    dt : float
        Step, h.
    levels : mapping of str to float
        Mean drug, toxin and vesicle levels over the step.
    delivery : Delivery
        Iron that the body hands to the liver.
    """
    tables = model.population.tables
    edge = zonation(model)
    toxin = levels["ccl4"] * edge[tables["hepatocyte"]["site"]]
    model.exchange.curve = OxygenCurve(model.values["oxygen"], model.body.haemoglobin)
    behaviours = model.behaviours(toxin, levels)
    _exchange(model, dt, levels, delivery, behaviours)
    _handle_hepatocytes(model, dt, toxin, behaviours["hepatocyte"])
    _handle_stellate_cells(model, dt, behaviours["stellate"])
    _handle_macrophages(model, dt, behaviours)
    _handle_msc(model, dt, behaviours["msc"])
    alarm, ccl2 = (np.ascontiguousarray(model.fields[name]) for name in ("damp", "ccl2"))
    model.population.move(dt, model.seed, model.tick, alarm, ccl2)
    for table in tables.values():
        table["age"] += dt


def zonation(model: Lobule) -> NDArray[np.float64]:
    """Return CYP2E1 activity of each site, 0 to 1."""
    p = model.values["hepatocyte"]
    return 1.0 / (1.0 + np.exp((p.cyp2e1_edge - model.tissue.portal_central) / p.cyp2e1_width))


def _book(model: Lobule, source: str, target: str, fmol: float) -> None:
    model.ledger.move(source, target, fmol * model.scale * UMOL_PER_FMOL)


def _exchange(
    model: Lobule, dt: float, levels: Mapping[str, float], delivery: Delivery, behaviours: Behaviours
) -> None:
    """Solve the fields and move iron between plasma, cells and debris."""
    population, exchange, scale = model.population, model.exchange, model.scale
    tables, debris = population.tables, population.debris
    per_section = 1.0 / (scale * UMOL_PER_FMOL)
    exchange.collect(tables, behaviours)
    for name in ("damp", "tgfb"):
        exchange.source[:, LANE[name]] += population.pulse[name] / dt
        population.pulse[name][:] = 0.0
    p = model.values["macrophage"]
    washed = 1.0 - np.exp(-LN2 * dt / p.debris_half_life)
    released = debris["iron"] * washed
    debris["iron"] -= released
    debris["bodies"] *= 1.0 - washed
    debris["msc_bodies"] *= 1.0 - washed
    table = tables["hepatocyte"]
    solved = exchange.solve(dt, table["site"], delivery.ntbi * per_section, released, model.inlet(levels))
    model.last_solve = solved
    _book(model, "debris", "inflow", solved.washed_out)
    _book(model, "debris", "hepatocytes", float(released.sum()) - solved.washed_out)
    _book(model, "hepatocytes", "other", solved.refused)

    h = model.values["hepatocyte"]
    weight = (1.0 / (1.0 + table["iron"] / h.transferrin_saturation_iron)) if len(table) else np.zeros(0)
    by_transferrin = delivery.transferrin * per_section
    if weight.size:
        gained = solved.gained + weight * (by_transferrin / weight.sum())
    else:
        gained = np.zeros(0)
        _book(model, "hepatocytes", "other", by_transferrin)
    chelator = np.ascontiguousarray(model.fields["chelator"][table["site"]])
    exported, chelated = np.empty(len(table)), np.empty(len(table))
    capacity = levels["capacity"] * model.body.reference.body_weight * 1e-3 * per_section
    wanted = hepatocyte.chelatable(dt, h, table["iron"] + gained, chelator)
    hepatocyte.handle_iron(
        dt,
        h,
        model.body.ferroportin,
        chelator,
        min(1.0, capacity / wanted) if wanted > 0.0 else 0.0,
        behaviours["hepatocyte"]["iron_export"],
        gained,
        table["iron"],
        table["labile"],
        table["ferritin"],
        table["haemosiderin"],
        table["labile_fold"],
        exported,
        chelated,
    )
    _book(model, "hepatocytes", "inflow", float(exported.sum()))
    _book(model, "hepatocytes", "chelation", float(chelated.sum()))
    if capacity > 0.0:
        model.levels.spend(min(1.0, float(chelated.sum()) / capacity))

    table = tables["macrophage"]
    if len(table):
        out = np.empty(len(table))
        share = delivery.red_cells * per_section / len(table)
        macrophage.recycle(dt, p, model.body.ferroportin, share, table["iron"], out)
        _book(model, "macrophages", "inflow", float(out.sum()))


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
    fate = np.empty(len(table), np.int8)
    hepatocyte.decide_deaths(
        dt,
        seed,
        tick,
        p,
        toxin,
        b["apoptosis"],
        b["necrosis"],
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
        table["key"],
        table["site"],
        table["senescent"],
        table["cycle"],
        model.tissue.neighbours,
        vacant,
    )
    lytic = int(np.sum(fate >= hepatocyte.NECROSIS))
    model.body.leak_alt(dt, lytic / population.n_hepatocytes)
    dead = np.flatnonzero(fate != hepatocyte.ALIVE)
    model.bury("hepatocyte", dead, fate[dead] >= hepatocyte.NECROSIS)
    population.renew_hepatocytes(seed, tick, vacant)


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
    stellate.decide_divisions(
        dt,
        model.seed,
        model.tick,
        p,
        b["division_activated"],
        b["division_myofibroblast"],
        max(0.0, 1.0 - len(table) / normal),
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
    m2 = np.bincount(macrophages["site"], macrophages["polarisation"] == macrophage.M2, n)
    timp = m.timp_myofibroblast * myofibroblasts + m.timp_m1 * m1
    collagenase = 1.0 + m.collagenase_m2 * (m2 + _neighbour_mean(m2, around))
    model.matrix.step(dt, deposit, timp, collagenase)
    population.divide_in_place("stellate", np.flatnonzero(fate == stellate.DIVIDE))
    model.bury("stellate", np.flatnonzero(fate == stellate.DIE))


def _neighbour_mean(values: NDArray[Any], neighbours: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the mean of `values` over each site's neighbours."""
    there = neighbours >= 0
    return np.where(there, values[neighbours], 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)


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
        np.argsort(table["key"]),
        table["site"],
        table["engulfed"],
        table["engulfed_msc"],
        table["iron"],
        model.tissue.neighbours,
        debris["bodies"],
        debris["msc_bodies"],
        debris["iron"],
    )
    _book(model, "debris", "macrophages", eaten)
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
        vacant[table["site"]],
        fate,
    )
    converted = np.flatnonzero(fate == msc.CONVERT)
    for row in converted:
        population.tables["stellate"].add(
            key=table["key"][row], site=table["site"][row], stage=stellate.MYOFIBROBLAST
        )
    changed = np.flatnonzero(fate == msc.DIFFERENTIATE)
    for row in changed[np.argsort(table["key"][changed])]:
        site, iron = table["site"][row], float(table["iron"][row])
        if vacant[site]:
            vacant[site] = 0
            population.tables["hepatocyte"].add(key=table["key"][row], site=site, iron=iron, ferritin=iron)
            _book(model, "msc", "hepatocytes", iron)
            table["iron"][row] = 0.0
        else:
            fate[row] = msc.KEEP
    gone = np.flatnonzero(fate != msc.KEEP)
    model.bury("msc", gone, bodies=fate[gone] == msc.DIE)
