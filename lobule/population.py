"""The four populations of the sections: where cells are put, how they die, divide, arrive and move."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents import genome, hepatocyte, macrophage, msc, stellate
from lobule.agents.cell import Cell
from lobule.agents.chance import INITIAL, daughter_key, mix, uniform
from lobule.agents.jit import kernel
from lobule.agents.migration import climb
from lobule.agents.table import CellTable
from lobule.geometry import PARENCHYMA, PORTAL_TRACT, Tissue
from lobule.units import LN2

CELLS: dict[str, type[Cell]] = {
    "hepatocyte": hepatocyte.Hepatocyte,
    "stellate": stellate.StellateCell,
    "macrophage": macrophage.Macrophage,
    "msc": msc.MSC,
}
POOL = {"hepatocyte": "hepatocytes", "macrophage": "macrophages", "msc": "msc"}
IRON_COLUMNS = {
    "hepatocyte": ("iron", "labile", "ferritin", "haemosiderin"),
    "macrophage": ("iron", "stored"),
    "msc": ("iron",),
}


@kernel
def _initial_keys(seed, kind, n, keys, chance):  # type: ignore[no-untyped-def]
    """Fill the keys of the first `n` cells of a kind and one uniform number for each."""
    for i in range(n):
        keys[i] = mix(mix(mix(INITIAL, np.uint64(kind)), np.uint64(i)), seed)
        chance[i] = uniform(seed, INITIAL, np.uint64(kind), np.uint64(i), np.uint64(0))


class Population:
    """All cells of the sections, and what is left of the dead.

    Parameters
    ----------
    tissue : Tissue
        Sites.
    values : mapping of str to named tuple
        Parameter values by group.
    liver_iron : float
        Iron per hepatocyte at the start, fmol, that of the macrophages aside.
    macrophage_iron : float
        Iron per macrophage at the start, fmol.
    seed : uint64
        Seed of the run.

    Attributes
    ----------
    tables : dict of str to CellTable
        The populations by name.
    debris : dict of str to ndarray, shape (n_sites,)
        ``iron`` (fmol), ``bodies`` and ``msc_bodies`` of dead cells not yet cleared.
    pulse : dict of str to ndarray, shape (n_sites,)
        ``damp`` and ``tgfb`` (ag) that burst cells still hold.
    """

    def __init__(
        self, tissue: Tissue, values: Any, liver_iron: float, macrophage_iron: float, seed: Any
    ) -> None:
        self.tissue, self.values = tissue, values
        n = tissue.n_sites
        self.parenchyma = (tissue.kind == PARENCHYMA).astype(np.uint8)
        self._room = np.where(tissue.kind <= PORTAL_TRACT, int(values["geometry"].crowding), 0)
        self.tables = {name: CellTable(name, cls.columns) for name, cls in CELLS.items()}
        self.debris = {name: np.zeros(n) for name in ("iron", "bodies", "msc_bodies")}
        self.pulse = {name: np.zeros(n) for name in ("damp", "tgfb")}
        self.n_hepatocytes = int(self.parenchyma.sum())
        self.normal = {
            "stellate": round(values["stellate"].per_hundred / 100.0 * self.n_hepatocytes),
            "macrophage": round(values["macrophage"].per_hundred / 100.0 * self.n_hepatocytes),
        }
        self._place(liver_iron, macrophage_iron, seed)

    def _place(self, liver_iron: float, macrophage_iron: float, seed: Any) -> None:
        sites = np.flatnonzero(self.parenchyma).astype(np.int32)
        capacity = np.ones(sites.size)
        keys, _ = self.draws(seed, 1, sites.size)
        p = self.values["hepatocyte"]
        labile = min(liver_iron, p.labile_normal * p.volume * 1e-3)
        self.tables["hepatocyte"].add(
            key=keys, site=sites, iron=liver_iron, labile=labile, ferritin=liver_iron - labile
        )
        keys, chance = self.draws(seed, 2, self.normal["stellate"])
        self.tables["stellate"].add(key=keys, site=self.choose(sites, capacity, chance))
        keys, chance = self.draws(seed, 3, self.normal["macrophage"])
        m = self.values["macrophage"]
        share = np.array([m.share_zone1, m.share_zone2, 1.0 - m.share_zone1 - m.share_zone2])
        zone = self.tissue.zone[sites] - 1
        density = share[zone] / np.bincount(zone, minlength=3)[zone]
        where = self.choose(sites, density, chance)
        self.tables["macrophage"].add(key=keys, site=where, iron=macrophage_iron)

    @staticmethod
    def draws(seed: Any, kind: int, n: int) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        """Return keys and uniform numbers for the first `n` of a `kind`, which numbers a use of chance."""
        keys, chance = np.empty(n, np.uint64), np.empty(n)
        _initial_keys(seed, kind, n, keys, chance)
        return keys, chance

    @staticmethod
    def choose(
        sites: NDArray[np.int32], weight: NDArray[np.float64], chance: NDArray[np.float64]
    ) -> NDArray[np.int32]:
        """Return a site for each uniform number in `chance`, drawn in proportion to `weight`."""
        total = np.cumsum(weight)
        return sites[np.minimum(np.searchsorted(total, chance * total[-1], side="right"), sites.size - 1)]

    def iron(self) -> dict[str, float]:
        """Return the iron of the sections by liver pool, fmol."""
        pools = {pool: float(self.tables[name]["iron"].sum()) for name, pool in POOL.items()}
        pools["debris"] = float(self.debris["iron"].sum())
        return pools

    def dilute(self, growth: float) -> None:
        """Share the iron of all cells with those that `growth` (a factor) adds to the whole liver."""
        for name, columns in IRON_COLUMNS.items():
            for column in columns:
                self.tables[name][column] /= growth
        self.debris["iron"] /= growth

    def vacant(self) -> NDArray[np.uint8]:
        """Return 1 for each site where a hepatocyte could live and none does."""
        free = self.parenchyma.copy()
        free[self.tables["hepatocyte"]["site"]] = 0
        return free

    def room(self) -> NDArray[np.int64]:
        """Return how many more stellate cells, macrophages and MSC find room at each site."""
        there = [self.tables[name]["site"] for name in ("stellate", "macrophage", "msc")]
        return self._room - np.bincount(np.concatenate(there), minlength=self._room.size)

    def _vacancies(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint64]]:
        """Return the room of each site, and arrays for the sites and keys of as many arrivals."""
        room = self.room()
        most = int(np.maximum(room, 0).sum())
        return room, np.empty(most, np.int32), np.empty(most, np.uint64)

    def bury(
        self,
        name: str,
        rows: NDArray[np.int64],
        lytic: NDArray[np.bool_] | None = None,
        bodies: NDArray[np.bool_] | bool = True,
    ) -> float:
        """Turn dead cells into debris of their site and return their iron (fmol).

        Parameters
        ----------
        name : str
            Cell type.
        rows : ndarray of int
            Rows of the dead.
        lytic : ndarray of bool, optional
            Which of them burst and set alarm signals free; none by default.
        bodies : ndarray of bool or bool
            Which of them leave a body; a cell that became another leaves none.
        """
        table = self.tables[name]
        sites = table["site"][rows]
        iron = 0.0
        if name in POOL:
            np.add.at(self.debris["iron"], sites, table["iron"][rows])
            iron = float(table["iron"][rows].sum())
        np.add.at(self.debris["msc_bodies" if name == "msc" else "bodies"], sites, bodies)
        p = self.values["hepatocyte"]
        if lytic is not None and lytic.any():
            np.add.at(self.pulse["damp"], sites[lytic], p.necrosis_damp)
            np.add.at(self.pulse["tgfb"], sites[lytic], p.necrosis_tgfb)
        table.remove(rows)
        return iron

    def leak(self, dt: float) -> dict[str, NDArray[np.float64]]:
        """Return what burst cells set free in `dt` hours, by signal and site (ag)."""
        share = 1.0 - np.exp(-LN2 * dt / self.values["hepatocyte"].leak_half_life)
        leaked = {}
        for name, held in self.pulse.items():
            leaked[name] = share * held
            held -= leaked[name]
        return leaked

    def renew_hepatocytes(
        self, seed: Any, tick: Any, vacant: NDArray[np.uint8], lacking: bool
    ) -> tuple[int, int]:
        """Divide the hepatocytes that are through their cycle; mother and daughter share the iron.

        Returns
        -------
        tuple of int
            Daughters put on vacant sites; and, where the liver is `lacking` lobules, those that found no
            room: they belong to new tissue, of which the sections are a sample.
        """
        table = self.tables["hepatocyte"]
        ready = np.flatnonzero(table["cycle"] >= self.values["hepatocyte"].cycle_time)
        if not ready.size:
            return 0, 0
        parent, target = np.empty(ready.size, np.int64), np.empty(ready.size, np.int32)
        n = hepatocyte.divide(
            seed,
            tick,
            ready[np.argsort(table["key"][ready])],
            table["key"],
            table["site"],
            table["cycle"],
            self.tissue.neighbours,
            vacant,
            parent,
            target,
        )
        grown = np.setdiff1d(ready, parent[:n]) if lacking else ready[:0]
        table["births"][grown] += np.uint64(1)
        genome.mutate(table["dna_damage"], table["mutations"], np.concatenate([parent[:n], grown]))
        if n:
            self._split("hepatocyte", parent[:n], site=target[:n], cycle=-1.0)
        return int(n), int(grown.size)

    def divide_in_place(self, name: str, rows: NDArray[np.int64]) -> None:
        """Divide cells that share their site with their daughter, where there is room for her."""
        if rows.size:
            table, room = self.tables[name], self.room()
            mothers = []
            for row in rows[np.argsort(table["key"][rows])]:
                if room[table["site"][row]] > 0:
                    room[table["site"][row]] -= 1
                    mothers.append(row)
            if mothers:
                self._split(name, np.array(mothers))

    def _split(self, name: str, parents: NDArray[np.int64], **changes: Any) -> None:
        table = self.tables[name]
        for column in IRON_COLUMNS.get(name, ()):
            table[column][parents] *= 0.5
        born = table.copy_rows(parents)
        table["births"][parents] += np.uint64(1)
        keys = [daughter_key(key, birth) for key, birth in zip(born["key"], born["births"], strict=True)]
        table.add(**{**born, "key": np.array(keys, np.uint64), "births": 0, "age": 0.0, **changes})

    def recruit(self, dt: float, seed: Any, tick: Any, rate: NDArray[np.float64], iron: float) -> int:
        """Let monocytes arrive at `rate` (cells per site and hour) with `iron` fmol each; return how many."""
        if not rate.any():
            return 0
        room, site, key = self._vacancies()
        n = macrophage.arrive(dt, seed, tick, rate, room, site, key)
        if n:
            self.tables["macrophage"].add(
                key=key[:n],
                site=site[:n],
                iron=iron,
                lineage=macrophage.RECRUITED,
                polarisation=macrophage.M1,
            )
        return int(n)

    def land_msc(
        self, mean: float, weight: NDArray[np.float64], number: int, seed: Any, tick: Any
    ) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
        """Draw where the cells of a dose, `mean` of them expected, find room by the `weight` of the sites.

        Returns
        -------
        site, key : ndarray
            Of each cell that found room.
        """
        room, site, key = self._vacancies()
        n = int(msc.seed_dose(mean, seed, tick, np.uint64(number), np.cumsum(weight), room, site, key))
        return site[:n], key[:n]

    def plugs(self) -> NDArray[np.float64]:
        """Return the resistance that MSC which stopped in sinusoids add to each site, over that in health."""
        table = self.tables["msc"]
        return np.bincount(table["site"], table["plug"], self._room.size).astype(
            float
        )  # of none: whole numbers

    def move(
        self, dt: float, seed: Any, tick: Any, alarm: NDArray[np.float64], ccl2: NDArray[np.float64]
    ) -> None:
        """Let activated stellate cells and roused macrophages climb the alarm signal, and MSC climb CCL2.

        MSC in a depot stay.
        """
        p = self.values
        wakeful = self.tables["stellate"]["stage"] >= stellate.ACTIVATED
        roused = self.tables["macrophage"]["polarisation"] != macrophage.RESTING
        loose = self.tables["msc"]["depot"] == 0
        if not (wakeful.any() or roused.any() or loose.any()):
            return
        room = self.room()
        for name, rate, bias, moves, signal in (
            ("stellate", p["stellate"].migration, p["stellate"].migration_bias, wakeful, alarm),
            ("macrophage", p["macrophage"].motility, p["macrophage"].motility_bias, roused, alarm),
            ("msc", p["msc"].homing, p["msc"].homing_bias, loose, ccl2),
        ):
            key, site, rows = self.tables[name]["key"], self.tables[name]["site"], np.flatnonzero(moves)
            order = rows[np.argsort(key[rows])]
            climb(dt, seed, tick, rate, bias, order, key, site, self.tissue.neighbours, room, signal)
