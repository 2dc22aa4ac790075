"""Declarations: every number and every column is named once, with its unit and where it comes from.

Validation, the tables in the documentation, the schema and the sweeps are generated from these.
"""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SPECIES = ("mouse", "rat", "human")


@dataclass(frozen=True)
class Parameter:
    """One number of the model.

    Parameters
    ----------
    value : float
        The default, that of the mouse.
    unit : str
        Unit of `value`, `low` and `high`; ``"-"`` when there is none.
    low, high : float
        Plausible range. A value outside it is refused.
    meaning : str
        One sentence of biology.
    source : str
        Where the number comes from; "assumed: …" is an honest source.
    species : mapping of str to float, optional
        Values that differ in the rat or in man.
    """

    value: float
    unit: str
    low: float
    high: float
    meaning: str
    source: str
    species: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.meaning or not self.source or not self.unit:
            raise ValueError("a parameter needs a meaning, a unit and a source")
        for value in (self.value, *self.species.values()):
            if not (math.isfinite(value) and self.low <= value <= self.high):
                raise ValueError(f"{self.meaning}: {value} is outside {self.low} .. {self.high}")
        if unknown := set(self.species) - set(SPECIES):
            raise ValueError(f"unknown species {sorted(unknown)}")

    def default(self, species: str) -> float:
        """Return the default for `species`."""
        return float(self.species.get(species, self.value))


@dataclass(frozen=True)
class Column:
    """One property of a cell: a column of its table."""

    dtype: str
    unit: str
    default: float
    meaning: str


class Parameters:
    """A group of declared parameters.

    Parameters
    ----------
    name : str
        Group name, the first half of the dotted key of each parameter.
    meaning : str
        What the group describes.
    **declared : Parameter
        The parameters, in the order of the tables.
    """

    def __init__(self, name: str, meaning: str, **declared: Parameter) -> None:
        self.name = name
        self.meaning = meaning
        self.declared = declared
        self.type = self._make_type()

    def _make_type(self) -> Any:
        name = f"{self.name.capitalize()}Parameters"
        made = namedtuple(name, list(self.declared))  # type: ignore[misc]
        globals()[name] = made  # the kernels' disk cache finds a type by its module and name
        return made

    def values(self, species: str = "mouse", changes: Mapping[str, float] | None = None) -> Any:
        """Return the values for `species` as a named tuple of floats, with `changes` applied.

        Raises
        ------
        KeyError
            If `changes` names no parameter of this group.
        ValueError
            If a changed value is not finite or lies outside the declared range.
        """
        values = {key: parameter.default(species) for key, parameter in self.declared.items()}
        for key, value in (changes or {}).items():
            parameter = self.declared[key]
            if not (math.isfinite(value) and parameter.low <= value <= parameter.high):
                raise ValueError(
                    f"{self.name}.{key} = {value:g} {parameter.unit} is outside "
                    f"{parameter.low:g} .. {parameter.high:g}"
                )
            values[key] = float(value)
        return self.type(**values)
