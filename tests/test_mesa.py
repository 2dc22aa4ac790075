"""Mesa's own tools work on the cells: agents by type, aggregation, collection, batches, removal, a page."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import mesa
import numpy as np
import pytest

from lobule import Lobule
from lobule.agents import MSC, Hepatocyte, Macrophage, StellateCell

from .model_cases import assert_iron_is_sound, everything, small

KINDS = (Hepatocyte, StellateCell, Macrophage, MSC)


def test_agents_are_the_cells_through_births_and_deaths():
    model = everything()
    while model.hours < model.case.end_hours:
        model.step()
        counts = {kind: len(model.cells[kind]) for kind in KINDS}
        assert len(model.agents) == sum(counts.values())
        for kind, n in counts.items():
            if n:
                agents = list(model.agents_by_type[kind])
                assert sorted(agent.row for agent in agents) == list(range(n))
                assert {agent.key for agent in agents} == set(model.cells[kind]["key"].tolist())


def test_aggregation_is_that_of_the_column(treated: Lobule):
    iron = treated.cells[Hepatocyte]["iron"]
    agents = treated.agents_by_type[Hepatocyte]
    assert agents.agg("iron", np.mean) == pytest.approx(iron.mean(), rel=1e-12)
    assert agents.agg("iron", max) == iron.max()
    assert sorted(agents.get("iron")) == sorted(iron.tolist())
    rich = agents.select(lambda cell: cell.iron > float(np.median(iron)))
    assert len(rich) == int((iron > np.median(iron)).sum())


def test_attributes_are_the_columns():
    model = small()
    cell = next(iter(model.agents_by_type[Hepatocyte]))
    column = model.cells[Hepatocyte]["redox"]
    cell.redox = 2.5
    assert column[cell.row] == 2.5 and np.sum(column == 2.5) == 1
    column[cell.row] = 1.5
    assert cell.redox == 1.5 and isinstance(cell.redox, float)
    model.agents_by_type[StellateCell].set("stage", 9)
    assert np.all(model.cells[StellateCell]["stage"] == 9)
    assert all(isinstance(getattr(cell, name), int | float) for name in cell.table.names)
    assert "oxidant" in Hepatocyte.redox.__doc__


@pytest.mark.parametrize("kind", [Hepatocyte, Macrophage, StellateCell])
def test_removal_is_a_death(kind):
    model = small(subject__age_days=40.0).run(days=1)
    cell = list(model.agents_by_type[kind])[5]
    site, iron, key = cell.site, getattr(cell, "iron", 0.0), cell.key
    debris, bodies = (model.population.debris[name][site] for name in ("iron", "bodies"))
    n = len(model.agents)
    cell.remove()
    assert len(model.agents) == n - 1 and cell not in model.agents
    assert key not in model.cells[kind]["key"]
    assert model.population.debris["iron"][site] == pytest.approx(debris + iron)
    assert model.population.debris["bodies"][site] == bodies + 1.0
    assert model.ledger_error() < 1e-9
    with pytest.raises(IndexError):
        cell.age  # noqa: B018
    model.run(days=1)
    assert_iron_is_sound(model)


def test_all_agents_can_be_removed_and_the_model_still_steps():
    model = small(subject__age_days=40.0)
    model.remove_all_agents()
    assert len(model.agents) == 0 == sum(len(table) for table in model.cells.values())
    model.run(days=1)
    assert_iron_is_sound(model)


def test_a_handle_stays_on_its_cell_while_others_die():
    model = small("ccl4-mouse")
    held = {cell: (cell.key, cell.site) for cell in model.agents_by_type[Hepatocyte]}
    model.run(days=3)
    alive = set(model.cells[Hepatocyte]["key"].tolist())
    rows = 0
    for cell, (key, site) in held.items():
        assert (cell in model.agents) == (key in alive)
        if key in alive:
            assert (cell.key, cell.site) == (key, site)
            rows += cell.row >= len(alive) - 50
    assert model.deaths > 20 and rows > 0


def test_a_data_collector_follows_the_model():
    model = small(subject__age_days=40.0)
    collector = mesa.DataCollector(
        model_reporters={
            "hours": "hours",
            "lic": lambda m: m.readouts()["lic_mg_per_g"],
            "agents": lambda m: len(m.agents),
        }
    )
    rows = []
    for _ in range(5):
        collector.collect(model)
        rows.append((model.hours, model.readouts()["lic_mg_per_g"], len(model.agents)))
        model.step()
    frame = collector.get_model_vars_dataframe()
    assert list(frame.itertuples(index=False, name=None)) == rows
    assert frame["hours"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_models_in_one_process_do_not_share_cells():
    one, two = small(), small(seed=2)
    before = two.cells[Hepatocyte]["iron"].copy()
    one.agents_by_type[Hepatocyte].set("iron", 99.0)
    next(iter(one.agents_by_type[Macrophage])).remove()
    assert np.array_equal(two.cells[Hepatocyte]["iron"], before)
    assert len(two.cells[Macrophage]) == len(one.cells[Macrophage]) + 1
    assert all(agent.model is two for agent in two.agents)


class Batched(Lobule):
    """A model as a Mesa user would batch it."""

    def __init__(self, age: float = 30.0, rng: Any = None) -> None:
        super().__init__("hfe-mouse", rng=rng, settings={"tissue.lobules": 1, "subject.age_days": age})
        self.datacollector = mesa.DataCollector(
            {"lic": lambda m: m.readouts()["lic_mg_per_g"], "hours": "hours"}
        )

    def step(self) -> None:
        super().step()
        self.datacollector.collect(self)


def test_mesas_batch_run():
    new = "rng" in inspect.signature(mesa.batch_run).parameters  # Mesa 3.4 and later name the seeds
    seeds: dict[str, Any] = {"rng": [1, 2]} if new else {}
    swept = {"age": [30.0, 60.0]} if new else {"age": [30.0, 60.0], "rng": [1, 2]}
    rows = mesa.batch_run(Batched, swept, max_steps=48, display_progress=False, **seeds)
    assert len(rows) == 4
    by_age = {age: [row["lic"] for row in rows if row["age"] == age] for age in (30.0, 60.0)}
    assert max(by_age[30.0]) < min(by_age[60.0])
    assert len({row["lic"] for row in rows}) == 4


SILENT = """
import warnings
import numpy as np
from lobule import Lobule
from lobule.agents import Hepatocyte
with warnings.catch_warnings():
    for kind in (FutureWarning, DeprecationWarning, PendingDeprecationWarning):
        warnings.simplefilter("error", kind)
    model = Lobule("hfe-mouse", rng=1, settings={"tissue.lobules": 1})
    model.step()
    model.agents_by_type[Hepatocyte].agg("iron", np.mean)
    next(iter(model.agents)).remove()
    model.step()
    model.agents.get("site")
print("silent")
"""


def test_mesa_has_nothing_to_warn_of():
    done = subprocess.run(
        [sys.executable, "-c", SILENT], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.strip() == "silent", done.stderr
    assert "Warning" not in done.stderr


def test_a_page_shows_the_model():
    solara = pytest.importorskip("solara", reason="solara, of the extra 'view', is not installed")
    from matplotlib.figure import Figure
    from mesa.visualization import SolaraViz
    from mesa.visualization.utils import update_counter

    drawn: list[float] = []

    @solara.component
    def Picture(model: Lobule) -> None:  # noqa: N802, components are named like classes
        update_counter.get()
        drawn.append(model.hours)
        figure = Figure()
        figure.subplots().scatter(model.tissue.x, model.tissue.y, c=model.fields["iron"])
        solara.FigureMatplotlib(figure)

    model = small()
    page = SolaraViz(model, components=[Picture], model_params={"case": "hfe-mouse", "rng": 1})
    _, context = solara.render(page, handle_error=False)
    assert drawn and drawn[0] == 0.0
    context.close()
