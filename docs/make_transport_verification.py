"""Measure the transport solver and write docs/transport-verification.md."""

# ruff: noqa: E501  (tables)
from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

import transport_cases as cases  # noqa: E402

from lobule.agents.jit import kernel  # noqa: E402
from lobule.lanes import LANES  # noqa: E402
from lobule.multigrid import sweep  # noqa: E402
from lobule.transport import TOLERANCE  # noqa: E402

TEXT = """# Verification of the transport solver

Written by `python docs/make_transport_verification.py`; the same cases run as tests (`tests/test_transport.py`).

## What is solved

For species s at site i, with concentrations per extracellular volume V (pL), one step of length dt:

    V (c - c_old)/dt = S - U c - V k c + sum_k D G_k (c_k - c) + f (sum_in q c_k - sum_out q c - q_vein c)

S is what cells and the incoming blood bring (amount/h), U the volume that cells clear (pL/h), k the decay (1/h), D the
diffusivity (um2/h), G the extracellular face area over distance (/1000), q the blood flow over a face (pL/h, upwind)
and f the share of the species that the blood carries. 1/dt = 0 is the steady state. All species are solved together by
multigrid cycles with one Gauss-Seidel sweep down the flow before and one after each coarse correction, until
||r||/||b|| of every species is below {tolerance:g}. A sweep keeps the sign, corrections are cut at zero before one, so
no concentration is ever negative.

## Space

A steady point source with decay in a closed patch against S K0(r/L)/(2 pi D phi_e h), three sites to three lengths L
away:

| L in sites | largest relative error |
|---|---|
{bessel}

The manufactured solution 1 + exp(-r2/w2), w = 100 um, with diffusion, decay and local uptake, at rest and in a uniform
stream (upwind):

| spacing (um) | L2 error at rest (order) | in a stream (order) |
|---|---|---|
{space}

## Time

Backward Euler against the exponential of the operator after one hour, steps per hour: error (order).

{time}

Twenty-four hours of hourly changing sources in a mouse lobule, relative L2 difference at the end from 60 steps an hour:

| species | D (um2/s) | half-life (min) | f | 1 h steps | 15 min steps | steady each hour | 1 h steps, f = 0 | steady, f = 0 |
|---|---|---|---|---|---|---|---|---|
{day}

Blood washes the extracellular space in seconds to minutes, so what it carries is steady within the hour: one step an
hour is within 1.1 % (sources jump by up to threefold from hour to hour), and solving for the steady state is better
still. For what blood does not carry (f = 0) a step of an hour is off by up to 7 % at half-lives near 15 min, and the
steady state by more at half-lives above 30 min; without any sink (chelator) there is no steady state.

## Tolerance and balance

Relative L2 difference of the same day from a solve to 1e-11; and the balance in seven lobules from c = 0, sources -
uptake - decay - outflow - change over the largest of the five. The worst species counts.

| tolerance | error of the day | balance | cycles, first guess 0 |
|---|---|---|---|
{tolerances}

## Cost

Seven mouse lobules ({sites} sites), {lanes} species, uptake and sources changed by up to 5 % every hour,
started from the hour before; median (least) of {rounds} solves on one core ({machine}).

| tolerance | cycles | ms/solve |
|---|---|---|
{cost}

One Gauss-Seidel sweep of the finest level, with rows as vector instructions (`lobule/lanes.py`) and as the plain loop
over the species, measured alternately: {vector:.2f} and {plain:.2f} ns per site and species (medians).
Taking a new flow builds the coarser levels again: {levels:.0f} ms.
"""


@kernel
def plain_sweep(levels, level, diffusivity, mobile, b, inverse, x):  # type: ignore[no-untyped-def]
    """Do what `sweep` does, species by species."""
    total = np.empty(x.shape[1])
    for i in range(levels.start[level], levels.start[level + 1]):
        for s in range(len(total)):
            total[s] = b[i, s]
        for e in range(levels.first[i], levels.first[i + 1]):
            j, g, q = levels.column[e], levels.exchange[e], levels.carried[e]
            for s in range(len(total)):
                total[s] += (g * diffusivity[s] + q * mobile[s]) * x[j, s]
        for s in range(len(total)):
            x[i, s] = total[s] * inverse[i, s]


def rows(*lines: list[str]) -> str:
    """Join cells into the lines of a table."""
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def bessel() -> str:
    """Errors against K0."""
    return rows(*([str(k), f"{cases.bessel_error(k):.2%}"] for k in (3, 4, 6)))


def space() -> str:
    """Errors of the manufactured solution with observed orders."""
    pitches = (24.0, 12.0, 6.0)
    errors = [cases.manufactured_error(p) for p in pitches]
    lines = [[f"{pitches[0]:g}", *(f"{e:.1e}" for e in errors[0])]]
    for pitch, coarse, fine in zip(pitches[1:], errors, errors[1:], strict=False):
        shown = (f"{b:.1e} ({np.log2(a / b):.2f})" for a, b in zip(coarse, fine, strict=True))
        lines.append([f"{pitch:g}", *shown])
    return rows(*lines)


def order_in_time() -> str:
    """Errors of backward Euler with observed orders."""
    steps = (4, 8, 16, 32)
    errors = [cases.time_error(n) for n in steps]
    parts = [f"{steps[0]}: {errors[0]:.3f}"]
    parts += [
        f"{n}: {b:.3f} ({np.log2(a / b):.2f})" for n, a, b in zip(steps[1:], errors, errors[1:], strict=False)
    ]
    return "; ".join(parts) + "."


def a_day() -> str:
    """Differences of long steps and steady states from a fine reference, species by species."""
    columns = []
    for washed, choices in ((1.0, (1, 4, 0)), (0.0, (1, 0))):
        reference = cases.day(60, 1e-9, washed)
        columns += [cases.difference(cases.day(n, TOLERANCE, washed), reference) for n in choices]
    return rows(
        *(
            [name, f"{d:g}", f"{half:.3g}", f"{f:g}", *(f"{column[s]:.0e}" for column in columns)]
            for s, (name, (d, half, f)) in enumerate(cases.SPECIES.items())
        )
    )


def tolerances() -> str:
    """Errors and balance at several tolerances."""
    tissue, perfusion = cases.healthy(7)
    source, uptake = cases.realistic(tissue, perfusion)
    exact, lines = cases.day(1, 1e-11), []
    for tolerance in (1e-3, 1e-4, 1e-5, 1e-6, 1e-12):
        solver, c = cases.transport(tissue, perfusion), np.zeros_like(source)
        step = (cases.HOURLY, cases.DIFFUSIVITY, cases.DECAY, cases.MOBILE, tolerance)
        cycles, _ = solver.solve(c, 0 * c, source, uptake, *step)
        balance = solver.balance(c, 0 * c, source, uptake, cases.HOURLY, cases.DECAY, cases.MOBILE)
        error = cases.difference(cases.day(1, max(tolerance, 1e-10)), exact).max()
        lines.append([f"{tolerance:g}", f"{error:.0e}", f"{balance.error.max():.0e}", str(cycles)])
    return rows(*lines)


def cost(rounds: int) -> str:
    """Time of a warm solve."""
    tissue, perfusion = cases.healthy(7)
    source, uptake = cases.realistic(tissue, perfusion)
    lines = []
    for tolerance in (1e-4, 1e-5, 1e-6):
        solver, c, rng = cases.transport(tissue, perfusion), np.zeros_like(source), np.random.default_rng(3)
        step = (cases.HOURLY, cases.DIFFUSIVITY, cases.DECAY, cases.MOBILE, tolerance)
        solver.solve(c, 0 * c, source, uptake, *step)
        times, cycles = [], []
        for _ in range(rounds):
            near, old = rng.uniform(0.95, 1.05, source.shape), c.copy()
            s, u = source * near, uptake * rng.uniform(0.95, 1.05, source.shape)
            start = time.perf_counter()
            cycles.append(solver.solve(c, old, s, u, *step)[0])
            times.append(1e3 * (time.perf_counter() - start))
        lines.append(
            [f"{tolerance:g}", f"{np.mean(cycles):.1f}", f"{np.median(times):.1f} ({min(times):.1f})"]
        )
    return rows(*lines)


def sweeps(rounds: int) -> tuple[float, float]:
    """Nanoseconds per site and species of a sweep, with vector rows and as a plain loop."""
    tissue, perfusion = cases.healthy(7)
    solver = cases.transport(tissue, perfusion)
    levels, (b, _, inverse, x) = solver._prepared()
    b[:], inverse[:] = 1.0, 1e-6
    arguments = (levels, 0, cases.DIFFUSIVITY, cases.MOBILE, b, inverse, x)
    kernels: tuple[Callable[..., Any], ...] = (sweep, plain_sweep)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for run, kept in zip(kernels, times, strict=True):
            run(*arguments)
            start = time.perf_counter()
            for _ in range(20):
                run(*arguments)
            kept.append((time.perf_counter() - start) / 20 * 1e9 / tissue.n_sites / LANES)
    return float(np.median(times[0])), float(np.median(times[1]))


def main() -> None:
    """Measure and write."""
    tissue, perfusion = cases.healthy(7)
    vector, plain = sweeps(15)
    solver = cases.transport(tissue, perfusion)
    start = time.perf_counter()
    solver._prepared()
    levels = 1e3 * (time.perf_counter() - start)
    text = TEXT.format(
        tolerance=TOLERANCE,
        bessel=bessel(),
        space=space(),
        time=order_in_time(),
        day=a_day(),
        tolerances=tolerances(),
        sites=tissue.n_sites,
        lanes=LANES,
        rounds=60,
        machine=f"{platform.machine()}, Python {platform.python_version()}, shared with other work",
        cost=cost(60),
        vector=vector,
        plain=plain,
        levels=levels,
    )
    (HERE / "transport-verification.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
