"""The transport hour with FiPy, a finite-volume solver: an implicit equation a species on a square grid."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import fipy
import numpy as np

if TYPE_CHECKING:
    from benchmarks.fields import Problem


class FiPy:
    """The equations of `Problem` on a grid of `side` x `side` squares, in FiPy's own terms.

    FiPy works per volume: the flow over a face is given as a velocity over a pitch of 1 and a depth that make
    a cell's volume the extracellular one, sources and uptake are divided by it.
    """

    def __init__(self, problem: Problem, side: int, pitch: float) -> None:
        self.problem = problem
        self.c = np.zeros_like(problem.source[0])
        self.hours = count()
        self.mesh = fipy.Grid2D(nx=side, ny=side, dx=pitch, dy=pitch)
        # our sites run along y first, the cells of FiPy along x
        self._site = np.arange(side * side).reshape(side, side).T.ravel()
        depth = problem.volume[0] / pitch**2  # pL/um2, the extracellular share and pL per um3 included
        velocity = self._velocity(side) / (pitch * depth)
        self._terms = {}
        for lane in problem.used:
            self._terms[lane] = self._equation(int(lane), velocity)
        self.solver = type(self._solver()).__name__

    @staticmethod
    def _solver() -> fipy.Solver:
        return fipy.DefaultAsymmetricSolver(tolerance=1e-6)

    def _velocity(self, side: int) -> np.ndarray:
        """Return the flow over each face (pL/h) along its normal axis, [2, faces]; none over the edge."""
        mesh, flow = self.mesh, np.zeros((2, self.mesh.numberOfFaces))
        first, second = (np.asarray(c) for c in mesh.faceCellIDs)
        inner = np.asarray(mesh.interiorFaces.value).nonzero()[0]
        a, b = self._site[first[inner]], self._site[second[inner]]
        near = self.problem.neighbours[a]
        slot = (near == b[:, None]).argmax(axis=1)
        out = self.problem.flow[a, slot]
        normal = np.asarray(mesh.faceNormals)[:, inner]
        flow[:, inner] = out * normal
        return flow

    def _equation(self, lane: int, velocity: np.ndarray) -> tuple[fipy.CellVariable, ...]:
        p, mesh = self.problem, self.mesh
        c, source, sink = (fipy.CellVariable(mesh=mesh, value=0.0) for _ in range(3))
        stream = fipy.FaceVariable(mesh=mesh, rank=1, value=p.mobile[lane] * velocity)
        right = fipy.DiffusionTerm(coeff=p.diffusivity[lane]) - fipy.UpwindConvectionTerm(coeff=stream)
        right = right + source - fipy.ImplicitSourceTerm(coeff=sink)
        left = fipy.TransientTerm(coeff=1.0) if p.inv_dt[lane] > 0.0 else 0.0
        return c, source, sink, left == right

    def hour(self) -> None:
        """Advance by one hour."""
        p, k = self.problem, next(self.hours) % len(self.problem.source)
        for lane, (c, source, sink, equation) in self._terms.items():
            source.setValue((p.source[k][:, lane] / p.volume)[self._site])
            leaving = p.mobile[lane] * p.outflow + p.uptake[k][:, lane]
            sink.setValue((leaving / p.volume + p.decay[lane])[self._site])
            dt = 1.0 / p.inv_dt[lane] if p.inv_dt[lane] > 0.0 else None
            equation.solve(var=c, dt=dt, solver=self._solver())
            self.c[self._site, lane] = c.value
