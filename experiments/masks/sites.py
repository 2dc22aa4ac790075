"""From a raster to sites: what most of each hexagon is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lobule.errors import InputError
from lobule.experiments.masks.labels import Raster
from lobule.geometry import site_area
from lobule.mapped import NAMES, OUTSIDE, Grid

#: Pixels across a site that are enough to tell what it is.
ENOUGH = 16
#: Vessels smaller than this share of a site are specks: of the size of a sinusoid.
SPECK = 0.1


def sites_of(raster: Raster, pitch: float) -> tuple[Grid, tuple[float, float], list[str]]:
    """Lay the lattice over a raster.

    A site is what most of its hexagon is; a vessel that wins none still gets the one it covers most of.

    Parameters
    ----------
    raster : Raster
        The image.
    pitch : float
        Width of a site (um).

    Returns
    -------
    grid : int8 [rows, columns]
        Kind of each site.
    origin : (float, float)
        Where the first site lies in the image: right and down (um).
    notes : list of str
        What the user should know.

    Raises
    ------
    InputError
        If the pixels are too coarse, or all is outside.
    """
    if raster.um > 0.5 * pitch:
        raise InputError(
            f"pixels of {raster.um:g} um are too coarse for sites of {pitch:g} um -> "
            f"at most {0.5 * pitch:g} um"
        )
    step = max(1, int(pitch / raster.um / ENOUGH))
    kinds, um = raster.kinds[::step, ::step], raster.um * step
    rows, columns = (np.flatnonzero((kinds != OUTSIDE).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        raise InputError("all of the image is outside of the tissue")
    kinds = kinds[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    lattice = _Lattice(kinds.shape, um, pitch)
    grid = lattice.majority(kinds)
    specks = sum(lattice.rescue(kinds, grid, kind) for kind in NAMES)
    x, y = um * columns[0] + lattice.right, um * rows[0] + lattice.down
    notes = []
    if specks:
        what = "1 speck" if specks == 1 else f"{specks} specks"
        notes.append(f"{what} smaller than a tenth of a site left out as no vessel")
    return grid, (float(raster.corner[0] + x), float(raster.corner[1] + y)), notes


class _Lattice:
    """Sites over a raster of `shape`; the hexagon of the first one touches its edges."""

    def __init__(self, shape: tuple[int, ...], um: float, pitch: float) -> None:
        self.um, self.pitch = um, pitch
        self.right, self.down, self.high = 0.5 * pitch, pitch / math.sqrt(3.0), pitch * math.sqrt(0.75)
        self.rows = max(1, math.ceil((shape[0] * um - self.down) / self.high) + 1)
        self.columns = math.ceil(shape[1] * um / pitch) + 1

    def site(self, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the site that is nearest to each pixel."""
        y = (row + 0.5) * self.um - self.down
        x = ((column + 0.5) * self.um - self.right) / self.pitch
        shape = np.broadcast_shapes(x.shape, y.shape)
        best, site = np.full(shape, np.inf), np.zeros(shape, np.int64)
        for below in (0, 1):  # the nearest site is in the row above or in the row below
            i = np.floor(y / self.high).astype(np.int64) + below
            shift = 0.5 * (i % 2)
            j = np.floor(x - shift + 0.5).astype(np.int64)
            away = (x - shift - j) ** 2 + ((y - i * self.high) / self.pitch) ** 2
            number = np.clip(i, 0, self.rows - 1) * self.columns + np.clip(j, 0, self.columns - 1)
            site = np.where(away < best, number, site)
            best = np.minimum(best, away)
        return site

    def majority(self, kinds: NDArray[np.int8]) -> Grid:
        """Return the kind of most of each hexagon; what is off the raster is outside."""
        count = np.zeros((self.rows * self.columns, 4), np.int64)
        column = np.arange(kinds.shape[1])[None, :]
        for start in range(0, len(kinds), 256):
            block = kinds[start : start + 256]
            row = np.arange(start, start + len(block))[:, None]
            key = 4 * self.site(row, column) + (block + 1)
            count += np.bincount(key.ravel(), minlength=count.size).reshape(count.shape)
        whole = site_area(self.pitch) / self.um**2
        count[:, 0] += np.maximum(whole - count.sum(axis=1), 0.0).astype(np.int64)
        return (count.argmax(axis=1) - 1).astype(np.int8).reshape(self.rows, self.columns)

    def rescue(self, kinds: NDArray[np.int8], grid: Grid, kind: int) -> int:
        """Give each vessel without a site the one it covers most of; return how many were too small."""
        label, count = ndimage.label(kinds == kind, np.ones((3, 3)))
        row, column = np.nonzero(label)
        own, site = label[row, column].astype(np.int64), self.site(row, column)
        flat = grid.reshape(-1)
        area = np.bincount(own, minlength=count + 1) * self.um**2
        lost = np.bincount(own, flat[site] == kind, minlength=count + 1) == 0
        lost[0] = False
        large = area >= SPECK * site_area(self.pitch)
        rescued = (lost & large)[own]
        pairs, covered = np.unique(own[rescued] * grid.size + site[rescued], return_counts=True)
        best = {int(pair) // grid.size: int(pair) % grid.size for pair in pairs[np.argsort(covered)]}
        flat[list(best.values())] = kind
        return int(np.count_nonzero(lost & ~large))
