"""Measuring side by side: both sides agree first, then take turns; every round gives a ratio of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from benchmarks.machine import Load

Side = Callable[[], object]

#: What one sample lasts at least, s.
SAMPLE = 0.05
#: Processor time: what others do on the machine then counts as little as it can. Without them it is the time
#: on the wall, since both sides run on one thread.
clock = time.process_time


class DisagreementError(Exception):
    """The two sides of a comparison do not give the same answer, so their times mean nothing."""


class Spread(NamedTuple):
    """Middle and width of a series of measurements."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], share: float = 1.0) -> Spread:
        """Return the median of `values` and the range that holds the middle `share` of them."""
        edge = 50.0 * (1.0 - share)
        return cls(*(float(v) for v in np.percentile(values, [50.0, edge, 100.0 - edge])))

    def __str__(self) -> str:
        return f"{number(self.median)} ({number(self.low)}-{number(self.high)})"


def number(value: float) -> str:
    """Return `value` to three significant digits, without an exponent as far as one can read it."""
    if value == 0.0 or not 1e-3 <= abs(value) < 1e6:
        return f"{value:.2g}"
    return f"{value:,.{max(0, 2 - int(np.floor(np.log10(abs(value)))))}f}"


def per_call(run: Side, least: float = SAMPLE) -> float:
    """Return the seconds that one call of `run` takes, the mean of as many as `least` seconds hold."""
    calls, start = 0, clock()
    while True:
        run()
        calls += 1
        spent = clock() - start
        if spent >= least:
            return spent / calls


def alternate(sides: Mapping[str, Side], rounds: int, least: float = SAMPLE) -> dict[str, list[float]]:
    """Return the seconds per call of each side in each round; the sides take turns within a round."""
    for run in sides.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            times[name].append(per_call(run, least))
    return times


@dataclass(frozen=True)
class Goal:
    """A bound that a measurement should keep."""

    bound: float
    at_least: bool = True

    def met(self, value: float) -> bool:
        """Return whether `value` keeps the bound."""
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.bound:g}"


@dataclass(frozen=True)
class Row:
    """One line of the report."""

    what: str
    value: Spread
    unit: str
    goal: Goal | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """The goal and whether it was met; empty without a goal."""
        if self.goal is None:
            return ""
        return f"goal {self.goal}: {'met' if self.goal.met(self.value.median) else 'SHORT'}"


@dataclass
class Section:
    """One part of the benchmark: what it finds, printed as it comes."""

    name: str
    rounds: int
    quick: bool
    rows: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Print a line on what is being done."""
        print(f"  .. {text}", flush=True)

    def remark(self, text: str) -> None:
        """Print and keep a line that belongs to the result."""
        print(f"  {text}", flush=True)
        self.remarks.append(text)

    def agree(self, what: str, difference: float, bound: float) -> None:
        """State how far two sides are apart.

        Raises
        ------
        DisagreementError
            If that is more than `bound`.
        """
        if not difference <= bound:
            raise DisagreementError(
                f"{what}: largest relative difference {difference:.1e}, more than {bound:.0e}"
            )
        self.remark(f"agree: {what}, largest relative difference {difference:.1e} (bound {bound:.0e})")

    def add(
        self, what: str, value: Spread | float, unit: str, goal: Goal | None = None, note: str = ""
    ) -> None:
        """Print and keep one measurement."""
        spread = value if isinstance(value, Spread) else Spread(value, value, value)
        row = Row(what, spread, unit, goal, note)
        shown = str(spread) if spread.low != spread.high else number(spread.median)
        print(f"  {what}: {shown} {unit}{f'   {row.verdict}' if goal else ''}", flush=True)
        if note:
            print(f"      {note}", flush=True)
        self.rows.append(row)

    def compare(
        self,
        what: str,
        ours: Side,
        peers: Mapping[str, Side],
        goals: Mapping[str, float] | None = None,
        least: float = SAMPLE,
    ) -> dict[str, list[float]]:
        """Let `ours` and `peers` take turns; add the ratio of each peer's time to ours, round by round."""
        self.say(f"{what}: {self.rounds} rounds of {', '.join(['ours', *peers])}")
        times = alternate({"ours": ours, **peers}, self.rounds, least)
        mine = times["ours"]
        self.add(f"{what}: ours", Spread.of([1e3 * t for t in mine]), "ms")
        for name in peers:
            ratios = [theirs / own for theirs, own in zip(times[name], mine, strict=True)]
            bound = (goals or {}).get(name)
            goal = None if bound is None else Goal(bound)
            note = f"{name} {Spread.of([1e3 * t for t in times[name]])} ms"
            self.add(f"{what}: {name} / ours", Spread.of(ratios, 0.8), "x", goal, note)
        return times

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        rows = [
            {
                "what": row.what,
                **row.value._asdict(),
                "unit": row.unit,
                "goal": str(row.goal or ""),
                "verdict": row.verdict,
                "note": row.note,
            }
            for row in self.rows
        ]
        return {"section": self.name, "rounds": self.rounds, "rows": rows, "remarks": self.remarks}

    def as_markdown(self) -> str:
        """Return the rows as a Markdown table and the remarks as a list."""
        lines = [f"### {self.name}", "", "| what | measured | goal | |", "|---|---|---|---|"]
        for row in self.rows:
            spread = row.value
            shown = str(spread) if spread.low != spread.high else number(spread.median)
            verdict = row.verdict.partition(": ")
            goal = verdict[0].removeprefix("goal ")
            end = "; ".join(part for part in (verdict[2], row.note) if part)
            lines.append(f"| {row.what} | {shown} {row.unit} | {goal} | {end} |")
        lines += ["", *(f"- {text}" for text in self.remarks), ""]
        return "\n".join(lines)


def watched(section: Section, run: Callable[[Section], None]) -> None:
    """Run a section and say how much of the machine others used meanwhile."""
    print(f"\n== {section.name}", flush=True)
    load = Load()
    start = time.perf_counter()
    run(section)
    others = load.others()
    busy = "unknown" if others is None else f"{others:.2f} cores"
    section.remark(f"took {time.perf_counter() - start:.0f} s; used by others meanwhile: {busy}")
