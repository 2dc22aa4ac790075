"""The worked examples of docs/writing-cases.md are cases that run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from lobule import Lobule, load_case
from lobule.case import Case
from lobule.experiments.explain import explain

PAGE = (Path(__file__).parents[1] / "docs" / "writing-cases.md").read_text("utf-8")
EXAMPLES = {tomllib.loads(text)["name"]: text for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)}


def example(name: str, folder: Path) -> Case:
    path = folder / f"{name}.toml"
    path.write_text(EXAMPLES[name], "utf-8")
    return load_case(path)


def test_there_are_six() -> None:
    assert set(EXAMPLES) == {
        "diet-rat",
        "transfused-patient",
        "ccl4-msc",
        "phlebotomy-cohort",
        "phlebotomy-course",
        "cirrhosis-abstinence",
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_explained_written_read_again_and_runs(name: str, tmp_path: Path) -> None:
    case = example(name, tmp_path)
    assert len(list(explain(case))) > 10
    assert Case.from_json(case.to_json()) == case
    (tmp_path / "again.toml").write_text(case.to_toml(), "utf-8")
    assert load_case(tmp_path / "again.toml") == case
    short = load_case(case, {"tissue.lobules": 1, "tissue.agents": False}).with_days(1)[0]
    model = Lobule(short, rng=2).run()
    assert model.hours == 24.0 and model.ledger_error() < 1e-9
    assert len(model.log) == sum(hours < 24.0 for hours, _ in model.case.events())


@pytest.mark.parametrize("setting", re.findall(r"`(?:.*?)--set (\S+?)`", PAGE))
def test_settings_that_the_page_names_are_settings(setting: str, tmp_path: Path) -> None:
    key, _, value = setting.partition("=")
    fits = []
    for name in EXAMPLES:
        case = example(name, tmp_path)
        try:
            load_case(case, {key: float(value)})
        except ValueError:
            continue
        fits.append(name)
    assert fits or key == "treatments.0.cells"
