"""A population of cells as columns: stable keys, growth, birth and death."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents.declare import Column

COMMON = {
    "key": Column("uint64", "-", 0, "random-number key, derived at birth and never changed"),
    "site": Column("int32", "-", 0, "index of the site the cell sits on"),
    "births": Column("uint64", "-", 0, "daughters so far; numbers the keys of the next ones"),
    "age": Column("float64", "h", 0.0, "time since birth or arrival"),
}


class CellTable:
    """The cells of one type, one NumPy column a property.

    Rows 0 .. n-1 are the living cells. A death moves the last row into the gap, so columns stay contiguous;
    a cell is known by its `key`, never by its row. Columns are replaced when the table grows: fetch them anew
    each step and hold no view across a birth.

    Parameters
    ----------
    name : str
        Cell type, as in the rules.
    columns : mapping of str to Column
        Columns besides the common ones (`key`, `site`, `births`, `age`).
    capacity : int
        Rows to allocate at first.
    """

    def __init__(self, name: str, columns: Mapping[str, Column], capacity: int = 64) -> None:
        self.name = name
        self.columns: dict[str, Column] = {**COMMON, **columns}
        self._data = {key: np.zeros(capacity, column.dtype) for key, column in self.columns.items()}
        self._n = 0
        self.handles: list[Any] | None = None
        self.make_handle: Callable[[CellTable, int], Any] | None = None

    def __len__(self) -> int:
        return self._n

    @property
    def names(self) -> tuple[str, ...]:
        """Column names."""
        return tuple(self.columns)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the column `name` over the living cells: a view, shape (n,)."""
        return self._data[name][: self._n]

    def __setitem__(self, name: str, values: Any) -> None:
        self._data[name][: self._n] = values

    def _reserve(self, n: int) -> None:
        capacity = next(iter(self._data.values())).size
        if n > capacity:
            size = max(n, 2 * capacity)
            for name, old in self._data.items():
                new = np.zeros(size, old.dtype)
                new[: self._n] = old[: self._n]
                self._data[name] = new

    def add(self, **values: Any) -> slice:
        """Add cells and return their rows; columns not named take their defaults.

        Parameters
        ----------
        **values : array_like
            One value or one array of length k a column; `key` and `site` are required.
        """
        k = int(np.size(values["key"]))
        rows = slice(self._n, self._n + k)
        self._reserve(self._n + k)
        for name, column in self.columns.items():
            self._data[name][rows] = values.pop(name, column.default)
        if values:
            raise KeyError(f"{self.name} has no column {sorted(values)}")
        self._n += k
        if self.handles is not None and self.make_handle is not None:
            self.handles.extend(self.make_handle(self, row) for row in range(rows.start, rows.stop))
        return rows

    def copy_rows(self, parents: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return every column of the `parents` rows, as arguments for `add`."""
        return {name: self._data[name][parents] for name in self.columns}

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Remove cells; the last rows move into the gaps. Handles of the dead are told and forgotten."""
        for row in sorted((int(r) for r in rows), reverse=True):
            last = self._n - 1
            for column in self._data.values():
                column[row] = column[last]
            self._n = last
            if self.handles is not None:
                dead = self.handles[row]
                moved = self.handles.pop()
                if moved is not dead:
                    self.handles[row] = moved
                    moved.row = row
                dead.forget()

    def attach_handles(self, make_handle: Callable[[CellTable, int], Any]) -> None:
        """Give every cell, now and later, a handle made by ``make_handle(table, row)``."""
        self.make_handle = make_handle
        self.handles = [make_handle(self, row) for row in range(self._n)]

    def state(self) -> dict[str, NDArray[Any]]:
        """Return copies of all columns over the living cells."""
        return {name: self[name].copy() for name in self.columns}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Replace the whole population by `state`, as given by :meth:`state`."""
        handles, self.handles = self.handles, None
        for handle in handles or ():
            handle.forget()
        self._n = 0
        n = len(state["key"])
        self._reserve(n)
        for name in self.columns:
            self._data[name][:n] = state[name]
        self._n = n
        if handles is not None and self.make_handle is not None:
            self.attach_handles(self.make_handle)
