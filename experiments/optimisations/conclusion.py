"""What is written when a search is done."""

from __future__ import annotations

from pathlib import Path

from lobule.experiments.optimisations.conduct import Study
from lobule.experiments.optimisations.page import REPORT, write_report
from lobule.experiments.optimisations.tables import write_best, write_schedules
from lobule.experiments.sweeps.store import Store

SCHEDULES = "schedules.csv"


def conclude(study: Study, store: Store) -> Path:
    """Write ``schedules.csv``, ``best-*.toml``, ``report.html`` and ``figures/`` into the store.

    Returns
    -------
    Path
        The report.
    """
    write_schedules(study, store.path / SCHEDULES)
    write_best(study, store.path)
    write_report(study, store.path / REPORT)
    return store.shown / REPORT
