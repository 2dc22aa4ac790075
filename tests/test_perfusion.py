"""Blood flow: balance, the healthy organ's numbers, symmetry and what scars do."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobule.geometry import PORTAL_TRACT, build_tissue
from lobule.lattice import OPPOSITE
from lobule.perfusion import PERFUSION, Perfusion


@pytest.fixture(scope="module")
def tissue():
    return build_tissue()


def healthy(tissue):
    return Perfusion(tissue, np.full(tissue.n_sites, 0.5))


def assert_balanced(tissue, perfusion):
    left = perfusion.flow.sum(axis=1) - perfusion.inflow + perfusion.outflow
    assert np.abs(left).max() <= 1e-10 * perfusion.inflow.max()
    assert perfusion.inflow.sum() == pytest.approx(perfusion.outflow.sum(), rel=1e-12)
    assert perfusion.inflow.min() >= 0.0 and perfusion.outflow.min() >= 0.0
    for k in range(8):
        i = np.nonzero(tissue.neighbours[:, k] >= 0)[0]
        assert np.array_equal(perfusion.flow[tissue.neighbours[i, k], OPPOSITE[k]], -perfusion.flow[i, k])


@given(st.integers(0, 2**31), st.floats(0.0, 60.0))
@settings(max_examples=15, deadline=None)
def test_blood_is_neither_made_nor_lost(seed, most):
    tissue = build_tissue(lobules=1, layers=1 + seed % 3)
    perfusion = healthy(tissue)
    perfusion.solve(np.random.default_rng(seed).uniform(0.0, most + 1.0, tissue.n_sites))
    assert_balanced(tissue, perfusion)
    assert perfusion.inflow_fraction < 1.0 + 1e-9


@pytest.mark.parametrize(("species", "flow"), [("mouse", 1.6), ("rat", 1.4), ("human", 1.05)])
def test_the_healthy_organ(species, flow):
    tissue = build_tissue(species)
    perfusion = healthy(tissue)
    assert_balanced(tissue, perfusion)
    assert perfusion.inflow.sum() / 60e9 / tissue.grams == pytest.approx(flow, rel=1e-6)
    assert perfusion.portal_pressure == pytest.approx(2.45, rel=1e-9)
    drop = perfusion.inflow @ perfusion.pressure / perfusion.inflow.sum()
    assert drop == pytest.approx(2.45, rel=1e-6)
    assert 5.0 <= perfusion.transit_time <= 8.2
    assert perfusion.pressure.max() <= 2.45 / (1.0 - 0.8)


@pytest.mark.parametrize("species", ["mouse", "rat", "human"])
@pytest.mark.parametrize("collagen", [1.0, 4.1, 6.0, 13.8, 17.3])
def test_uniform_collagen_raises_the_pressure_as_measured(species, collagen):
    tissue = build_tissue(species)
    perfusion = healthy(tissue)
    perfusion.solve(np.full(tissue.n_sites, collagen))
    assert perfusion.portal_pressure == pytest.approx(2.0 + 0.45 * collagen, rel=0.015)


def test_scars_lower_the_flow_by_what_lies_upstream(tissue):
    perfusion = healthy(tissue)
    perfusion.solve(np.full(tissue.n_sites, 17.3))
    resistance = 1.0 + 16.3 / 5.5
    assert perfusion.inflow_fraction == pytest.approx(1.0 / (0.8 + 0.2 * resistance), rel=0.01)
    assert perfusion.transit_time > 5.4 / 0.7


def test_a_scar_round_one_tract_turns_the_blood_to_the_others(tissue):
    perfusion = healthy(tissue)
    before = perfusion.inflow.copy()
    tract = np.flatnonzero(tissue.kind == PORTAL_TRACT)[0]
    near = np.hypot(tissue.x - tissue.x[tract], tissue.y - tissue.y[tract]) < 80.0
    perfusion.solve(np.where(near, 40.0, 0.5))
    entry = tissue.kind == PORTAL_TRACT
    assert np.all(perfusion.inflow[near & entry] < before[near & entry])
    assert perfusion.portal_pressure > 2.45


def test_six_fold_symmetry(tissue):
    perfusion = healthy(tissue)
    places = {(q, r): i for i, (q, r, _) in enumerate(tissue.axial.tolist())}
    turned = np.array([places[-r, q + r] for q, r, _ in tissue.axial.tolist()])
    assert np.allclose(perfusion.pressure[turned], perfusion.pressure, rtol=1e-10)
    assert np.allclose(perfusion.outflow[turned], perfusion.outflow, rtol=1e-9)
    assert np.allclose(perfusion.flow[turned][:, [1, 2, 3, 4, 5, 0]], perfusion.flow[:, :6], atol=1e-6)


def test_layers_carry_equal_flow(tissue):
    stack = build_tissue(lobules=1, layers=3)
    one, three = healthy(build_tissue(lobules=1)), healthy(stack)
    assert np.allclose(three.inflow.reshape(3, -1), one.inflow, rtol=1e-4)
    assert np.abs(three.flow[:, 6:]).max() < 1e-6 * three.flow.max()


def test_update_is_due_when_the_conductance_has_moved(tissue):
    perfusion = healthy(tissue)
    collagen = np.full(tissue.n_sites, 0.9)
    assert not perfusion.needs_update(collagen)  # below the onset nothing changes
    collagen[17] = 1.2
    assert not perfusion.needs_update(collagen)
    collagen[17] = 2.5
    assert perfusion.needs_update(collagen)
    perfusion.solve(collagen)
    assert not perfusion.needs_update(collagen)
    assert np.array_equal(perfusion.seen, collagen) and perfusion.seen is not collagen


def test_the_same_collagen_gives_the_same_bits(tissue):
    collagen = np.random.default_rng(4).uniform(0.0, 30.0, tissue.n_sites)
    a, b = healthy(tissue), healthy(tissue)
    b.solve(np.full(tissue.n_sites, 9.0))
    a.solve(collagen)
    b.solve(collagen)
    assert np.array_equal(a.flow, b.flow) and np.array_equal(a.pressure, b.pressure)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_any_portal_share(tissue, share):
    parameters = PERFUSION.values("mouse", {"portal_share": share})
    perfusion = Perfusion(tissue, np.full(tissue.n_sites, 0.5), parameters)
    assert perfusion.inflow_fraction == pytest.approx(1.0, rel=1e-6)
    drop = perfusion.inflow @ perfusion.pressure / perfusion.inflow.sum()
    assert drop == pytest.approx(2.45, rel=1e-2 if share == 0.0 else 1e-6)


def test_a_tissue_without_a_vein_is_refused(tissue):
    blind = dataclasses.replace(tissue, kind=np.zeros_like(tissue.kind))
    with pytest.raises(ValueError, match="portal tract"):
        healthy(blind)
