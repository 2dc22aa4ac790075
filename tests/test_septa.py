"""Septa on tissues scarred by hand: which vessels they join, what they cut off, and the stage they make."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from lobule import Lobule
from lobule.geometry import PARENCHYMA, Tissue, build_tissue
from lobule.landmarks import landmarks_of
from lobule.mapped import build_mapped, grid_of, rows_of
from lobule.scars import scar as start_scar
from lobule.septa import SEPTA, Septa, fibrosis_stage, septa_of

P = SEPTA.values()
DENSE = 40.0
ANGLES = np.deg2rad(30.0 + 60.0 * np.arange(6))
WELL = Septa(0.0, 0.0, 0.0, 0.0, 0.0, 0, any=False)


def read(tissue: Tissue, collagen: np.ndarray, cells: np.ndarray | None = None) -> Septa:
    if cells is None:
        cells = (tissue.kind == PARENCHYMA).astype(np.int64)
    return septa_of(tissue, landmarks_of(tissue, P.edge_band), collagen, cells, P)


def corner(tissue: Tissue, number: int, lobule: int = 0) -> np.ndarray:
    """Return the place of a corner of a lobule, um."""
    radius = tissue.lobule_size * tissue.pitch / math.sqrt(3.0)
    angle = ANGLES[number % 6]
    return tissue.centres[lobule] + radius * np.array([math.cos(angle), math.sin(angle)])


def band(tissue: Tissue, *path: np.ndarray, layer: int | None = None) -> np.ndarray:
    """Return the sites within a pitch of a path of straight lines."""
    line = np.concatenate([np.linspace(a, b, 200) for a, b in pairwise(path)])
    away = cKDTree(line).query(np.stack([tissue.x, tissue.y], axis=1))[0]
    return (away < tissue.pitch) & ((layer is None) | (tissue.axial[:, 2] == layer))


def scarred(tissue: Tissue, *bands: np.ndarray) -> np.ndarray:
    return np.where(np.any(bands, axis=0), DENSE, 0.5)


def counts(septa: Septa) -> tuple[float, float, float]:
    return septa.portal_portal, septa.portal_central, septa.central_central


@pytest.mark.parametrize("species", ["mouse", "human"])
@pytest.mark.parametrize("lobules", [1, 7, 19, (2, 3)])
def test_a_healthy_liver_has_no_septa_and_stage_0(species, lobules):
    tissue = build_tissue(species, lobules)
    septa = read(tissue, np.full(tissue.n_sites, 1.5))
    assert septa == WELL
    assert fibrosis_stage(septa, 1.5, 1.5, P) == 0


@pytest.mark.parametrize("species", ["mouse", "rat", "human"])
@pytest.mark.parametrize("number", range(6))
def test_one_septum_from_tract_to_tract_is_one(species, number):
    tissue = build_tissue(species, 1)
    scar = scarred(tissue, band(tissue, corner(tissue, number), corner(tissue, number + 1)))
    septa = read(tissue, scar)
    assert counts(septa) == (1.0, 0.0, 0.0)
    assert fibrosis_stage(septa, 5.0, 0.5, P) == 2


@pytest.mark.parametrize("number", range(6))
def test_one_septum_from_tract_to_vein_is_one(number):
    tissue = build_tissue("mouse", 1)
    septa = read(tissue, scarred(tissue, band(tissue, corner(tissue, number), tissue.centres[0])))
    assert counts(septa) == (0.0, 1.0, 0.0)
    assert septa.longest > 0.7


def test_a_septum_with_a_gap_joins_nothing_but_half_of_it_makes_stage_2():
    tissue = build_tissue("human", 1)
    a, b = corner(tissue, 0), tissue.centres[0]
    most = scarred(tissue, band(tissue, a, 0.25 * a + 0.75 * b))
    septa = read(tissue, most)
    assert septa.bridges == 0.0 and septa.longest > 0.5
    assert fibrosis_stage(septa, 3.0, 1.5, P) == 2
    little = read(tissue, scarred(tissue, band(tissue, a, 0.8 * a + 0.2 * b)))
    assert little.any and fibrosis_stage(little, 1.6, 1.5, P) == 1


def test_septa_need_the_declared_collagen():
    tissue = build_tissue("mouse", 1)
    line = band(tissue, corner(tissue, 0), corner(tissue, 1))
    assert read(tissue, np.where(line, 24.9, 0.5)) == WELL
    assert read(tissue, np.where(line, 25.0, 0.5)).portal_portal == 1.0


def test_a_way_round_far_from_the_edge_joins_no_tracts():
    tissue = build_tissue("human", 1)
    a, b = corner(tissue, 0), corner(tissue, 1)
    inside = 0.25 * (a + b)  # 0.43 radii inside the edge
    assert read(tissue, scarred(tissue, band(tissue, a, inside, b))).portal_portal == 0.0
    near = 0.45 * (a + b)
    assert read(tissue, scarred(tissue, band(tissue, a, near, b))).portal_portal == 1.0


@pytest.mark.parametrize(("lobules", "shared", "single"), [(7, 2 / 7, 1 / 7), ((1, 2), 1.0, 0.5)])
def test_a_septum_on_a_shared_edge_counts_for_both_lobules(lobules, shared, single):
    tissue = build_tissue("mouse", lobules)
    east = int(np.argmin(np.hypot(*(tissue.centres - [tissue.lobule_size * tissue.pitch, 0.0]).T)))
    between = band(tissue, corner(tissue, 5), corner(tissue, 0))
    assert read(tissue, scarred(tissue, between)).portal_portal == pytest.approx(shared)
    outer = band(tissue, corner(tissue, 5, east), corner(tissue, 0, east))
    assert read(tissue, scarred(tissue, outer)).portal_portal == pytest.approx(single)
    veins = read(tissue, scarred(tissue, band(tissue, tissue.centres[0], tissue.centres[east])))
    assert veins.central_central == pytest.approx(shared) and veins.portal_portal == 0.0


def test_veins_are_joined_across_the_edge_between_them_only():
    """Two septa meet at the middle vein of three: its neighbours' own common edge stays without."""
    tissue = build_tissue("mouse", 7)
    a, b = tissue.centres[1], tissue.centres[2]
    assert np.hypot(*(a - b)) == pytest.approx(np.hypot(*a))
    septa = read(tissue, scarred(tissue, band(tissue, a, tissue.centres[0], b)))
    assert septa.central_central == pytest.approx(4 / 7)


def test_every_edge_of_seven_lobules_along_and_across():
    tissue = build_tissue("mouse", 7)
    edges = [band(tissue, corner(tissue, k, n), corner(tissue, k + 1, n)) for n in range(7) for k in range(6)]
    ringed = read(tissue, scarred(tissue, *edges))
    assert ringed.portal_portal == 6.0 and ringed.edges == 1.0 and ringed.central_central == 0.0
    assert ringed.nodules == 7
    assert read(tissue, scarred(tissue, *edges[:5])).nodules == 0
    centres = tissue.centres
    pairs = [(a, b) for a in centres for b in centres if 0 < np.hypot(*(a - b)) < 1.1 * np.hypot(*centres[1])]
    crossed = read(tissue, scarred(tissue, *(band(tissue, a, b) for a, b in pairs)))
    assert crossed.central_central == pytest.approx(24 / 7) and crossed.edges == 1.0


def test_layers_are_read_as_sections():
    tissue = build_tissue("mouse", 1, layers=4)
    a, b = corner(tissue, 2), corner(tissue, 3)
    assert read(tissue, scarred(tissue, band(tissue, a, b, layer=1))).portal_portal == 0.25
    half = [band(tissue, a, 0.5 * (a + b), layer=0), band(tissue, 0.5 * (a + b), b, layer=1)]
    assert read(tissue, scarred(tissue, *half)).portal_portal == 0.0
    flat = build_tissue("mouse", 1)
    scar = scarred(flat, band(flat, a, b), band(flat, a, flat.centres[0]))
    assert counts(read(tissue, np.tile(scar, 4))) == counts(read(flat, scar)) == (1.0, 1.0, 0.0)


def ring(tissue: Tissue, radius: float, at: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    away = np.hypot(tissue.x - at[0], tissue.y - at[1])
    return np.abs(away - radius) <= 0.8 * tissue.pitch


def test_a_ring_of_septa_makes_a_nodule_and_cirrhosis():
    tissue = build_tissue("human", 1)
    around_the_vein = read(tissue, scarred(tissue, ring(tissue, 200.0)))
    assert around_the_vein.nodules == 1 and fibrosis_stage(around_the_vein, 8.0, 1.5, P) == 4
    between = tuple(0.5 * corner(tissue, 0))
    apart = read(tissue, scarred(tissue, ring(tissue, 120.0, between)))
    assert apart.nodules == 1
    opened = scarred(tissue, ring(tissue, 200.0) & ~((tissue.x > 0.0) & (np.abs(tissue.y) < 30.0)))
    assert read(tissue, opened).nodules == 0
    small = read(tissue, scarred(tissue, ring(tissue, 80.0, between)))
    assert small.any and small.nodules == 0  # too few cells inside
    perivenular = (tissue.portal_central > 0.7) & (tissue.kind == PARENCHYMA)
    assert read(tissue, np.where(perivenular, DENSE, 1.5)).nodules == 0


@pytest.mark.parametrize(("lobules", "layers"), [(1, 1), (7, 1), (1, 3)])
@pytest.mark.parametrize("species", ["mouse", "human"])
@pytest.mark.parametrize("area", [3.0, 10.0])
def test_collars_round_all_tracts_are_portal_fibrosis(area, species, lobules, layers):
    tissue = build_tissue(species, lobules, layers=layers)
    septa = read(tissue, 0.5 + start_scar(tissue, "portal", area, 0.5, 60.0))
    assert septa.any and septa.nodules == 0 and septa.bridges == 0.0
    assert fibrosis_stage(septa, area, 0.5, P) == 1


def test_a_ring_between_collars_still_makes_a_nodule():
    tissue = build_tissue("human", 1)
    collars = 1.5 + start_scar(tissue, "portal", 10.0, 1.5, 60.0)
    cut = ring(tissue, 120.0, tuple(0.4 * corner(tissue, 0)))
    assert read(tissue, np.where(cut, DENSE, collars)).nodules == 1


def test_a_nodule_is_made_of_living_hepatocytes():
    tissue = build_tissue("human", 1)
    scar = scarred(tissue, ring(tissue, 200.0))
    nobody = np.zeros(tissue.n_sites, np.int64)
    assert read(tissue, scar, nobody).nodules == 0
    inside = np.flatnonzero(np.hypot(tissue.x, tissue.y) < 150.0)
    inside = inside[tissue.kind[inside] == PARENCHYMA]
    for number, nodules in ((30, 0), (31, 1)):
        some = nobody.copy()
        some[inside[:number]] = 1
        assert read(tissue, scar, some).nodules == nodules


def test_stages_3_and_4_without_nodules():
    assert fibrosis_stage(WELL._replace(portal_central=2.0, any=True), 9.0, 0.5, P) == 3
    assert fibrosis_stage(WELL._replace(portal_portal=5.0, edges=5 / 6, any=True), 12.9, 0.5, P) == 3
    assert fibrosis_stage(WELL._replace(portal_portal=5.0, edges=5 / 6, any=True), 13.0, 0.5, P) == 4
    assert fibrosis_stage(WELL, 1.6, 0.5, P) == 1  # pericellular
    solid = build_tissue("mouse", 7)
    septa = read(solid, np.full(solid.n_sites, DENSE))
    assert counts(septa) == (6.0, 6.0, pytest.approx(24 / 7))
    assert fibrosis_stage(septa, 100.0 * (1.0 - math.exp(-0.4)), 0.5, P) == 4


@given(st.integers(0, 2**31), st.sampled_from([1, 7, (2, 2)]))
@settings(max_examples=40, deadline=None)
def test_more_collagen_never_takes_a_bridge_away(seed, lobules):
    chance = np.random.default_rng(seed)
    tissue = build_tissue("mouse", lobules)
    collagen = np.where(chance.random(tissue.n_sites) < chance.uniform(0.2, 0.7), DENSE, 0.5)
    more = collagen + np.where(chance.random(tissue.n_sites) < 0.2, DENSE, 0.0)
    before, after = read(tissue, collagen), read(tissue, more)
    assert np.all(np.array(counts(after)) >= np.array(counts(before)))
    assert after.edges >= before.edges and after.longest >= before.longest
    assert max(counts(after)) <= 6.0


def test_turned_tissue_has_the_same_septa():
    tissue = build_tissue("mouse", 7)
    chance = np.random.default_rng(3)
    collagen = np.where(chance.random(tissue.n_sites) < 0.55, DENSE, 0.5)
    places = {(q, r): i for i, (q, r, _) in enumerate(tissue.axial.tolist())}
    turned = np.array([places[-r, q + r] for q, r, _ in tissue.axial.tolist()])
    one, other = read(tissue, collagen), read(tissue, collagen[turned])
    assert counts(one)[1] == counts(other)[1] > 0.0
    assert (one.longest, one.nodules) == (pytest.approx(other.longest), other.nodules)


def as_drawn(tissue: Tissue) -> Tissue:
    """Return a lobule as if it had been drawn, its sites row by row in the same order."""
    q, r = tissue.axial[:, 0], tissue.axial[:, 1]
    column, row = q + (r >> 1), r.max() - r
    grid = np.full((int(row.max()) + 1, int(np.ptp(column)) + 1), -1, np.int8)
    grid[row, column - column.min()] = tissue.kind
    return build_mapped(grid_of(rows_of(grid)), tissue.pitch, tissue.species)


def test_drawn_tissue_knows_its_tracts_and_veins_but_no_edges():
    regular = build_tissue("mouse", 1)
    tissue = as_drawn(regular)
    assert np.array_equal(tissue.kind, regular.kind)
    healthy = read(tissue, np.full(tissue.n_sites, 0.5))
    assert healthy.portal_central == 0.0 and math.isnan(healthy.portal_portal)
    scar = scarred(regular, *(band(regular, corner(regular, k), regular.centres[0]) for k in (0, 2)))
    septa = read(tissue, scar)
    assert septa.portal_central == read(regular, scar).portal_central == 2.0
    assert math.isnan(septa.portal_portal) and math.isnan(septa.central_central)
    assert math.isnan(septa.bridges) and math.isnan(fibrosis_stage(septa, 20.0, 0.5, P))
    assert septa.longest > 0.7
    stacked = build_mapped(grid_of(rows_of(_grid(tissue))), tissue.pitch, "mouse", layers=2)
    below = np.concatenate([scar, np.full(tissue.n_sites, 0.5)])
    assert read(stacked, below).portal_central == 1.0


def _grid(tissue: Tissue) -> np.ndarray:
    q, r = tissue.axial[:, 0], tissue.axial[:, 1]
    grid = np.full((int(-r.min()) + 1, int((q + (r >> 1)).max()) + 1), -1, np.int8)
    grid[-r, q + (r >> 1)] = tissue.kind
    return grid


def test_landmarks_of_a_tiling_are_shared():
    tissue = build_tissue("mouse", 7)
    found = landmarks_of(tissue, P.edge_band)
    sites, vessels = found.walls.T
    assert np.unique(vessels).tolist() == list(range(24 + 7))
    assert np.all(tissue.kind[sites] == PARENCHYMA)
    assert len(found.along) == len(found.inward) == 42 and len(found.across) == 24
    assert np.unique(np.sort(found.along, axis=1), axis=0).shape == (30, 2)
    apart = np.hypot(*(corner(tissue, 0)[:, None] - [tissue.x[sites], tissue.y[sites]]))
    assert np.array_equal(vessels == found.inward[0, 0], apart < 2.5 * tissue.pitch)


def test_a_model_reads_a_cirrhosis_made_by_hand():
    changes = {"tissue.lobules": 7, "tissue.agents": False, "record.snapshot_days": []}
    model = Lobule("wild-type-mouse", settings=changes)
    assert model.readouts()["fibrosis_stage"] == 0
    tissue = model.tissue
    edges = [band(tissue, corner(tissue, k, n), corner(tissue, k + 1, n)) for n in range(7) for k in range(6)]
    model.matrix.cross[np.any(edges, axis=0)] = 50.0
    r = model.readouts()
    assert r["septa_portal_portal"] == 6.0
    assert r["fibrosis_stage"] == 4
