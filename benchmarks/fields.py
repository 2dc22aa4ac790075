"""The transport hour of all species against SciPy's sparse solvers, FiPy and an explicit scheme."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, diags_array
from scipy.sparse.linalg import spsolve

from benchmarks.peers.scipy_fields import Explicit, Sparse
from benchmarks.rounds import Section, Spread, alternate
from lobule.fields import FIELDS, LANE, LOCAL_IRON, Fields
from lobule.geometry import PARENCHYMA, Tissue, build_tissue
from lobule.perfusion import Perfusion
from lobule.transport import Transport

Floats = NDArray[np.float64]

TOLERANCE = 1e-6
HOURS = 8  # different hours prepared beforehand, taken in turn
SITE_FLOW = 700.0  # pL/h of blood for each site, as in the mouse
BOUND = 1e-5  # of the largest concentration of a species


@dataclass(frozen=True)
class Problem:
    """One hour of transport of the species in use.

    Attributes
    ----------
    neighbours, conductance, flow : [n, 8]
        As `lobule.transport.Transport` takes them.
    volume, outflow, pressure : float [n]
        As there.
    source, uptake : float [hours, n, lanes]
        What changes from hour to hour.
    inv_dt, diffusivity, decay, mobile : float [lanes]
        Coefficients of the species.
    used : int [species]
        Lanes that are in use.
    """

    neighbours: NDArray[np.int32]
    conductance: Floats
    axial: NDArray[np.int32]
    volume: Floats
    flow: Floats
    outflow: Floats
    pressure: Floats
    source: Floats
    uptake: Floats
    inv_dt: Floats
    diffusivity: Floats
    decay: Floats
    mobile: Floats
    used: NDArray[np.int64]

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return len(self.volume)

    def transport(self) -> Transport:
        """Return the solver of the project for this problem."""
        solver = Transport(self.neighbours, self.conductance, self.volume, self.axial)
        solver.set_flow(self.flow, self.outflow, self.pressure)
        return solver


class Ours:
    """The solver of the project, each hour from the concentrations of the hour before."""

    def __init__(self, problem: Problem, tolerance: float = TOLERANCE) -> None:
        self.problem, self.tolerance = problem, tolerance
        self.solver = problem.transport()
        self.c = np.zeros_like(problem.source[0])
        self.hours = count()
        self.cycles = 0

    def hour(self) -> None:
        """Advance by one hour."""
        p, k = self.problem, next(self.hours) % len(self.problem.source)
        step = (p.inv_dt, p.diffusivity, p.decay, p.mobile, self.tolerance)
        self.cycles, _ = self.solver.solve(self.c, self.c.copy(), p.source[k], p.uptake[k], *step)


def tissue_problem(lobules: Any, seed: int = 1) -> Problem:
    """Return the hour of a mouse tissue: blood brings three species, cells release and take up the others."""
    tissue = build_tissue("mouse", lobules)
    perfusion = Perfusion(tissue, np.full(tissue.n_sites, 0.5))
    return _problem(
        seed,
        Fields(1, FIELDS.values("mouse")),
        tissue.kind == PARENCHYMA,
        perfusion.inflow,
        neighbours=tissue.neighbours,
        conductance=tissue.face_conductance,
        axial=tissue.axial,
        volume=tissue.volume,
        flow=perfusion.flow,
        outflow=perfusion.outflow,
        pressure=perfusion.pressure,
    )


def grid_problem(side: int, like: Tissue, seed: int = 1) -> Problem:
    """Return the hour of a square grid of `side` x `side` sites with the spacing and blood flow of a tissue.

    Blood enters at every twelfth site of every twelfth row, and leaves halfway between.
    """
    n, h, d = side * side, like.thickness, like.pitch
    i, j = np.divmod(np.arange(n), side)
    neighbours = np.full((n, 8), -1, np.int32)
    steps = [(side, i < side - 1), (1, j < side - 1), (-side, i > 0), (-1, j > 0)]
    for k, (there, inside) in enumerate(steps):
        neighbours[inside, k] = np.flatnonzero(inside) + there
    conductance = np.where(neighbours >= 0, like.phi_e * h / 1000.0, 0.0)
    tract, vein = ((i % 12 == k) & (j % 12 == k) for k in (0, 6))
    inflow = SITE_FLOW * n * tract / tract.sum()
    pressure, flow, outflow = _grid_flow(neighbours, inflow, vein)
    return _problem(
        seed,
        Fields(1, FIELDS.values("mouse")),
        np.ones(n, bool),
        inflow,
        neighbours=neighbours,
        conductance=conductance,
        axial=np.stack([i, j, 0 * i], axis=1).astype(np.int32),
        volume=np.full(n, like.phi_e * d * d * h / 1000.0),
        flow=flow,
        outflow=outflow,
        pressure=pressure,
    )


def _grid_flow(
    neighbours: NDArray[np.int32], inflow: Floats, vein: NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats]:
    """Return pressure, flow and outflow for an inflow, every face conducting 1 and every vein 100."""
    n = len(neighbours)
    row, slot = np.nonzero(neighbours >= 0)
    column = neighbours[row, slot]
    links = csc_array((-np.ones(len(row)), (row, column)), shape=(n, n))
    diagonal = np.bincount(row, minlength=n) + 100.0 * vein
    pressure = spsolve((links + diags_array(diagonal)).tocsc(), inflow)
    flow = np.zeros(neighbours.shape)
    flow[row, slot] = pressure[row] - pressure[column]
    return pressure, flow, 100.0 * vein * pressure


def _problem(seed: int, fields: Fields, cells: NDArray[np.bool_], inflow: Floats, **where: Any) -> Problem:
    rng, n, lanes = np.random.default_rng(seed), len(cells), len(fields.mobile)
    source, uptake = np.zeros((n, lanes)), np.zeros((n, lanes))
    for name, value in {"iron": 1.0, "oxygen": 7000.0, "chelator": 10.0}.items():
        source[:, LANE[name]] = inflow * fields.mobile[LANE[name]] * value
    source[:, LOCAL_IRON] = rng.exponential(1.0, n) * (rng.random(n) < 0.01)
    for lane in range(LANE["ros"], LOCAL_IRON):
        source[:, lane] = rng.exponential(1.0, n) * (rng.random(n) < 0.1)
    uptake[cells, LANE["iron"]] = uptake[cells, LOCAL_IRON] = 900.0
    uptake[cells, LANE["oxygen"]] = 300.0 * rng.uniform(0.5, 1.5, cells.sum())
    uptake[cells, LANE["ros"]] = 300.0
    uptake[cells, LANE["ev"]] = 20.0
    near = [rng.uniform(0.95, 1.05, (2, n, lanes)) for _ in range(HOURS)]
    return Problem(
        source=np.array([source * factor[0] for factor in near]),
        uptake=np.array([uptake * factor[1] for factor in near]),
        inv_dt=fields.inverse_step(1.0),
        diffusivity=fields.diffusivity,
        decay=fields.decay,
        mobile=fields.mobile,
        used=np.flatnonzero(source.any(axis=0)),
        **where,
    )


def difference(c: Floats, reference: Floats, used: NDArray[np.int64]) -> float:
    """Return the largest difference of any species, relative to its largest concentration."""
    apart = np.abs(c[:, used] - reference[:, used]).max(axis=0)
    return float((apart / reference[:, used].max(axis=0)).max())


def run(section: Section) -> None:
    """Measure the transport hour."""
    for lobules in ((2, 3),) if section.quick else ((2, 3), (4, 6)):
        section.say(f"laying out {lobules} lobules")
        problem = tissue_problem(lobules)
        name = f"{problem.n_sites:,} sites, {len(problem.used)} species"
        against_scipy(section, name, problem)
        against_explicit(section, name, problem)
    against_fipy(section)


def against_scipy(section: Section, name: str, problem: Problem) -> None:
    """Compare with a direct solve, Krylov and Krylov on an old factorisation."""
    ours = Ours(problem)
    peers = {
        "spsolve": Sparse(problem, "spsolve"),
        "bicgstab + Jacobi": Sparse(problem, "jacobi", TOLERANCE),
        "bicgstab + stale LU": Sparse(problem, "stale", TOLERANCE),
    }
    for _ in range(3):
        ours.hour()
        for peer in peers.values():
            peer.hour()
    section.agree(f"{name}, spsolve", difference(ours.c, peers["spsolve"].c, problem.used), BOUND)
    for key in list(peers)[1:]:
        # Krylov stops at a residual, as we do, and is not more exact than that
        section.agree(f"{name}, {key}", difference(peers[key].c, peers["spsolve"].c, problem.used), 1e-3)
    section.compare(name, ours.hour, {key: side.hour for key, side in peers.items()}, {"spsolve": 45.0})
    section.remark(f"{name}: {ours.cycles} multigrid cycles an hour at tolerance {TOLERANCE:g}")


def against_explicit(section: Section, name: str, problem: Problem) -> None:
    """Compare with an explicit step of NumPy, of which stability asks for many an hour."""
    ours, explicit = Ours(problem), Explicit(problem)
    apart = explicit.apart_from_implicit(ours)
    section.agree(f"{name}, rates of the explicit scheme", apart, 1e-9)
    steps = explicit.steps_per_hour
    times = alternate({"ours": ours.hour, "explicit": explicit.step}, section.rounds)
    ratios = [steps * theirs / own for theirs, own in zip(times["explicit"], times["ours"], strict=True)]
    each = 1e3 * np.median(times["explicit"])
    note = f"{steps:,.0f} steps an hour of {each:.2f} ms each, not all of them made"
    section.add(f"{name}: NumPy explicit / ours", Spread.of(ratios, 0.8), "x", note=note)


def against_fipy(section: Section) -> None:
    """Compare with FiPy on a square grid, the same system on both sides; then ours in an equal tissue."""
    try:
        from benchmarks.peers.fipy_fields import FiPy
    except ImportError:
        section.remark("FiPy: not installed, skipped")
        return
    tissue = build_tissue("mouse", 1)
    for side, lobules in ((50, (2, 3)),) if section.quick else ((50, (2, 3)), (100, (4, 6))):
        problem = grid_problem(side, tissue)
        name = f"square grid, {problem.n_sites:,} sites, {len(problem.used)} species"
        section.say(f"{name}: setting up FiPy")
        ours, peer = Ours(problem), FiPy(problem, side, tissue.pitch)
        for _ in range(2):
            ours.hour()
            peer.hour()
        section.agree(f"{name}, FiPy ({peer.solver})", difference(peer.c, ours.c, problem.used), 1e-4)
        section.compare(name, ours.hour, {"FiPy": peer.hour}, {"FiPy": 150.0})
        section.remark(f"{name}: {ours.cycles} multigrid cycles an hour at tolerance {TOLERANCE:g}")
        at_home = Ours(tissue_problem(lobules))
        times = alternate({"ours": at_home.hour, "FiPy": peer.hour}, section.rounds)
        sites = at_home.problem.n_sites / problem.n_sites
        ratios = [sites * b / a for a, b in zip(times["ours"], times["FiPy"], strict=True)]
        what = (
            f"a site: FiPy on {problem.n_sites:,} squares / ours in a tissue of {at_home.problem.n_sites:,}"
        )
        section.add(what, Spread.of(ratios, 0.8), "x")
