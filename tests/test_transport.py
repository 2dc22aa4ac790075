"""The transport solver against analytic, manufactured and direct solutions, and its invariants."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobule.lanes import LANES
from lobule.multigrid import sweep
from lobule.transport import TOLERANCE

from .transport_cases import (
    DECAY,
    DIFFUSIVITY,
    HOURLY,
    MOBILE,
    SPECIES,
    STEADY,
    bessel_error,
    day,
    difference,
    direct,
    healthy,
    manufactured_error,
    parted,
    realistic,
    scarred,
    system,
    time_error,
    transport,
)

COEFFICIENTS = (DIFFUSIVITY, DECAY, MOBILE)


def test_a_steady_point_source_is_the_bessel_function():
    errors = [bessel_error(k) for k in (3, 6)]
    assert errors[0] < 0.01
    assert errors[0] / errors[1] > 3.0


def test_manufactured_solution_has_order_two_in_space_and_one_with_a_stream():
    coarse, fine = manufactured_error(12.0), manufactured_error(6.0)
    assert np.log2(coarse[0] / fine[0]) == pytest.approx(2.0, abs=0.1)
    assert np.log2(coarse[1] / fine[1]) == pytest.approx(1.0, abs=0.1)
    assert fine[0] < 1e-4 and fine[1] < 3e-3


def test_time_steps_have_order_one():
    assert np.log2(time_error(16) / time_error(32)) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("lobules", "layers"), [(1, 1), (7, 1), (1, 5)])
@pytest.mark.parametrize("inv_dt", [0.0, 1.0, 60.0])
def test_balance_closes(lobules, layers, inv_dt):
    tissue, perfusion = healthy(lobules, layers)
    source, uptake = realistic(tissue, perfusion)
    solver, old = transport(tissue, perfusion), np.random.default_rng(5).random(source.shape)
    step = inv_dt * HOURLY
    for tolerance, error in ((1e-12, 1e-10), (TOLERANCE, 1e-4)):
        c = old.copy()
        cycles, residual = solver.solve(c, old, source, uptake, step, *COEFFICIENTS, tolerance)
        assert residual.max() <= tolerance and cycles < 35
        assert solver.balance(c, old, source, uptake, step, DECAY, MOBILE).error.max() <= error


@pytest.mark.parametrize("inv_dt", [STEADY, HOURLY])
def test_answer_is_that_of_a_direct_solver(inv_dt):
    tissue, perfusion = healthy(1)
    source, uptake = realistic(tissue, perfusion)
    old = np.random.default_rng(6).random(source.shape)
    c = np.zeros_like(source)
    transport(tissue, perfusion).solve(c, old, source, uptake, inv_dt, *COEFFICIENTS, 1e-12)
    assert np.allclose(c, direct(tissue, perfusion, source, uptake, old, inv_dt), rtol=1e-8, atol=1e-16)


TISSUES = {
    "many lobules": lambda: healthy(19),
    "layers": lambda: healthy(1, 5),
    "scar": lambda: scarred(7),
    "scar in layers": lambda: scarred(1, 4),
    "no flow": lambda: (healthy(1)[0], None),
    "parts": lambda: (parted(), None),
}


@pytest.mark.parametrize("name", TISSUES)
def test_a_direct_solver_agrees_everywhere(name):
    tissue, perfusion = TISSUES[name]()
    source, uptake = realistic(tissue, perfusion or healthy(1)[1])
    old = np.random.default_rng(4).random(source.shape)
    c = np.zeros_like(source)
    cycles, _ = transport(tissue, perfusion).solve(c, old, source, uptake, HOURLY, *COEFFICIENTS, 1e-12)
    assert cycles < 50
    assert difference(c, direct(tissue, perfusion, source, uptake, old, HOURLY)).max() < 1e-10


@pytest.mark.parametrize("name", TISSUES)
@pytest.mark.parametrize("max_cycles", [0, 3])
def test_the_residual_reported_is_that_of_the_answer(name, max_cycles):
    tissue, perfusion = TISSUES[name]()
    source, uptake = realistic(tissue, perfusion or healthy(1)[1])
    c = np.zeros_like(source)
    solver = transport(tissue, perfusion)
    _, residual = solver.solve(c, c.copy(), source, uptake, HOURLY, *COEFFICIENTS, 0.0, max_cycles)
    for s in range(LANES):
        matrix, known = system(tissue, perfusion, source, uptake, 0 * c, HOURLY, s)
        left = np.linalg.norm(known - matrix @ c[:, s]) / np.linalg.norm(known)
        assert residual[s] == pytest.approx(left, rel=1e-6, abs=1e-14)


def test_watersheds_are_swept_one_after_the_other_down_the_flow():
    tissue, perfusion = healthy(7)
    levels, _ = transport(tissue, perfusion)._prepared()
    edge = tissue.lobule[tissue.neighbours] != tissue.lobule[:, None]
    inner = ~(edge & (tissue.neighbours >= 0)).any(axis=1)[levels.order]  # an edge may go to either side
    lobule = tissue.lobule[levels.order]
    assert np.array_equal(np.sort(levels.order), np.arange(tissue.n_sites))
    assert np.count_nonzero(np.diff(lobule[inner])) == 6
    later = levels.column[: tissue.n_sites] > np.arange(tissue.n_sites)[:, None]
    carried = levels.carried[: tissue.n_sites]
    assert (carried * later).sum() < 0.02 * carried.sum()
    assert np.array_equal(levels.against[: tissue.n_sites], (carried * later > 0.0).any(axis=1))


@pytest.mark.parametrize("layers", [1, 2, 8, 33])
def test_cycles_do_not_grow_with_layers(layers):
    tissue, perfusion = healthy(1, layers)
    source, uptake = realistic(tissue, perfusion)
    solver, c, near = transport(tissue, perfusion), np.zeros_like(source), 1.0
    for most in (12, 9):
        assert solver.solve(c, c.copy(), near * source, uptake, HOURLY, *COEFFICIENTS)[0] <= most
        near = np.random.default_rng(3).uniform(0.95, 1.05, source.shape)


def test_a_new_flow_leaves_no_trace_of_the_old():
    tissue, perfusion = healthy(7)
    _, other = scarred(7)
    source, uptake = realistic(tissue, perfusion)
    used, c, again = transport(tissue, other), np.zeros_like(source), np.zeros_like(source)
    used.solve(c.copy(), c, source, uptake, HOURLY, *COEFFICIENTS)
    used.set_flow(perfusion.flow, perfusion.outflow, perfusion.pressure)
    used.solve(c, 0 * c, source, uptake, HOURLY, *COEFFICIENTS)
    transport(tissue, perfusion).solve(again, 0 * c, source, uptake, HOURLY, *COEFFICIENTS)
    assert np.array_equal(c, again)


def test_solves_on_two_threads_give_the_same_bits():
    tissue, perfusion = healthy(7)
    source, uptake = realistic(tissue, perfusion)

    def answer(_):
        c = np.zeros_like(source)
        transport(tissue, perfusion).solve(c, 0 * c, source, uptake, HOURLY, *COEFFICIENTS)
        return c

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(answer, range(4)))
    assert all(np.array_equal(a, answers[0]) for a in answers)


@given(st.integers(0, 2**31), st.floats(-4.0, 4.0), st.integers(0, 3), st.booleans())
@settings(max_examples=60, deadline=None)
def test_never_negative(seed, scale, max_cycles, flowing):
    tissue, perfusion = healthy(1)
    rng = np.random.default_rng(seed)
    shape = (tissue.n_sites, LANES)
    c, old, source, uptake = (rng.exponential(size=shape) * (rng.random(shape) < 0.05) for _ in range(4))
    solver = transport(tissue, perfusion if flowing else None)
    diffusivity, decay = 10.0 ** rng.uniform(0.0, 7.0, LANES), 10.0 ** rng.uniform(-6.0, 3.0, LANES)
    step = 10.0**scale * rng.integers(0, 2, LANES)
    mobile = rng.random(LANES) * rng.integers(0, 2, LANES)
    solver.solve(c, old, source, 1e3 * uptake, step, diffusivity, decay, mobile, 1e-12, max_cycles)
    assert np.isfinite(c).all() and c.min() >= 0.0


def test_turning_the_input_turns_the_answer():
    tissue, perfusion = healthy(7)
    places = {(q, r): i for i, (q, r, _) in enumerate(tissue.axial.tolist())}
    turned = np.array([places[-r, q + r] for q, r, _ in tissue.axial.tolist()])
    source, uptake = realistic(tissue, perfusion)
    solver, straight, rotated = transport(tissue, perfusion), np.zeros_like(source), np.zeros_like(source)
    solver.solve(straight, 0 * source, source, uptake, HOURLY, *COEFFICIENTS, 1e-11)
    solver.solve(
        rotated,
        0 * source,
        np.ascontiguousarray(source[np.argsort(turned)]),
        np.ascontiguousarray(uptake[np.argsort(turned)]),
        HOURLY,
        *COEFFICIENTS,
        1e-11,
    )
    assert difference(rotated[turned], straight).max() < 1e-7


def test_hour_long_steps_and_the_steady_state_keep_up_with_a_fine_reference():
    reference = day(60, 1e-9)
    assert difference(day(1), reference).max() < 0.02
    assert difference(day(0), reference).max() < 1e-3


def test_the_tolerance_is_far_below_the_error_of_a_step():
    exact = day(1, 1e-11)
    assert difference(day(1), exact).max() < 1e-4


def test_a_few_cycles_suffice_from_hour_to_hour():
    tissue, perfusion = healthy(7)
    source, uptake = realistic(tissue, perfusion)
    solver, rng, c = transport(tissue, perfusion), np.random.default_rng(3), np.zeros_like(source)
    assert solver.solve(c, c.copy(), source, uptake, HOURLY, *COEFFICIENTS)[0] <= 11
    for _ in range(5):
        near = rng.uniform(0.95, 1.05, source.shape)
        assert solver.solve(c, c.copy(), source * near, uptake * near, HOURLY, *COEFFICIENTS)[0] <= 8


def test_without_flow_a_closed_tissue_keeps_what_it_has():
    tissue, _ = healthy(1)
    old = np.random.default_rng(8).random((tissue.n_sites, LANES))
    c, nothing = np.zeros_like(old), np.zeros_like(old)
    solver = transport(tissue)
    solver.solve(c, old, nothing, nothing, HOURLY, DIFFUSIVITY, STEADY, MOBILE, 1e-12)
    assert np.allclose(c.sum(axis=0), old.sum(axis=0), rtol=1e-10)
    assert np.all(c.std(axis=0) < old.std(axis=0))


def test_parts_that_do_not_touch_do_not_mix():
    tissue = parted()
    left = tissue.x < 0.0
    source = np.where(left, 1.0, 0.0)[:, None] * np.ones(LANES)
    c = np.zeros_like(source)
    _, residual = transport(tissue).solve(
        c, 0 * c, source, 0 * c, HOURLY, DIFFUSIVITY, 0 * DECAY, MOBILE, 1e-11
    )
    assert residual.max() <= 1e-11
    assert c[~left].max() < 1e-8 * c.max()
    assert np.allclose(tissue.volume @ c, source.sum(axis=0), rtol=1e-9)


def test_blood_alone_can_be_the_only_sink():
    tissue, perfusion = healthy(7)
    source = np.ones((tissue.n_sites, LANES))
    c = np.zeros_like(source)
    solver = transport(tissue, perfusion)
    cycles, residual = solver.solve(
        c, 0 * c, source, 0 * c, STEADY, DIFFUSIVITY, STEADY, 0.1 + 0 * MOBILE, 1e-10
    )
    assert residual.max() <= 1e-10 and cycles < 40
    assert solver.balance(c, 0 * c, source, 0 * c, STEADY, STEADY, 0.1 + 0 * MOBILE).error.max() < 1e-9


def test_unit_inlet_fills_the_tissue_with_one():
    tissue, perfusion = healthy(7)
    c = np.zeros((tissue.n_sites, LANES))
    source = np.repeat(perfusion.inflow[:, None], LANES, axis=1)
    transport(tissue, perfusion).solve(
        c, 0 * c, source, 0 * c, STEADY, DIFFUSIVITY, STEADY, np.ones(LANES), 1e-11
    )
    assert np.allclose(c, 1.0, rtol=1e-8)


def test_a_lane_without_input_is_exactly_empty():
    tissue, perfusion = healthy(1)
    source, uptake = realistic(tissue, perfusion)
    source[:, 4] = 0.0
    c = np.ones_like(source)
    _, residual = transport(tissue, perfusion).solve(c, 0 * c, source, uptake, HOURLY, *COEFFICIENTS)
    assert residual[4] == 0.0 and np.all(c[:, 4] == 0.0) and np.all(c[:, 5] > 0.0)


def test_what_has_no_sink_is_reported_not_hidden():
    tissue, _ = healthy(1)
    source = np.ones((tissue.n_sites, LANES))
    c = np.zeros_like(source)
    cycles, residual = transport(tissue).solve(
        c, 0 * c, source, 0 * c, STEADY, DIFFUSIVITY, STEADY, STEADY, max_cycles=5
    )
    assert cycles == 5 and residual.min() > 0.1


def test_collagen_hinders_diffusion_through_the_harmonic_mean():
    tissue, _ = healthy(1)
    source = np.zeros((tissue.n_sites, LANES))
    source[0] = 1.0
    answers = []
    for scale in (1.0, 0.25):
        solver, c = transport(tissue), np.zeros_like(source)
        solver.set_diffusion_scale(np.full(tissue.n_sites, scale))
        solver.solve(c, 0 * c, source, 0 * c, STEADY, DIFFUSIVITY / scale, DECAY + 1.0, STEADY, 1e-12)
        answers.append(c)
    assert np.allclose(*answers, rtol=1e-9)
    solver, c = transport(tissue), np.zeros_like(source)
    wall = np.abs(tissue.x) < 30.0
    solver.set_diffusion_scale(np.where(wall, 1e-9, 1.0))
    solver.solve(c, 0 * c, source, 0 * c, STEADY, DIFFUSIVITY, DECAY + 1.0, STEADY, 1e-12)
    here = tissue.x[0] * tissue.x > 0.0
    assert c[~here & ~wall].max() < 1e-6 * c.max()


def test_the_same_state_gives_the_same_bits():
    tissue, perfusion = healthy(7)
    source, uptake = realistic(tissue, perfusion)
    warm, c = transport(tissue, perfusion), np.zeros_like(source)
    warm.solve(c, 0 * c, 2 * source, uptake, HOURLY, *COEFFICIENTS)
    start, again = c.copy(), c.copy()
    warm.solve(c, start, source, uptake, HOURLY, *COEFFICIENTS)
    transport(tissue, perfusion).solve(again, start, source, uptake, HOURLY, *COEFFICIENTS)
    assert np.array_equal(c, again)


def fused(total, factor, other):
    """Return total + factor * other, rounded once."""
    return float(Fraction(float(factor)) * Fraction(float(other)) + Fraction(float(total)))


def test_vector_rows_are_the_plain_loop_to_the_bit():
    tissue, perfusion = healthy(1)
    source, uptake = realistic(tissue, perfusion)
    solver, c = transport(tissue, perfusion), np.zeros_like(source)
    solver.solve(c, 0 * c, source, uptake, HOURLY, *COEFFICIENTS)
    levels, (b, _, inverse, x) = solver._prepared()
    swept = x.copy()
    sweep(levels, 0, DIFFUSIVITY, MOBILE, b, inverse, swept)
    for i in range(0, levels.start[1], 29):
        for s in range(LANES):
            spread, brought = 0.0, 0.0
            for k, j in enumerate(levels.column[i]):
                there = swept[j, s] if j < i else x[j, s]
                spread = fused(spread, levels.exchange[i, k], there)
                brought = fused(brought, levels.carried[i, k], there)
            total = fused(fused(b[i, s], DIFFUSIVITY[s], spread), MOBILE[s], brought)
            assert swept[i, s] == total * inverse[i, s]


def test_wrong_arrays_are_refused_by_name():
    tissue, perfusion = healthy(1)
    source, uptake = realistic(tissue, perfusion)
    solver, c = transport(tissue, perfusion), np.zeros_like(source)
    with pytest.raises(ValueError, match="uptake must be"):
        solver.solve(c, c, source, uptake[:, :3], HOURLY, *COEFFICIENTS)
    with pytest.raises(ValueError, match="source must be"):
        solver.solve(c, c, np.asfortranarray(source), uptake, HOURLY, *COEFFICIENTS)
    with pytest.raises(ValueError, match="inv_dt"):
        solver.solve(c, c, source, uptake, HOURLY[:3], *COEFFICIENTS)
    assert len(SPECIES) == LANES
