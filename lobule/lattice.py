"""The hexagonal lattice in axial coordinates (q, r): steps, hexagons of sites, who is next to whom."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

#: Steps (q, r, layer) to the eight neighbours: six in the plane, then the layer below and the one above.
STEPS = np.array(
    [[1, 0, 0], [0, 1, 0], [-1, 1, 0], [-1, 0, 0], [0, -1, 0], [1, -1, 0], [0, 0, -1], [0, 0, 1]], np.int32
)
#: Slot in which a neighbour holds the site itself: ``neighbours[neighbours[i, k], OPPOSITE[k]] == i``.
OPPOSITE = np.array([3, 4, 5, 0, 1, 2, 7, 6])
#: Slots of the neighbours that come later: sites stand row by row and layer by layer.
AHEAD = np.array([0, 1, 2, 7])


def lobule_lattice(lobules: int | tuple[int, int]) -> NDArray[np.int32]:
    """Return the centres [lobules, 2] in units of m, the middle or first lobule at the origin.

    Raises
    ------
    ValueError
        If the number fills no rings, or rows or columns are less than 1.
    """
    if isinstance(lobules, tuple):
        rows, columns = lobules
        if rows < 1 or columns < 1:
            raise ValueError(f"lobules = {lobules}: rows and columns must be at least 1")
        j, i = np.divmod(np.arange(rows * columns), columns)
        return np.stack([i - j // 2, j], axis=1).astype(np.int32)
    rings = round((math.sqrt(max(12 * lobules - 3, 0)) - 3.0) / 6.0)
    if lobules < 1 or 1 + 3 * rings * (rings + 1) != lobules:
        raise ValueError(f"lobules = {lobules}: must be 1, 7, 19, 37, ... or (rows, columns)")
    centres = [np.zeros(2, np.int32)]
    for ring in range(1, rings + 1):
        walker = ring * STEPS[4, :2]
        for side in range(6):
            for _ in range(ring):
                centres.append(walker.copy())
                walker = walker + STEPS[side, :2]
    return np.array(centres, np.int32)


def union_of_hexagons(centres: NDArray[np.int32], m: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the sites [n, 2] within a closed hexagon round any centre, row by row, and their lobule [n]."""
    r, q = np.mgrid[-m : m + 1, -m : m + 1].astype(np.int32)
    s = -q - r
    inside = np.maximum(np.maximum(np.abs(q - s), np.abs(r - s)), np.abs(q - r)) <= m
    hexagon = np.stack([q[inside], r[inside]], axis=1)
    row, column = _box(centres)
    low = np.array([row.min() - m, column.min() - 2 * m])
    owner = np.full((np.ptp(row) + 2 * m + 1, np.ptp(column) + 4 * m + 1), -1, np.int32)
    for lobule in range(len(centres) - 1, -1, -1):  # a shared site goes to the lowest, which comes last
        row, column = _box(centres[lobule] + hexagon)
        owner[row - low[0], column - low[1]] = lobule
    taken = np.nonzero(owner >= 0)
    sites = np.empty((len(taken[0]), 2), np.int32)
    sites[:, 1] = taken[0] + low[0]
    sites[:, 0] = taken[1] + low[1] - (sites[:, 1] >> 1)
    return sites, owner[taken]


def neighbour_table(plane: NDArray[np.int32], layers: int) -> NDArray[np.int32]:
    """Return the neighbour table [n * layers, 8] of `layers` equal planes of sites."""
    n = len(plane)
    row, column = _box(plane)
    row0, column0 = row.min() - 1, column.min() - 1  # a rim of absent sites all round
    grid = np.full((np.ptp(row) + 3, np.ptp(column) + 3), -1, np.int32)
    grid[row - row0, column - column0] = np.arange(n, dtype=np.int32)
    table = np.full((layers, n, 8), -1, np.int32)
    for k, step in enumerate(STEPS[:6]):
        row, column = _box(plane + step[:2])
        beside = grid[row - row0, column - column0]
        for layer in range(layers):
            table[layer, :, k] = np.where(beside >= 0, beside + np.int32(n * layer), -1)
    sites = np.arange(n * layers, dtype=np.int32).reshape(layers, n)
    table[1:, :, 6] = sites[:-1]
    table[:-1, :, 7] = sites[1:]
    return table.reshape(-1, 8)


def _box(axial: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return row and column in a box that rows and columns of lobules fill; axial q slants away from it."""
    r = axial[..., 1]
    return r, axial[..., 0] + (r >> 1)
