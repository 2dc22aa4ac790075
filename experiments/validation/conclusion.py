"""What a validation found, when its runs are done: table, report, and lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lobule.experiments.sweeps.plan import Plan
from lobule.experiments.sweeps.store import Store
from lobule.experiments.validation.page import write_report
from lobule.experiments.validation.studies import Courses
from lobule.experiments.validation.tally import lines, rows_of, tallies, write_table


def conclude(names: Sequence[str], plan: Plan, store: Store) -> Iterator[str]:
    """Write ``table.csv``, ``report.html`` and ``figures/`` into the store; yield what they say in lines.

    Parameters
    ----------
    names : sequence of str
        Data sets.
    plan : Plan
        Their runs.
    store : Store
        Where the runs are. Those that are missing are missing from the means.
    """
    courses = Courses(store, plan)
    rows = rows_of(names, courses)
    table = store.path / "table.csv"
    write_table(rows, table)
    page = write_report(rows, courses, store.path, len(plan.replicates))
    yield from lines(rows)
    yield from map(str, tallies(rows))
    yield f"table:  {store.shown / table.name}"
    yield f"report: {store.shown / page.name}"
