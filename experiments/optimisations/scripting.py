"""What scripts and notebooks call to search for the best schedule."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lobule.experiments.optimisations.conclusion import conclude
from lobule.experiments.optimisations.conduct import Study, carry_out
from lobule.experiments.optimisations.problem import read_optimisation
from lobule.experiments.optimisations.tables import rows_of
from lobule.experiments.sweeps.conduct import Workers
from lobule.experiments.sweeps.display import Display
from lobule.experiments.sweeps.store import Store
from lobule.files import checked_path

if TYPE_CHECKING:
    import pandas as pd


class Optimised(NamedTuple):
    """What a search has found."""

    study: Study
    report: Path
    """The page."""

    @property
    def schedules(self) -> pd.DataFrame:
        """A row for each schedule that was tried, as in ``schedules.csv``."""
        import pandas as pd

        return pd.DataFrame(rows_of(self.study))

    @property
    def best(self) -> list[Path]:
        """Case files of the schedules that were picked from the front."""
        return [self.report.parent / f"{self.study.name(row)}.toml" for row in self.study.picked]


def optimise(
    file: str | os.PathLike[str],
    out: str | os.PathLike[str] = "optimisation",
    workers: int | None = None,
    cluster: Any = None,
    *,
    quick: bool = False,
    progress: bool = True,
) -> Optimised:
    """Search for the best schedule of treatments under limits; finished runs are never done again.

    Parameters
    ----------
    file : str or path
        An optimisation file, or the name of a built-in one.
    out : path
        Store of runs, with report, table, pictures and case files beside them.
    workers, cluster, progress
        As for :func:`lobule.experiments.sweep`.
    quick : bool
        As the file says under ``[quick]``: fewer patients, generations and schedules.

    Returns
    -------
    Optimised
        All schedules, the front, and its check with fresh patients.

    Raises
    ------
    InputError
        In one line, if anything given is wrong; nothing has been run then.
    KeyboardInterrupt
        When interrupted; what is done stays, and the same call goes on.
    RuntimeError
        If the work had to stop for want of a disk or of workers; what is done stays.
    """
    optimisation = read_optimisation(checked_path(file, "file"), quick=quick)
    store = Store(checked_path(out, "out"))

    def display() -> Display:
        return Display(None if progress else io.StringIO())

    study = carry_out(optimisation, store, Workers.of(workers, cluster), display)
    return Optimised(study, conclude(study, store))
