"""`Cell`: a Mesa agent that is a thin handle on one row of a cell table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import mesa

from lobule.agents.declare import Column
from lobule.agents.table import COMMON, CellTable


class _Property:
    """An attribute that reads and writes one column, reached through the instance and never the class."""

    def __init__(self, name: str, column: Column) -> None:
        self.name = name
        self.__doc__ = f"{column.meaning} [{column.unit}]"

    def __get__(self, cell: Cell | None, owner: type | None = None) -> Any:
        return self if cell is None else cell.table[self.name][cell.living_row()].item()

    def __set__(self, cell: Cell, value: Any) -> None:
        if not math.isfinite(value):
            raise ValueError(f"{self.name} of a cell cannot be {value}")
        cell.table[self.name][cell.living_row()] = value


class Cell(mesa.Agent):
    """One cell of the lobule, as Mesa sees it.

    Attributes are the columns of its table (`Hepatocyte.iron`, `StellateCell.stage`, …). The model steps the
    tables, not the handles. Iron written by hand is not booked: it shows as an error of the account.
    :meth:`remove` is a death: the cell's iron goes to the debris of its site.
    """

    columns: Mapping[str, Column] = {}

    def __init__(self, model: Any, table: CellTable, row: int) -> None:
        super().__init__(model)
        self.table = table
        self.row = row

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, column in {**COMMON, **cls.columns}.items():
            setattr(cls, name, _Property(name, column))

    def living_row(self) -> int:
        """Return the row of the cell, or raise IndexError when the cell is dead."""
        if self.row < 0:
            raise IndexError(f"this {self.table.name} is dead: it has no row in its table any more")
        return self.row

    def remove(self) -> None:
        """Kill the cell: its iron is booked to the debris pool of its site, its row is freed."""
        self.living_row()
        self.model.kill(self)

    def forget(self) -> None:
        """Leave Mesa's registers; called by the table when the row is gone."""
        super().remove()
        self.row = -1
