"""Where the iron went in each arm: pools and exits at the end beside what there was and what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lobule import snapshot
from lobule.experiments import style
from lobule.experiments.budget import POOLS
from lobule.experiments.folders import FINAL
from lobule.experiments.sweeps.courses import ArmCourses
from lobule.experiments.sweeps.panels import heading
from lobule.units import IRON_MOLAR_MASS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Words and colours of where iron comes from and by which way it leaves.
SOURCES = {
    "initial": ("there at the start", "#9aa5b1"),
    "absorption": ("absorbed from food", "#6b8e23"),
    "transfusion": ("transfused", "#a83232"),
    "arrival": ("brought by given cells", style.BLACK),
    "injection": ("injected", "#b5651d"),
}
SINKS = {
    "loss": ("lost by gut and skin", "#e0d8c0"),
    "menses": ("menses", "#e9b3b3"),
    "phlebotomy": ("drawn with blood", "#f08080"),
    "chelation_urine": ("chelated, urine", style.SKY),
    "chelation_faeces": ("chelated, faeces", "#2f6f8f"),
    "resection": ("cut off with liver", style.PURPLE),
}
MILLIGRAMS_FROM = 2e4  # ug of iron from which on amounts are in mg
SHOWN_SHARE = 0.002  # of all iron; what is less is added up as "all else"


class Account(NamedTuple):
    """The iron of one arm at the end, ug, mean of its patients."""

    came: dict[str, float]
    """What was there at the start, and what entered, by cause."""
    went: dict[str, float]
    """What is in each pool, and what left, by cause."""
    largest_error: float
    """Largest relative error of the ledger in any patient at any recorded time."""
    n: int

    @property
    def gap(self) -> float:
        """What came less what went, over what came."""
        came = sum(self.came.values())
        return (came - sum(self.went.values())) / came if came else 0.0


def account_of(arm: str, courses: ArmCourses) -> Account | None:
    """Return where the iron of an arm went; None where no final state was kept."""
    came, went, errors = [], [], []
    for run in courses.runs[arm]:
        path = courses.store.folder(run) / "snapshots" / FINAL
        if run in courses.done and path.is_file():
            ledger = snapshot.read(path)[2]["meta"]["ledger"]
            came.append({"initial": ledger["initial"], **ledger["entered"]})
            went.append({**ledger["pool"], **ledger["left"]})
            errors.append(float(np.max(courses.course(run)["iron_ledger_error"])))
    return Account(_mean(came), _mean(went), max(errors), len(came)) if came else None


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each amount over the patients, umol to ug."""
    return {name: IRON_MOLAR_MASS * float(np.mean([row[name] for row in rows])) for name in rows[0]}


def draw_accounts(accounts: Mapping[str, Account]) -> Figure:
    """Draw for each arm one bar of what came and one of what became of it: they are equally long."""
    words = {**SOURCES, **POOLS, **SINKS}
    totals = {arm: sum(account.came.values()) for arm, account in accounts.items()}
    top = max(totals.values())
    factor, unit = (1e-3, "mg") if top > MILLIGRAMS_FROM else (1.0, "µg")
    figure = style.new_figure(11.0, 1.9 + 0.75 * len(accounts))
    heading(figure, "Where the iron came from and where it went, mean of the patients")
    ax = figure.subplots()
    style.panel(ax, "", f"iron ({unit})")
    ax.grid(visible=False, axis="y")
    handles: dict[str, Any] = {}
    ticks: list[tuple[float, str]] = []
    for i, (arm, account) in enumerate(accounts.items()):
        for y, name, amounts in ((i - 0.19, "from", account.came), (i + 0.19, "to", account.went)):
            left, rest = 0.0, 0.0
            for key in (*words, *(key for key in amounts if key not in words)):
                amount = amounts.get(key, 0.0)
                if amount < SHOWN_SHARE * top:
                    rest += amount
                    continue
                name_of, colour = words.get(key, (key, style.ORANGE))
                look: dict[str, Any] = {
                    "color": colour,
                    "edgecolor": "white",
                    "linewidth": 0.4,
                    "height": 0.34,
                }
                handles[name_of] = ax.barh(y, factor * amount, left=factor * left, **look)
                left += amount
            look = {"color": "#444444", "edgecolor": "white", "linewidth": 0.4, "height": 0.34}
            if rest > 0.0:
                handles["all else"] = ax.barh(y, factor * rest, left=factor * left, **look)
            ticks.append((y, f"{arm}: {name}" if name == "from" else name))
    ax.set_yticks([y for y, _ in ticks], [text for _, text in ticks], fontsize=style.TICK)
    ax.set_ylim(len(accounts) - 0.5, -0.5)
    style.legend(figure, handles=[*handles.values()], labels=[*handles], loc="outside lower center", ncols=4)
    return figure
