"""The generated pages of the documentation say what the code declares."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lobule.experiments.markdown import markdown
from lobule.experiments.tables import PAGES, main
from lobule.settings import declared_parameters

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_committed_page_is_up_to_date(name: str) -> None:
    written = (DOCS / name).read_text("utf-8")
    assert written == PAGES[name](), "out of date: run python -m lobule.experiments.tables docs/"


def test_every_parameter_has_its_row() -> None:
    page = PAGES["parameters.md"]()
    assert [key for key in declared_parameters() if f"| `{key}` |" not in page] == []


@pytest.mark.parametrize("name", PAGES)
def test_tables_have_equally_many_cells_in_every_row(name: str) -> None:
    width = 0
    for line in PAGES[name]().splitlines():
        cells = line.replace("\\|", "").count("|")
        assert not (width and cells) or cells == width, line
        width = cells


def test_bars_and_line_breaks_in_cells_are_harmless() -> None:
    assert markdown(("a",), [("x|y\nz",)]) == ["| a |", "| --- |", "| x\\|y z |", ""]


def test_main_writes_all_pages_and_refuses_what_is_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == set(PAGES)
    assert main([str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("page", [*DOCS.glob("*.md"), DOCS.parent / "README.md"], ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize(
    "folder",
    [
        "agents",
        "lobule",
        "experiments",
        "experiments/sweeps",
        "experiments/export",
        "experiments/sensitivities",
    ],
)
def test_architecture_names_every_module(folder: str) -> None:
    page = (DOCS / "architecture.md").read_text("utf-8")
    names = [path.name for path in (DOCS.parent / folder).glob("*.py") if not path.name.startswith("__")]
    assert [name for name in names if f"`{name}`" not in page] == []
