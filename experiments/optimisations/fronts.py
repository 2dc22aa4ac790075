"""Which schedules no other beats: fronts, how much they cover, and a few that stand for all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def on_front(losses: Array, allowed: Mask) -> Mask:
    """Return which points no other allowed point beats.

    Parameters
    ----------
    losses : ndarray, shape (n, objectives)
        The smaller the better.
    allowed : ndarray of bool, shape (n,)
        Points that count; the others are not on the front.

    Returns
    -------
    ndarray of bool, shape (n,)
        A point is beaten by one that is no worse in any objective and better in one.
    """
    no_worse = (losses[:, None] <= losses[None]).all(axis=2)
    better = (losses[:, None] < losses[None]).any(axis=2)
    beaten = (no_worse & better & allowed[:, None]).any(axis=0)
    found: Mask = allowed & ~beaten
    return found


def hypervolume(points: Array, reference: Array) -> float:
    """Return the volume between points and a reference that they beat: the more, the better the front.

    Parameters
    ----------
    points : ndarray, shape (n, objectives)
        The smaller the better; what is no better than the reference adds nothing.
    reference : ndarray, shape (objectives,)
        The worst that counts.
    """
    points = points[(points < reference).all(axis=1)]
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return float(reference[0] - points.min())
    points = points[np.argsort(points[:, -1], kind="stable")]
    ends = np.append(points[1:, -1], reference[-1])
    slices = (
        float(ends[i] - points[i, -1]) * hypervolume(points[: i + 1, :-1], reference[:-1])
        for i in range(len(points))
        if ends[i] > points[i, -1]
    )
    return sum(slices)


def scaled(losses: Array, among: Mask) -> Array:
    """Return losses between 0, the best, and 1, the worst of those `among`, for each objective."""
    low, high = losses[among].min(axis=0), losses[among].max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    found: Array = (losses - low) / span
    return found


def representatives(losses: Array, rows: Sequence[int], number: int) -> list[int]:
    """Return `number` of `rows` that stand for all: the best of each objective, then the farthest from those.

    Parameters
    ----------
    losses : ndarray, shape (n, objectives)
        Scaled alike, the smaller the better.
    rows : sequence of int
        From which rows to choose.
    number : int
        How many at most.
    """
    left = list(rows)
    chosen: list[int] = []
    for objective in range(losses.shape[1]):
        best = min(left, key=lambda row: (losses[row, objective], losses[row].sum()), default=None)
        if best is not None and len(chosen) < number:
            chosen.append(best)
            left.remove(best)
    while left and len(chosen) < number:
        gaps = [float(np.square(losses[chosen] - losses[row]).sum(axis=1).min()) for row in left]
        chosen.append(left.pop(int(np.argmax(gaps))))
    return sorted(chosen, key=lambda row: (*losses[row], row))
