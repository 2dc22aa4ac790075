"""The lattice of lobules: counts, neighbours, landmarks and symmetry."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobule.geometry import (
    CENTRAL_VEIN,
    GEOMETRY,
    PARENCHYMA,
    PORTAL_TRACT,
    build_tissue,
)
from lobule.lattice import OPPOSITE, STEPS

tissues = st.builds(
    build_tissue,
    st.sampled_from(["mouse", "rat", "human"]),
    st.one_of(st.sampled_from([1, 7, 19]), st.tuples(st.integers(1, 4), st.integers(1, 4))),
    radius_um=st.floats(150.0, 400.0),
    layers=st.integers(1, 4),
)


@given(tissues)
@settings(max_examples=30, deadline=None)
def test_neighbours_are_mutual_and_one_step_away(tissue):
    for k in range(8):
        i = np.nonzero(tissue.neighbours[:, k] >= 0)[0]
        j = tissue.neighbours[i, k]
        assert np.array_equal(tissue.axial[j] - tissue.axial[i], np.broadcast_to(STEPS[k], (len(i), 3)))
        assert np.array_equal(tissue.neighbours[j, OPPOSITE[k]], i)
        assert np.array_equal(tissue.face_conductance[i, k], tissue.face_conductance[j, OPPOSITE[k]])
    assert np.all((tissue.face_conductance > 0.0) == (tissue.neighbours >= 0))


@given(tissues)
@settings(max_examples=30, deadline=None)
def test_every_present_neighbour_is_listed_and_no_site_twice(tissue):
    places = {tuple(a): i for i, a in enumerate(tissue.axial.tolist())}
    assert len(places) == tissue.n_sites
    for i, a in enumerate(tissue.axial[:200]):
        expected = [places.get(tuple((a + step).tolist()), -1) for step in STEPS]
        assert tissue.neighbours[i].tolist() == expected


@given(tissues)
@settings(max_examples=30, deadline=None)
def test_zones_run_from_portal_tract_to_central_vein(tissue):
    assert np.all((tissue.portal_central >= 0.0) & (tissue.portal_central <= 1.0))
    assert np.all(tissue.portal_central[tissue.kind == PORTAL_TRACT] == 0.0)
    assert np.all(tissue.portal_central[tissue.kind == CENTRAL_VEIN] == 1.0)
    assert np.all(tissue.zone[tissue.kind == PORTAL_TRACT] == 1)
    assert np.all(tissue.zone[tissue.kind == CENTRAL_VEIN] == 3)
    assert np.array_equal(tissue.zone, np.clip(np.floor(3 * tissue.portal_central), 0, 2) + 1)
    assert set(np.unique(tissue.kind)) == {PARENCHYMA, PORTAL_TRACT, CENTRAL_VEIN}


@pytest.mark.parametrize("lobules", [1, 7, 19])
@pytest.mark.parametrize("species", ["mouse", "rat", "human"])
def test_six_fold_symmetry(species, lobules):
    tissue = build_tissue(species, lobules)
    places = {(q, r): i for i, (q, r, _) in enumerate(tissue.axial.tolist())}
    turned = np.array([places[-r, q + r] for q, r, _ in tissue.axial.tolist()])
    assert sorted(turned) == list(range(tissue.n_sites))
    assert np.array_equal(tissue.kind[turned], tissue.kind)
    assert np.allclose(tissue.portal_central[turned], tissue.portal_central, atol=1e-12)


@pytest.mark.parametrize(
    ("species", "m", "volume"), [("mouse", 21, 7.05), ("rat", 24, 8.14), ("human", 36, 7.94)]
)
def test_one_site_is_the_tissue_volume_of_one_hepatocyte(species, m, volume):
    tissue = build_tissue(species, 1)
    assert tissue.lobule_size == m
    assert tissue.volume[0] / tissue.phi_e == pytest.approx(volume, rel=3e-3)
    per_cell = 1e9 / (tissue.hepatocytes_per_gram * 1.05)
    assert tissue.volume[0] / tissue.phi_e == pytest.approx(per_cell, rel=3e-3)
    assert tissue.grams == np.sum(tissue.kind == PARENCHYMA) / tissue.hepatocytes_per_gram


@pytest.mark.parametrize("m", [9, 21, 36])
def test_a_closed_hexagon_has_its_rim_beside_m_squared_sites(m):
    tissue = build_tissue(lobules=1, radius_um=m * 23.0 / math.sqrt(3.0))
    inner_rim = 6 * math.ceil(m / 3)  # sites on the edges, corners included, for m a multiple of 3
    assert tissue.n_sites == m * m + inner_rim // 2 + 1


def test_lobules_share_their_edges_and_corners():
    one, seven = build_tissue(lobules=1), build_tissue(lobules=7)
    m = seven.lobule_size
    assert seven.n_sites < 7 * one.n_sites
    q, r = seven.axial[:, 0], seven.axial[:, 1]
    corner = (q == m // 3) & (r == m // 3)
    assert corner.sum() == 1 and seven.kind[corner] == PORTAL_TRACT and seven.lobule[corner] == 0
    within = seven.lobule == 0
    assert within.sum() == one.n_sites  # ties belong to the first lobule
    veins = seven.kind == CENTRAL_VEIN
    assert veins.sum() == 7 * 7 and set(seven.lobule[veins]) == set(range(7))
    assert np.allclose(np.hypot(*seven.centres[1:].T), m * seven.pitch)


def test_layers_are_equal_and_vertical_faces_are_those_of_the_slab():
    section, stack = build_tissue(lobules=1), build_tissue(lobules=1, layers=3)
    n = section.n_sites
    assert stack.n_sites == 3 * n
    for name in ("kind", "zone", "lobule", "portal_central", "x", "y"):
        assert np.array_equal(getattr(stack, name).reshape(3, n), np.tile(getattr(section, name), (3, 1)))
    assert np.array_equal(np.unique(stack.z), stack.thickness * np.arange(3))
    area = stack.pitch**2 * math.sqrt(3.0) / 2.0
    assert stack.face_conductance[0, 7] == pytest.approx(0.2 * area / stack.thickness / 1000.0)
    lateral = stack.thickness * stack.pitch / math.sqrt(3.0)
    assert stack.face_conductance[:, 0].max() == pytest.approx(0.2 * lateral / stack.pitch / 1000.0)


def test_a_large_tissue():
    tissue = build_tissue(lobules=(20, 20))
    assert tissue.n_sites > 170_000 and tissue.n_lobules == 400


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"species": "pig"}, "species"),
        ({"lobules": 6}, "lobules = 6"),
        ({"lobules": 0}, "lobules = 0"),
        ({"lobules": (0, 2)}, "lobules"),
        ({"layers": 0}, "layers"),
        ({"radius_um": 40.0}, "too small"),
    ],
)
def test_impossible_tissues_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_tissue(**arguments)


def test_parameters_can_be_changed():
    wide = build_tissue(lobules=1, parameters=GEOMETRY.values("mouse", {"radius": 400.0}))
    assert wide.lobule_size == 30
