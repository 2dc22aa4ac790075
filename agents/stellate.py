"""Hepatic stellate cells: quiescent, activated, myofibroblast; reversion, apoptosis, collagen."""

from __future__ import annotations

import numpy as np

from lobule.agents.cell import Cell
from lobule.agents.chance import DIVISION, FATE, STAGE, uniform
from lobule.agents.declare import Column, Parameter, Parameters
from lobule.agents.jit import kernel

ACTIVATED, MYOFIBROBLAST, LAST_STAGE = 1, 8, 14

COLUMNS = {
    "stage": Column("int8", "-", 0, "0 quiescent, 1-7 activated, 8-14 myofibroblast"),
    "primed": Column("uint8", "-", 0, "1 when the cell was a myofibroblast before: it wakes faster"),
    "from_msc": Column(
        "uint8", "-", 0, "1 when it, or the cell it descends from, was a mesenchymal stem cell"
    ),
    "drive": Column("float64", "-", 0.0, "activating drive the cell last felt"),
}

_KAPPA = "a published rule-based model of stellate cells (Bougueon), fitted to Kisseleva 2012"

PARAMETERS = Parameters(
    "stellate",
    "Hepatic stellate cells and myofibroblasts",
    per_hundred=Parameter(9.0, "1/100 hepatocytes", 5.0, 13.0, "stellate cells in health", "8-13; 5-8 % of all liver cells (Geerts 2001, Blouin 1977)"),
    stage_half_life=Parameter(17.0, "h", 5.0, 50.0, "half-life of each of the 14 stages at full drive", _KAPPA),
    threshold=Parameter(0.1, "-", 0.0, 0.5, "drive below which nothing happens", "assumed: the healthy liver is quiet"),
    calm=Parameter(0.4, "-", 0.05, 1.5, "drive above the threshold at which no activated cell reverts", "assumed"),
    reversal_half_life=Parameter(3.54, "d", 1.0, 10.0, "half-life of an activated cell whose stimulus stopped", _KAPPA),
    reversion=Parameter(0.45, "-", 0.2, 0.6, "share of those that turn quiescent, the rest dying", "Kisseleva 2012, Troeger 2012; " + _KAPPA),
    reversion_primed=Parameter(0.05, "-", 0.0, 0.3, "that share in a cell activated for the second time", _KAPPA),
    priming=Parameter(3.5, "-", 1.0, 5.0, "speed of re-activation over a first one", _KAPPA),
    recovery_half_life=Parameter(75.0, "d", 20.0, 200.0, "half-time in which quiescent cells make up lost numbers", _KAPPA),
    division_activated=Parameter(0.0009, "1/h", 0.0, 0.03, "division of an activated cell without PDGF", "assumed: half the rate of a 15.5 d doubling time (Bougueon)"),
    division_myofibroblast=Parameter(0.00045, "1/h", 0.0, 0.03, "division of a myofibroblast without PDGF", "assumed: half the rate of a 31 d doubling time (Bougueon)"),
    cap=Parameter(4.0, "-", 2.0, 10.0, "most stellate cells over the healthy number", "assumed"),
    deposition_activated=Parameter(0.7, "% area/h", 0.0, 1.0, "collagen laid down by one activated cell at pace 1 (`matrix.pace`), as area of one site", "rodents: fit to 5-9 % of area after 4 weeks of CCl4 (Iredale 1998) and 12.6 % after 15 with ethanol (Dias 2008); man: assumed", {"human": 0.5}),
    deposition_myofibroblast=Parameter(2.0, "% area/h", 0.0, 3.0, "collagen laid down by one myofibroblast at pace 1, as area of one site", "rodents: fit to 5-9 % of area after 4 weeks of CCl4 (Iredale 1998) and 12.6 % after 15 with ethanol (Dias 2008); man: assumed", {"human": 1.4}),
    reach=Parameter(0.6, "-", 0.0, 0.86, "share of its collagen that a cell lays down next to its site", "assumed: stellate processes span 50-100 um"),
    tgfb_myofibroblast=Parameter(1.0, "ag/h", 0.5, 200.0, "TGF-b activated around one myofibroblast where nothing is inflamed", "assumed: low, so that scar without injury does not sustain itself"),
    tgfb_activated_share=Parameter(0.25, "-", 0.0, 1.0, "TGF-b activated around an activated cell over a myofibroblast", "assumed"),
    pdgf_activated=Parameter(1.0, "ag/h", 0.0, 1000.0, "PDGF of one activated cell or myofibroblast", "assumed"),
    hgf_quiescent=Parameter(100.0, "ag/h", 50.0, 200.0, "HGF of one quiescent cell", "recalled: 0.05-0.2 fg/h"),
    migration_bias=Parameter(0.3, "-", 0.0, 1.0, "share of its moves that go up the alarm signal", "assumed: a biased random walk"),
    migration=Parameter(0.005, "1/h", 0.0, 0.5, "moves of an activated cell to a neighbouring site up the alarm signal", "assumed: 23 um every eight days"),
)  # fmt: skip

SIGNALS: dict[str, str] = {}
BEHAVIOURS: dict[str, tuple[str, float | str]] = {
    "activation": ("-", 0.0),
    "deposition": ("-", 1.0),
    "tgfb_activation": ("ag/h", "tgfb_myofibroblast"),
    "division_activated": ("1/h", "division_activated"),
    "division_myofibroblast": ("1/h", "division_myofibroblast"),
}

KEEP, DIE, DIVIDE = 0, 1, 2


class StellateCell(Cell):
    """Handle on one stellate cell; its attributes are the columns of :data:`COLUMNS`."""

    columns = COLUMNS


@kernel
def change_stage(dt, seed, tick, p, b_activation, key, stage, primed, drive, fate):  # type: ignore[no-untyped-def]
    """Advance or revert each cell's stage and decide who dies.

    A driven cell walks through 14 stages, several in one long step if need be; a cell whose drive has gone
    leaves the activated state with the reversal half-life, to quiescence or death.

    Parameters
    ----------
    b_activation : ndarray, shape (n,)
        Activating drive, 0 to about 1.5.
    fate : ndarray of int8, shape (n,)
        Written: KEEP or DIE.
    """
    k_stage = np.log(2.0) / p.stage_half_life
    k_reverse = np.log(2.0) / (24.0 * p.reversal_half_life)
    for i in range(key.size):
        fate[i] = KEEP
        drive[i] = b_activation[i]
        felt = b_activation[i] - p.threshold
        if felt > 0.0 and stage[i] < LAST_STAGE:
            rate = k_stage * felt * (p.priming if primed[i] == 1 else 1.0)
            left = dt
            for draw in range(LAST_STAGE):
                u = uniform(seed, STAGE, tick, key[i], np.uint64(draw))
                left += np.log(1.0 - u) / rate
                if left < 0.0 or stage[i] == LAST_STAGE:
                    break
                stage[i] += 1
        calm = max(0.0, 1.0 - max(0.0, felt) / p.calm)
        if stage[i] > 0 and calm > 0.0:
            u = uniform(seed, FATE, tick, key[i], np.uint64(0))
            leave = 1.0 - np.exp(-k_reverse * calm * dt)
            if u < leave:
                share = p.reversion_primed if primed[i] == 1 else p.reversion
                if u / leave < share or stage[i] < MYOFIBROBLAST:
                    primed[i] = 1 if stage[i] >= MYOFIBROBLAST else primed[i]
                    stage[i] = 0
                else:
                    fate[i] = DIE


@kernel
def decide_numbers(dt, seed, tick, p, b_activated, b_myofibroblast, shortage, crowding, key, stage, fate):  # type: ignore[no-untyped-def]
    """Draw which cells divide, and which quiescent ones die because there are too many.

    Parameters
    ----------
    shortage : float
        Missing share of the healthy number; quiescent cells make it up slowly. Below 0 the surplus, as a share
        of the cells there are, which fades as slowly.
    crowding : float
        1 when there is room, 0 at the cap of the population.
    """
    for i in range(key.size):
        if fate[i] != KEEP:
            continue
        if stage[i] >= MYOFIBROBLAST:
            rate = b_myofibroblast[i] * crowding
        elif stage[i] >= ACTIVATED:
            rate = b_activated[i] * crowding
        else:
            rate = np.log(2.0) / (24.0 * p.recovery_half_life) * abs(shortage)
        if rate > 0.0 and uniform(seed, DIVISION, tick, key[i], np.uint64(0)) < 1.0 - np.exp(-rate * dt):
            fate[i] = DIVIDE if stage[i] >= ACTIVATED or shortage > 0.0 else DIE


@kernel
def deposit(p, b_deposition, site, stage, neighbours, out):  # type: ignore[no-untyped-def]
    """Add the collagen that each cell lays down to `out` (% area/h, shape (n_sites,)).

    A share of it falls on the neighbouring sites, which the cell's processes reach; where there is no
    neighbour it stays on the cell's own site.
    """
    for i in range(site.size):
        if stage[i] < ACTIVATED:
            continue
        rate = p.deposition_myofibroblast if stage[i] >= MYOFIBROBLAST else p.deposition_activated
        rate *= b_deposition[i]
        here = site[i]
        out[here] += rate * (1.0 - p.reach)
        for k in range(6):
            j = neighbours[here, k]
            out[j if j >= 0 else here] += rate * p.reach / 6.0
