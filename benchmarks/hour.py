"""A whole simulated hour against plain Mesa agents with SciPy's direct solver, and where its time goes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from benchmarks.fields import Problem
from benchmarks.parts import Parts, instrumented
from benchmarks.peers.mesa_hour import Liver
from benchmarks.rounds import Goal, Section, Spread, clock
from lobule import Lobule
from lobule.fields import LANE, LOCAL_IRON

CASE = "hfe-mouse"
WARM = 48  # hours before anything is compared
BOUND = 2e-2  # the peer leaves parts of the hour out, transferrin and growth among them
LISTED = 12


def model_of(lobules: Any = 7, **settings: Any) -> Lobule:
    """Return the case on `lobules`, with hourly steps and no end in sight."""
    phases = [{"days": 1_000.0, "step_hours": 1.0}]
    return Lobule(CASE, settings={"tissue.lobules": lobules, "clock.phases": phases, **settings})


def problem_of(model: Lobule) -> Problem:
    """Return the transport of `model`, its only hour holding what blood brings in."""
    tissue, fields, flow = model.tissue, model.fields, model.perfusion
    source = np.zeros_like(fields.c)
    source[:, LANE["iron"]] = flow.inflow * fields.mobile[LANE["iron"]]
    oxygen = float(model.exchange.curve.portal_content)
    source[:, LANE["oxygen"]] = flow.inflow * fields.mobile[LANE["oxygen"]] * oxygen
    return Problem(
        neighbours=tissue.neighbours,
        conductance=tissue.face_conductance,
        axial=tissue.axial,
        volume=tissue.volume,
        flow=flow.flow,
        outflow=flow.outflow,
        pressure=flow.pressure,
        source=source[None],
        uptake=np.zeros_like(source)[None],
        inv_dt=fields.inverse_step(1.0),
        diffusivity=fields.diffusivity,
        decay=fields.decay,
        mobile=fields.mobile,
        used=np.arange(LOCAL_IRON + 1),
    )


def inlet_of(model: Lobule) -> float:
    """Return the NTBI (uM) that blood brought in during the last hour."""
    unit = model.fields.c[:, LANE["iron"]]
    there = int(unit.argmax())
    return float((model.fields["iron"][there] - model.fields.c[there, LOCAL_IRON]) / unit[there])


def run(section: Section) -> None:
    """Measure the hour and what it is made of."""
    section.say(f"{CASE}: {WARM} hours to begin with")
    model = model_of()
    for _ in range(WARM):
        model.step()
    cells = ", ".join(f"{len(table):,} {name}" for name, table in model.population.tables.items())
    name = f"{model.tissue.n_sites:,} sites"
    section.remark(f"{name}: {cells}; {len(LANE)} species")
    against_mesa(section, name, model)
    shares(section, name, model)


def agreed(section: Section, name: str, model: Lobule) -> tuple[Liver, float]:
    """Let `model` and its peer make the same hour; return the peer and the NTBI (uM) that blood brought."""
    peer = Liver(model, problem_of(model))
    model.step()
    inlet = inlet_of(model)
    peer.advance(inlet)
    expected = model.fields.c
    scale = expected.max(axis=0)
    used = scale > 0.0
    used[LOCAL_IRON] = False  # iron of the dead, which the peer leaves out
    apart = np.abs(peer.c - expected).max(axis=0)[used] / scale[used]
    section.agree(f"{name}, fields after an hour", float(apart.max()), BOUND)
    table = model.population.tables["hepatocyte"]
    cells = {cell.key: cell for cell in peer.hepatocytes}
    # those born in the hour and their mothers have halves of the iron
    births = zip(table["key"].tolist(), table["births"].tolist(), strict=True)
    rows = [i for i, (key, n) in enumerate(births) if key in cells and cells[key].births == n]
    for column in ("iron", "labile", "redox", "antioxidant"):
        mine = table[column][rows]
        theirs = np.array([getattr(cells[key], column) for key in table["key"][rows].tolist()])
        section.agree(f"{name}, {column} of hepatocytes", float(np.abs(theirs / mine - 1.0).max()), BOUND)
    return peer, inlet


def against_mesa(section: Section, name: str, model: Lobule) -> None:
    """Compare with the same kind of hour in plain Mesa."""
    peer, inlet = agreed(section, name, model)
    section.compare(
        name,
        model.step,
        {"Mesa + spsolve": lambda: peer.advance(inlet)},
        {"Mesa + spsolve": 60.0},
        least=0.2,
    )


def shares(section: Section, name: str, model: Lobule, steps: int = 25) -> None:
    """Find the shares of kernels and of Python, and the functions that take most."""
    section.say(f"{name}: where the time goes")
    rounds: dict[str, list[float]] = defaultdict(list)
    for _ in range(section.rounds):
        parts = Parts(clock)
        with instrumented(parts, python=False):
            start = clock()
            for _ in range(steps):
                model.step()
            whole = clock() - start
        kernels = {key: spent for key, (spent, _) in parts.kernels.items()}
        groups = {
            "transport": sum(t for key, t in kernels.items() if key.startswith("multigrid.")),
            "rules": sum(t for key, t in kernels.items() if key.startswith("response.")),
        }
        groups["other kernels"] = sum(kernels.values()) - sum(groups.values())
        groups["Python"] = whole - sum(kernels.values())
        for key, spent in groups.items():
            rounds[key].append(1e3 * spent / steps)
        rounds["share"].append(100.0 * groups["Python"] / whole)
    for key in ("transport", "rules", "other kernels", "Python"):
        section.add(f"{name}: {key}", Spread.of(rounds[key]), "ms")
    section.add(
        f"{name}: share of Python", Spread.of(rounds["share"], 0.8), "%", Goal(100.0 / 3.0, at_least=False)
    )
    parts = Parts(clock)
    with instrumented(parts):
        for _ in range(4 * steps):
            model.step()
    for title, functions in (("kernels", parts.kernels), ("Python", parts.python)):
        most = sorted(functions.items(), key=lambda entry: -entry[1][0])[:LISTED]
        each = ", ".join(f"{key} {1e3 * spent / (4 * steps):.2f}" for key, (spent, _) in most if spent)
        section.remark(f"{title}, ms a step in the function itself: {each}")
