"""Macrophages: Kupffer cells and recruited monocytes, their polarisation, their iron and their appetite."""

from __future__ import annotations

import numpy as np

from lobule.agents.cell import Cell
from lobule.agents.chance import DEATH, DIVISION, POLARISATION, RECRUITMENT, mix, poisson, uniform
from lobule.agents.declare import Column, Parameter, Parameters
from lobule.agents.jit import kernel

RESTING, M1, M2 = 0, 1, 2
KUPFFER, RECRUITED = 0, 1

COLUMNS = {
    "iron": Column("float64", "fmol", 0.0, "all iron in the cell"),
    "stored": Column(
        "float64", "fmol", 0.0, "iron in ferritin and haemosiderin that is slow to leave, part of iron"
    ),
    "lineage": Column("uint8", "-", 0, "0 resident Kupffer cell, 1 recruited monocyte"),
    "polarisation": Column("uint8", "-", 0, "0 resting, 1 M1 (inflammatory), 2 M2 (restorative)"),
    "engulfed": Column("float64", "bodies", 0.0, "dead cells still being digested"),
    "engulfed_msc": Column("float64", "bodies", 0.0, "dead MSC still being digested"),
}

PARAMETERS = Parameters(
    "macrophage",
    "Macrophages",
    per_hundred=Parameter(14.0, "1/100 hepatocytes", 12.0, 17.0, "Kupffer cells in health", "Bouwens 1986: 14-20e6 per gram"),
    share_zone1=Parameter(0.43, "-", 0.3, 0.6, "share of Kupffer cells in zone 1", "Bouwens 1986"),
    share_zone2=Parameter(0.28, "-", 0.2, 0.4, "share of Kupffer cells in zone 2", "Bouwens 1986"),
    m1_half_life=Parameter(2.5, "d", 1.0, 7.0, "half-life of a recruited M1 cell", "recalled: monocyte-derived cells stay 3-7 d"),
    m2_half_life=Parameter(4.0, "d", 1.0, 10.0, "half-life of a recruited M2 cell", "recalled: monocyte-derived cells stay 3-7 d"),
    calming_half_life=Parameter(4.0, "d", 1.0, 10.0, "half-time in which an M2 Kupffer cell comes to rest", "assumed"),
    renewal_half_time=Parameter(10.0, "d", 3.0, 60.0, "half-time in which Kupffer cells make up lost numbers", "assumed: they renew themselves (Bouwens 1986)"),
    release_half_life=Parameter(0.9, "d", 0.2, 10.0, "half-life of macrophage iron at normal hepcidin", "derived: spleen 22 ug at a flux of 17 ug/day, mouse; man assumed", {"human": 3.0}),
    release_power=Parameter(2.0, "-", 1.0, 3.0, "power of ferroportin in the release of macrophage iron", "macrophages answer to hepcidin more than the gut does (Chaston 2008, recalled); set so that the half-life in man is about 1 d in haemochromatosis and 7-10 d at high hepcidin (assumed)"),
    store_threshold=Parameter(25.0, "fmol", 10.0, 200.0, "iron in passing above which a macrophage stores", "assumed: more than a healthy cell holds after a dead hepatocyte; it has 6-10 fmol, in man 22", {"human": 60.0}),
    store_half_time=Parameter(3.0, "d", 0.2, 10.0, "half-time in which iron in passing above it is stored", "assumed: ferritin is made within days; man set to a large share of Kupffer cells after a year of transfusions (about 40 % is expected)", {"human": 1.0}),
    store_half_life=Parameter(60.0, "d", 20.0, 1000.0, "half-life of stored iron at normal hepcidin", "assumed: stores of iron dextran last for months and are ever less available (man, Henderson and Hillman 1969); rodents three times as fast, as in release_half_life", {"human": 180.0}),
    recruited_iron=Parameter(1.0, "fmol", 0.0, 20.0, "iron of an arriving monocyte, from the marrow", "assumed"),
    appetite=Parameter(0.1, "bodies/h", 0.02, 0.3, "dead cells that one macrophage can take up", "recalled: 1-3 a day"),
    debris_half_life=Parameter(12.0, "h", 4.0, 48.0, "half-life of debris that no macrophage takes, carried off by blood", "assumed: hours"),
    digestion_half_life=Parameter(12.0, "h", 6.0, 24.0, "half-life of an engulfed cell", "recalled: 6-24 h"),
    ev_uptake=Parameter(100.0, "pL/h", 1.0, 1000.0, "clearance of extracellular vesicles by one cell", "assumed: macrophages are the main sink"),
    oxygen_use=Parameter(0.05, "fmol/s", 0.0, 0.2, "oxygen consumption of one cell", "assumed"),
    to_m2=Parameter(0.01, "1/h", 0.001, 0.03, "turn from M1 to M2 without signals", "assumed: a third of 1/36 h, the time line of Ramachandran 2011"),
    tnf_m1=Parameter(400.0, "ag/h", 40.0, 5000.0, "TNF-a of an M1 cell without restraint", "recalled: 1-20 ng per million and day"),
    il10_m2=Parameter(100.0, "ag/h", 10.0, 1000.0, "IL-10 of an M2 cell", "scale of granuloma models"),
    tnf_resting=Parameter(2.0, "ag/h", 0.0, 40.0, "TNF-a of a resting cell", "assumed"),
    il1b_m1=Parameter(50.0, "ag/h", 5.0, 500.0, "IL-1b of an M1 cell", "assumed"),
    il6_m1=Parameter(400.0, "ag/h", 40.0, 4000.0, "IL-6 of an M1 cell", "assumed"),
    il10_resting=Parameter(5.0, "ag/h", 0.0, 100.0, "IL-10 of a resting cell", "assumed"),
    tgfb_m1=Parameter(60.0, "ag/h", 0.0, 100.0, "TGF-b activated around an M1 cell", "assumed: pericellular activation of 0.1-0.2 fg/h latent"),
    tgfb_m2=Parameter(20.0, "ag/h", 0.0, 100.0, "TGF-b activated around an M2 cell", "assumed: pericellular activation of 0.1-0.2 fg/h latent"),
    tgfb_resting=Parameter(5.0, "ag/h", 0.0, 20.0, "TGF-b activated around a resting cell", "assumed: about 0.03 ng/mL in health"),
    pdgf_m1=Parameter(200.0, "ag/h", 0.0, 500.0, "PDGF of an M1 cell", "assumed"),
    hgf_m2=Parameter(50.0, "ag/h", 0.0, 500.0, "HGF of an M2 cell", "assumed"),
    ros_m1=Parameter(0.02, "fmol/h", 0.0, 1.0, "extracellular ROS of an M1 cell", "assumed"),
    ccl2_m1=Parameter(100.0, "ag/h", 0.0, 1000.0, "CCL2 of an M1 cell", "assumed"),
    motility_bias=Parameter(0.3, "-", 0.0, 1.0, "share of its moves that go up the alarm signal", "assumed: a biased random walk"),
    motility=Parameter(0.2, "1/h", 0.0, 2.0, "moves to a neighbouring site up the alarm signal", "assumed: 23 um every five hours"),
)  # fmt: skip

SIGNALS = {
    "cell_iron": "fmol",
    "engulfed": "bodies",
    "engulfed_msc": "bodies",
    "systemic_factor": "-",
    "endotoxin": "-",
}
BEHAVIOURS: dict[str, tuple[str, float | str]] = {
    "to_m1": ("1/h", 0.0),
    "to_m2": ("1/h", "to_m2"),
    "back_to_m1": ("1/h", 0.0),
    "tnf_secretion": ("ag/h", "tnf_m1"),
    "il10_secretion": ("ag/h", "il10_m2"),
    "iron_release": ("fold", 1.0),
}
MONOCYTE_BEHAVIOURS: dict[str, tuple[str, float | str]] = {"recruitment": ("1/h", 0.0)}

KEEP, DIE, DIVIDE = 0, 1, 2
TURNS = 8  # changes of polarisation in one step at most


class Macrophage(Cell):
    """Handle on one macrophage; its attributes are the columns of :data:`COLUMNS`."""

    columns = COLUMNS


@kernel
def recycle(dt, p, ferroportin, gained, b_release, iron, stored, released):  # type: ignore[no-untyped-def]
    """Add the iron of engulfed red cells to each cell, store what is too much and release iron to plasma.

    Parameters
    ----------
    ferroportin : float
        Ferroportin under hepcidin, 1 in health.
    gained : float
        Iron that each cell takes up in the step, fmol.
    b_release : ndarray, shape (n,)
        Factor on the release of iron in passing.
    iron, stored : ndarray, shape (n,)
        All iron of the cell, and the part in slow stores, fmol.
    released : ndarray, shape (n,)
        Written: iron that left to plasma, fmol.
    """
    per_day = np.log(2.0) / 24.0 * dt
    opened = ferroportin**p.release_power
    out, put = per_day / p.release_half_life * opened, per_day / p.store_half_time
    back = per_day / p.store_half_life * opened
    back /= 1.0 + back
    put *= 1.0 - back
    for i in range(iron.size):
        full = iron[i] + gained
        # implicit, first as if nothing were stored
        supply = full - stored[i] + back * stored[i]
        leaving = out * b_release[i]
        passing = supply / (1.0 + leaving)
        if passing > p.store_threshold:
            passing = (supply + put * p.store_threshold) / (1.0 + leaving + put)
        released[i] = leaving * passing
        iron[i] = full - released[i]
        stored[i] = max(0.0, iron[i] - passing)


@kernel
def polarise(dt, seed, tick, p, b_to_m1, b_to_m2, b_back, shortage, key, lineage, polarisation, fate):  # type: ignore[no-untyped-def]
    """Draw changes of polarisation (several in a long step), deaths of recruited and renewal of Kupffer cells.

    Parameters
    ----------
    b_to_m1, b_to_m2, b_back : ndarray, shape (n,)
        Rates resting to M1, M1 to M2, and M2 to M1, 1/h.
    shortage : float
        Missing share of the healthy number of Kupffer cells.
    fate : ndarray of int8, shape (n,)
        Written: KEEP, DIE or DIVIDE.
    """
    zero, one = np.uint64(0), np.uint64(1)
    day = 24.0 / np.log(2.0)
    for i in range(key.size):
        fate[i] = KEEP
        calm = 1.0 / (day * p.calming_half_life) if lineage[i] == KUPFFER else 0.0
        left = dt
        for turn in range(TURNS):
            state = polarisation[i]
            if state == RESTING:
                rate = b_to_m1[i]
            elif state == M1:
                rate = b_to_m2[i]
            else:
                rate = b_back[i] + calm
            if rate <= 0.0:
                break
            left += np.log(1.0 - uniform(seed, POLARISATION, tick, key[i], np.uint64(2 * turn))) / rate
            if left < 0.0:
                break
            if state == RESTING:
                polarisation[i] = M1
            elif state == M1:
                polarisation[i] = M2
            else:
                u = uniform(seed, POLARISATION, tick, key[i], np.uint64(2 * turn + 1))
                polarisation[i] = M1 if u * rate < b_back[i] else RESTING
        if lineage[i] == RECRUITED:
            half_life = p.m2_half_life if polarisation[i] == M2 else p.m1_half_life
            if uniform(seed, DEATH, tick, key[i], zero) < 1.0 - np.exp(-dt / (day * half_life)):
                fate[i] = DIE
        elif shortage > 0.0:
            rate = shortage / (day * p.renewal_half_time)
            if uniform(seed, DIVISION, tick, key[i], one) < 1.0 - np.exp(-rate * dt):
                fate[i] = DIVIDE


@kernel
def digest(strength, site, polarisation, neighbours, collagenase):  # type: ignore[no-untyped-def]
    """Add the collagenase of M2 cells to `collagenase`, shape (n_sites,): all at their site, as much around it."""
    for i in range(site.size):
        if polarisation[i] != M2:
            continue
        collagenase[site[i]] += strength
        for k in range(neighbours.shape[1]):
            j = neighbours[site[i], k]
            if j >= 0:
                collagenase[j] += strength / (neighbours[j] >= 0).sum()


@kernel
def arrive(dt, seed, tick, b_recruitment, room, site, key):  # type: ignore[no-untyped-def]
    """Draw the monocytes that leave the blood at each site in this step.

    Returns
    -------
    int
        Number of arrivals, at most the length of `site` and `key`, which receive sites and keys.
    """
    n = 0
    for j in range(b_recruitment.size):
        mean = b_recruitment[j] * dt
        if room[j] <= 0 or mean <= 0.0:
            continue
        count = min(poisson(mean, seed, RECRUITMENT, tick, np.uint64(j)), room[j])
        for slot in range(count):
            if n == site.size:
                return n
            site[n] = j
            key[n] = mix(mix(mix(RECRUITMENT, np.uint64(j)), tick), np.uint64(slot))
            n += 1
    return n


@kernel
def engulf(dt, p, order, site, engulfed, engulfed_msc, iron, neighbours, bodies, msc_bodies, debris):  # type: ignore[no-untyped-def]
    """Let each macrophage take up dead cells, with their iron, at its site and next to it, serially in `order`.

    Parameters
    ----------
    bodies, msc_bodies, debris : ndarray, shape (n_sites,)
        Dead cells, dead MSC and the iron in them (fmol); what is eaten leaves them.

    Returns
    -------
    float
        Iron taken up, fmol.
    """
    total = 0.0
    digested = np.exp(-np.log(2.0) / p.digestion_half_life * dt)
    for i in order:
        engulfed[i] *= digested
        engulfed_msc[i] *= digested
        hunger = p.appetite * dt
        for k in range(-1, neighbours.shape[1]):
            j = site[i] if k < 0 else neighbours[site[i], k]
            if j < 0 or hunger <= 0.0:
                continue
            there = bodies[j] + msc_bodies[j]
            if there <= 0.0:
                continue
            share = min(1.0, hunger / there)
            hunger -= share * there
            engulfed[i] += share * bodies[j]
            engulfed_msc[i] += share * msc_bodies[j]
            taken = share * debris[j]
            iron[i] += taken
            total += taken
            bodies[j] *= 1.0 - share
            msc_bodies[j] *= 1.0 - share
            debris[j] -= taken
    return total
