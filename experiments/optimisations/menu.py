"""What may be given: treatments of which the search chooses some values, and schedules made of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, ValidationError

from lobule.casefile import explain_errors
from lobule.doses import Section, Treatment
from lobule.errors import InputError, shown
from lobule.experiments.optimisations.optimisefile import ChoiceTable
from lobule.experiments.sweeps.design import ENDINGS, unit_of
from lobule.readouts import READOUTS
from lobule.schedule import CONDITIONS

GIVEN = "given"
"""Last part of the key of the decision whether an optional treatment is given at all."""
DETAILS = ("drug", "agent", "compound")

Value = bool | int | float | str
Values = Mapping[str, Value | None]
"""What was decided, by the key of the decision; None for values of a treatment that is not given."""


@dataclass(frozen=True)
class Decision:
    """One thing that the search chooses.

    Attributes
    ----------
    key : str
        Such as ``treatments.0.every_days``, or ``treatments.1.given`` for whether to give it.
    label : str
        What it is called in tables and figures.
    unit : str
        Its unit, "-" without one.
    table : ChoiceTable
        What it may be.
    """

    key: str
    label: str
    unit: str
    table: ChoiceTable

    @property
    def place(self) -> tuple[str, ...]:
        """Keys that lead from the table of the treatment to the value."""
        return tuple(self.key.split(".")[2:])

    @property
    def is_switch(self) -> bool:
        """Whether it is decided here that the treatment is given at all."""
        return self.place == (GIVEN,)


class _Treatments(Section):
    """Treatments as a case has them."""

    treatments: Annotated[tuple[Treatment, ...], Field(strict=False)]


class Menu:
    """What may be given.

    Parameters
    ----------
    tables : sequence of mapping
        Treatments as in a case, in which a value may be a table with ``low`` and ``high`` or ``choices``, and
        which may say ``optional``.

    Raises
    ------
    InputError
        If a choice is wrong, or a treatment is with any end of its choices.
    """

    def __init__(self, tables: Sequence[Mapping[str, Any]]) -> None:
        self._fixed: list[dict[str, Any]] = []
        self._own: list[tuple[Decision, ...]] = []
        for i, table in enumerate(tables):
            is_optional = table.get("optional", False)
            if not isinstance(is_optional, bool):
                raise InputError(f"treatments.{i}.optional = {shown(is_optional)} -> must be true or false")
            self._fixed.append({key: value for key, value in table.items() if key != "optional"})
            self._own.append(tuple(_decisions(f"treatments.{i}", table, is_optional)))
        self.decisions = tuple(itertools.chain.from_iterable(self._own))
        if not self.decisions:
            raise InputError(
                "treatments -> nothing is left to choose: give a value as { low = ..., high = ... } or "
                "{ choices = [...] }, or a treatment optional = true"
            )
        for values in self.corners():
            self.doses(values)

    def corners(self) -> Iterator[dict[str, Value]]:
        """Yield the schedules with all ends of the choices of one treatment, those of the others lowest."""
        first = {d.key: True if d.is_switch else d.table.ends()[0] for d in self.decisions}
        for own in self._own:
            free = [decision for decision in own if not decision.is_switch]
            for values in itertools.product(*(decision.table.ends() for decision in free)):
                yield first | dict(zip((decision.key for decision in free), values, strict=True))

    def settled(self, values: Mapping[str, Value]) -> dict[str, Value | None]:
        """Return `values` with None for those that mean nothing, since their treatment is not given."""
        kept: dict[str, Value | None] = {}
        for i, own in enumerate(self._own):
            is_given = values.get(f"treatments.{i}.{GIVEN}", True)
            for decision in own:
                kept[decision.key] = values[decision.key] if is_given or decision.is_switch else None
        return kept

    def doses(self, values: Values) -> tuple[Treatment, ...]:
        """Return the treatments of a schedule.

        Raises
        ------
        InputError
            If a treatment is wrong with these values; the line names it as the file does.
        """
        tables, places = [], []
        for i, (fixed, own) in enumerate(zip(self._fixed, self._own, strict=True)):
            if not values.get(f"treatments.{i}.{GIVEN}", True):
                continue
            table = fixed
            for decision in own:
                if not decision.is_switch:
                    table = _with(table, decision.place, values[decision.key])
            tables.append(table)
            places.append(i)
        try:
            return _Treatments.model_validate({"treatments": tables}).treatments
        except ValidationError as error:
            line = explain_errors(error, _Treatments, {"treatments": tables}, lambda key: "")
            raise InputError(_renumbered(line.removeprefix(": "), places)) from None


def _renumbered(line: str, places: Sequence[int]) -> str:
    """Return an error of one of the treatments that are given, with its number in the file."""
    first, number, rest = line.split(".", 2) if line.count(".") > 1 else ("", "", "")
    return f"{first}.{places[int(number)]}.{rest}" if number.isdecimal() else line


def _with(table: Mapping[str, Any], place: Sequence[str], value: Value | None) -> dict[str, Any]:
    """Return `table` with `value` at `place`."""
    first, *rest = place
    return {**table, first: _with(table[first], rest, value) if rest else value}


def _decisions(at: str, table: Mapping[str, Any], is_optional: bool) -> Iterator[Decision]:
    """Yield what is chosen of a treatment, first whether it is given."""
    named = [str(table[name]) for name in (*DETAILS, "kind") if isinstance(table.get(name), str)]
    what = {"msc": "MSC", "ev": "vesicles"}.get(named[0], named[0]) if named else "treatment"
    if is_optional:
        yield Decision(f"{at}.{GIVEN}", f"{what}: {GIVEN}", "-", ChoiceTable(choices=(False, True)))
    for place, value in _chosen(table):
        key = ".".join((at, *place))
        if place == ("kind",):
            raise InputError(f"{key} -> is not chosen: give each kind a table of its own, optional = true")
        try:
            choice = ChoiceTable.model_validate(value)
        except ValidationError as error:
            line = explain_errors(error, ChoiceTable, value, lambda key: "").removeprefix(": ")
            raise InputError(f"{key}.{line}") from None
        words, unit = place, unit_of([key])[0]
        if len(place) > 1 and (readout := table[place[0]].get("readout")) in READOUTS:
            words, unit = (place[0], _bare(readout), place[1]), READOUTS[readout][0]
        yield Decision(key, _label(what, words), unit, choice)


def _bare(name: str) -> str:
    """Return `name` without its unit."""
    end = next((end for end in ENDINGS if f"_{name}".endswith(f"_{end}")), "")
    return name.removesuffix(end).strip("_")


def _label(what: str, place: Sequence[str]) -> str:
    """Return what a choice is called; its unit, which stands beside it, is left out of the name."""
    name = "_".join(place)
    name = name if name == "day" else _bare(name)
    return f"{what}: {name.replace('_', ' ')}" if name else what


def _chosen(table: Mapping[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the place and the table of every choice; a condition of a schedule may hold one."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            if key in CONDITIONS and not before:
                yield from _chosen(value, (key,))
            else:
                yield (*before, key), value
