"""An hour of the hepatocytes, rules included, against whole-column NumPy and plain Mesa agents."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.mesa_cells import Liver
from benchmarks.peers.numpy_cells import Columns
from benchmarks.rounds import Section
from lobule.agents import hepatocyte
from lobule.agents.chance import DEATH, DIVISION, SENESCENCE, uniform
from lobule.agents.jit import kernel
from lobule.agents.table import CellTable
from lobule.geometry import PARENCHYMA, build_tissue
from lobule.parameters import GROUPS
from lobule.population import CELLS
from lobule.sensing import SITE_SIGNALS, Senses, rule_set

Floats = NDArray[np.float64]

BOUND = 1e-12
OUTPUTS = {"fate": np.int8, "exported": float, "chelated": float}
CHECKED = 5  # steps that both sides make before they are compared


@kernel
def draw(seed, purpose, tick, key, out):  # type: ignore[no-untyped-def]
    """Fill `out` with the uniform number of each key."""
    for i in range(key.size):
        out[i] = uniform(seed, purpose, tick, key[i], np.uint64(0))


class Hour:
    """Hepatocytes of all ages and loads, and what they sense in a step that is repeated.

    Signals are spread around the half-maxima of the rules and one site in twenty is vacant, so that every
    branch of the rules is taken by some cells.

    Parameters
    ----------
    lobules : int or (int, int)
        Size of the tissue, in lobules.
    """

    def __init__(self, lobules: Any = (3, 3), seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        tissue = build_tissue("mouse", lobules)
        values = {name: group.values("mouse") for name, group in GROUPS.items()}
        rules = rule_set(values)
        self.p = values["hepatocyte"]
        self.senses = Senses(rules, tissue.n_sites)
        self.compiled = rules.compile("hepatocyte")
        self.base = dict(rules.behaviours["hepatocyte"])
        room = np.flatnonzero(tissue.kind == PARENCHYMA)
        sites = room[rng.random(room.size) < 0.95].astype(np.int32)
        n = self.n = sites.size
        self.neighbours = tissue.neighbours
        self.vacant = (tissue.kind == PARENCHYMA).astype(np.uint8)
        self.vacant[sites] = 0

        self.site_signals = rng.lognormal(-1.0, 1.5, (tissue.n_sites, len(SITE_SIGNALS)))
        self.toxin = rng.exponential(0.2, n) * (rng.random(n) < 0.3)
        self.chelator, self.gained = rng.exponential(10.0, n), rng.exponential(0.3, n)
        place = tissue.portal_central[sites]
        self.capacity = 1.0 + (self.p.antioxidant_pericentral - 1.0) * place
        self.dt, self.seed, self.tick = 1.0, np.uint64(seed), np.uint64(7)
        self.ferroportin, self.bound_share = 0.8, 0.6

        iron = rng.lognormal(4.5, 1.0, n)
        self._start = CellTable("hepatocyte", hepatocyte.COLUMNS)
        self._start.add(
            key=rng.integers(0, 2**63, n).astype(np.uint64),
            site=sites,
            iron=iron,
            iron_uptake=rng.exponential(0.3, n),
            labile=1e-3,
            ferritin=iron - 1e-3,
            labile_fold=rng.uniform(1.0, 1.8, n),
            redox=rng.uniform(1.0, 3.0, n),
            antioxidant=rng.uniform(0.4, 1.0, n),
            peroxide=rng.exponential(0.1, n),
            senescent=rng.random(n) < 0.1,
            cycle=np.where(rng.random(n) < 0.05, rng.uniform(0.0, 20.0, n), -1.0),
        )

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return copies of all columns at the start, and room for what the kernels write."""
        return {
            **{name: self._start[name].copy() for name in self._start.names},
            **{name: np.zeros(self.n, kind) for name, kind in OUTPUTS.items()},
        }

    def draws(self, key: NDArray[np.uint64]) -> tuple[Floats, Floats, Floats]:
        """Return the random numbers for death, senescence and division of cells with `key`."""
        death, senescence, division = (np.empty(key.size) for _ in range(3))
        for purpose, out in ((DEATH, death), (SENESCENCE, senescence), (DIVISION, division)):
            draw(self.seed, purpose, self.tick, key, out)
        return death, senescence, division


@cache
def _parameters(function: Any) -> tuple[str, ...]:
    return tuple(inspect.signature(function.py_func).parameters)


def call(function: Callable[..., Any], named: Mapping[str, Any]) -> Any:
    """Call a kernel with those of `named` that its parameters name."""
    return function(*(named[name] for name in _parameters(function)))


class Ours:
    """The kernels as the model calls them, rules through `Senses`.

    `Senses` evaluates the arrival of monocytes at every site as well; the peers are spared that.
    """

    def __init__(self, hour: Hour) -> None:
        self.hour = hour
        columns = hour.columns()
        self.outputs = {name: columns.pop(name) for name in OUTPUTS}
        self.table = CellTable("hepatocyte", hepatocyte.COLUMNS)
        self.table.add(**columns)
        others = {name: CellTable(name, handle.columns) for name, handle in CELLS.items()}
        self.tables = {**others, "hepatocyte": self.table}

    def advance(self) -> None:
        """Advance by one step."""
        h, table = self.hour, self.table
        b = h.senses.behaviours(h.site_signals, self.tables, h.toxin, h.toxin, 0.0, 0.0)["hepatocyte"]
        named = {
            **vars(h),
            **self.outputs,
            **{name: table[name] for name in table.names},
            **{f"b_{name}": values for name, values in b.items()},
            "demand": 0.0,
            "b_export": b["iron_export"],
            "b_load": b["oxidative_load"],
            "b_recovery": b["antioxidant_recovery"],
            "uptake": table["iron_uptake"],
            "fold": table["labile_fold"],
        }
        for step in ("export", "store", "oxidise", "decide_deaths", "enter_cycle"):
            call(getattr(hepatocyte, step), named)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """The columns of all cells and what the kernels wrote."""
        return {**{name: self.table[name] for name in self.table.names}, **self.outputs}


def difference(state: Mapping[str, NDArray[Any]], reference: Mapping[str, NDArray[Any]]) -> float:
    """Return the largest difference of any cell in any column, relative to the larger of the two."""
    worst = 0.0
    for name, expected in reference.items():
        a, b = np.asarray(state[name], float), np.asarray(expected, float)
        size = np.maximum(np.maximum(np.abs(a), np.abs(b)), 1e-300)
        worst = max(worst, float((np.abs(a - b) / size).max()))
    return worst


def run(section: Section) -> None:
    """Measure the hepatocytes' hour."""
    hour = Hour()
    section.say(f"{hour.n:,} hepatocytes: {CHECKED} steps on each side")
    ours, columns, agents = Ours(hour), Columns(hour), Liver(hour)
    for _ in range(CHECKED):
        for side in (ours, columns, agents):
            side.advance()
    dead, entered = (int((ours.state[name] > 0).sum()) for name in ("fate", "cycle"))
    section.agree(f"{hour.n:,} hepatocytes, NumPy", difference(columns.state, ours.state), BOUND)
    section.agree(f"{hour.n:,} hepatocytes, Mesa", difference(agents.state, ours.state), BOUND)
    section.say(f"among them {dead} that die in the step and {entered} in the cell cycle")
    times = section.compare(
        f"{hour.n:,} hepatocytes",
        ours.advance,
        {
            "NumPy": columns.advance,
            "Mesa do": agents.advance,
            "Mesa shuffle_do": lambda: agents.advance(shuffled=True),
        },
        {"Mesa do": 100.0},
    )
    each = ", ".join(f"{name} {1e9 * np.median(t) / hour.n:,.0f}" for name, t in times.items())
    section.remark(f"ns a cell: {each}")
