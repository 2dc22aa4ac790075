"""What scripts and notebooks call to hold arms against each other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lobule.experiments.comparisons.comparison import Comparison, read_comparison
from lobule.experiments.comparisons.conclusion import REPORT, conclude
from lobule.experiments.comparisons.findings import Findings
from lobule.experiments.scripting import carried_out
from lobule.experiments.sweeps.conduct import Workers
from lobule.experiments.sweeps.results import Results
from lobule.experiments.sweeps.store import Store
from lobule.files import checked_path

if TYPE_CHECKING:
    import pandas as pd


class Compared(NamedTuple):
    """What a comparison has found."""

    comparison: Comparison
    findings: Findings
    results: Results
    """The runs."""
    report: Path
    """The page."""

    @property
    def effects(self) -> pd.DataFrame:
        """Paired differences: a row for each arm, readout and recorded time, as in ``effects.parquet``."""
        return self.findings.effects.to_pandas()

    @property
    def endpoints(self) -> pd.DataFrame:
        """A row for each endpoint and arm, as in ``endpoints.csv``."""
        import pandas as pd

        return pd.DataFrame([row.fields() for row in self.findings.endpoints])


def compare(
    file: str | os.PathLike[str],
    out: str | os.PathLike[str] = "comparison",
    workers: int | None = None,
    cluster: Any = None,
    *,
    quick: bool = False,
    only_failed: bool = False,
    progress: bool = True,
) -> Compared:
    """Hold arms against each other on the same virtual patients; finished runs are never done again.

    Parameters
    ----------
    file : str or path
        A comparison file, or the name of a built-in one.
    out : path
        Store of runs, with report, tables and pictures beside them.
    workers, cluster, only_failed, progress
        As for :func:`lobule.experiments.sweep`.
    quick : bool
        As the file says under ``[quick]``: fewer patients, shorter runs.

    Returns
    -------
    Compared
        Effects, endpoints and the runs.

    Raises
    ------
    InputError
        In one line, if anything given is wrong; nothing has been run then.
    KeyboardInterrupt, RuntimeError
        As for :func:`lobule.experiments.sweep`.
    """
    comparison = read_comparison(checked_path(file, "file"), quick=quick)
    store = Store(checked_path(out, "out"))
    who = Workers.of(workers, cluster)
    carried_out(comparison.plan, store, who, only_failed=only_failed, progress=progress)
    findings = conclude(comparison, store)
    return Compared(comparison, findings, Results(store, [comparison.plan]), store.shown / REPORT)
