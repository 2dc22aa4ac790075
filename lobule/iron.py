"""Iron between blood and cells: what cells release, what they are brought, what is washed out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lobule import chelation
from lobule.agents import hepatocyte, macrophage
from lobule.fields import LANE
from lobule.plasma import Delivery
from lobule.units import LN2, UMOL_PER_FMOL

if TYPE_CHECKING:
    from lobule.model import Lobule

LEAST_BODY = 1e-6  # of a dead cell: less is gone

Behaviours = dict[str, dict[str, NDArray[np.float64]]]


def book(model: Lobule, source: str, target: str, fmol: float) -> None:
    """Move iron of the sections (fmol) in the account of the whole liver."""
    model.ledger.move(source, target, fmol * model.scale * UMOL_PER_FMOL)


def release(model: Lobule, dt: float, taken: float, behaviours: Behaviours) -> None:
    """Let macrophages and hepatocytes give iron to plasma for `dt` hours.

    Parameters
    ----------
    taken : float
        Iron that Kupffer cells take from blood in the step (old red cells, injected iron), umol for the whole
        liver.
    """
    tables = model.population.tables
    table = tables["macrophage"]
    if len(table):
        out = np.empty(len(table))
        share = taken / (model.scale * UMOL_PER_FMOL) / len(table)
        macrophage.recycle(
            dt,
            model.values["macrophage"],
            model.body.ferroportin,
            share,
            behaviours["macrophage"]["iron_release"],
            table["iron"],
            table["stored"],
            out,
        )
        book(model, "macrophages", "inflow", float(out.sum()))
    table = tables["hepatocyte"]
    out = np.empty(len(table))
    hepatocyte.export(
        dt,
        model.values["hepatocyte"],
        model.body.ferroportin,
        behaviours["hepatocyte"]["iron_export"],
        table["iron"],
        table["iron_uptake"],
        table["labile_fold"],
        out,
    )
    book(model, "hepatocytes", "inflow", float(out.sum()))


def distribute(
    model: Lobule, dt: float, levels: Mapping[str, float], delivery: Delivery, behaviours: Behaviours
) -> None:
    """Solve the fields over `dt` hours and book the iron that they bring to the cells.

    Parameters
    ----------
    levels : mapping of str to float
        Mean drug and vesicle levels over the step.
    delivery : Delivery
        Iron that the body hands to the hepatocytes.
    """
    population, exchange = model.population, model.exchange
    tables = population.tables
    per_section = 1.0 / (model.scale * UMOL_PER_FMOL)
    exchange.collect(tables, behaviours)
    for name, leaked in population.leak(dt).items():
        exchange.source[:, LANE[name]] += leaked / dt
    released = _clear_debris(model, dt)
    table = tables["hepatocyte"]
    solved = exchange.solve(dt, table["site"], delivery.ntbi * per_section, released, model.inlet(levels))
    model.last_solve = solved
    book(model, "debris", "inflow", solved.washed_out)
    book(model, "debris", "hepatocytes", float(released.sum()) - solved.washed_out)
    book(model, "hepatocytes", "other", solved.refused)
    by_transferrin, gained = delivery.transferrin * per_section, solved.gained
    if len(table):
        p = model.values["hepatocyte"]
        weight = hepatocyte.transferrin_weight(dt, p, table["iron"], table["iron_uptake"])
        gained = gained + weight * (by_transferrin / weight.sum())
    else:
        book(model, "hepatocytes", "other", by_transferrin)
    _store(model, dt, levels, gained)


def _clear_debris(model: Lobule, dt: float) -> NDArray[np.float64]:
    """Let blood carry debris off; return the iron set free at each site (fmol)."""
    debris = model.population.debris
    washed = 1.0 - np.exp(-LN2 * dt / model.values["macrophage"].debris_half_life)
    released = debris["iron"] * washed
    debris["iron"] -= released
    for name in ("bodies", "msc_bodies"):
        debris[name] *= 1.0 - washed
        debris[name][debris[name] < LEAST_BODY] = 0.0
    return released


def _store(model: Lobule, dt: float, levels: Mapping[str, float], gained: NDArray[np.float64]) -> None:
    """Put the iron `gained` (fmol) into the hepatocytes, and let chelators take theirs from all stores."""
    table, p = model.population.tables["hepatocyte"], model.values["hepatocyte"]
    chelator = np.ascontiguousarray(model.fields["chelator"][table["site"]])
    share = chelation.bindable_share(model, dt, levels, gained)
    chelated = np.empty(len(table))
    hepatocyte.store(
        dt,
        p,
        chelator,
        share,
        gained,
        table["iron"],
        table["iron_uptake"],
        table["labile"],
        table["ferritin"],
        table["haemosiderin"],
        table["labile_fold"],
        chelated,
    )
    if share > 0.0:
        chelation.take(model, dt, levels, share, chelated)
