"""Stellate cells, macrophages and MSC on plain arrays: stages, polarisation, appetite, arrival, moves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobule.agents import macrophage, msc, stellate
from lobule.agents.chance import daughter_key
from lobule.agents.migration import OFTEN, climb

from .model_cases import ring

U = np.uint64
SEED, TICK = U(11), U(3)
N = 20_000
S = stellate.PARAMETERS.values("mouse")
M = macrophage.PARAMETERS.values("mouse")
C = msc.PARAMETERS.values("mouse")
KEYS = np.arange(N, dtype=U)
ONE = np.ones(1)


def near(share: float, p: float, n: int = N) -> bool:
    return bool(abs(share - p) < 4.0 * np.sqrt(p * (1.0 - p) / n) + 1e-12)


# stellate cells


def activate(dt: float, hours: float, drive: float = 1.0, n: int = 2000, primed: int = 0):
    """Return stages and first hours in the last stage of n cells under a steady drive."""
    stage, mark = np.zeros(n, np.int8), np.full(n, primed, np.uint8)
    felt, fate, done = np.zeros(n), np.empty(n, np.int8), np.full(n, np.nan)
    for k in range(round(hours / dt)):
        stellate.change_stage(dt, SEED, U(k), S, np.full(n, drive), KEYS[:n], stage, mark, felt, fate)
        done[np.isnan(done) & (stage == stellate.LAST_STAGE)] = (k + 1) * dt
        assert np.all(fate == stellate.KEEP)
    return stage, done


@pytest.mark.parametrize("dt", [1.0, 6.0, 24.0])
def test_activation_takes_as_long_as_its_stages(dt):
    """14 exponential stages: the time is Erlang, whatever the step."""
    rate = np.log(2.0) / S.stage_half_life * (1.0 - S.threshold)
    mean, sd = stellate.LAST_STAGE / rate, np.sqrt(stellate.LAST_STAGE) / rate
    _, done = activate(dt, mean + 8.0 * sd)
    assert not np.any(np.isnan(done))
    assert done.mean() - dt / 2.0 == pytest.approx(mean, abs=4.0 * sd / np.sqrt(done.size) + dt / 10.0)
    assert done.std() == pytest.approx(sd, rel=0.1)


def test_priming_speeds_activation_and_weak_drive_does_nothing():
    fresh, primed = activate(6.0, 96.0)[0].mean(), activate(6.0, 96.0, primed=1)[0].mean()
    assert primed / fresh == pytest.approx(S.priming, rel=0.1)
    assert not activate(6.0, 96.0, drive=S.threshold)[0].any()


def test_without_drive_cells_leave_with_the_reversal_half_life():
    stage, primed = np.full(N, 14, np.int8), np.zeros(N, np.uint8)
    fate, felt = np.empty(N, np.int8), np.zeros(N)
    hours = 24.0 * S.reversal_half_life
    stellate.change_stage(hours, SEED, TICK, S, np.zeros(N), KEYS, stage, primed, felt, fate)
    dead, quiet = fate == stellate.DIE, stage == 0
    assert near((dead | quiet).mean(), 0.5)
    assert near(quiet.mean(), 0.5 * S.reversion)
    assert np.array_equal(primed == 1, quiet)  # those that were myofibroblasts remember it
    stellate.change_stage(hours, SEED, U(4), S, np.zeros(N), KEYS, stage, primed, felt, fate)
    assert np.all(stage[quiet] == 0) and not np.any(fate[quiet])


def test_stellate_cells_divide_at_their_rates_where_there_is_room_and_a_surplus_fades():
    stage = np.repeat(np.array([0, 3, 10], np.int8), N // 2)
    key = np.arange(stage.size, dtype=U)

    def born(dt: float, shortage: float, crowding: float, what: int = stellate.DIVIDE) -> list[float]:
        fate = np.zeros(stage.size, np.int8)
        fate[0] = stellate.DIE
        rates = np.full(stage.size, 0.02), np.full(stage.size, 0.01)
        stellate.decide_numbers(dt, SEED, TICK, S, *rates, shortage, crowding, key, stage, fate)
        assert fate[0] == stellate.DIE
        fate[0] = stellate.KEEP
        return [float((fate[stage == s] == what).mean()) for s in (0, 3, 10)]

    quiet, active, fibre = born(24.0, 0.0, 1.0)
    assert quiet == 0.0
    assert near(active, 1.0 - np.exp(-0.48), N // 2) and near(fibre, 1.0 - np.exp(-0.24), N // 2)
    assert born(24.0, 0.0, 0.0) == [0.0, 0.0, 0.0]
    recovery = 1.0 - np.exp(-np.log(2.0) / S.recovery_half_life * 0.5)
    assert near(born(24.0, 0.5, 1.0)[0], recovery, N // 2)
    assert near(born(24.0, -0.5, 1.0, stellate.DIE)[0], recovery, N // 2)  # a surplus fades as slowly
    assert born(24.0, -0.5, 1.0)[1] == active and born(24.0, -0.5, 1.0, stellate.DIE)[1:] == [0.0, 0.0]


def test_a_cell_lays_down_all_its_collagen_here_or_next_door():
    n = 10
    line = ring(n)
    line[0, 1] = line[n - 1, 0] = -1
    for here in (0, 4):
        out = np.zeros(n)
        site, stage = np.array([here, 7], np.int32), np.array([14, 0], np.int8)
        stellate.deposit(S, np.array([0.5, 9.0]), site, stage, line, out)
        assert out.sum() == pytest.approx(0.5 * S.deposition_myofibroblast)
        assert set(np.flatnonzero(out)) <= {here - 1, here, here + 1}


# macrophages


@settings(max_examples=100)
@given(
    dt=st.floats(0.25, 24.0),
    n=st.integers(1, 30),
    salt=st.integers(0, 10**6),
    scale=st.sampled_from([0.0, 0.1, 1.0, 50.0]),
)
def test_engulfment_conserves_iron_and_bodies(dt, n, salt, scale):
    rng, sites = np.random.default_rng(salt), 12
    site = rng.integers(0, sites, n).astype(np.int32)
    engulfed, engulfed_msc, iron = np.zeros(n), np.zeros(n), rng.random(n)
    bodies, dead_msc, debris = (scale * rng.random(sites) * (rng.random(sites) < 0.7) for _ in range(3))
    before = iron.sum() + debris.sum(), bodies.sum() + dead_msc.sum()
    eaten_iron = iron.copy()
    eaten = macrophage.engulf(
        dt, M, rng.permutation(n), site, engulfed, engulfed_msc, iron, ring(sites), bodies, dead_msc, debris
    )
    assert eaten == pytest.approx((iron - eaten_iron).sum(), rel=1e-12, abs=1e-12)
    assert iron.sum() + debris.sum() == pytest.approx(before[0], rel=1e-12)
    assert (engulfed + engulfed_msc).sum() + (bodies + dead_msc).sum() == pytest.approx(
        before[1], rel=1e-12, abs=1e-12
    )
    for values in (bodies, dead_msc, debris):
        assert np.all(values >= 0.0)
    assert np.all(engulfed + engulfed_msc <= M.appetite * dt * (1.0 + 1e-12))


def test_macrophages_digest_and_release_with_their_half_lives():
    engulfed, nothing, sites = np.ones(1), np.zeros(1), np.zeros(3)
    macrophage.engulf(
        M.digestion_half_life, M, np.array([0]), np.zeros(1, np.int32), engulfed, nothing, nothing, ring(3),
        sites, sites.copy(), sites.copy(),
    )  # fmt: skip
    assert engulfed[0] == pytest.approx(0.5)
    iron, stored, out = np.full(1, 20.0), np.zeros(1), np.empty(1)
    for _ in range(1000):
        macrophage.recycle(24.0 * M.release_half_life / 1000.0, M, 1.0, 0.0, ONE, iron, stored, out)
    assert iron[0] == pytest.approx(10.0, rel=1e-3)
    assert stored[0] == pytest.approx(0.0, abs=1e-12)


def test_macrophages_answer_to_ferroportin_by_its_power():
    lost = []
    for ferroportin in (0.5, 1.0):
        iron, stored, out = np.full(1, 20.0), np.zeros(1), np.empty(1)
        macrophage.recycle(1e-3, M, ferroportin, 0.0, ONE, iron, stored, out)
        lost.append(out[0])
    assert lost[1] / lost[0] == pytest.approx(2.0**M.release_power, rel=1e-3)


@given(
    st.floats(0.25, 240.0),
    st.floats(0.0, 2.0),
    st.floats(0.0, 1e3),
    st.floats(0.0, 1e4),
    st.floats(0.0, 1.0),
)
def test_recycling_gives_at_most_what_there_is(dt, ferroportin, gained, iron, share):
    held, stored, out = np.full(1, iron), np.full(1, share * iron), np.empty(1)
    macrophage.recycle(dt, M, ferroportin, gained, ONE, held, stored, out)
    assert 0.0 <= out[0] <= (iron + gained) * (1.0 + 1e-12)
    assert 0.0 <= stored[0] <= held[0]
    assert held[0] + out[0] == pytest.approx(iron + gained, rel=1e-14)


@pytest.mark.parametrize("dt", [1.0, 6.0])
def test_stores_fill_above_the_threshold_and_empty_with_their_half_life(dt):
    """A surge is stored by the ratio of the two ways out; a long step agrees with a short one."""
    ends = []
    for step in (0.01, dt):
        iron, stored, out = np.full(1, 1000.0), np.zeros(1), np.empty(1)
        for _ in range(round(240.0 / step)):
            macrophage.recycle(step, M, 0.3, 0.0, ONE, iron, stored, out)
        ends.append(stored[0])
    assert 300.0 < ends[0] < 1000.0
    assert ends[1] == pytest.approx(ends[0], rel=0.05)
    iron, stored, out = np.full(1, 10.0), np.full(1, 10.0), np.empty(1)
    for _ in range(1000):
        macrophage.recycle(0.024 * M.store_half_life, M, 1.0, 0.0, ONE, iron, stored, out)
    assert stored[0] == pytest.approx(5.0, rel=1e-3)


def polarised(state: int, lineage: int, dt: float = 6.0, shortage: float = 0.0, rates=(0.05, 0.03, 0.02)):
    polarisation, fate = np.full(N, state, np.uint8), np.empty(N, np.int8)
    columns = [np.full(N, rate) for rate in rates]
    macrophage.polarise(
        dt, SEED, TICK, M, *columns, shortage, KEYS, np.full(N, lineage, np.uint8), polarisation, fate
    )
    return np.bincount(polarisation, minlength=3) / N, np.bincount(fate, minlength=3) / N


def test_polarisation_follows_its_rates():
    resting, m1, m2 = macrophage.RESTING, macrophage.M1, macrophage.M2
    kupffer, recruited = macrophage.KUPFFER, macrophage.RECRUITED
    share, fate = polarised(resting, kupffer, rates=(0.05, 0.0, 0.0))
    assert near(share[m1], 1.0 - np.exp(-0.3)) and share[m2] == 0.0 and fate[macrophage.KEEP] == 1.0
    share, _ = polarised(m1, kupffer, rates=(0.05, 0.03, 0.0))
    assert near(share[m1], np.exp(-0.18))
    share, _ = polarised(m2, recruited, rates=(0.05, 0.0, 0.02))
    assert near(share[m1], 1.0 - np.exp(-0.12)) and share[resting] == 0.0
    share, _ = polarised(m2, kupffer, rates=(0.0, 0.0, 0.0))
    assert near(share[resting], 1.0 - 0.5 ** (6.0 / 24.0 / M.calming_half_life)) and share[m1] == 0.0


@pytest.mark.parametrize("dt", [1.0, 6.0, 24.0])
def test_polarisation_over_days_does_not_depend_on_the_step(dt):
    """A recruited cell between M1 and M2 for four days, from M1: a two-state chain with a known answer."""
    forth, back, hours = 0.03, 0.02, 96.0
    polarisation = np.full(N, macrophage.M1, np.uint8)
    columns = [np.full(N, rate) for rate in (0.0, forth, back)]
    lineage, fate = np.full(N, macrophage.RECRUITED, np.uint8), np.empty(N, np.int8)
    for k in range(round(hours / dt)):
        macrophage.polarise(dt, SEED, U(k), M, *columns, 0.0, KEYS, lineage, polarisation, fate)
    expected = forth / (forth + back) * (1.0 - np.exp(-(forth + back) * hours))
    assert near(float(np.mean(polarisation == macrophage.M2)), expected)


def test_recruited_cells_die_and_kupffer_cells_renew():
    for state, half_life in ((macrophage.M1, M.m1_half_life), (macrophage.M2, M.m2_half_life)):
        fate = polarised(state, macrophage.RECRUITED, dt=24.0, rates=(0.0, 0.0, 0.0))[1]
        assert near(fate[macrophage.DIE], 1.0 - 0.5 ** (1.0 / half_life)) and fate[macrophage.DIVIDE] == 0.0
    fate = polarised(macrophage.RESTING, macrophage.KUPFFER, dt=24.0, shortage=0.5)[1]
    assert (
        near(fate[macrophage.DIVIDE], 1.0 - 0.5 ** (0.5 / M.renewal_half_time))
        and fate[macrophage.DIE] == 0.0
    )


def test_monocytes_arrive_as_poisson_where_there_is_room_and_with_keys_of_their_own():
    n, room = 3000, 10**6
    rate = np.full(n, 0.05)
    site, key = np.empty(4096, np.int32), np.empty(4096, U)
    rooms = np.full(n, room)
    rooms[: n // 2] = 0
    arrived = macrophage.arrive(12.0, SEED, TICK, rate, rooms, site, key)
    assert site[:arrived].min() >= n // 2
    assert abs(arrived - 0.6 * n / 2) < 4.0 * np.sqrt(0.6 * n / 2)
    assert np.unique(key[:arrived]).size == arrived
    again = macrophage.arrive(12.0, SEED, U(4), rate, rooms, site, key_2 := np.empty(4096, U))
    assert not set(key[:arrived].tolist()) & set(key_2[:again].tolist())
    assert macrophage.arrive(12.0, SEED, TICK, np.full(n, 50.0), np.full(n, 4), site[:100], key[:100]) == 100
    crowded = macrophage.arrive(12.0, SEED, TICK, np.full(n, 50.0), np.ones(n, np.int64), site, key)
    assert crowded == n and np.unique(site[:crowded]).size == n


# MSC


def test_a_dose_lands_where_it_may_and_more_cells_never_land_fewer():
    weight = np.cumsum([0.0, 1.0, 0.0, 3.0, 0.0])
    site, key = np.empty(4096, np.int32), np.empty(4096, U)
    room = np.full(5, 4096)
    landed = msc.seed_dose(1000.0, SEED, TICK, U(0), weight, room, site, key)
    assert abs(landed - 1000) < 4.0 * np.sqrt(1000)
    share = np.bincount(site[:landed], minlength=5) / landed
    assert share[[0, 2, 4]].tolist() == [0.0, 0.0, 0.0] and near(share[3], 0.75, landed)
    assert np.unique(key[:landed]).size == landed
    assert msc.seed_dose(0.0, SEED, TICK, U(0), weight, room, site, key) == 0
    small, large = (msc.seed_dose(m, SEED, TICK, U(0), weight, room, site, key) for m in (20.0, 30.0))
    assert small <= large
    full = np.array([0, 2, 0, 3, 0])
    assert msc.seed_dose(1000.0, SEED, TICK, U(0), weight, full, site, key) == 5
    assert full.tolist() == [0, 0, 0, 0, 0]


def test_msc_die_convert_and_are_licensed():
    def decide(
        dt: float, licence: float, target: float, rates=(0.0, 0.0), room: int = 0, primed: float = 0.0
    ):
        held, fate = np.full(N, licence), np.empty(N, np.int8)
        msc.decide(
            dt, SEED, TICK, C, np.full(N, target), np.full(N, rates[0]), np.full(N, rates[1]), KEYS, held,
            np.full(N, primed), np.ones(N), np.ones(N), np.full(N, room, np.uint8), fate,
        )  # fmt: skip
        return held[0], np.bincount(fate, minlength=4) / N

    held, fate = decide(C.licensing_time, 0.0, 1.0)
    assert held == pytest.approx(1.0 - np.exp(-1.0)) and fate[msc.KEEP] == 1.0
    assert decide(C.licensing_time, 0.8, 0.0, primed=0.8)[0] == pytest.approx(0.8)
    assert near(decide(24.0, 0.0, 0.0, (0.02, 0.0))[1][msc.DIE], 1.0 - np.exp(-0.48))
    assert near(decide(24.0, 0.0, 0.0, (0.0, 0.02))[1][msc.CONVERT], 1.0 - np.exp(-0.48))
    assert decide(24.0, 1.0, 1.0, (0.0, 0.02))[1][msc.CONVERT] == 0.0  # a licensed cell makes no scar
    assert near(decide(24.0, 0.0, 0.0, room=1)[1][msc.DIFFERENTIATE], 1.0 - np.exp(-24.0 * C.differentiation))
    assert decide(24.0, 0.0, 0.0)[1][msc.DIFFERENTIATE] == 0.0


# movement


@settings(max_examples=100)
@given(
    n=st.integers(1, 40),
    salt=st.integers(0, 10**6),
    rate=st.floats(0.0, 10.0),
    bias=st.sampled_from([0.0, 0.3, 1.0]),
    flat=st.booleans(),
)
def test_climbing_respects_room_and_loses_nobody(n, salt, rate, bias, flat):
    rng, sites, most = np.random.default_rng(salt), 9, 4
    site = np.repeat(np.arange(sites), most)[rng.permutation(sites * most)[:n]].astype(np.int32)
    room = most - np.bincount(site, minlength=sites)
    moves = (rng.random(site.size) < 0.7).astype(np.uint8)
    key = np.array([daughter_key(U(salt), U(i)) for i in range(site.size)], U)
    before, signal = site.copy(), np.ones(sites) if flat else rng.random(sites)
    rows = np.flatnonzero(moves)
    climb(1.0, SEED, TICK, rate, bias, rows[np.argsort(key[rows])], key, site, ring(sites), room, signal)
    assert np.array_equal(room, most - np.bincount(site, minlength=sites)) and np.all(room >= 0)
    assert np.array_equal(site[moves == 0], before[moves == 0])
    apart = (site - before) % sites
    rounds = int(np.ceil(rate / OFTEN))
    assert np.all((apart <= rounds) | (apart >= sites - rounds))


def test_cells_gather_at_the_peak_and_wander_without_one():
    sites = 9
    signal = np.exp(-np.abs(np.arange(sites) - 4.0))
    site = np.array([0, 1, 2, 6, 7, 8], np.int32)
    key, order = np.arange(6, dtype=U), np.arange(6)
    room = np.full(sites, 100)
    for tick in range(60):
        climb(1.0, SEED, U(tick), 0.5, 1.0, order, key, site, ring(sites), room, signal)
    assert np.all(np.abs(site - 4) <= 1)
    lost = np.full(3000, 4, np.int32)
    key = np.arange(3000, dtype=U)
    climb(
        1.0, SEED, TICK, OFTEN, 1.0, np.arange(3000), key, lost, ring(sites),
        np.full(sites, 10**6), np.ones(sites),
    )  # fmt: skip
    left, right = float((lost == 3).mean()), float((lost == 5).mean())
    assert left > 0.05 and abs(left - right) < 0.05


@pytest.mark.parametrize("dt", [1.0, 6.0, 24.0])
def test_cells_wander_as_far_by_long_steps_as_by_short_ones(dt):
    """Without a gradient the variance of a walk is the number of moves: rate times hours."""
    sites, rate, hours = 601, 0.2, 48.0
    site, key = np.full(4000, 300, np.int32), np.arange(4000, dtype=U)
    order, room = np.arange(4000), np.full(sites, 10**6)
    for k in range(round(hours / dt)):
        climb(dt, SEED, U(k), rate, 0.3, order, key, site, ring(sites), room, np.ones(sites))
    variance = float(np.mean((site - 300.0) ** 2))
    assert variance == pytest.approx(rate * hours, rel=0.08)


@pytest.mark.parametrize("bias", [0.0, 0.3, 1.0])
def test_the_bias_is_the_share_of_moves_that_go_up(bias):
    """Six neighbours of one site, the third of them the highest: a wanderer finds it one time in six."""
    star = np.full((7, 8), -1, np.int32)
    star[0, :6] = np.arange(1, 7)
    site, key = np.zeros(N, np.int32), KEYS
    signal = np.array([1.0, 1.1, 1.2, 2.0, 1.2, 1.1, 1.0])
    order, room = np.arange(N), np.full(7, 10**6)
    climb(1.0, SEED, TICK, OFTEN, bias, order, key, site, star, room, signal)
    moved = site[site > 0]
    assert near(float((site > 0).mean()), OFTEN)
    assert near(float((moved == 3).mean()), bias + (1.0 - bias) / 6.0, moved.size)
    assert near(float((moved == 1).mean()), (1.0 - bias) / 6.0, moved.size)
