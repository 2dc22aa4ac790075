"""All pictures of a run, drawn from what its folder holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from lobule.case import Case
from lobule.errors import InputError
from lobule.experiments import style
from lobule.experiments.budget import budget
from lobule.experiments.courses import Point, Series, time_courses
from lobule.experiments.evidence import Value, read_evidence
from lobule.experiments.folders import read_manifest
from lobule.experiments.histology import tissue_map
from lobule.experiments.maps import field_maps, iron_scale
from lobule.experiments.models import load_model
from lobule.experiments.profiles import zonal_profiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lobule.model import Lobule

MOST_TISSUE_MAPS, MOST_FIELD_MAPS = 5, 3
GRADES = {"A": "", "B": " (recalled)", "C": " (sign only)", "derived": " (derived)"}


def draw_run(folder: Path) -> list[Path]:
    """Draw the pictures of a run into ``folder/figures``.

    The tissue (at most five times) and its fields (at most three times) at the end and at snapshots evenly
    spread over the run, zonal profiles, time courses and the iron budget; of an unfinished run what there is.

    Parameters
    ----------
    folder : Path
        A run folder with ``manifest.json``, and ``series.parquet`` or ``snapshots/``.

    Returns
    -------
    list of Path
        The pictures written.

    Raises
    ------
    InputError
        If the folder is no run, is damaged, or has nothing to draw yet.
    """
    manifest = read_manifest(folder)
    case = Case.from_json(json.dumps(manifest.get("case")))
    events = [(float(hours), str(text)) for hours, text in manifest.get("events", [])]
    models = _models(folder / "snapshots")
    table = folder / "series.parquet"
    if not models and not table.is_file():
        raise InputError(f"{folder} -> has no snapshot and no series yet: nothing to draw")
    target = folder / "figures"
    drawn: list[Path] = []

    def keep(figure: Figure, name: str) -> None:
        drawn.append(style.write(figure, target / f"{name}.png"))

    if models:
        top = iron_scale(models)
        days = {id(model): f"-day-{model.hours / 24.0:07.2f}" for model in models[:-1]}
        for model in models:
            keep(tissue_map(model, top_iron=top), f"tissue{days.get(id(model), '')}")
        solved = [model for model in models if model.hours > 0.0]  # before the first step no field is solved
        for model in style.spread(solved, MOST_FIELD_MAPS):
            keep(field_maps(model, top_iron=top), f"fields{days.get(id(model), '')}")
        keep(zonal_profiles(models), "zones")
    if table.is_file():
        series = read_series(table)
        subject = case.subject
        title = f"{case.name}: {subject.sex} {subject.species}, {subject.genotype}"
        points = published_points(case, series, events)
        keep(time_courses(series, events, points, species=subject.species, title=title), "course")
        keep(budget(series, events, title=title), "budget")
    return drawn


def read_series(path: Path) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """Return the columns of a series file, one array each.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    try:
        table = pq.read_table(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} -> cannot be read: {str(error).splitlines()[0]}") from None
    return {name: table[name].to_numpy().astype(float) for name in table.column_names}


def published_points(case: Case, series: Series, events: Sequence[tuple[float, str]] = ()) -> list[Point]:
    """Return the published values of the case's evidence that fall into the time of the run.

    Values relative to the state when an injury stopped are taken relative to the run's own state at its last
    toxin dose.
    """
    ages = series["age_days"]
    points = []
    for name in case.evidence:
        for value in read_evidence(name).concerning(case):
            if value.readout not in series:
                continue
            point = (
                _absolute(name, value) if value.measure == "level" else _relative(name, value, series, events)
            )
            if point is not None and ages[0] - 3.5 <= point.age_days <= ages[-1] + 3.5:
                points.append(point)
    return points


def _absolute(name: str, value: Value) -> Point | None:
    if value.age_days is None:
        return None
    bar = "" if value.error is None else f", bar: {value.error_kind or 'error'}"
    label = f"{name}{GRADES[value.grade]}{bar}"
    return Point(value.readout, value.age_days, value.value, value.error, label, value.grade == "A")


def _relative(name: str, value: Value, series: Series, events: Sequence[tuple[float, str]]) -> Point | None:
    doses = [hours for hours, text in events if "CCl4" in text]
    if value.days_after_injury is None or not doses:
        return None
    curve = series[value.readout]
    stop = float(np.interp(doses[-1], series["hours"], curve))
    base = float(curve[0]) if value.measure == "remaining" else 0.0
    age = float(np.interp(doses[-1], series["hours"], series["age_days"])) + value.days_after_injury
    bound = f"{value.error_kind}, " if value.error_kind in ("at most", "at least") else ""
    label = f"{name}{GRADES[value.grade]}: {bound}relative to this run when injury stopped"
    return Point(value.readout, age, base + value.value * (stop - base), None, label, value.grade == "A")


def _models(folder: Path) -> list[Lobule]:
    """Return the models of at most :data:`MOST_TISSUE_MAPS` snapshots by time, the final one last."""
    final = [load_model(path) for path in folder.glob("final.npz")]
    end = min((model.hours for model in final), default=np.inf)
    paths = [path for path in sorted(folder.glob("day-*.npz")) if 24.0 * float(path.stem[4:]) < end - 0.25]
    models = [load_model(path) for path in style.spread(paths, MOST_TISSUE_MAPS - len(final))]
    return [model for model in models if model.hours < end] + final
