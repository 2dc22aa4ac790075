"""The examples run as they are, and find what they say they find."""

from __future__ import annotations

import ast
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "experiments" / "examples"


def dose_response(found: dict[str, Any]) -> None:
    ratio = found["ratio"]
    assert 3.9 < ratio[0.02] < 4.7  # the knock-out loads four times as fast on chow
    assert ratio[0.02] > ratio[0.1] > ratio[0.5] > 1.0


def paired_arms(found: dict[str, Any]) -> None:
    unloaded = found["unloaded"]
    assert len(unloaded) == 4 and 0.3 < unloaded.mean() < 0.7
    assert unloaded.std() < 0.02 * unloaded.mean()  # luck is shared


def screening(found: dict[str, Any]) -> None:
    effects = found["effects"]
    # what the liver does not clear other tissue takes, so clearance matters, and more than export
    assert sorted(effects, key=lambda key: -effects[key]) == [
        "body.hfe_response",
        "hepatocyte.uptake_clearance",
        "hepatocyte.export_rate",
        "stellate.threshold",
    ]
    assert effects["stellate.threshold"] < 0.01 * effects["hepatocyte.export_rate"]


def zonal_iron(found: dict[str, Any]) -> None:
    gradient = found["gradient"]
    assert float(gradient.sel(day=0.0)) == pytest.approx(1.0, abs=1e-9)
    assert 1.7 < float(gradient.sel(day=14.0)) < 2.1
    assert np.all(np.diff(found["by_zone"].sel(day=14.0)) < 0.0)


def mesa_view(found: dict[str, Any]) -> None:
    solara = pytest.importorskip("solara", reason="solara, of the extra 'view', is not installed")
    model = found["Watched"]()
    for _ in range(3):
        model.step()
    assert len(model.datacollector.get_model_vars_dataframe()) == 3
    _, context = solara.render(found["Page"](), handle_error=False)
    context.close()


CHECKS: list[Callable[[dict[str, Any]], None]] = [
    dose_response,
    mesa_view,
    paired_arms,
    screening,
    zonal_iron,
]


SLOW = (screening,)


@pytest.mark.parametrize(
    "check",
    [pytest.param(check, marks=[pytest.mark.slow] * (check in SLOW), id=check.__name__) for check in CHECKS],
)
def test_example(check: Callable[[dict[str, Any]], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0}, raising=False)  # no worker processes
    path = FOLDER / f"{check.__name__}.py"
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))
    check(runpy.run_path(str(path)))


def test_every_example_is_checked():
    assert sorted(path.stem for path in FOLDER.glob("*.py")) == sorted(check.__name__ for check in CHECKS)
