"""Blood flow: balance, the healthy organ's numbers, symmetry and what scars do."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

import lobule.perfusion as module
from lobule import Lobule
from lobule.fields import LANE
from lobule.geometry import CENTRAL_VEIN, PARENCHYMA, PORTAL_TRACT, build_tissue
from lobule.lattice import AHEAD, OPPOSITE
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


def parted(tissue, apart):
    """Return `tissue` without the faces between sites that differ in `apart` [n]."""
    there = (tissue.neighbours >= 0) & (apart[:, None] == apart[tissue.neighbours])
    return dataclasses.replace(
        tissue,
        neighbours=np.where(there, tissue.neighbours, -1).astype(np.int32),
        face_conductance=np.where(there, tissue.face_conductance, 0.0),
    )


def test_no_way_from_tract_to_vein_is_refused(tissue):
    with pytest.raises(ValueError, match="way from"):
        healthy(parted(tissue, tissue.kind == CENTRAL_VEIN))


@pytest.mark.parametrize("layers", [1, 3])
def test_lobules_apart_are_fed_each_by_itself(layers):
    tissue = build_tissue(layers=layers)
    perfusion = healthy(parted(tissue, tissue.lobule))
    assert_balanced(parted(tissue, tissue.lobule), perfusion)
    before = perfusion.outflow.copy()
    perfusion.solve(np.where(tissue.lobule == 0, 40.0, 0.5))
    assert_balanced(parted(tissue, tissue.lobule), perfusion)
    assert np.allclose(perfusion.outflow[tissue.lobule > 0], before[tissue.lobule > 0], rtol=1e-9)
    assert perfusion.outflow[tissue.lobule == 0].sum() < 0.4 * before[tissue.lobule == 0].sum()


def test_a_part_cut_off_from_all_blood_stands_still(tissue):
    islet = np.hypot(tissue.x - 100.0, tissue.y) < 60.0
    perfusion = healthy(parted(tissue, islet))
    assert np.all(tissue.kind[islet] == PARENCHYMA)
    assert np.all(perfusion.flow[islet] == 0.0)
    assert_balanced(parted(tissue, islet), perfusion)


def test_sites_ahead_come_later():
    tissue = build_tissue(lobules=(2, 3), layers=3)
    ahead, behind = tissue.neighbours[:, AHEAD], tissue.neighbours[:, OPPOSITE[AHEAD]]
    sites = np.arange(tissue.n_sites)[:, None]
    assert np.all((ahead > sites) | (ahead < 0)) and np.all(behind < sites)


@pytest.mark.parametrize("layers", [1, 4])
@pytest.mark.parametrize("contrast", [1.0, 20.0, 100.0])
def test_pressure_is_that_of_a_direct_solve(layers, contrast):
    tissue = build_tissue(layers=layers)
    perfusion, n = healthy(tissue), tissue.n_sites
    scarred = np.random.default_rng(3).random(n) < 0.5
    perfusion.solve(np.where(scarred, 1.0 + 5.5 * (contrast - 1.0), 0.5))
    assert_balanced(tissue, perfusion)
    g = np.where(scarred, 1.0 / contrast, 1.0)
    site, slot = np.nonzero(tissue.neighbours >= 0)
    other = tissue.neighbours[site, slot]
    face = tissue.face_conductance[site, slot] * 2.0 / (1.0 / g[site] + 1.0 / g[other])
    face /= tissue.face_conductance.max()
    entering = perfusion._entry * perfusion._portal
    diagonal = np.bincount(site, face, n) + entering + perfusion._vein
    row, column = np.append(site, np.arange(n)), np.append(other, np.arange(n))
    matrix = coo_array((np.append(-face, diagonal), (row, column)), shape=(n, n)).tocsr()
    exact = spsolve(matrix, entering) * perfusion._upstream
    assert np.allclose(perfusion.pressure, exact, rtol=0.0, atol=1e-9 * exact.max())


def test_the_size_of_the_tissue_does_not_make_it_harder(monkeypatch):
    """What makes a thousand lobules affordable: each has its inlets and its outlet."""
    iterations = []

    def counted(*arguments):
        iterations.append(correct(*arguments))
        return iterations[-1]

    correct = module.correct
    monkeypatch.setattr(module, "correct", counted)
    for lobules in ((2, 2), (12, 12)):
        perfusion = healthy(build_tissue(lobules=lobules))
        iterations.clear()
        perfusion.solve(np.full(len(perfusion.seen), 9.0))
        assert sum(iterations) < 80


@given(st.integers(0, 2**31), st.floats(0.0, 0.5))
@settings(max_examples=30, deadline=None)
def test_an_update_is_due_by_the_conductance_alone(tissue, seed, refresh):
    perfusion = Perfusion(
        tissue, np.full(tissue.n_sites, 0.5), PERFUSION.values("mouse", {"refresh": refresh})
    )
    random = np.random.default_rng(seed)
    perfusion.seen = random.uniform(0.0, 4.0, tissue.n_sites)
    collagen = perfusion.seen + random.uniform(-1.0, 1.0, tissue.n_sites) * random.random() * 2.0
    old, new = (5.5 + np.maximum(0.0, c - 1.0) for c in (perfusion.seen, collagen))
    assert perfusion.needs_update(collagen) == (np.abs(old / new - 1.0).max() > refresh)


DOSES = [
    {"kind": "chelator", "day": 0.0, "drug": "deferoxamine", "mg_per_kg": 40.0, "hours": 8.0},
    {"kind": "ev", "day": 0.0, "particles": 1e10, "route": "intraportal"},
]


def sections(layers=1, collagen=0.0, where=None, hours=2):
    """Return seven small lobules after some hours, with more `collagen` (% area) in the lobules `where`."""
    model = Lobule(
        "hfe-mouse",
        rng=1,
        settings={
            "tissue.agents": False,
            "tissue.layers": layers,
            "tissue.radius_um": 160.0,
            "treatments": DOSES,
            "record.snapshot_days": [],
        },
    )
    model.matrix.soft[np.isin(model.tissue.lobule, range(7) if where is None else where)] = collagen
    for _ in range(hours):
        model.step()
    return model


def by_lobule(model, values):
    return np.bincount(model.tissue.lobule, values, model.tissue.n_lobules)


def taken(model, species):
    """Return the amount per hour that cells of each lobule take up."""
    lane = LANE[species]
    return by_lobule(model, model.exchange.uptake[:, lane] * model.fields.c[:, lane])


@pytest.mark.parametrize("layers", [1, 3])
def test_a_scarred_lobule_loses_its_blood_and_what_blood_brings(layers):
    well, ill = sections(layers), sections(layers, 40.0, [0])
    assert well.perfusion.inflow_fraction == pytest.approx(1.0, rel=1e-9)
    assert ill.perfusion.inflow_fraction < 0.97 and ill.perfusion.portal_pressure > 2.45 * 1.1
    before, after = (by_lobule(m, m.perfusion.outflow) for m in (well, ill))
    assert after[0] < 0.3 * before[0] and np.all(after[1:] > 1.02 * before[1:])
    assert after.sum() < before.sum()
    parenchyma = well.tissue.kind == PARENCHYMA
    for zone, fall in ((1, 5.0), (3, 15.0)):
        sites = parenchyma & (well.tissue.zone == zone)
        drop = by_lobule(well, (well.oxygen_tension() - ill.oxygen_tension()) * sites) / by_lobule(
            well, sites
        )
        assert drop[0] > fall and np.all(np.abs(drop[1:]) < 1.0)
    for species, most in (("iron", 0.75), ("ev", 0.95)):
        share, scarred = (taken(m, species) / taken(m, species).sum() for m in (well, ill))
        assert scarred[0] < most * share[0] and np.all(scarred[1:] > share[1:])
    passed, scarred = (by_lobule(m, m.perfusion.outflow * m.fields["chelator"]) for m in (well, ill))
    assert scarred[0] < 0.3 * passed[0]


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("area", [4.1, 6.0, 13.8, 17.3])
def test_portal_pressure_of_the_running_model_is_as_published(layers, area):
    model = sections(layers, area - 0.5, hours=1)
    seen = model.perfusion.seen.mean()
    assert model.readouts()["portal_pressure_gradient_mmhg"] == pytest.approx(2.0 + 0.45 * seen, rel=0.015)
    assert model.perfusion.inflow_fraction < 1.0
    assert model.oxygen_tension().mean() < sections(layers, hours=1).oxygen_tension().mean()


def test_when_flow_is_solved_again_depends_on_the_state_alone(tmp_path, monkeypatch):
    solved = []
    solve = Perfusion.solve
    monkeypatch.setattr(
        Perfusion, "solve", lambda self, c, *plugs: (solved.append(c.mean()), solve(self, c, *plugs))[1]
    )
    model = sections(1, 5.0, [0, 3], hours=4)
    model.save(tmp_path / "half.npz")
    assert solved
    other = Lobule.load(tmp_path / "half.npz")
    assert np.array_equal(other.perfusion.flow, model.perfusion.flow)
    schedules = []
    for m in (model, other):
        m.matrix.soft[m.tissue.lobule == 2] += 1.0  # not enough yet
        solved.clear()
        schedule = []
        for _ in range(6):
            m.step()
            m.matrix.soft[m.tissue.lobule == 2] += 0.2
            schedule.append(len(solved))
        schedules.append(schedule)
    assert schedules[0] == schedules[1] and 0 < schedules[0][-1] < 6
    assert np.array_equal(model.perfusion.flow, other.perfusion.flow)
    assert np.array_equal(model.fields.c, other.fields.c)
