"""The state a run starts from: healthy cells, then iron, blood, scars and cells as the case says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents import hepatocyte, stellate
from lobule.body import Body, LiverSigns
from lobule.errors import InputError
from lobule.geometry import PARENCHYMA
from lobule.ledger import Ledger
from lobule.population import CELLS, Population
from lobule.readouts import liver_iron_umol
from lobule.scars import scar
from lobule.sections import CROSS_LINKED_PERCENT
from lobule.units import HOURS_PER_DAY, IRON_MOLAR_MASS, LN2, UMOL_PER_FMOL

if TYPE_CHECKING:
    from lobule.model import Lobule

Array = NDArray[np.float64]

MOST_IN_MACROPHAGES = 0.3  # of liver iron, as in health
SENESCENT, MYOFIBROBLASTS, PLACES = 4, 5, 6  # uses of chance, beside those of the cells' places
_STEP_HOURS, _MOST_STEPS, _STILL = 6.0, 6000, 1e-7  # of the body's way to its answer


def populate(model: Lobule) -> None:
    """Put healthy cells in place, let them begin as the case says, and open the iron account."""
    ref, m = model.body.reference, model.values["macrophage"]
    hepatocytes = int((model.tissue.kind == PARENCHYMA).sum())
    model.scale = ref.liver_weight * model.tissue.hepatocytes_per_gram / hepatocytes
    model.scale_per_gram = model.scale / ref.liver_weight
    liver = ref.liver_iron * ref.liver_dry_weight / model.scale / UMOL_PER_FMOL
    body = model.values["body"]
    daily = ref.red_cells / body.red_cell_life * body.liver_recycling / model.scale / UMOL_PER_FMOL
    # Recycled iron in passing; a very young liver holds so little that it would be most of it.
    in_macrophages = min(daily * m.release_half_life / LN2, MOST_IN_MACROPHAGES * liver)
    macrophages = round(m.per_hundred / 100.0 * hepatocytes)
    model.population = Population(
        model.tissue,
        model.values,
        (liver - in_macrophages) / hepatocytes,
        in_macrophages / macrophages,
        model.seed,
    )
    table, p = model.population.tables["hepatocyte"], model.values["hepatocyte"]
    # As if iron had been in balance before the run.
    balance = p.export_rate * model.body.ferroportin / (table["iron"] + p.export_half_iron)
    table["iron_uptake"] = balance * table["iron"]
    model.cells = {CELLS[name]: table for name, table in model.population.tables.items()}
    pools = _begin(model)
    model.ledger.open({**pools, **liver_iron_umol(model)})


def _begin(model: Lobule) -> dict[str, float]:
    """Put a healthy `model` into the state its case starts with; return the iron outside the liver (umol)."""
    start, body = model.case.start, model.body
    pools = body.initial_pools()
    if start.haemoglobin_g_per_dl is not None:
        pools["red_cells"] = body.red_cell_iron(10.0 * start.haemoglobin_g_per_dl)
    table = model.population.tables["hepatocyte"]
    if start.lic_mg_per_g is not None:
        pools = _load(model, start.lic_mg_per_g, pools)
    if start.zone1_to_zone3_ratio is not None:
        _fill(model, table["iron"] * _gradient(model, start.zone1_to_zone3_ratio))
    if start.senescent_percent is not None:
        table["senescent"][_some(model, SENESCENT, len(table), start.senescent_percent)] = 1
    if start.collagen_area_percent is not None:
        _scar(model)
    if start.activated_stellate_percent is not None:
        _activate(model, start.activated_stellate_percent)
    return pools


def _load(model: Lobule, lic: float, pools: dict[str, float]) -> dict[str, float]:
    """Give the liver `lic` (mg/g dry), and the body what goes with it; return the iron outside the liver."""
    tables, umol = model.population.tables, model.scale * UMOL_PER_FMOL
    ref = model.body.reference
    liver = lic * 1000.0 / IRON_MOLAR_MASS * ref.liver_dry_weight
    answered = _answer(model, liver, pools)
    body, found = model.body, answered.ledger.pool
    body.hepcidin, body.ferroportin = answered.hepcidin, answered.ferroportin
    tables["macrophage"]["iron"] = found["macrophages"] / umol / len(tables["macrophage"])
    hepatocytes = (liver - found["macrophages"]) / umol / len(tables["hepatocyte"])
    _fill(model, np.full(len(tables["hepatocyte"]), hepatocytes))
    outside = {name: found[name] for name in pools}
    return {**outside, "plasma": answered.saturation * body.transferrin_capacity(ref)}


def _answer(model: Lobule, liver: float, pools: dict[str, float]) -> Body:
    """Let a body live with a liver that holds `liver` (umol) until nothing changes any more.

    Red cells and age stand still. What the liver holds above the healthy amount is its share of all excess
    iron; of the rest the spleen has what ferroportin leaves in it, and other tissue all else.
    """
    body, values = model.body, model.values
    h, m, p = values["hepatocyte"], values["macrophage"], values["body"]
    trial = Body(p, body.growth, body.start_age, model.case.subject.genotype, Ledger())
    trial.diet_percent = body.diet_percent
    healthy, number = body.reference, model.scale * UMOL_PER_FMOL * model.population.n_hepatocytes
    excess = max(0.0, liver - healthy.liver_iron * healthy.liver_dry_weight)
    outside = excess * (1.0 / p.liver_share_of_stores - 1.0)
    dt, per_gram = _STEP_HOURS, liver / healthy.liver_dry_weight
    trial.ledger.open({**pools, "hepatocytes": liver})
    pool = trial.ledger.pool
    before = dict(pool)
    for _ in range(_MOST_STEPS):
        trial.reference = healthy
        released = trial.release(dt, 0.0, 1.0, per_gram)
        given = LN2 / (HOURS_PER_DAY * m.release_half_life) * trial.ferroportin**m.release_power
        left = 1.0 / (1.0 + dt * given)
        trial.ledger.move("macrophages", "inflow", pool["macrophages"] * (1.0 - left))
        iron = pool["hepatocytes"] / number
        flux = float(_export(h, trial.ferroportin, iron)) * number
        trial.ledger.move("hepatocytes", "inflow", min(dt * flux, pool["hepatocytes"]))
        weight = hepatocyte.transferrin_weight(0.0, h, np.array(iron), np.array(0.0))
        trial.settle(dt, released, LiverSigns(iron=per_gram, il6=0.0, transferrin_uptake=float(weight)))
        pool["macrophages"] = min(pool["macrophages"], MOST_IN_MACROPHAGES * liver)
        pool["hepatocytes"] = liver - pool["macrophages"]
        pool["red_cells"] = pools["red_cells"]
        pool["other"] = healthy.other + max(0.0, outside - max(0.0, pool["spleen"] - healthy.spleen))
        if all(abs(pool[name] - before[name]) <= _STILL * pool[name] for name in pool):
            break
        before = dict(pool)
    trial.reference = healthy
    return trial


def _export(p: Any, ferroportin: float, iron: Any) -> Any:
    """Return what cells with `iron` (fmol) release through ferroportin, fmol/h."""
    return p.export_rate * ferroportin * _fold(p, iron) * iron / (iron + p.export_half_iron)


def _fold(p: Any, iron: Any) -> Any:
    """Return the labile iron of cells with `iron` (fmol) over that of a normal one."""
    above = np.maximum(0.0, iron - p.normal_iron)
    return 1.0 + (p.labile_max - 1.0) * above / (above + p.labile_half_iron)


def _fill(model: Lobule, iron: Array) -> None:
    """Give each hepatocyte its `iron` (fmol), stored as in a cell that has held it for long."""
    table, p = model.population.tables["hepatocyte"], model.values["hepatocyte"]
    fold = _fold(p, iron)
    labile = np.minimum(iron, fold * p.labile_normal * p.volume * 1e-3)
    stored = iron - labile
    table["iron"], table["labile"], table["labile_fold"] = iron, labile, fold
    table["haemosiderin"] = np.maximum(0.0, stored - p.haemosiderin_threshold)
    table["ferritin"] = stored - table["haemosiderin"]
    table["iron_uptake"] = _export(p, model.body.ferroportin, iron)


def _gradient(model: Lobule, ratio: float) -> Array:
    """Return factors on the hepatocytes' iron, 1 in the mean, that make zone 1 hold `ratio` of zone 3."""
    site = model.population.tables["hepatocyte"]["site"]
    zone, x = model.tissue.zone[site], model.tissue.portal_central[site]
    if not (np.any(zone == 1) and np.any(zone == 3)):
        raise InputError(f"start.zone1_to_zone3_ratio = {ratio:g} -> this tissue lacks zone 1 or zone 3")
    low, high = -20.0, 20.0
    for _ in range(100):
        steepness = 0.5 * (low + high)
        weight = np.exp(-steepness * x)
        is_flat = weight[zone == 1].mean() < ratio * weight[zone == 3].mean()
        low, high = (steepness, high) if is_flat else (low, steepness)
    return np.asarray(weight / weight.mean())


def _some(model: Lobule, use: int, n: int, percent: float) -> NDArray[np.int64]:
    """Return the rows of `percent` of `n` cells, drawn."""
    _, chance = model.population.draws(model.seed, use, n)
    return np.argsort(chance, kind="stable")[: round(percent / 100.0 * n)]


def _scar(model: Lobule) -> None:
    """Lay the scar of the case, and let blood flow around it."""
    start, m, matrix = model.case.start, model.values["matrix"], model.matrix
    pattern, linked = start.collagen_pattern or "septal", start.collagen_cross_linked_percent
    excess = scar(model.tissue, pattern, start.collagen_area_percent or 0.0, m.baseline, m.densest)
    share = (CROSS_LINKED_PERCENT if linked is None else linked) / 100.0
    matrix.cross[:] = share * excess
    matrix.soft[:] = excess - matrix.cross
    model.perfusion.solve(matrix.collagen)


def _activate(model: Lobule, percent: float) -> None:
    """Make `percent` of the stellate cells myofibroblasts, and move these to the scar if there is one."""
    population, matrix = model.population, model.matrix
    table = population.tables["stellate"]
    rows = _some(model, MYOFIBROBLASTS, len(table), percent)
    table["stage"][rows] = stellate.LAST_STAGE
    sites = np.flatnonzero(model.tissue.kind == PARENCHYMA).astype(np.int32)
    weight = (matrix.soft + matrix.cross)[sites]
    if rows.size and weight.any():
        room = population.room() + np.bincount(table["site"][rows], minlength=model.tissue.n_sites)
        _, chance = population.draws(model.seed, PLACES, rows.size)
        wanted = population.choose(sites, weight, chance)
        table["site"][rows] = _with_room(wanted, room, sites[np.argsort(-weight, kind="stable")])
    count = np.bincount(table["site"][rows], minlength=model.tissue.n_sites)
    matrix.timp[:] = model.values["matrix"].timp_myofibroblast * count


def _with_room(wanted: NDArray[np.int32], room: Any, by_scar: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return a site for each cell: the `wanted` one while it has room, else the most scarred one that has."""
    order = np.argsort(wanted, kind="stable")
    ranked = wanted[order]
    rank = np.arange(wanted.size) - np.searchsorted(ranked, ranked)
    fits = np.empty(wanted.size, bool)
    fits[order] = rank < room[ranked]
    found = wanted.copy()
    left = np.maximum(0, room - np.bincount(wanted[fits], minlength=room.size))
    found[~fits] = np.repeat(by_scar, left[by_scar])[: np.count_nonzero(~fits)]
    return found
