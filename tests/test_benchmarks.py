"""Both sides of every benchmark give the same answer; how fast they are is not tested."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # the benchmarks are not part of the distribution

from benchmarks import __main__ as command  # noqa: E402
from benchmarks import cells, fields, hour, parts, sweeps  # noqa: E402
from benchmarks.peers.mesa_cells import Liver  # noqa: E402
from benchmarks.peers.numpy_cells import Columns  # noqa: E402
from benchmarks.peers.scipy_fields import Explicit, Sparse  # noqa: E402
from benchmarks.rounds import DisagreementError, Goal, Section, Spread, alternate, number  # noqa: E402


@pytest.mark.parametrize("peer", [Columns, Liver])
def test_transcribed_hepatocytes_are_ours_in_every_column(peer: type) -> None:
    moment = cells.Hour(lobules=1)
    ours, theirs = cells.Ours(moment), peer(moment)
    for _ in range(3):
        ours.advance()
        theirs.advance()
    assert cells.difference(ours.state, moment.columns()) > 0.1
    assert cells.difference(theirs.state, ours.state) <= cells.BOUND


def test_every_branch_of_the_hepatocytes_is_taken() -> None:
    moment = cells.Hour()
    ours = cells.Ours(moment)
    fates: set[int] = set()
    for tick in range(20):
        moment.tick = np.uint64(tick)
        ours.advance()
        fates |= set(ours.state["fate"].tolist())
    before, after = moment.columns(), ours.state
    assert fates == {0, 1, 2, 3}
    assert (after["haemosiderin"] > 0.0).any() and (after["redox"] == moment.p.redox_max).any()
    assert ((before["cycle"] < 0.0) & (after["cycle"] >= 0.0)).any()
    assert (after["chelated"] > 0.0).any() and (after["chelated"] == 0.0).any()


def test_a_difference_in_one_cell_is_seen() -> None:
    state = cells.Hour(lobules=1).columns()
    other = {name: values.copy() for name, values in state.items()}
    other["iron"][7] *= 1.0 + 1e-9
    assert cells.difference(state, other) == pytest.approx(1e-9, rel=1e-3)


@pytest.fixture(scope="module", params=["tissue", "square grid"])
def problem(request: pytest.FixtureRequest) -> fields.Problem:
    if request.param == "tissue":
        return fields.tissue_problem(1)
    return fields.grid_problem(15, fields.build_tissue("mouse", 1))


@pytest.mark.parametrize(("method", "bound"), [("spsolve", fields.BOUND), ("jacobi", 1e-3), ("stale", 1e-3)])
def test_sparse_solvers_find_what_the_transport_finds(
    problem: fields.Problem, method: str, bound: float
) -> None:
    ours, sparse = fields.Ours(problem), Sparse(problem, method, fields.TOLERANCE)
    for _ in range(3):
        ours.hour()
        sparse.hour()
    assert len(problem.used) >= 15
    assert fields.difference(ours.c, sparse.c, problem.used) <= bound


def test_fipy_finds_what_the_transport_finds() -> None:
    pytest.importorskip("fipy")
    from benchmarks.peers.fipy_fields import FiPy

    tissue = fields.build_tissue("mouse", 1)
    problem = fields.grid_problem(12, tissue)
    ours, fipy = fields.Ours(problem), FiPy(problem, 12, tissue.pitch)
    for _ in range(2):
        ours.hour()
        fipy.hour()
    assert fields.difference(fipy.c, ours.c, problem.used) <= 1e-4


def test_the_explicit_scheme_approaches_the_implicit_answer(problem: fields.Problem) -> None:
    explicit = Explicit(problem)
    assert explicit.apart_from_implicit(fields.Ours(problem)) < 1e-9
    explicit.step()
    assert (explicit.c >= 0.0).all() and (explicit.c > 0.0).any()


def test_the_hour_in_mesa_is_ours() -> None:
    model = hour.model_of(1)
    for _ in range(3):
        model.step()
    section = Section("hour", 1, quick=True)
    hour.agreed(section, "one lobule", model)
    assert len(section.remarks) == 5


def test_parts_are_put_back() -> None:
    model = hour.model_of(1)
    model.step()
    from lobule.agents import hepatocyte

    kernel, found = hepatocyte.oxidise, parts.Parts()
    with parts.instrumented(found):
        assert hepatocyte.oxidise is not kernel
        model.step()
    assert hepatocyte.oxidise is kernel
    assert found.kernels["hepatocyte.oxidise"][1] == 1
    assert sum(spent for spent, _ in [*found.kernels.values(), *found.python.values()]) > 0.0


def test_sides_take_turns() -> None:
    seen: list[str] = []
    sides = {name: (lambda name=name: seen.append(name)) for name in "ab"}
    times = alternate(sides, 3, least=0.0)  # type: ignore[arg-type]
    assert "".join(seen) == "ab" * 4
    assert [len(values) for values in times.values()] == [3, 3]


def test_rows_and_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    section = Section("fields", 3, quick=True)
    section.add("ratio", Spread.of([40.0, 50.0, 60.0]), "x", Goal(45.0), "peer 9 ms")
    section.add("import", 2.0, "s", Goal(1.2, at_least=False))
    assert [row.verdict for row in section.rows] == ["goal >= 45: met", "goal <= 1.2: SHORT"]
    assert "| ratio | 50.0 (40.0-60.0) x | >= 45 | met; peer 9 ms |" in section.as_markdown()
    assert json.loads(json.dumps(section.as_json()))["rows"][1]["median"] == 2.0
    assert [number(x) for x in (0.0, 0.1234, 12.34, 1234.5, 3e-9)] == ["0", "0.123", "12.3", "1,234", "3e-09"]
    with pytest.raises(DisagreementError, match=r"2\.0e-03, more than 1e-03"):
        section.agree("fields", 2e-3, 1e-3)
    with pytest.raises(DisagreementError):
        section.agree("fields", np.nan, 1e-3)


def test_a_disagreement_is_the_only_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cells, "BOUND", -1.0)
    monkeypatch.setattr(command, "describe", dict)
    assert command.main(["--section", "cells", "--quick", "--rounds", "1"]) == 1
    assert "DISAGREEMENT in cells" in capsys.readouterr().err


def test_sweeps_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "DAYS", 0.5)
    section = Section("sweeps", 1, quick=True)
    sweeps.overhead(section, tmp_path / "store")
    sweeps.finished(section, tmp_path, 100)
    assert [row.unit for row in section.rows] == ["ms", "kB", "kB", "s"]
    assert section.rows[0].value.median > 0.0 and section.rows[1].value.median > section.rows[2].value.median


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--json", str(tmp_path / "a.json"), "--markdown", str(tmp_path / "a.md")]
    assert command.main(["--quick", "--rounds", "1", "--section", "cells", *files]) == 0
    told = capsys.readouterr().out
    assert "Mesa do / ours" in told and "goal >= 100" in told
    (section,) = json.loads((tmp_path / "a.json").read_text())["sections"]
    assert section["section"] == "cells" and len(section["rows"]) == 4
    assert "| 3,647 hepatocytes: Mesa do / ours |" in (tmp_path / "a.md").read_text()
