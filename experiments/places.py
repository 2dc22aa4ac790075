"""Where in its site a cell is shown: those that share one stand side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lobule.geometry import Tissue

_GOLDEN = 2.399963229728653  # rad, spreads cells that share a site


def beside(tissue: Tissue, sites: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the places of cells that sit on `sites`, none of them in the middle of its site.

    Parameters
    ----------
    tissue : Tissue
        The sites.
    sites : ndarray of int, shape (n,)
        Site of each cell.

    Returns
    -------
    (ndarray, ndarray), shape (n,)
        x and y, um; no two cells of a site have the same.
    """
    order = np.argsort(sites, kind="stable")
    rank = np.empty(sites.size, np.int64)
    first = np.searchsorted(sites[order], sites[order])
    rank[order] = np.arange(sites.size) - first
    angle = 0.7 * sites + _GOLDEN * rank
    reach = tissue.pitch * np.minimum(0.46, 0.2 + 0.09 * np.sqrt(rank))
    return tissue.x[sites] + reach * np.cos(angle), tissue.y[sites] + reach * np.sin(angle)
