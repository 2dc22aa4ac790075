"""Cells without a tissue: declarations, tables, and the kernels of hepatocytes on plain arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lobule.agents import hepatocyte
from lobule.agents.chance import daughter_key
from lobule.agents.declare import Column, Parameter, Parameters
from lobule.agents.table import CellTable

from .model_cases import ring

U = np.uint64
SEED, TICK = U(11), U(3)
N = 20_000


def keys(n: int, salt: int = 0) -> np.ndarray:
    """Return n different keys, spread over 64 bits."""
    return np.array([daughter_key(U(salt), U(i)) for i in range(n)], U)


# declarations and tables


def test_a_parameter_outside_its_own_range_is_refused():
    with pytest.raises(ValueError, match="outside"):
        Parameter(2.0, "-", 0.0, 1.0, "meaning", "source")
    with pytest.raises(ValueError, match="source"):
        Parameter(0.5, "-", 0.0, 1.0, "meaning", "")
    with pytest.raises(ValueError, match="species"):
        Parameter(0.5, "-", 0.0, 1.0, "meaning", "source", {"zebrafish": 0.5})
    group = Parameters("group", "meaning", a=Parameter(0.5, "-", 0.0, 1.0, "meaning", "source", {"rat": 0.7}))
    assert group.values("mouse").a == 0.5 and group.values("rat").a == 0.7
    assert group.values("rat", {"a": 0.1}).a == 0.1
    with pytest.raises(ValueError, match=r"group\.a = 3"):
        group.values("mouse", {"a": 3.0})
    with pytest.raises(KeyError):
        group.values("mouse", {"b": 3.0})


class Handle:
    """What a table needs of a handle."""

    def __init__(self, table: CellTable, row: int) -> None:
        self.table, self.row, self.key, self.alive = table, row, int(table["key"][row]), True

    def forget(self) -> None:
        self.alive = False


OPERATIONS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 9), st.randoms(use_true_random=False)), max_size=25
)


@settings(max_examples=60)
@given(OPERATIONS)
def test_a_table_keeps_cells_whole_and_handles_on_their_cell(operations):
    table = CellTable("kind", {"iron": Column("float64", "fmol", 2.5, "iron")}, capacity=2)
    table.attach_handles(Handle)
    alive: dict[int, float] = {}
    known: dict[int, Handle] = {}
    fresh = 1
    for is_birth, k, chance_ in operations:
        if is_birth:
            new = np.arange(fresh, fresh + k, dtype=U)
            fresh += k
            table.add(key=new, site=np.arange(k), iron=new * 0.5)
            alive |= {int(key): float(key) * 0.5 for key in new}
        else:
            rows = chance_.sample(range(len(table)), min(k, len(table)))
            for row in rows:
                del alive[int(table["key"][row])]
            table.remove(np.array(rows, np.int64))
        assert dict(zip(table["key"].tolist(), table["iron"].tolist(), strict=True)) == alive
        known |= {handle.key: handle for handle in table.handles or ()}
        assert len(table.handles or ()) == len(table) == len(alive)
        for key, handle in known.items():
            assert handle.alive == (key in alive)
            if handle.alive:
                assert table["key"][handle.row] == key


def test_a_table_gives_defaults_refuses_unknown_columns_and_restores():
    table = CellTable("kind", {"iron": Column("float64", "fmol", 2.5, "iron")}, capacity=1)
    table.add(key=np.array([4, 5], U), site=[7, 8])
    assert table["iron"].tolist() == [2.5, 2.5] and table["age"].tolist() == [0.0, 0.0]
    assert table.names == ("key", "site", "births", "age", "iron")
    with pytest.raises(KeyError, match="colour"):
        table.add(key=np.array([6], U), site=[9], colour=1)
    saved = table.state()
    table["iron"][:] = 0.0
    table.remove(np.array([0]))
    table.restore(saved)
    assert table["iron"].tolist() == [2.5, 2.5] and table["key"].tolist() == [4, 5]


# hepatocytes

H = hepatocyte.PARAMETERS.values("mouse")
AMOUNTS = arrays(np.float64, 8, elements=st.floats(0.0, 1e4))


def iron_step(dt, ferroportin, chelator, factor, gained, iron, uptake, labile, ferritin, haemosiderin, fold):
    exported, chelated = np.full(8, np.nan), np.full(8, np.nan)
    hepatocyte.export(dt, H, ferroportin, factor, iron, uptake, fold, exported)
    stores = (labile, ferritin, haemosiderin, fold)
    hepatocyte.store(dt, H, chelator, 1.0, gained, iron, uptake, *stores, chelated)
    return exported, chelated


@settings(max_examples=200)
@given(
    dt=st.floats(0.25, 24.0),
    ferroportin=st.floats(0.0, 2.0),
    chelator=AMOUNTS,
    export=arrays(np.float64, 8, elements=st.floats(0.0, 50.0)),
    gained=AMOUNTS,
    iron=AMOUNTS,
    share=arrays(np.float64, 8, elements=st.floats(0.0, 1.0)),
    fold=arrays(np.float64, 8, elements=st.floats(1.0, H.labile_max)),
)
def test_a_hepatocyte_never_gives_more_iron_than_it_has(
    dt, ferroportin, chelator, export, gained, iron, share, fold
):
    full = iron + gained
    haemosiderin = share * iron
    labile, ferritin, uptake = np.zeros(8), iron - haemosiderin, np.zeros(8)
    for _ in range(3):
        exported, chelated = iron_step(
            dt, ferroportin, chelator, export, gained, iron, uptake, labile, ferritin, haemosiderin, fold
        )
        assert np.array_equal(uptake, gained / dt)
        assert np.all(exported >= 0.0) and np.all(chelated >= 0.0)
        assert np.all(exported + chelated <= full * (1.0 + 1e-14))
        np.testing.assert_allclose(iron + exported + chelated, full, rtol=1e-14, atol=1e-300)
        for store in (iron, labile, ferritin, haemosiderin):
            assert np.all(store >= 0.0)
        np.testing.assert_allclose(labile + ferritin + haemosiderin, iron, rtol=1e-12, atol=1e-300)
        assert np.all(fold >= 1.0) and np.all(fold <= H.labile_max * (1.0 + 1e-12))
        full = iron + gained


def one_iron(iron: float, dt: float = 1.0, n: int = 1, ferroportin: float = 1.0, chelator: float = 0.0):
    state = [np.full(8, v) for v in (iron, 0.0, 0.0, iron, 0.0, 1.0)]
    out, bound = np.zeros(8), np.zeros(8)
    for _ in range(n):
        a, b = iron_step(dt, ferroportin, np.full(8, chelator), np.ones(8), np.zeros(8), *state)
        out += a
        bound += b
    return state, out[0], bound[0]


def test_export_needs_ferroportin_and_chelation_needs_chelator_and_excess():
    assert one_iron(100.0, ferroportin=0.0)[1:] == (0.0, 0.0)
    assert one_iron(100.0)[1] > 0.0
    assert one_iron(H.normal_iron, n=5, chelator=100.0)[2] == 0.0  # labile iron is normal
    few, many, most = (one_iron(400.0, n=24, chelator=c)[2] for c in (5.0, 100.0, 1000.0))
    assert 0.0 < few < many < most


@pytest.mark.parametrize("dt", [0.25, 6.0, 24.0])
def test_the_balance_of_uptake_and_export_does_not_depend_on_the_step(dt):
    """Under a steady gain J a cell settles where export_rate F / (F + K) = J, whatever the step."""
    gain = 0.6 * H.export_rate
    expected = H.export_half_iron * 0.6 / 0.4
    state = [np.full(8, v) for v in (3.0 * expected, gain, 0.0, 3.0 * expected, 0.0, 1.0)]
    for _ in range(round(24.0 * 900.0 / dt)):
        iron_step(dt, 1.0, np.zeros(8), np.ones(8), np.full(8, gain * dt), *state)
        state[5][:] = 1.0
    np.testing.assert_allclose(state[0], expected, rtol=1e-5)


def test_haemosiderin_forms_in_full_cells_only():
    below, above = (
        one_iron(0.9 * H.haemosiderin_threshold, n=500)[0],
        one_iron(3 * H.haemosiderin_threshold, n=500)[0],
    )
    assert below[4][0] == 0.0 and above[4][0] > 0.05 * H.haemosiderin_threshold


@settings(max_examples=100)
@given(
    dt=st.floats(0.25, 24.0),
    load=arrays(np.float64, 8, elements=st.floats(0.0, 100.0)),
    fold=arrays(np.float64, 8, elements=st.floats(1.0, 3.0)),
)
def test_redox_state_is_bounded_at_any_step(dt, load, fold):
    redox, antioxidant, peroxide = np.ones(8), np.ones(8), np.zeros(8)
    for _ in range(5):
        hepatocyte.oxidise(
            dt, H, np.full(8, 0.9), load, np.full(8, 0.058), fold, redox, antioxidant, peroxide
        )
        assert np.all((redox >= 0.9) & (redox <= H.redox_max))
        assert np.all((antioxidant > 0.0) & (antioxidant <= 1.0 + 1e-12))
        assert np.all(np.isfinite(peroxide) & (peroxide >= 0.0))


def test_a_calm_cell_stays_in_health():
    redox, antioxidant, peroxide = np.ones(1), np.ones(1), np.zeros(1)
    for _ in range(100):
        hepatocyte.oxidise(
            1.0, H, np.ones(1), np.zeros(1), np.full(1, 0.058), np.ones(1), redox, antioxidant, peroxide
        )
    assert (redox[0], antioxidant[0], peroxide[0]) == (pytest.approx(1.0), pytest.approx(1.0), 0.0)


def fates(dt, rates, toxin=0.0, key=None, redox=1.0, tick=TICK):
    key = np.arange(N, dtype=U) if key is None else key
    n = key.size
    fate, senescent = np.empty(n, np.int8), np.zeros(n, np.uint8)
    columns = [np.full(n, rate) for rate in rates]
    hepatocyte.decide_deaths(
        dt, SEED, tick, H, np.full(n, toxin), *columns, key, np.full(n, redox), senescent, fate
    )
    return fate, senescent


@pytest.mark.parametrize("dt", [0.25, 1.0, 24.0])
def test_hazards_become_probabilities(dt):
    rates = (0.02, 0.03, 0.05)
    fate, _ = fates(dt, rates)
    dead = 1.0 - np.exp(-sum(rates) * dt)
    share = np.bincount(fate, minlength=4) / N
    for code, rate in zip(
        (hepatocyte.APOPTOSIS, hepatocyte.NECROSIS, hepatocyte.FERROPTOSIS), rates, strict=True
    ):
        p = dead * rate / sum(rates)
        assert abs(share[code] - p) < 4.0 * np.sqrt(p * (1 - p) / N)
    assert np.all(fates(dt, (0.0, 0.0, 0.0))[0] == hepatocyte.ALIVE)
    poisoned = np.bincount(fates(dt, (0.0, 0.0, 0.0), toxin=1.0)[0], minlength=4) / N
    p = 1.0 - np.exp(-H.toxin_hazard * dt)
    assert abs(poisoned[hepatocyte.NECROSIS] - p) < 4.0 * np.sqrt(p * (1 - p) / N)
    old = fates(dt, (0.0, 0.0, 0.0), redox=H.redox_max)[1].mean()
    p = 1.0 - np.exp(-H.senescence_rate * (H.redox_max - 1.0) * dt)
    assert abs(old - p) < 5.0 * np.sqrt(p * (1 - p) / N)
    assert not fates(dt, (0.0, 0.0, 0.0), redox=1.0)[1].any()


def test_fates_belong_to_keys_and_not_to_rows():
    """Another order, other rows, one cell more: nobody else's fate changes."""
    key = keys(500)
    fate, _ = fates(6.0, (0.02, 0.03, 0.05), key=key)
    order = np.random.default_rng(1).permutation(500)
    assert np.array_equal(fates(6.0, (0.02, 0.03, 0.05), key=key[order])[0], fate[order])
    more = np.concatenate([keys(1, salt=9), key])
    assert np.array_equal(fates(6.0, (0.02, 0.03, 0.05), key=more)[0][1:], fate)
    assert not np.array_equal(fates(6.0, (0.02, 0.03, 0.05), key=key, tick=U(4))[0], fate)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(4, 60),
    filled=st.floats(0.1, 0.95),
    ready=st.floats(0.0, 1.0),
    salt=st.integers(0, 10**6),
)
def test_division_never_puts_two_hepatocytes_on_one_site(n, filled, ready, salt):
    rng = np.random.default_rng(salt)
    site = rng.permutation(n)[: max(1, int(filled * n))].astype(np.int32)
    key = keys(site.size, salt)
    cycle = np.where(rng.random(site.size) < ready, H.cycle_time + 1.0, -1.0)
    waiting = cycle >= H.cycle_time
    vacant = np.ones(n, np.uint8)
    vacant[site] = 0
    parent, target = np.empty(site.size, np.int64), np.empty(site.size, np.int32)
    through = np.flatnonzero(waiting)
    born = hepatocyte.divide(
        SEED, TICK, through[np.argsort(key[through])], key, site, cycle, ring(n), vacant, parent, target
    )
    everyone = np.concatenate([site, target[:born]])
    assert np.unique(everyone).size == everyone.size
    assert np.array_equal(np.sort(everyone), np.flatnonzero(vacant == 0))
    assert np.all(waiting[parent[:born]]) and np.unique(parent[:born]).size == born
    apart = (target[:born] - site[parent[:born]]) % n
    assert np.all((apart == 1) | (apart == n - 1))
    assert np.all(cycle == -1.0)


def test_cells_commit_beside_vacant_sites_only():
    n = 4000
    neighbours, vacant = ring(2 * n), np.zeros(2 * n, np.uint8)
    site = np.arange(n, dtype=np.int32) * 2
    vacant[1:n:2] = 1  # beside the first half of the cells
    cycle, senescent = np.full(n, -1.0), np.zeros(n, np.uint8)
    senescent[: n // 8] = 1
    dt, rate = 6.0, 0.02
    keys, rates = np.arange(n, dtype=U), np.full(n, rate)
    hepatocyte.enter_cycle(dt, SEED, TICK, H, rates, 0.0, keys, site, senescent, cycle, neighbours, vacant)
    started = cycle >= 0.0
    assert not started[: n // 8].any() and not started[n // 2 + 1 :].any()
    p = 1.0 - np.exp(-rate * dt)
    young = started[n // 8 : n // 2 - 1]
    assert abs(young.mean() - p) < 4.0 * np.sqrt(p * (1 - p) / young.size)
    asked = np.full(n, -1.0)
    hepatocyte.enter_cycle(dt, SEED, TICK, H, rates, 0.5, keys, site, senescent, asked, neighbours, vacant)
    assert np.array_equal(asked[: n // 2 - 1], cycle[: n // 2 - 1])  # what they commit to anyway is not added
    half = 1.0 - np.exp(-0.5 * rate * dt)
    without_room = (asked >= 0.0)[n // 2 + 1 :]
    assert abs(without_room.mean() - half) < 4.0 * np.sqrt(half * (1 - half) / without_room.size)
    assert not (asked >= 0.0)[: n // 8].any()
