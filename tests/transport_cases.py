"""Cases with known answers for the transport solver, shared by its tests and its verification report."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import expm_multiply, spsolve
from scipy.special import k0

from lobule.geometry import GEOMETRY, PARENCHYMA, Tissue, build_tissue
from lobule.lanes import LANES
from lobule.perfusion import Perfusion
from lobule.transport import TOLERANCE, Transport

Floats = NDArray[np.float64]

#: Species of realistic coefficients: D (um2/s), half-life (min) and mobile share of each lane.
SPECIES = {
    "iron": (400, math.inf, 0.58),
    "oxygen": (200, math.inf, 1.0),
    "chelator": (400, math.inf, 0.58),
    "TNF": (10, 30, 0.1),
    "IL-6": (20, 60, 0.1),
    "IL-10": (20, 100, 0.1),
    "IL-1b": (20, 40, 0.05),
    "TGF-b": (26, 2.5, 0.05),
    "HGF": (30, 7, 0.05),
    "PDGF": (30, 15, 0.05),
    "CCL2": (50, 45, 0.05),
    "SDF-1": (50, 30, 0.05),
    "HMGB1": (30, 40, 0.05),
    "EV": (1, 30, 0.1),
    "4-HNE": (400, 2, 1.0),
    "H2O2": (1400, 5 / 60, 1.0),
}
_TABLE = np.array(list(SPECIES.values()), float)
DIFFUSIVITY = _TABLE[:, 0] * 3600.0
DECAY = math.log(2.0) * 60.0 / _TABLE[:, 1]
MOBILE = _TABLE[:, 2].copy()
HOURLY = np.ones(LANES)
STEADY = np.zeros(LANES)


def transport(tissue: Tissue, perfusion: Perfusion | None = None) -> Transport:
    solver = Transport(tissue.neighbours, tissue.face_conductance, tissue.volume, tissue.axial)
    if perfusion is not None:
        solver.set_flow(perfusion.flow, perfusion.outflow, perfusion.pressure)
    return solver


@cache
def healthy(lobules: int = 7, layers: int = 1) -> tuple[Tissue, Perfusion]:
    tissue = build_tissue(lobules=lobules, layers=layers)
    return tissue, Perfusion(tissue, np.full(tissue.n_sites, 0.5))


def operator(tissue: Tissue, perfusion: Perfusion | None, d: float, decay: float, mobile: float) -> csr_array:
    """Assemble the rates (pL/h) by which sites lose and pass on an amount, face by face."""
    flow = np.zeros(tissue.neighbours.shape) if perfusion is None else perfusion.flow
    outflow = np.zeros(tissue.n_sites) if perfusion is None else perfusion.outflow
    n = tissue.n_sites
    rows, columns, values = [], [], []
    diagonal = tissue.volume * decay + mobile * outflow
    for k in range(8):
        i = np.nonzero(tissue.neighbours[:, k] >= 0)[0]
        passed = d * tissue.face_conductance[i, k] + mobile * np.maximum(flow[i, k], 0.0)
        diagonal[i] += passed
        rows.append(tissue.neighbours[i, k])
        columns.append(i)
        values.append(-passed)
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return csr_array(csr_array(entries, shape=(n, n)) + diags_array(diagonal))


def direct(
    tissue: Tissue, perfusion: Perfusion | None, source: Floats, uptake: Floats, old: Floats, inv_dt: Floats
) -> Floats:
    """Solve each realistic species with a sparse direct solver."""
    answer = np.empty_like(source)
    for s in range(LANES):
        matrix, known = system(tissue, perfusion, source, uptake, old, inv_dt, s)
        answer[:, s] = spsolve(matrix.tocsc(), known)
    return answer


def system(
    tissue: Tissue,
    perfusion: Perfusion | None,
    source: Floats,
    uptake: Floats,
    old: Floats,
    inv_dt: Floats,
    lane: int,
) -> tuple[csr_array, Floats]:
    """Return matrix and right-hand side of one realistic species."""
    matrix = operator(tissue, perfusion, DIFFUSIVITY[lane], DECAY[lane], MOBILE[lane])
    matrix = csr_array(matrix + diags_array(uptake[:, lane] + tissue.volume * inv_dt[lane]))
    return matrix, source[:, lane] + tissue.volume * inv_dt[lane] * old[:, lane]


def parted() -> Tissue:
    """Return a lobule cut in two halves that do not touch."""
    tissue, _ = healthy(1)
    left = tissue.x < 0.0
    apart = tissue.neighbours.copy()
    apart[(apart >= 0) & (left[np.maximum(apart, 0)] != left[:, None])] = -1
    return replace(
        tissue, neighbours=apart, face_conductance=np.where(apart >= 0, tissue.face_conductance, 0.0)
    )


def scarred(lobules: int = 1, layers: int = 1) -> tuple[Tissue, Perfusion]:
    """Return a tissue whose flow winds round patches of scar, from layer to layer and lobule to lobule."""
    tissue = build_tissue(lobules=lobules, layers=layers)
    perfusion = Perfusion(tissue, np.full(tissue.n_sites, 0.5))
    perfusion.solve(np.random.default_rng(7).exponential(15.0, tissue.n_sites))
    return tissue, perfusion


def realistic(tissue: Tissue, perfusion: Perfusion, seed: int = 1) -> tuple[Floats, Floats]:
    """Return sources and uptake: three species come with the blood, the others from every tenth site."""
    rng = np.random.default_rng(seed)
    cells = tissue.kind == PARENCHYMA
    source = np.zeros((tissue.n_sites, LANES))
    uptake = np.zeros_like(source)
    source[:, :3] = perfusion.inflow[:, None] * [0.5, 4000.0, 10.0]
    uptake[cells, 0] = 945.0
    uptake[cells, 1] = 300.0 * rng.uniform(0.5, 1.5, cells.sum())
    uptake[cells, 13] = 20.0
    for s in range(3, LANES):
        secreting = rng.random(tissue.n_sites) < 0.1
        source[secreting, s] = rng.exponential(1.0, secreting.sum())
    return source, uptake


def bessel_error(sites_per_length: int) -> float:
    """Return the largest relative error of a steady point source against K0, 3 sites to 3 lengths away."""
    tissue = build_tissue(lobules=1, radius_um=8.0 * sites_per_length * 23.0)
    n, d = tissue.n_sites, np.full(LANES, 3.6e5)
    length = sites_per_length * tissue.pitch
    source = np.zeros((n, LANES))
    source[np.argmin(tissue.x**2 + tissue.y**2)] = 1.0
    c = np.zeros((n, LANES))
    transport(tissue).solve(c, c.copy(), source, 0 * c, STEADY, d, d / length**2, STEADY, 1e-10)
    r = np.hypot(tissue.x, tissue.y)
    far = (r > 3.0 * tissue.pitch) & (r < 3.0 * length)
    exact = k0(r[far] / length) / (2.0 * math.pi * d[0] * tissue.phi_e * tissue.thickness / 1000.0)
    return float(np.max(np.abs(c[far, 0] / exact - 1.0)))


def manufactured_error(pitch: float) -> tuple[float, float]:
    """Return the relative L2 error of 1 + exp(-r2/w2) at rest and in a uniform stream.

    Decay, a local uptake, diffusion and the stream are balanced by the source; the stream enters and leaves
    through the edge at concentration 1.
    """
    shape = GEOMETRY.values()._replace(pitch=pitch, radius=500.0)
    tissue = build_tissue(lobules=1, parameters=shape)
    d, k, w, speed = 3.6e5, 400.0, 100.0, np.array([15000.0, 9000.0])
    x, y, v = tissue.x, tissue.y, tissue.volume
    angle = np.deg2rad(60.0 * np.arange(6))
    normal = np.stack([np.cos(angle), np.sin(angle)])
    flow = np.zeros((len(v), 8))
    present = tissue.neighbours[:, :6] >= 0
    flow[:, :6] = present * (speed @ normal) * pitch * tissue.face_conductance.max()
    flow[:, :6] = np.round(flow[:, :6], 9)
    excess = flow.sum(axis=1)
    solver = transport(tissue)
    solver.set_flow(flow, np.maximum(-excess, 0.0), -(speed @ np.stack([x, y])))

    bump = np.exp(-(x**2 + y**2) / w**2)
    laplacian = bump * (4.0 * (x**2 + y**2) / w**4 - 4.0 / w**2)
    stream = -2.0 * (speed @ np.stack([x, y])) / w**2 * bump
    local = 100.0 * (1.0 + np.sin(x / 80.0)) * v
    mobile = np.zeros(LANES)
    mobile[1] = 1.0
    still = v * (k * (1.0 + bump) - d * laplacian) + local * (1.0 + bump)
    source = still[:, None] + mobile * (v * stream + np.maximum(excess, 0.0))[:, None]
    c = np.zeros_like(source)
    uptake = np.repeat(local[:, None], LANES, axis=1)
    full = np.ones(LANES)
    solver.solve(c, c.copy(), source, uptake, STEADY, d * full, k * full, mobile, 1e-10)
    error = np.linalg.norm(c - (1.0 + bump)[:, None], axis=0) / np.linalg.norm(1.0 + bump)
    return float(error[0]), float(error[1])


def time_error(steps: int) -> float:
    """Return the relative L2 error after one hour of decay, diffusion and flow against the exponential."""
    tissue, perfusion = healthy(1)
    d, k, f = 360.0, 0.5, 5e-4
    start = np.exp(-((tissue.x - 80.0) ** 2 + tissue.y**2) / 60.0**2)
    rates = operator(tissue, perfusion, d, k, f) / tissue.volume[0]
    exact = expm_multiply(-rates, start)
    solver, full = transport(tissue, perfusion), np.ones(LANES)
    c = np.repeat(start[:, None], LANES, axis=1)
    for _ in range(steps):
        old = c.copy()
        solver.solve(c, old, 0 * c, 0 * c, steps * full, d * full, k * full, f * full, 1e-12)
    return float(np.linalg.norm(c[:, 0] - exact) / np.linalg.norm(exact))


def day(steps_per_hour: float, tolerance: float = TOLERANCE, washed: float = 1.0, hours: int = 24) -> Floats:
    """Return concentrations [n, LANES] after hours of changing sources; 0 steps an hour is steady.

    `washed` multiplies the share of the species that the blood carries.
    """
    tissue, perfusion = healthy(1)
    source, uptake = realistic(tissue, perfusion)
    solver, rng = transport(tissue, perfusion), np.random.default_rng(2)
    c = np.zeros_like(source)
    for _ in range(hours):
        now = source * rng.uniform(0.5, 1.5, LANES) * rng.uniform(0.8, 1.2, source.shape)
        for _ in range(max(1, int(steps_per_hour))):
            old = c.copy()
            solver.solve(
                c, old, now, uptake, steps_per_hour * HOURLY, DIFFUSIVITY, DECAY, washed * MOBILE, tolerance
            )
    return c


def difference(c: Floats, reference: Floats) -> Floats:
    """Return the relative L2 difference of each lane."""
    return np.asarray(np.linalg.norm(c - reference, axis=0) / np.linalg.norm(reference, axis=0))
