"""The transport hour with SciPy's sparse solvers, one species after the other, and explicitly with NumPy."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, diags_array
from scipy.sparse.linalg import LinearOperator, bicgstab, splu, spsolve

if TYPE_CHECKING:
    from benchmarks.fields import Ours, Problem

Floats = NDArray[np.float64]


def operator(problem: Problem, lane: int) -> csc_array:
    """Return the rates (pL/h) by which sites lose and pass on a species, all but the uptake by cells."""
    n = problem.n_sites
    site, slot = np.nonzero(problem.neighbours >= 0)
    other = problem.neighbours[site, slot]
    passed = problem.diffusivity[lane] * problem.conductance[site, slot]
    passed = passed + problem.mobile[lane] * np.maximum(problem.flow[site, slot], 0.0)
    diagonal = problem.volume * (problem.decay[lane] + problem.inv_dt[lane])
    diagonal += problem.mobile[lane] * problem.outflow + np.bincount(site, passed, n)
    links = csc_array((-passed, (other, site)), shape=(n, n))
    matrix = csc_array(links + diags_array(diagonal))
    matrix.sort_indices()
    return matrix


class Sparse:
    """A solve a species, its matrix assembled once: an hour only adds the new uptake to its diagonal.

    Parameters
    ----------
    problem : Problem
        What to solve.
    method : str
        ``"spsolve"`` factorises anew; ``"jacobi"`` iterates from the last hour with a diagonal
        preconditioner; ``"stale"`` with the factors of the first hour.
    tolerance : float
        Relative residual at which an iteration stops.
    """

    def __init__(self, problem: Problem, method: str, tolerance: float = 1e-6) -> None:
        self.problem, self.method, self.tolerance = problem, method, tolerance
        self.c = np.zeros_like(problem.source[0])
        self.hours = count()
        self._matrix = {lane: operator(problem, lane) for lane in problem.used}
        first = self._matrix[problem.used[0]]
        column = np.repeat(np.arange(problem.n_sites), np.diff(first.indptr))
        self._diagonal = np.flatnonzero(first.indices == column)
        self._constant = {lane: matrix.data[self._diagonal] for lane, matrix in self._matrix.items()}
        self._factors = {}
        if method == "stale":
            for lane, matrix in self._matrix.items():
                matrix.data[self._diagonal] = self._constant[lane] + problem.uptake[0][:, lane]
                options = {"permc_spec": "MMD_AT_PLUS_A", "options": {"SymmetricMode": True}}
                self._factors[lane] = splu(matrix, diag_pivot_thresh=0.0, **options)

    def hour(self) -> None:
        """Advance by one hour."""
        p, k = self.problem, next(self.hours) % len(self.problem.source)
        for lane, matrix in self._matrix.items():
            matrix.data[self._diagonal] = diagonal = self._constant[lane] + p.uptake[k][:, lane]
            start = np.ascontiguousarray(self.c[:, lane])
            b = p.source[k][:, lane] + p.volume * p.inv_dt[lane] * start
            if self.method == "spsolve":
                self.c[:, lane] = spsolve(matrix, b)
                continue
            solve = self._factors[lane].solve if self.method == "stale" else (1.0 / diagonal).__mul__
            nearly = LinearOperator(matrix.shape, solve, dtype=float)
            self.c[:, lane], _ = bicgstab(matrix, b, x0=start, rtol=self.tolerance, M=nearly)


class Explicit:
    """Forward Euler over all species at once."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.c = np.zeros_like(problem.source[0])
        self._there = np.maximum(problem.neighbours, 0)
        self._faces = [k for k in range(8) if (problem.neighbours[:, k] >= 0).any()]
        fastest = (self.loss(0) / problem.volume[:, None])[:, problem.used].max()
        self.steps_per_hour = float(fastest)  # the longest step that keeps the sign

    def loss(self, k: int) -> Floats:
        """Return what each site loses per concentration in hour `k` (pL/h), [n, lanes]."""
        p = self.problem
        out = np.maximum(p.flow, 0.0).sum(axis=1) + p.outflow
        loss = np.outer(p.volume, p.decay) + np.outer(p.conductance.sum(axis=1), p.diffusivity)
        return np.asarray(loss + np.outer(out, p.mobile) + p.uptake[k])

    def rates(self, c: Floats, k: int) -> Floats:
        """Return the rate of change (amount/h) of concentrations `c` in hour `k`, [n, lanes]."""
        p = self.problem
        change = p.source[k] - self.loss(k) * c
        for face in self._faces:
            passed = np.outer(p.conductance[:, face], p.diffusivity)
            passed += np.outer(np.maximum(-p.flow[:, face], 0.0), p.mobile)
            change += passed * c[self._there[:, face]]
        return change

    def apart_from_implicit(self, ours: Ours) -> float:
        """Return how far, over the turnover, our answer for an hour is from satisfying the rates here."""
        p = self.problem
        ours.hour()
        old = ours.c.copy()
        step = (p.inv_dt, p.diffusivity, p.decay, p.mobile, 1e-12)
        ours.solver.solve(ours.c, old, p.source[1], p.uptake[1], *step)
        change = p.inv_dt * p.volume[:, None] * (ours.c - old)
        turnover = (self.loss(1) * ours.c).max(axis=0)[p.used]
        return float((np.abs(self.rates(ours.c, 1) - change).max(axis=0)[p.used] / turnover).max())

    def step(self) -> None:
        """Advance by the longest stable step."""
        rates = self.rates(self.c, 0)
        self.c += rates / (self.problem.volume[:, None] * self.steps_per_hour)
