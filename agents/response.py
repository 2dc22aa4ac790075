"""How strongly a cell responds: the rules of one type of cell as arrays, and their evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.agents.jit import kernel

FULL = 1e16  # x / (1 + x) is 1 in double precision from here on, and not NaN at infinity


class CompiledRules(NamedTuple):
    """The rules of one type of cell, rows sorted by behaviour, the increasing ones of each first.

    Rows ``first[2 b]`` to ``first[2 b + 1]`` increase behaviour ``b``; rows from there to ``first[2 b + 2]``
    decrease it.
    """

    first: NDArray[np.int64]
    """Shape (2 n_behaviours + 1,)."""
    signal: NDArray[np.int64]
    """Shape (n_rows,): column of the signal."""
    half_max: NDArray[np.float64]
    """Shape (n_rows,), in the signal's unit."""
    hill: NDArray[np.float64]
    """Shape (n_rows,)."""
    saturation: NDArray[np.float64]
    """Shape (2 n_behaviours,): where increasing and decreasing rows pull; unused where there are none."""


def compile_rows(rows: Iterable[tuple[int, int, float, float, float]], behaviours: int) -> CompiledRules:
    """Sort rows of (group, signal, half-maximum, Hill power, saturation) into arrays.

    The group of behaviour ``b`` is ``2 b`` in rows that increase it and ``2 b + 1`` in rows that decrease it.
    """
    table = sorted(rows)
    group = np.array([row[0] for row in table], dtype=np.int64)
    saturations = np.zeros(2 * behaviours)
    for row in table:
        saturations[row[0]] = row[4]
    return CompiledRules(
        first=np.searchsorted(group, np.arange(2 * behaviours + 1)).astype(np.int64),
        signal=np.array([row[1] for row in table], dtype=np.int64),
        half_max=np.array([row[2] for row in table], dtype=np.float64),
        hill=np.array([row[3] for row in table], dtype=np.float64),
        saturation=saturations,
    )


@kernel
def _join(rules, start, stop, around, site, own, fullness):  # type: ignore[no-untyped-def]
    """Write the joint Hill response, 0 to 1, of every cell to rows `start` to `stop`.

    Row by row over all cells: the processor then takes several cells at a time, which a loop over the rows of
    each cell does not let it.
    """
    outside, n = around.shape[1], site.size
    sensed = np.empty(n)
    fullness[:] = 0.0
    for row in range(start, stop):
        signal, half, hill = rules.signal[row], rules.half_max[row], rules.hill[row]
        for i in range(n):
            s = around[site[i], signal] if signal < outside else own[signal - outside, i]
            sensed[i] = 0.0 if s <= 0.0 else s / half
        if hill == 1.0:
            for i in range(n):
                fullness[i] += sensed[i]
        elif hill == 2.0:
            for i in range(n):
                fullness[i] += sensed[i] * sensed[i]
        elif hill == 3.0:
            for i in range(n):
                fullness[i] += sensed[i] * sensed[i] * sensed[i]
        elif hill == 4.0:
            for i in range(n):
                fullness[i] += (sensed[i] * sensed[i]) * (sensed[i] * sensed[i])
        else:
            for i in range(n):
                fullness[i] += sensed[i] ** hill
    for i in range(n):
        fullness[i] = 1.0 if fullness[i] >= FULL else fullness[i] / (1.0 + fullness[i])


@kernel
def evaluate(rules, base, around, site, own, out):  # type: ignore[no-untyped-def]
    """Write every behaviour of every cell for the signals it senses.

    The signals that increase a behaviour join forces first, each by its Hill function, and pull it from its
    base towards their saturation; then those that decrease it, joined likewise, pull the result back towards
    theirs. With signals s, half-maxima K and Hill powers h::

        U = sum_up (s/K)^h / (1 + sum_up (s/K)^h)          y = base + U (saturation_up - base)
        D = sum_down (s/K)^h / (1 + sum_down (s/K)^h)      result = y + D (saturation_down - y)

    Each signal alone acts as a Hill function, any of them can saturate the response, and none can carry it
    beyond a saturation. A base already beyond a saturation is not pulled back to it. The idea of rules that
    read as sentences is that of PhysiCell (Johnson et al. 2025, Cell 188:4711, "Human interpretable grammar
    encodes multicellular systems biology models …", doi:10.1016/j.cell.2025.06.048).

    Parameters
    ----------
    rules : CompiledRules
        From `RuleSet.compile`.
    base : ndarray, shape (n_behaviours,)
        Behaviours of a cell that senses nothing, each in its unit.
    around : ndarray, shape (n_sites, n_site_signals)
        The signals of each site, each in its unit; below 0 counts as 0, NaN stays NaN.
    site : ndarray of int, shape (n,)
        Where each cell is.
    own : ndarray, shape (n_own_signals, n)
        Signals of the cell itself, numbered after those of the site.
    out : ndarray, shape (n, n_behaviours)
        Written: the behaviours.
    """
    n = site.size
    fullness = np.empty(n)
    for b in range(out.shape[1]):
        up, down, end = rules.first[2 * b], rules.first[2 * b + 1], rules.first[2 * b + 2]
        for i in range(n):
            out[i, b] = base[b]
        if up < down:
            pull = max(0.0, rules.saturation[2 * b] - base[b])
            _join(rules, up, down, around, site, own, fullness)
            for i in range(n):
                out[i, b] += fullness[i] * pull
        if down < end:
            _join(rules, down, end, around, site, own, fullness)
            for i in range(n):
                out[i, b] += fullness[i] * min(0.0, rules.saturation[2 * b + 1] - out[i, b])
