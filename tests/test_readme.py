"""What the README shows does run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from lobule.case import Case, builtin_cases
from lobule.experiments.cli import parse
from lobule.experiments.sweeps.sweepfile import read_sweep

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.slow
def test_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec("\n".join(blocks("python")), names)
    assert names["again"].hours == 168.0
    assert names["model"].hours == 192.0
    assert float(capsys.readouterr().out.split()[1]) > 1.0  # more iron in zone 1 than in zone 3


def test_case_of_the_readme_is_accepted() -> None:
    (text,) = blocks("toml")
    assert [hours for hours, _ in Case.model_validate(tomllib.loads(text)).events()] == [672.0, 840.0, 1008.0]


def test_commands_of_the_readme_are_commands() -> None:
    lines = re.findall(r"^    lobule ([^#\n]+)", README, re.MULTILINE)
    assert len(lines) > 4
    for line in lines:
        assert parse(line.split()).command == line.split()[0]


def test_readme_names_all_builtin_cases() -> None:
    assert [name for name in builtin_cases() if f"| `{name}` |" not in README] == []


SWEEPS = (Path(__file__).parents[1] / "docs" / "sweeps.md").read_text("utf-8")


def test_the_sweep_file_of_the_page_is_accepted(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", SWEEPS, re.DOTALL)
    (tmp_path / "dose.toml").write_text(text, "utf-8")
    plan = read_sweep(tmp_path / "dose.toml")
    assert [arm.name for arm in plan.arms] == ["untreated", "MSC", "bled"]
    # 32 samples x 4 ages x 8 replicates; three doses for those that get cells
    assert len(plan.rows) == 32 * 4 * 8 * (1 + 3 + 1)


def test_commands_of_the_page_on_sweeps_are_commands() -> None:
    lines = re.findall(r"^    lobule ([^#\n]+)", SWEEPS, re.MULTILINE)
    assert len(lines) >= 6
    for line in lines:
        parse(line.split())
