"""What scripts and notebooks call to learn which parameters matter."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lobule.case import load_case
from lobule.errors import InputError
from lobule.experiments.scripting import carried_out
from lobule.experiments.sensitivities.analysis import Analysis
from lobule.experiments.sensitivities.findings import conclude, table_rows
from lobule.experiments.sensitivities.study import Method, Study, make_study
from lobule.experiments.sweeps.conduct import Workers
from lobule.experiments.sweeps.design import Sampled
from lobule.experiments.sweeps.planning import CaseLike
from lobule.experiments.sweeps.store import Store
from lobule.files import checked_path

if TYPE_CHECKING:
    import pandas as pd


class Sensitivity(NamedTuple):
    """What a study has found."""

    study: Study
    analyses: Mapping[str, Analysis]
    """By readout."""

    def to_pandas(self) -> pd.DataFrame:
        """Return the table of all indices: a row for each readout and parameter, as in ``indices.csv``."""
        import pandas as pd

        rows = (row for found in self.analyses.values() for row in table_rows(self.study, found))
        return pd.DataFrame(rows)


def sensitivity(
    case: CaseLike,
    parameters: Sequence[str] | Mapping[str, tuple[Any, ...]],
    readouts: Sequence[str],
    method: Method = "morris",
    number: int = 10,
    seeds: Iterable[int] = range(2),
    days: float | None = None,
    out: str | os.PathLike[str] = "sensitivity",
    workers: int | None = None,
    cluster: Any = None,
    *,
    at: str | Mapping[str, str] = "end",
    second_order: bool = False,
    settings: Mapping[str, Any] | None = None,
    name: str | None = None,
    root: int = 1,
    progress: bool = True,
) -> Sensitivity:
    """Learn which parameters matter for which readouts; finished runs are never done again.

    Parameters
    ----------
    case : str, path or Case
        What is run.
    parameters : sequence of str, or mapping of str to (low, high) or (low, high, scale)
        What is compared, by dotted key; over the declared range, or over the one that is given, in the
        declared unit, the scale ``"linear"`` or ``"log"``.
    readouts : sequence of str
        What is looked at, by name.
    method : {"morris", "sobol"}
        Screening after Morris, or Sobol' indices.
    number : int
        Trajectories for Morris; base samples for Sobol', a power of two.
    seeds : iterable of int
        Numbers of the replicates. The indices are those of their mean.
    days, out, workers, cluster, settings, name, root, progress
        As for :func:`lobule.experiments.sweep`.
    at : {"end", "max", "mean"} or mapping of readouts to them
        What of each series counts.
    second_order : bool
        Compute the indices of all pairs, too; Sobol' alone.

    Raises
    ------
    InputError
        In one line, if anything given is wrong; nothing has been run then.
    KeyboardInterrupt, RuntimeError
        As for :func:`lobule.experiments.sweep`.
    """
    given = parameters if isinstance(parameters, Mapping) else dict.fromkeys(parameters, ())
    axes = {key: _axis(key, ends, method, number) for key, ends in given.items()}
    name = f"{load_case(case).name}-{method}" if name is None else name
    study = make_study(
        name,
        case,
        axes,
        readouts,
        seeds,
        at=at,
        second_order=second_order,
        settings=settings,
        days=days,
        root=root,
    )
    store = Store(checked_path(out, "out"))
    carried_out(study.plan, store, Workers.of(workers, cluster), progress=progress)
    return Sensitivity(study, {analysis.readout: analysis for analysis in conclude(study, store)})


def _axis(key: str, ends: Any, method: Method, number: int) -> Sampled:
    """Return how a parameter is varied."""
    if not isinstance(ends, tuple | list) or len(ends) not in (0, 2, 3):
        raise InputError(
            f"{key} = {ends} -> must be (low, high), (low, high, scale) or () for the declared range"
        )
    low, high, scale = {0: (None, None, "linear"), 2: (*ends, "linear"), 3: tuple(ends)}[len(ends)]
    return Sampled(method, number, low, high, scale)
