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
from lobule.experiments.sweeps.design import unit_of

GIVEN = "given"
"""Last part of the key of the decision whether an optional treatment is given at all."""
DETAILS = ("drug", "agent", "compound")

Value = bool | float | str
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

    def ends(self) -> tuple[Value, ...]:
        """Return the values between which all others lie, or all choices."""
        if self.table.choices is not None:
            return self.table.choices
        return (float(self.table.low or 0.0), float(self.table.high or 0.0))


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
            plain = {key: value for key, value in table.items() if key != "optional"}
            chosen = {key: value for key, value in plain.items() if isinstance(value, Mapping)}
            self._fixed.append({key: value for key, value in plain.items() if key not in chosen})
            self._own.append(tuple(_decisions(i, table, chosen, is_optional)))
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
        lowest = {decision.key: decision.ends()[0] for decision in self.decisions}
        lowest |= {key: True for key in lowest if key.endswith(f".{GIVEN}")}
        for own in self._own:
            keys = [decision.key for decision in own if not decision.key.endswith(f".{GIVEN}")]
            ends = [decision.ends() for decision in own if decision.key in keys]
            for values in itertools.product(*ends):
                yield lowest | dict(zip(keys, values, strict=True))

    def settled(self, values: Mapping[str, Value]) -> dict[str, Value | None]:
        """Return `values` with None for those that mean nothing, since their treatment is not given."""
        kept: dict[str, Value | None] = {}
        for i, own in enumerate(self._own):
            is_given = values.get(f"treatments.{i}.{GIVEN}", True)
            for decision in own:
                is_switch = decision.key.endswith(f".{GIVEN}")
                kept[decision.key] = values[decision.key] if is_given or is_switch else None
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
            chosen = {decision.key.rsplit(".", 1)[-1]: values[decision.key] for decision in own}
            tables.append(fixed | {key: value for key, value in chosen.items() if key != GIVEN})
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


def _decisions(i: int, table: Mapping[str, Any], chosen: Mapping[str, Any], optional: bool) -> list[Decision]:
    details = [table["kind"] if isinstance(table.get("kind"), str) else "treatment"]
    details = [str(table[name]) for name in DETAILS if isinstance(table.get(name), str)] or details
    what = "MSC" if details == ["msc"] else details[0]
    found = []
    if optional:
        given = ChoiceTable(choices=(False, True))
        found.append(Decision(f"treatments.{i}.{GIVEN}", f"{what}: given", "-", given))
    for key, value in chosen.items():
        name = f"treatments.{i}.{key}"
        if key == "kind":
            raise InputError(f"{name} -> is not chosen: give each kind a table of its own, optional = true")
        try:
            choice = ChoiceTable.model_validate(value)
        except ValidationError as error:
            line = explain_errors(error, ChoiceTable, value, lambda key: "").removeprefix(": ")
            raise InputError(f"{name}.{line}") from None
        found.append(Decision(name, f"{what}: {key.replace('_', ' ')}", unit_of([name])[0], choice))
    return found
