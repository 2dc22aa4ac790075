"""What was found as files: all schedules as a table, the best as case files."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from lobule.errors import InputError
from lobule.experiments.optimisations.conduct import Study
from lobule.experiments.optimisations.measures import label_of
from lobule.experiments.optimisations.search import Outcome
from lobule.experiments.optimisations.words import column_of, means_in_words
from lobule.files import whole


def rows_of(study: Study) -> list[dict[str, Any]]:
    """Return a row for each schedule that was tried."""
    optimisation, rows = study.optimisation, []
    names = {row: study.name(row) for row in study.picked}
    for row, schedule in enumerate(study.schedules):
        about = {"schedule": schedule.number, "generation": schedule.generation, "name": names.get(row, "")}
        about |= {decision.key: schedule.values[decision.key] for decision in optimisation.menu.decisions}
        about |= _numbers(study, schedule.outcome)
        about |= {"feasible": schedule.outcome.is_feasible, "on_front": row in study.front}
        about |= {"failure": schedule.outcome.failure}
        about |= _numbers(study, study.checked.get(row, Outcome((), failure="not checked")), "check: ")
        rows.append(about)
    return rows


def _numbers(study: Study, outcome: Outcome, before: str = "") -> dict[str, Any]:
    """Return objectives with their standard errors, and limits."""
    found: dict[str, Any] = {}
    for i, objective in enumerate(study.optimisation.objectives):
        name = before + column_of(study, objective)
        found[name] = "" if outcome.failure else outcome.means[i]
        found[f"{name}, standard error"] = "" if outcome.failure else outcome.errors[i]
    for i, limit in enumerate(study.optimisation.limits):
        name = f"{before}limit: {column_of(study, limit)}"
        found[name] = "" if outcome.failure else outcome.worst[i]
        found[f"{name}, holds"] = "" if outcome.failure else outcome.violations[i] <= 0.0
    return found


def write_schedules(study: Study, path: Path) -> None:
    """Write the table of all schedules."""
    rows = rows_of(study)
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def write_best(study: Study, folder: Path) -> list[Path]:
    """Write a case file for each picked schedule; those of an earlier search are removed."""
    for old in folder.glob("best-*.toml"):
        old.unlink()
    optimisation, paths = study.optimisation, []
    for row in study.picked:
        name, schedule = study.name(row), study.schedules[row]
        case = optimisation.case(schedule.values)
        title = f"{optimisation.file.title or optimisation.name}: {name}"[:200]
        found = "; ".join(
            f"{label_of(objective, optimisation)} {value}"
            for objective, value in zip(
                optimisation.objectives, means_in_words(study, schedule.outcome), strict=True
            )
        )
        words = (
            f"Schedule {schedule.number} of the optimisation {optimisation.name} on {case.name}. With the "
            f"patients of the search: {found}.\n{case.description}"
        )
        record = case.record.model_copy(update={"final_snapshot": True})
        stem = f"{case.name[:50]}-{name}"
        named = case.model_copy(update={"name": stem, "title": title, "description": words, "record": record})
        path = folder / f"{name}.toml"
        try:
            with whole(path) as partial:
                partial.write_text(named.to_toml(), "utf-8")
        except OSError as error:
            raise InputError(f"{path} -> cannot be written: {error.strerror or error}") from None
        paths.append(path)
    return paths
