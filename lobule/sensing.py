"""What cells sense of their site, and the behaviours that the rules make of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents import hepatocyte, macrophage, msc, stellate
from lobule.agents import rules as rules_module
from lobule.agents.rules import Rule, RuleSet, evaluate, merge, read_rules
from lobule.agents.table import CellTable
from lobule.fields import SPECIES

RULES_FILE = Path(rules_module.__file__).with_name("rules.toml")

#: Signals of a site: the species, oxygen as its tension, and the matrix.
SITE_SIGNALS: dict[str, str] = {
    **{s.name: "mmHg" if s.name == "oxygen" else s.unit for s in SPECIES},
    "collagen": "% area",
}
_MODULES = {"hepatocyte": hepatocyte, "stellate": stellate, "macrophage": macrophage, "msc": msc}
_OWN: dict[str, dict[str, str]] = {name: module.SIGNALS for name, module in _MODULES.items()}
_BEHAVIOURS = {
    **{name: module.BEHAVIOURS for name, module in _MODULES.items()},
    "monocyte": macrophage.MONOCYTE_BEHAVIOURS,
}
assert not any(set(SITE_SIGNALS) & set(own) for own in _OWN.values())
SIGNALS = {name: {**SITE_SIGNALS, **_OWN.get(name, {})} for name in _BEHAVIOURS}
UNITS = {name: {key: unit for key, (unit, _) in rows.items()} for name, rows in _BEHAVIOURS.items()}


def rule_set(values: Any, changes: Iterable[Rule] = ()) -> RuleSet:
    """Return the checked rules of the project with the changes of a case.

    Parameters
    ----------
    values : mapping of str to named tuple
        Parameter values by group: the base of some behaviours.
    changes : iterable of Rule
        Rows that replace or join the built-in ones.

    Raises
    ------
    RuleError
        If a row is wrong or contradicts another.
    """
    bases = {}
    for name, rows in _BEHAVIOURS.items():
        group = values["macrophage" if name == "monocyte" else name]
        bases[name] = {
            key: float(getattr(group, base)) if isinstance(base, str) else base
            for key, (_, base) in rows.items()
        }
    return RuleSet(merge(_project_rules(), changes), SIGNALS, bases, UNITS)


@cache
def _project_rules() -> tuple[Rule, ...]:
    return tuple(read_rules(RULES_FILE))  # reading them takes longer than a short run


def own_signals(
    tables: dict[str, CellTable],
    toxin: NDArray[np.float64],
    ethanol: NDArray[np.float64],
    drinking: float,
    systemic_factor: float,
) -> dict[str, NDArray[np.float64]]:
    """Return what cells sense of themselves, by type, each of shape (n_own_signals, n_cells).

    The rows are in the order of ``SIGNALS`` of the cell's file; the arguments are those of
    :meth:`Senses.behaviours`.
    """
    h, m = tables["hepatocyte"], tables["macrophage"]
    factor, endotoxin = np.full(len(m), systemic_factor), np.full(len(m), drinking / (1.0 + drinking))
    return {
        "hepatocyte": np.stack((h["labile_fold"] - 1.0, h["redox"] - 1.0, h["peroxide"], toxin, ethanol)),
        "macrophage": np.stack((m["iron"], m["engulfed"], m["engulfed_msc"], factor, endotoxin)),
    }


class Senses:
    """Evaluates the rules of every cell once a step.

    Parameters
    ----------
    rules : RuleSet
        The rules of the run.
    n_sites : int
        Sites of the tissue.
    """

    def __init__(self, rules: RuleSet, n_sites: int) -> None:
        self._everywhere = np.arange(n_sites, dtype=np.int32)
        self._compiled = {name: rules.compile(name) for name in _BEHAVIOURS}
        self._base = {name: np.array(list(rules.behaviours[name].values())) for name in _BEHAVIOURS}

    def behaviours(
        self,
        site_signals: NDArray[np.float64],
        tables: dict[str, CellTable],
        toxin: NDArray[np.float64],
        ethanol: NDArray[np.float64],
        drinking: float,
        systemic_factor: float,
    ) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Return every behaviour of every cell, by cell type and name, each of shape (n_cells,).

        Parameters
        ----------
        site_signals : ndarray, shape (n_sites, n_site_signals)
            The signals of :data:`SITE_SIGNALS` at each site.
        toxin : ndarray, shape (n_hepatocytes,)
            Carbon tetrachloride times CYP2E1 at each hepatocyte.
        ethanol : ndarray, shape (n_hepatocytes,)
            Alcohol times CYP2E1 at each hepatocyte.
        drinking : float
            Alcohol over that of half effect, which lets endotoxin of the gut through to macrophages.
        systemic_factor : float
            Factor from MSC held in the lung, the same for all macrophages.

        Notes
        -----
        The pseudo-cell ``monocyte`` has one row a site.
        """
        own = own_signals(tables, toxin, ethanol, drinking, systemic_factor)
        result = {"monocyte": self._evaluate("monocyte", site_signals, self._everywhere)}
        for name, table in tables.items():
            result[name] = self._evaluate(name, site_signals, table["site"], own.get(name))
        return result

    def _evaluate(
        self,
        name: str,
        around: NDArray[np.float64],
        site: NDArray[np.int32],
        own: NDArray[np.float64] | None = None,
    ) -> dict[str, NDArray[np.float64]]:
        keys = _BEHAVIOURS[name]
        out = np.empty((len(keys), len(site))).T
        own = np.empty((0, len(site))) if own is None else own
        evaluate(self._compiled[name], self._base[name], around, site, own, out)
        return {key: out[:, i] for i, key in enumerate(keys)}
