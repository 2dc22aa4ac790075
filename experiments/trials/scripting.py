"""What scripts and notebooks call to conduct a virtual trial."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lobule.experiments.scripting import carried_out
from lobule.experiments.sweeps.conduct import Workers
from lobule.experiments.sweeps.results import Results
from lobule.experiments.sweeps.store import Store
from lobule.experiments.trials.conclusion import PATIENTS, REPORT, conclude, included_of
from lobule.experiments.trials.findings import Findings
from lobule.experiments.trials.trial import Trial, read_trial
from lobule.files import checked_path

if TYPE_CHECKING:
    import pandas as pd


class Tried(NamedTuple):
    """What a trial has found."""

    trial: Trial
    findings: Findings
    results: Results
    """The runs."""
    report: Path
    """The page."""

    @property
    def effects(self) -> pd.DataFrame:
        """A row for each analysis, endpoint, subgroup and arm, as in ``effects.parquet``."""
        import pandas as pd

        return pd.DataFrame([effect.fields() for effect in self.findings.effects])

    @property
    def patients(self) -> pd.DataFrame:
        """A row for each patient screened, as in ``patients.csv``."""
        import pandas as pd

        return pd.read_csv(self.report.parent / PATIENTS)


def trial(
    file: str | os.PathLike[str],
    out: str | os.PathLike[str] = "trial",
    workers: int | None = None,
    cluster: Any = None,
    *,
    quick: bool = False,
    only_failed: bool = False,
    progress: bool = True,
) -> Tried:
    """Conduct a virtual trial; finished runs are never done again.

    Parameters
    ----------
    file : str or path
        A trial file, or the name of a built-in one.
    out : path
        Store of runs, with report, tables and pictures beside them.
    workers, cluster, only_failed, progress
        As for :func:`lobule.experiments.sweep`.
    quick : bool
        As the file says under ``[quick]``: fewer patients, shorter runs.

    Returns
    -------
    Tried
        Effects, patients and the runs.

    Raises
    ------
    InputError
        In one line, if anything given is wrong, or nobody is included.
    KeyboardInterrupt, RuntimeError
        As for :func:`lobule.experiments.sweep`.
    """
    found = read_trial(checked_path(file, "file"), quick=quick)
    store, who = Store(checked_path(out, "out")), Workers.of(workers, cluster)
    screening = found.screening()
    if screening is not None:
        carried_out(screening, store, who, only_failed=only_failed, progress=progress)
    who_is_in = included_of(found, store)
    plan = found.plan(who_is_in.included)
    carried_out(plan, store, who, only_failed=only_failed, progress=progress)
    concluded = conclude(found, store, who_is_in, plan)
    return Tried(found, concluded.findings, Results(store, [plan]), store.shown / REPORT)
