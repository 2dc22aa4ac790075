"""Mesenchymal stem cells: arrival, survival, licensing, secretion, differentiation, and the risk of scar."""

from __future__ import annotations

import numpy as np

from lobule.agents.cell import Cell
from lobule.agents.chance import ARRIVAL, CONVERSION, DEATH, DEPOT, PLACE, mix, poisson, uniform
from lobule.agents.declare import Column, Parameter, Parameters
from lobule.agents.jit import kernel

COLUMNS = {
    "iron": Column("float64", "fmol", 0.0, "iron in the cell"),
    "licence": Column("float64", "-", 0.0, "licensing by TNF-a, 0 to 1"),
    "primed": Column("float64", "-", 0.0, "licence the cell was given before it was infused"),
    "potency": Column(
        "float64", "-", 1.0, "potency of its lot, source and passage: factor on what it secretes"
    ),
    "hgf_factor": Column("float64", "-", 1.0, "HGF of its source, engineered or not, over bone marrow"),
    "ev_factor": Column("float64", "-", 1.0, "vesicles of its source, engineered or not, over bone marrow"),
    "il10_factor": Column("float64", "-", 1.0, "IL-10 of an engineered cell over that of a licensed one"),
    "guard": Column("float64", "-", 1.0, "haem oxygenase 1 over that of a plain cell"),
    "collagenase": Column("float64", "-", 0.0, "collagenase activity it adds around it, 1 in health"),
    "immunity": Column("float64", "-", 1.0, "factor on its death by immunity to its donor"),
    "plug": Column("float64", "-", 0.0, "resistance it adds to its site, over that in health"),
    "depot": Column("uint8", "-", 0, "1 while it stays in the depot it was injected into"),
}

PARAMETERS = Parameters(
    "msc",
    "Mesenchymal stem cells",
    retained_intraportal=Parameter(0.35, "-", 0.1, 0.6, "share of an intraportal dose that lives on in the liver", "assumed: bracket of rodent labelling studies"),
    retained_hepatic_artery=Parameter(0.30, "-", 0.1, 0.6, "share of a hepatic-artery dose that lives on in the liver", "assumed"),
    retained_intravenous=Parameter(0.03, "-", 0.005, 0.1, "share of an intravenous dose that reaches the liver alive", "assumed; none found by Eggenhofer 2012"),
    retained_intrahepatic=Parameter(0.50, "-", 0.1, 0.8, "share of an intrahepatic dose that lives on", "assumed"),
    lung_intravenous=Parameter(0.80, "-", 0.5, 1.0, "share of an intravenous dose held in the lung", "Eggenhofer 2012"),
    lung_half_life=Parameter(15.0, "h", 6.0, 24.0, "half-life of MSC in the lung", "Eggenhofer 2012: gone within a day"),
    lodging_depth=Parameter(0.15, "-", 0.02, 1.0, "portal-central depth at which cells from the blood lodge", "assumed: 15-25 um cells stop at the mouth of an 8-10 um sinusoid"),
    lung_reference=Parameter(5e4, "cells/g", 1e3, 1e6, "MSC in the lung per gram of body that make a systemic factor of 1", "assumed: 1e6 cells in a mouse of 20 g"),
    iron=Parameter(5.0, "fmol", 0.5, 50.0, "iron an MSC brings", "assumed"),
    licensing_time=Parameter(24.0, "h", 6.0, 72.0, "time constant of licensing", "recalled: 24 h in culture"),
    primed_licence=Parameter(0.8, "-", 0.5, 1.0, "licence of cells primed before infusion", "assumed"),
    hgf=Parameter(42.0, "ag/h", 4.0, 1300.0, "HGF of one cell", "recalled: 1 ng per million per day (0.1-30)"),
    pge2=Parameter(400.0, "ag/h", 40.0, 20000.0, "PGE2 of one unlicensed cell", "recalled: 1-20 ng per million per day, more when licensed"),
    pge2_licensed=Parameter(10.0, "-", 1.0, 50.0, "PGE2 of a licensed cell over an unlicensed one", "recalled: 5-50"),
    il10=Parameter(10.0, "ag/h", 0.0, 500.0, "IL-10 of one licensed cell", "assumed; usually undetectable, the macrophages make it (Nemeth 2009)"),
    tgfb=Parameter(1.0, "ag/h", 0.0, 20.0, "TGF-b activated around one cell", "assumed"),
    ev=Parameter(83.0, "particles/h", 8.0, 830.0, "vesicles of one half-licensed cell", "recalled: 2000 a day (200-20,000); no published rate was found"),
    plugging=Parameter(1.0, "-", 0.0, 50.0, "resistance of the site where a cell as wide as a sinusoid has stopped, over that in health; of wider cells by their area", "assumed: a cell of 20 um then lets a fifth of the blood pass, by the other sinusoids of its site"),
    sinusoid_diameter=Parameter(10.0, "um", 7.0, 15.0, "diameter of a sinusoid", "recalled: 8-10 um, wider around the central vein"),
    plug_half_life=Parameter(24.0, "h", 6.0, 168.0, "half-life of the plug that a living cell makes", "assumed: the cell flattens or crosses the endothelium in 1-3 days"),
    depot_radius=Parameter(1000.0, "um", 200.0, 3000.0, "radius of the depot of an injection into the liver", "assumed: 4 uL of tissue; 10-50 uL are injected in mice"),
    depot_half_life=Parameter(4.0, "d", 0.5, 30.0, "half-life of cells in the depot, which then move about as others do", "assumed"),
    engineered_hgf=Parameter(10.0, "fold", 1.0, 20.0, "HGF of a cell engineered for it", "assumed: 5-20"),
    engineered_il10=Parameter(10.0, "fold", 1.0, 20.0, "IL-10 of a cell engineered for it, licensed or not, over that of a licensed one", "assumed: 5-20"),
    engineered_ev=Parameter(10.0, "fold", 1.0, 20.0, "vesicles of a cell engineered for them", "assumed: 5-20"),
    engineered_ho1=Parameter(10.0, "fold", 1.0, 20.0, "haem oxygenase 1 of a cell engineered for it; what ROS add to its death is divided by that", "assumed: 5-20"),
    engineered_mmp=Parameter(10.0, "fold", 1.0, 20.0, "collagenase of a cell engineered for it", "assumed: 5-20"),
    ho1_scavenging=Parameter(100.0, "pL/h", 0.0, 1000.0, "clearance of extracellular ROS by one cell for each fold of haem oxygenase 1 above 1", "assumed: tenfold then clears three times what a hepatocyte does"),
    collagenase=Parameter(0.1, "1/cell", 0.0, 1.0, "collagenase activity of one cell for each fold of MMP above 1", "assumed: tenfold then does what one M2 macrophage does"),
    hgf_adipose=Parameter(1.5, "-", 0.3, 3.0, "HGF of adipose over bone-marrow cells", "recalled, low confidence; ranges overlap"),
    hgf_umbilical=Parameter(0.6, "-", 0.1, 2.0, "HGF of umbilical-cord over bone-marrow cells", "recalled, low confidence; ranges overlap"),
    ev_adipose=Parameter(1.0, "-", 0.3, 3.0, "vesicles of adipose over bone-marrow cells", "assumed: no comparison was found"),
    ev_umbilical=Parameter(1.2, "-", 0.5, 3.0, "vesicles of umbilical-cord over bone-marrow cells", "recalled, low confidence; ranges overlap"),
    potency_adipose=Parameter(1.0, "-", 0.3, 3.0, "potency of adipose over bone-marrow cells", "assumed: ranges overlap, no ranking"),
    potency_umbilical=Parameter(1.0, "-", 0.3, 3.0, "potency of umbilical-cord over bone-marrow cells", "assumed: ranges overlap, no ranking"),
    immunogenicity_adipose=Parameter(1.0, "-", 0.3, 2.0, "how adipose cells sensitise and are recognised, over bone marrow", "assumed"),
    immunogenicity_umbilical=Parameter(0.7, "-", 0.2, 2.0, "how umbilical-cord cells sensitise and are recognised, over bone marrow", "recalled, low confidence: less HLA"),
    death=Parameter(0.0096, "1/h", 0.004, 0.03, "death in the liver", "assumed: half-life 3 d (1-7), rodent labelling"),
    homing_bias=Parameter(0.3, "-", 0.0, 1.0, "share of its moves that go up CCL2", "assumed: a biased random walk"),
    homing=Parameter(0.1, "1/h", 0.0, 1.0, "moves to a neighbouring site up CCL2", "assumed"),
    differentiation=Parameter(1e-5, "1/h", 0.0, 1e-4, "differentiation to a hepatocyte where there is room", "recalled: below 1 %, functionally negligible"),
    oxygen_use=Parameter(0.03, "fmol/s", 0.0, 0.2, "oxygen consumption of one cell", "assumed"),
)  # fmt: skip

SIGNALS: dict[str, str] = {}
BEHAVIOURS: dict[str, tuple[str, float | str]] = {
    "licence": ("-", 0.0),
    "death": ("1/h", "death"),
    "conversion": ("1/h", 0.0),
}

KEEP, DIE, CONVERT, DIFFERENTIATE = 0, 1, 2, 3


class MSC(Cell):
    """Handle on one mesenchymal stem cell; its attributes are the columns of :data:`COLUMNS`."""

    columns = COLUMNS


@kernel
def seed_dose(mean, seed, tick, dose, weight, room, site, key):  # type: ignore[no-untyped-def]
    """Draw how many cells of a dose land in the sections, and where.

    Parameters
    ----------
    mean : float
        Expected number in the sections.
    dose : uint64
        Number of the dose in the case, so that each has its own luck.
    weight : ndarray, shape (n_sites,)
        Cumulative probability of each site.
    room : ndarray of int64, shape (n_sites,)
        How many more cells find room at each site; changed as they land.

    Returns
    -------
    int
        Number of cells that found room; `site` and `key` receive where and who.
    """
    n = 0
    for slot in range(poisson(mean, seed, ARRIVAL, tick, dose)):
        if n == site.size:
            break
        u = uniform(seed, PLACE, tick, dose, np.uint64(slot)) * weight[-1]
        j = np.searchsorted(weight, u, side="right")
        if room[j] > 0:
            room[j] -= 1
            site[n] = j
            key[n] = mix(mix(mix(mix(ARRIVAL, dose), tick), np.uint64(j)), np.uint64(slot))
            n += 1
    return n


@kernel
def decide(  # type: ignore[no-untyped-def]
    dt,
    seed,
    tick,
    p,
    b_licence,
    b_death,
    b_conversion,
    key,
    licence,
    primed,
    guard,
    immunity,
    room,
    fate,
):
    """Advance licensing and draw what becomes of each cell.

    Parameters
    ----------
    b_licence, b_death, b_conversion : ndarray, shape (n,)
        Licence the place calls for (0-1); rates of death and of conversion to a myofibroblast, 1/h.
    guard, immunity : ndarray, shape (n,)
        What divides the death that the place adds; what multiplies all death.
    room : ndarray of uint8, shape (n,)
        1 where a hepatocyte is missing.
    fate : ndarray of int8, shape (n,)
        Written: KEEP, DIE, CONVERT or DIFFERENTIATE.
    """
    zero = np.uint64(0)
    for i in range(key.size):
        target = max(b_licence[i], primed[i])
        licence[i] += (target - licence[i]) * (1.0 - np.exp(-dt / p.licensing_time))
        fate[i] = KEEP
        death = b_death[i]
        if guard[i] != 1.0:
            death = p.death + (death - p.death) / guard[i]
        death *= immunity[i]
        if uniform(seed, DEATH, tick, key[i], zero) < 1.0 - np.exp(-death * dt):
            fate[i] = DIE
            continue
        conversion = b_conversion[i] * (1.0 - licence[i])
        total = conversion + (p.differentiation if room[i] == 1 else 0.0)
        change = 1.0 - np.exp(-total * dt)
        u = uniform(seed, CONVERSION, tick, key[i], zero)
        if u < change:
            fate[i] = CONVERT if u * total < change * conversion else DIFFERENTIATE


@kernel
def loosen(dt, seed, tick, p, key, depot, plug):  # type: ignore[no-untyped-def]
    """Let cells leave their depot, by chance, and the plugs that they make give way, for `dt` hours."""
    leaving = 1.0 - np.exp(-np.log(2.0) * dt / (24.0 * p.depot_half_life))
    kept = np.exp(-np.log(2.0) * dt / p.plug_half_life)
    for i in range(key.size):
        if depot[i] == 1 and uniform(seed, DEPOT, tick, key[i], np.uint64(0)) < leaving:
            depot[i] = 0
        plug[i] *= kept


@kernel
def digest(strength, site, neighbours, collagenase):  # type: ignore[no-untyped-def]
    """Add `strength`, shape (n,), of each cell to `collagenase`, shape (n_sites,), as M2 macrophages do."""
    for i in range(site.size):
        if strength[i] <= 0.0:
            continue
        collagenase[site[i]] += strength[i]
        for k in range(neighbours.shape[1]):
            j = neighbours[site[i], k]
            if j >= 0:
                collagenase[j] += strength[i] / (neighbours[j] >= 0).sum()
