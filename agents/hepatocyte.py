"""Hepatocytes: iron in and out, redox state, death, and renewal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents.cell import Cell
from lobule.agents.chance import DEATH, DIRECTION, DIVISION, SENESCENCE, uniform
from lobule.agents.declare import Column, Parameter, Parameters
from lobule.agents.jit import kernel

COLUMNS = {
    "iron": Column("float64", "fmol", 0.0, "all iron in the cell"),
    "iron_uptake": Column("float64", "fmol/h", 0.0, "iron taken up in the last step"),
    "labile": Column("float64", "fmol", 0.0, "chelatable iron, part of iron"),
    "ferritin": Column("float64", "fmol", 0.0, "iron in ferritin, part of iron"),
    "haemosiderin": Column("float64", "fmol", 0.0, "iron in haemosiderin, part of iron"),
    "labile_fold": Column("float64", "fold", 1.0, "labile iron pool over that of a normal cell"),
    "redox": Column("float64", "fold", 1.0, "oxidant load over antioxidant capacity, 1 in health"),
    "antioxidant": Column("float64", "-", 1.0, "antioxidant capacity (glutathione, GPX4), 1 in health"),
    "peroxide": Column("float64", "-", 0.0, "peroxidised membrane lipid"),
    "dna_damage": Column("float64", "fold", 1.0, "oxidised bases of the DNA over those of a normal cell"),
    "mutations": Column(
        "float64", "-", 0.0, "mutations beyond a healthy cell's: at each division its damage above 1"
    ),
    "senescent": Column("uint8", "-", 0, "1 when the cell no longer divides"),
    "cycle": Column("float64", "h", -1.0, "time since the cell committed to division, -1 when it has not"),
}

PARAMETERS = Parameters(
    "hepatocyte",
    "Hepatocytes",
    volume=Parameter(5.4, "pL", 3.4, 10.0, "cytoplasm of one hepatocyte", "derived: 77 % of tissue volume per hepatocyte (Weibel 1969)", {"human": 6.1, "rat": 6.3}),
    uptake_clearance=Parameter(0.262, "pL/s", 0.05, 0.6, "NTBI clearance of one cell", "derived: 90 % single-pass extraction in vivo at the plasma flow of one hepatocyte; 58-75 % in haemoglobin-free perfusion at higher flow (Brissot 1985)", {"human": 0.205, "rat": 0.24}),
    uptake_km=Parameter(1.25, "uM", 1.1, 22.0, "NTBI for half-maximal uptake", "Barisani 1995, rat hepatocytes"),
    ntbi_highest=Parameter(10.0, "uM", 5.0, 200.0, "NTBI of portal blood above which hepatocytes count as saturated and other tissue takes the rest", "assumed: 8 times uptake_km, and the highest assayed in thalassaemia major (1-10 uM)"),
    uptake_hfe_factor=Parameter(1.0, "-", 1.0, 2.0, "NTBI clearance of Hfe-/- cells over wild type", "1: liver perfusion in vivo is already flow-limited; cultured Hfe-/- cells take up 1.9 times as much (Chua 2004)"),
    uptake_saturation=Parameter(450.0, "fmol", 100.0, 1000.0, "own iron that halves NTBI uptake", "assumed (15-35 pg); iron-loaded cells take up less (Chua 2006)"),
    transferrin_saturation_iron=Parameter(60.0, "fmol", 10.0, 500.0, "own iron that halves the share in transferrin iron", "assumed: transferrin receptor falls with cell iron"),
    export_rate=Parameter(0.036, "fmol/h", 0.005, 0.2, "ferroportin export of a normal cell", "derived: 7.9 ug/day from the adult mouse liver (ferrokinetic model of Parmar 2017); man: what keeps the liver of the reference level", {"human": 0.0147}),
    export_half_iron=Parameter(5.0, "fmol", 1.0, 50.0, "own iron at which export is half", "assumed: export vanishes with the store"),
    labile_normal=Parameter(0.2, "uM", 0.1, 5.0, "labile iron of a normal cell", "Zanninelli 2002, rat"),
    labile_max=Parameter(1.8, "fold", 1.5, 3.0, "labile iron of a full cell", "Zanninelli 2002: x1.8 while ferritin rose x19"),
    labile_half_iron=Parameter(132.0, "fmol", 50.0, 300.0, "iron above normal for half the rise of labile iron", "assumed: 7.4 pg, near the 60 umol/g at which stellate cells wake (Ramm 1997)"),
    normal_iron=Parameter(15.0, "fmol", 5.0, 60.0, "iron of a normal cell", "derived: 370-440 ug/g dry weight in the mouse (Zhou 1998)", {"human": 40.0}),
    haemosiderin_threshold=Parameter(390.0, "fmol", 100.0, 1000.0, "iron above which ferritin turns to haemosiderin", "recalled: above about 10 mg/g a growing share"),
    haemosiderin_half_time=Parameter(90.0, "d", 10.0, 365.0, "half-time of that", "assumed"),
    chelation_rate=Parameter(0.00016, "1/h", 0.0, 0.01, "iron lost to saturating chelator when labile iron is at its maximum; so fast do other stores lose what they hold beyond health", "fit: about 4.2 mg/g less than with placebo after a year of 11.5 mg/kg deferasirox (THALASSA, Taher 2012); other stores assumed alike"),
    chelator_half=Parameter(100.0, "uM", 1.0, 300.0, "chelator for half effect", "fit: twice the dose of deferasirox takes about twice the iron (THALASSA, Taher 2012)"),
    apoptosis=Parameter(1.46e-4, "1/h", 2e-5, 5e-4, "death of a healthy cell, without leak", "hepatocytes live 200-400 d in the mouse (Malato 2011), under 3 years in man (Heinke 2022)", {"human": 3.75e-5}),
    division=Parameter(0.01, "1/h", 0.001, 0.035, "commitment to division beside vacant sites without growth factors", "assumed; up to 0.035 with them, from partial hepatectomy"),
    full_vacancy=Parameter(2.0, "sites", 1.0, 6.0, "vacant neighbour sites at which the division rate is reached", "assumed"),
    antioxidant_recovery=Parameter(0.058, "1/h", 0.01, 0.2, "recovery of antioxidant capacity", "assumed: half-time 12 h"),
    antioxidant_loss=Parameter(0.15, "-", 0.0, 0.2, "loss of antioxidant capacity per unit redox excess, over its recovery", "assumed; above 0.2 the redox state runs away"),
    antioxidant_pericentral=Parameter(0.85, "-", 0.5, 1.0, "antioxidant capacity of zone 3 over zone 1", "assumed: pericentral glutathione is lower; half in one published lobule model"),
    redox_max=Parameter(5.0, "fold", 2.0, 10.0, "largest redox state", "assumed cap"),
    peroxidation_rate=Parameter(0.02, "1/h", 0.0, 0.2, "lipid peroxidation per unit labile-iron and redox excess", "assumed"),
    peroxide_repair=Parameter(0.1, "1/h", 0.01, 1.0, "repair by GPX4 at full antioxidant capacity", "assumed"),
    senescence_rate=Parameter(5e-6, "1/h", 0.0, 1e-4, "senescence per unit redox excess", "assumed"),
    cycle_time=Parameter(30.0, "h", 24.0, 48.0, "from commitment to daughter cells", "recalled: 24-36 h"),
    oxygen_use=Parameter(0.432, "fmol/s", 0.1, 0.8, "oxygen consumption", "3.5 umol/min/g over 1.35e8 cells/g (recalled); man 2.0 umol/min/g", {"human": 0.28, "rat": 0.36}),
    oxygen_portal=Parameter(1.4, "-", 1.0, 1.6, "oxygen use next to the portal tract over the mean", "Matsumura and Thurman 1983: 2.2 against 0.93 umol/min/g"),
    oxygen_km=Parameter(2.0, "mmHg", 0.5, 4.0, "oxygen tension for half consumption", "recalled: 1-3 mmHg"),
    ros_scavenging=Parameter(300.0, "pL/h", 50.0, 2000.0, "clearance of extracellular ROS by one cell (catalase, GSH)", "assumed"),
    ev_uptake=Parameter(20.0, "pL/h", 1.0, 200.0, "clearance of extracellular vesicles by one cell", "assumed"),
    necrosis_damp=Parameter(20000.0, "ag", 1000.0, 60000.0, "alarm signal (HMGB1) set free by one lytic death", "assumed: a cell holds about a million molecules of 30 kDa, 50 fg"),
    leak_half_life=Parameter(3.0, "h", 0.5, 12.0, "half-life of the alarm signals still held in a cell that has burst", "assumed: passive release of HMGB1 takes hours"),
    necrosis_tgfb=Parameter(60.0, "ag", 0.0, 500.0, "latent TGF-b activated at one dying cell", "assumed"),
    toxin_hazard=Parameter(0.8, "1/h", 0.0, 1.0, "necrosis of a CYP2E1-rich cell at unit carbon tetrachloride", "fit with the deposition of collagen (Iredale 1998, Dias 2008): about a quarter of hepatocytes die after one dose"),
    hepatitis_lytic=Parameter(0.5, "-", 0.0, 1.0, "share of the deaths of chronic hepatitis that are lytic", "assumed; ALT is then about 60 IU/L in man at 0.2 % of hepatocytes a day"),
    interface_hepatitis=Parameter(2.0, "-", 1.0, 10.0, "hazard of viral hepatitis at the portal tract over that at the central vein", "assumed: all zones, with interface hepatitis"),
    central_hepatitis=Parameter(4.0, "-", 1.0, 20.0, "hazard of metabolic hepatitis at the central vein over that at the portal tract", "assumed: ballooning and early scar lie in zone 3"),
    cyp2e1_edge=Parameter(0.67, "-", 0.4, 0.9, "portal-central coordinate of half-maximal CYP2E1", "zone 3"),
    cyp2e1_width=Parameter(0.05, "-", 0.01, 0.2, "width of that edge", "assumed"),
)  # fmt: skip

SIGNALS = {"labile_excess": "fold", "redox_excess": "fold", "peroxide": "-", "toxin": "-", "ethanol": "-"}
#: Behaviour: unit, and the value without signals (a parameter's name where it is a number of its own).
BEHAVIOURS: dict[str, tuple[str, float | str]] = {
    "oxidative_load": ("fold", 0.0),
    "antioxidant_recovery": ("1/h", "antioxidant_recovery"),
    "iron_export": ("-", 1.0),
    "apoptosis": ("1/h", "apoptosis"),
    "necrosis": ("1/h", 0.0),
    "ferroptosis": ("1/h", 0.0),
    "division": ("1/h", "division"),
    "ros_secretion": ("fmol/h", 0.0),
    "damp_secretion": ("ag/h", 0.0),
    "ccl2_secretion": ("ag/h", 0.0),
}

ALIVE, APOPTOSIS, NECROSIS, FERROPTOSIS = 0, 1, 2, 3


class Hepatocyte(Cell):
    """Handle on one hepatocyte; its attributes are the columns of :data:`COLUMNS`."""

    columns = COLUMNS


def transferrin_weight(
    dt: float, p: Any, iron: NDArray[np.float64], uptake: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the relative uptake of transferrin iron of each cell, 1 in a normal one.

    It falls with the iron (fmol) that the cell will hold after `dt` hours of its last uptake (fmol/h).
    """
    k = p.transferrin_saturation_iron
    return (1.0 + p.normal_iron / k) / (1.0 + (iron + dt * uptake) / k)


def cyp2e1(p: Any, portal_central: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the activity of CYP2E1 at places between portal tract (0) and central vein (1), 0 to 1."""
    return 1.0 / (1.0 + np.exp((p.cyp2e1_edge - portal_central) / p.cyp2e1_width))


def chelatable(dt: float, p: Any, iron: NDArray[np.float64], chelator: NDArray[np.float64]) -> float:
    """Return the iron (fmol) that cells with `iron` (fmol) would give to `chelator` (uM) in `dt` hours."""
    above = np.maximum(0.0, iron - p.normal_iron)
    rate = p.chelation_rate * above / (above + p.labile_half_iron) * chelator / (chelator + p.chelator_half)
    return float(dt * (rate * iron).sum())


@kernel
def export(dt, p, ferroportin, b_export, iron, uptake, fold, exported):  # type: ignore[no-untyped-def]
    """Let each cell release iron through ferroportin.

    A cell exchanges more iron with plasma in a day than it keeps. So that a long step finds the same balance as
    a short one, export goes on from the iron that the cell will hold if it takes up as much as in the last step.

    Parameters
    ----------
    ferroportin : float
        Ferroportin under hepcidin, 1 in health.
    b_export, uptake : ndarray, shape (n,)
        Factor on export; iron taken up in the last step (fmol/h).
    exported : ndarray, shape (n,)
        Written: iron that left to plasma (fmol), never more than there is.
    """
    for i in range(iron.size):
        full = iron[i] + dt * uptake[i]
        most = dt * p.export_rate * ferroportin * b_export[i] * fold[i]
        # what is left solves  left + most left / (left + K) = full
        b = 0.5 * (full - most - p.export_half_iron)
        left = b + np.sqrt(b * b + full * p.export_half_iron)
        exported[i] = min(iron[i], max(0.0, full - left))
        iron[i] -= exported[i]


@kernel
def store(dt, p, chelator, bound_share, gained, iron, uptake, labile, ferritin, haemosiderin, fold, chelated):  # type: ignore[no-untyped-def]
    """Book uptake and chelation of each cell, and divide its iron among its stores.

    Parameters
    ----------
    chelator, gained : ndarray, shape (n,)
        Chelator at the cell (uM), iron taken up in the step (fmol).
    bound_share : float
        Factor on chelation, below 1 when the drug in the body could not bind all that cells would give.
    uptake, chelated : ndarray, shape (n,)
        Written: iron taken up (fmol/h); iron that left with the chelator (fmol), never more than there is.
    """
    for i in range(iron.size):
        uptake[i] = gained[i] / dt
        full = iron[i] + gained[i]
        above = max(0.0, full - p.normal_iron)
        excess = above / (above + p.labile_half_iron)  # of labile iron before the chelator has bound any
        k = bound_share * p.chelation_rate * excess * chelator[i] / (chelator[i] + p.chelator_half)
        iron[i] = full / (1.0 + dt * k)
        chelated[i] = dt * k * iron[i]
        above = max(0.0, iron[i] - p.normal_iron)
        rise = (p.labile_max - 1.0) * above / (above + p.labile_half_iron)
        fold[i] = 1.0 + rise / (1.0 + chelator[i] / p.chelator_half)
        labile[i] = min(iron[i], fold[i] * p.labile_normal * p.volume * 1e-3)
        stored = iron[i] - labile[i]
        rate = np.log(2.0) / (24.0 * p.haemosiderin_half_time)
        turned = (1.0 - np.exp(-rate * dt)) * max(0.0, stored - p.haemosiderin_threshold - haemosiderin[i])
        haemosiderin[i] = min(stored, haemosiderin[i] + turned)
        ferritin[i] = stored - haemosiderin[i]


@kernel
def oxidise(dt, p, capacity, b_load, b_recovery, fold, redox, antioxidant, peroxide):  # type: ignore[no-untyped-def]
    """Advance redox state, antioxidant capacity and lipid peroxide of each cell by `dt` hours.

    The redox state is ``(1 + load) / antioxidant``; capacity is lost to it and recovers to `capacity`, the
    healthy value at the cell's place. Linearly implicit, so any step is stable.
    """
    for i in range(redox.size):
        k = b_recovery[i]
        loss = p.antioxidant_loss * p.antioxidant_recovery * max(0.0, redox[i] - 1.0)
        antioxidant[i] = (antioxidant[i] + dt * k) / (1.0 + dt * (k + loss))
        redox[i] = min(p.redox_max, (1.0 + b_load[i] / capacity[i]) / antioxidant[i])
        drive = fold[i] * redox[i] - 1.0
        made = p.peroxidation_rate * max(0.0, drive) * (1.0 - antioxidant[i])
        peroxide[i] = (peroxide[i] + dt * made) / (1.0 + dt * p.peroxide_repair * antioxidant[i])


@kernel
def decide_deaths(  # type: ignore[no-untyped-def]
    dt, seed, tick, p, toxin, b_apoptosis, b_necrosis, b_ferroptosis, key, redox, senescent, fate
):
    """Draw who dies in this step and how, and who turns senescent.

    Parameters
    ----------
    toxin : ndarray, shape (n,)
        Carbon tetrachloride times CYP2E1 at the cell.
    fate : ndarray of int8, shape (n,)
        Written: ALIVE, APOPTOSIS, NECROSIS or FERROPTOSIS.
    """
    zero = np.uint64(0)
    for i in range(key.size):
        apoptosis = b_apoptosis[i]
        necrosis = b_necrosis[i] + p.toxin_hazard * toxin[i]
        total = apoptosis + necrosis + b_ferroptosis[i]
        fate[i] = ALIVE
        u = uniform(seed, DEATH, tick, key[i], zero)
        death = 1.0 - np.exp(-total * dt)
        if u < death:
            share = u / death * total
            fate[i] = (
                APOPTOSIS if share < apoptosis else NECROSIS if share < apoptosis + necrosis else FERROPTOSIS
            )
        hazard = p.senescence_rate * max(0.0, redox[i] - 1.0)
        if hazard > 0.0 and uniform(seed, SENESCENCE, tick, key[i], zero) < 1.0 - np.exp(-hazard * dt):
            senescent[i] = 1


@kernel
def enter_cycle(dt, seed, tick, p, b_division, demand, key, site, senescent, cycle, neighbours, vacant):  # type: ignore[no-untyped-def]
    """Advance the cell cycle; a cell commits at its division rate times the vacancy around it, or the demand.

    Parameters
    ----------
    demand : float
        Commitment that the whole liver asks for, over the division rate; 0 in a whole liver.
    neighbours : ndarray of int32, shape (n_sites, 8)
        Neighbour sites, -1 where there is none.
    vacant : ndarray of uint8, shape (n_sites,)
        1 where a hepatocyte could live and none does.
    """
    zero = np.uint64(0)
    for i in range(key.size):
        free = 0
        for k in range(neighbours.shape[1]):
            j = neighbours[site[i], k]
            if j >= 0 and vacant[j] == 1:
                free += 1
        if cycle[i] >= 0.0:
            cycle[i] += dt
        elif (free > 0 or demand > 0.0) and senescent[i] == 0:
            hazard = b_division[i] * max(demand, min(1.0, free / p.full_vacancy))
            waits = -np.log(1.0 - uniform(seed, DIVISION, tick, key[i], zero))
            if waits < hazard * dt:
                cycle[i] = dt - waits / hazard


@kernel
def divide(seed, tick, order, key, site, cycle, neighbours, vacant, parent, target):  # type: ignore[no-untyped-def]
    """Give each finished cell, a row in `order`, a vacant neighbour site for its daughter, one after another.

    Returns
    -------
    int
        Number of divisions; rows of the mothers are in `parent`, sites of the daughters in `target`.
        A cell whose room was taken leaves the cycle.
    """
    n = 0
    for i in order:
        cycle[i] = -1.0
        free = 0
        for k in range(neighbours.shape[1]):
            j = neighbours[site[i], k]
            if j >= 0 and vacant[j] == 1:
                free += 1
        if free == 0:
            continue
        pick = int(uniform(seed, DIRECTION, tick, key[i], np.uint64(0)) * free)
        for k in range(neighbours.shape[1]):
            j = neighbours[site[i], k]
            if j >= 0 and vacant[j] == 1:
                if pick == 0:
                    vacant[j] = 0
                    parent[n] = i
                    target[n] = j
                    n += 1
                    break
                pick -= 1
    return n
