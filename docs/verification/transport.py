"""The transport solver against closed forms; the cases are those of `tests/test_transport.py`."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import transport_cases as cases

from lobule.transport import TOLERANCE
from verification.study import Chapter, Scale, Task, percent, table, verdict

NAME = "transport"
TITLE = "Orders of convergence: transport"

PITCHES = (24.0, 12.0, 6.0)
LENGTHS = (3, 4, 6)
PER_HOUR = (4, 8, 16, 32)
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-12)

TEXT = """For species s at site i, with concentrations per extracellular volume V (pL), one step of
length dt solves

    V (c - c_old)/dt = S - U c - V k c + sum_k D G_k (c_k - c) + f (sum_in q c_k - sum_out q c - q_vein c)

S is what cells and the incoming blood bring (amount/h), U the volume that cells clear (pL/h), k the decay
(1/h), D the diffusivity (um2/h), G the extracellular face area over distance (/1000), q the blood flow
over a face (pL/h, upwind) and f the share of the species that the blood carries. 1/dt = 0 is the steady
state. All species are solved together by multigrid cycles with Gauss-Seidel sweeps down the flow, until
||r||/||b|| of every species is below {tolerance:g}. A sweep keeps the sign, corrections are cut at zero
before one, so no concentration is ever negative.

### In space

A steady point source with decay in a closed patch against S K0(r/L)/(2 pi D phi_e h), three sites to
three lengths L away. The order is between successive lengths:

{bessel}

The manufactured solution 1 + exp(-r2/w2), w = 100 um, with diffusion, decay and local uptake, at rest
(expected order 2) and in a uniform stream (upwind, expected order 1):

{space}

### In time

Backward Euler (expected order 1) against the exponential of the operator after one hour of decay,
diffusion and flow:

{time}

Twenty-four hours of hourly changing sources in a mouse lobule, relative L2 difference at the end from 60
steps an hour:

{day}

Blood washes the extracellular space in seconds to minutes, so what it carries is steady within the hour:
one step an hour is within {washed} % (sources jump by up to threefold from hour to hour), and solving for
the steady state is better still. For what blood does not carry (f = 0) a step of an hour is off by up to
{unwashed} %, and the steady state by more at half-lives above 30 min; without any sink (chelator) there
is no steady state.

### Tolerance and balance

Relative L2 difference of the same day from a solve to 1e-11; the balance in seven lobules from c = 0,
sources - uptake - decay - outflow - change over the largest of the five; and how many multigrid cycles a
solve takes from nothing, and from the hour before when uptake and sources have changed by up to 5 %. The
worst species counts.

{tolerances}
"""


def bessel() -> list[float]:
    """Return the errors against K0."""
    return [cases.bessel_error(k) for k in LENGTHS]


def space() -> list[tuple[float, float]]:
    """Return the errors of the manufactured solution, at rest and in a stream."""
    return [cases.manufactured_error(pitch) for pitch in PITCHES]


def in_time() -> list[float]:
    """Return the errors of backward Euler."""
    return [cases.time_error(n) for n in PER_HOUR]


def day(washed: float) -> list[Any]:
    """Return the differences of long steps and steady states from a fine reference, a column each."""
    reference = cases.day(60, 1e-9, washed)
    choices = (1, 4, 0) if washed else (1, 0)
    return [cases.difference(cases.day(n, TOLERANCE, washed), reference) for n in choices]


def tolerances() -> list[tuple[float, float, float, int, float]]:
    """Return tolerance, error of a day, balance, cycles from nothing, and cycles from the hour before."""
    tissue, perfusion = cases.healthy(7)
    source, uptake = cases.realistic(tissue, perfusion)
    exact, lines = cases.day(1, 1e-11), []
    for tolerance in TOLERANCES:
        solver, c, rng = cases.transport(tissue, perfusion), np.zeros_like(source), np.random.default_rng(3)
        step = (cases.HOURLY, cases.DIFFUSIVITY, cases.DECAY, cases.MOBILE, tolerance)
        cycles, _ = solver.solve(c, 0 * c, source, uptake, *step)
        balance = solver.balance(c, 0 * c, source, uptake, cases.HOURLY, cases.DECAY, cases.MOBILE)
        error = cases.difference(cases.day(1, max(tolerance, 1e-10)), exact).max()
        warm = []
        for _ in range(30):
            near = rng.uniform(0.95, 1.05, source.shape)
            warm.append(solver.solve(c, c.copy(), source * near, uptake * near, *step)[0])
        lines.append((tolerance, float(error), float(balance.error.max()), cycles, float(np.mean(warm))))
    return lines


def tasks(_scale: Scale) -> dict[Any, Task]:
    """Return the tasks of the section."""
    return {
        "bessel": Task("transport: point source", bessel, (), 2.0),
        "space": Task("transport: manufactured solution", space, (), 3.0),
        "time": Task("transport: backward Euler", in_time, (), 2.0),
        "day": Task("transport: a day", day, (1.0,), 20.0),
        "day unwashed": Task("transport: a day without washout", day, (0.0,), 20.0),
        "tolerances": Task("transport: tolerances", tolerances, (), 5.0),
    }


def _orders(errors: list[float], ratios: list[float]) -> list[float]:
    pairs = zip(errors, errors[1:], ratios, strict=False)
    return [float(np.log(a / b) / np.log(ratio)) for a, b, ratio in pairs]


def _with_orders(errors: list[float], orders: list[float], form: str) -> list[str]:
    return [form.format(errors[0])] + [
        f"{form.format(e)} ({p:.2f})" for e, p in zip(errors[1:], orders, strict=True)
    ]


def report(results: dict[Any, Any], _scale: Scale, _images: Path | None) -> Chapter:
    """Return the chapter."""
    chapter = Chapter("")

    def judged(what: str, orders: list[float], least: float) -> str:
        chapter.checks += 1
        if (passed := orders[-1] >= least) is False:
            chapter.failures.append(f"{what}: observed order {orders[-1]:.2f}, at least {least:g} expected")
        return verdict(passed)

    halving = [2.0] * 3
    against_k0 = _orders(results["bessel"], [b / a for a, b in pairwise(LENGTHS)])
    rest, stream = ([pair[i] for pair in results["space"]] for i in (0, 1))
    p_rest, p_stream, p_time = (_orders(e, halving) for e in (rest, stream, results["time"]))
    lines = [
        [
            *(
                f"{k}: {text}"
                for k, text in zip(
                    LENGTHS, _with_orders(results["bessel"], against_k0, "{:.2%}"), strict=True
                )
            ),
            judged("point source", against_k0, 1.5),
        ]
    ]
    columns = [*results["day"], *results["day unwashed"]]
    chapter.text = TEXT.format(
        tolerance=TOLERANCE,
        bessel=table(["L in sites: error", "(order)", "(order)", "verdict (at least 1.5)"], lines),
        space=table(
            ["flow", *(f"{p:g} um" for p in PITCHES), "verdict"],
            [
                ["at rest", *_with_orders(rest, p_rest, "{:.1e}"), judged("at rest", p_rest, 1.9)],
                ["stream", *_with_orders(stream, p_stream, "{:.1e}"), judged("stream", p_stream, 0.9)],
            ],
        ),
        time=table(
            ["steps an hour", *map(str, PER_HOUR), "verdict"],
            [
                [
                    "error (order)",
                    *_with_orders(results["time"], p_time, "{:.3f}"),
                    judged("backward Euler", p_time, 0.9),
                ]
            ],
        ),
        day=table(
            [
                "species",
                "D (um2/s)",
                "half-life (min)",
                "f",
                "1 h steps",
                "15 min steps",
                "steady each hour",
                "1 h steps, f = 0",
                "steady, f = 0",
            ],
            (
                [name, f"{d:g}", f"{half:.3g}", f"{f:g}", *(f"{column[s]:.0e}" for column in columns)]
                for s, (name, (d, half, f)) in enumerate(cases.SPECIES.items())
            ),
        ),
        washed=percent(float(columns[0].max())),
        unwashed=percent(float(columns[3].max())),
        tolerances=table(
            ["tolerance", "error of the day", "balance", "cycles from nothing", "from the hour before"],
            (
                [f"{t:g}", f"{e:.0e}", f"{b:.0e}", str(n), f"{warm:.1f}"]
                for t, e, b, n, warm in results["tolerances"]
            ),
        ),
    )
    return chapter
