"""Advection, diffusion, decay and uptake of every dissolved species at once, one implicit step at a time.

Finite volumes on the sites' graph, upwind advection, backward Euler over the whole step (or steady). For site
i and species s::

    V (c - c_old)/dt = source - uptake c - V decay c + sum_k D G_k (c_k - c)
                       + mobile (sum_in q c_k - sum_out q c - outflow c)

The matrix is an M-matrix: concentrations stay positive for any step, and what leaves a site enters its
neighbour. Coefficients are shared by all species; only D, decay, mobile and 1/dt differ.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.hierarchy import Grid, Levels, build_grids, build_levels, ring_size
from lobule.lanes import LANES, aligned_rows
from lobule.multigrid import solve

Floats = NDArray[np.float64]

#: Relative residual at which a solve stops: its error lies well below that of an hour's step.
TOLERANCE = 1e-5


class Balance(NamedTuple):
    """Where a step's amounts went, each [LANES] in amount/h: sources - uptake - decay - outflow = change."""

    sources: Floats
    uptake: Floats
    decay: Floats
    outflow: Floats
    change: Floats

    @property
    def error(self) -> Floats:
        """What is missing from the balance, relative to its largest term [LANES]."""
        missing = self.sources - self.uptake - self.decay - self.outflow - self.change
        largest = np.max(np.abs(np.array(self)), axis=0)
        return np.abs(missing) / np.where(largest > 0.0, largest, 1.0)


class Transport:
    """Solver for one tissue of n sites; at rest until `set_flow`.

    Parameters
    ----------
    neighbours : int32 [n, 8]
        Sites next door, -1 where there is none.
    conductance : float [n, 8]
        Face area over distance, /1000: D in um2/h times it is pL/h. Symmetric.
    volume : float [n]
        Extracellular volume (pL).
    axial : int32 [n, 3]
        Lattice coordinates, by which sites are joined into coarser levels.
    """

    def __init__(
        self,
        neighbours: NDArray[np.int32],
        conductance: Floats,
        volume: Floats,
        axial: NDArray[np.int32],
    ) -> None:
        n = len(volume)
        if neighbours.shape != (n, 8) or conductance.shape != (n, 8) or axial.shape != (n, 3):
            raise ValueError(f"neighbours and conductance must be [{n}, 8] and axial [{n}, 3]")
        self.volume = np.ascontiguousarray(volume, float)
        self._neighbours, self._conductance, self._axial = neighbours, conductance, axial
        self._scale = np.ones(n)
        self._flow, self.outflow, self._pressure = np.zeros((n, 8)), np.zeros(n), np.zeros(n)
        self._grids: list[Grid] | None = None
        self._levels: Levels | None = None
        self._work: tuple[Floats, Floats, Floats, Floats] | None = None

    def set_flow(self, flow: Floats, outflow: Floats, pressure: Floats) -> None:
        """Take a new flow.

        Parameters
        ----------
        flow : float [n, 8]
            pL/h out of a site to each neighbour, negative for what comes in.
        outflow : float [n]
            pL/h into the central vein.
        pressure : float [n]
            Flow runs down it; sweeps follow its order.
        """
        self._flow, self.outflow, self._pressure = np.array(flow), np.array(outflow), np.array(pressure)
        self._levels = None

    def set_diffusion_scale(self, scale: Floats) -> None:
        """Take a factor [n] on the diffusivity of each site; a face has the harmonic mean of its two."""
        self._scale = np.array(scale, float)
        self._levels = None

    def solve(
        self,
        c: Floats,
        c_old: Floats,
        source: Floats,
        uptake: Floats,
        inv_dt: Floats,
        diffusivity: Floats,
        decay: Floats,
        mobile: Floats,
        tolerance: float = TOLERANCE,
        max_cycles: int = 60,
    ) -> tuple[int, Floats]:
        """Solve one step of all species.

        Parameters
        ----------
        c : float [n, LANES]
            First guess; replaced by the concentrations at the end of the step.
        c_old : float [n, LANES]
            Concentrations at its beginning.
        source : float [n, LANES]
            Amount/h released in a site, what flows in from outside included; not negative.
        uptake : float [n, LANES]
            Volume cleared in a site, pL/h; not negative.
        inv_dt : float [LANES]
            1/step (1/h), 0 for the steady state.
        diffusivity, decay, mobile : float [LANES]
            um2/h; 1/h; share of the species that the blood carries.
        tolerance : float
            Largest ||r||/||b|| of any species.
        max_cycles : int
            Coarse corrections after which the solve stops all the same.

        Returns
        -------
        cycles : int
            Coarse corrections made.
        residual : float [LANES]
            ||r||/||b|| of `c` as returned; above `tolerance` where it was not reached.

        Raises
        ------
        ValueError
            If an array has another shape or is not C-contiguous float64.
        """
        shape = (len(self.volume), LANES)
        for name, array in (("c", c), ("c_old", c_old), ("source", source), ("uptake", uptake)):
            if array.shape != shape or array.dtype != np.float64 or not array.flags.c_contiguous:
                raise ValueError(f"{name} must be a C-contiguous float64 array {list(shape)}")
        vectors = [np.ascontiguousarray(v, np.float64) for v in (inv_dt, diffusivity, decay, mobile)]
        if any(v.shape != (LANES,) for v in vectors):
            raise ValueError(f"inv_dt, diffusivity, decay and mobile must be arrays [{LANES}]")
        levels, work = self._prepared()
        residual = np.empty(LANES)
        cycles = solve(
            levels,
            c,
            c_old,
            source,
            uptake,
            *vectors,
            float(tolerance),
            int(max_cycles),
            work,
            residual,
        )
        return int(cycles), residual

    def balance(
        self,
        c: Floats,
        c_old: Floats,
        source: Floats,
        uptake: Floats,
        inv_dt: Floats,
        decay: Floats,
        mobile: Floats,
    ) -> Balance:
        """Return where the amounts of a solved step went; arguments as in `solve`."""
        return Balance(
            sources=source.sum(axis=0),
            uptake=(uptake * c).sum(axis=0),
            decay=decay * (self.volume @ c),
            outflow=mobile * (self.outflow @ c),
            change=inv_dt * (self.volume @ (c - c_old)),
        )

    def _prepared(self) -> tuple[Levels, tuple[Floats, Floats, Floats, Floats]]:
        if self._levels is None:
            if self._grids is None:
                self._grids = build_grids(self._neighbours, self._conductance, self._axial)
            self._levels = levels = build_levels(
                self._grids,
                self._conductance,
                self._scale,
                self._flow,
                self.outflow,
                self._pressure,
                self.volume,
            )
            b, inverse, x = (aligned_rows(len(levels.parent)) for _ in range(3))
            self._work = b, aligned_rows(ring_size(levels)), inverse, x
        assert self._work is not None
        return self._levels, self._work
