"""What a trial found, when its runs are done: tables, report, and who there is to analyse."""

from __future__ import annotations

import csv
import math
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from lobule.cohort import subject_of
from lobule.errors import InputError
from lobule.experiments.sweeps.plan import Plan
from lobule.experiments.sweeps.store import Store
from lobule.experiments.trials.findings import Findings, Reader, criterion_in_words, find
from lobule.experiments.trials.page import baseline_readouts, write_report
from lobule.experiments.trials.records import Patients, Screened, at_day, screened
from lobule.experiments.trials.trial import Trial
from lobule.files import whole

EFFECTS, PATIENTS, REPORT = "effects.parquet", "patients.csv", "report.html"


class Concluded(NamedTuple):
    """What a trial has come to."""

    findings: Findings
    found: Screened
    patients: Patients
    plan: Plan


def included_of(trial: Trial, store: Store) -> Screened:
    """Return how the screening ended.

    Raises
    ------
    InputError
        If nobody, or a single patient, is included: how many do not meet each criterion.
    """
    found = screened(trial, store)
    if len(found.included) < 2:
        counts = found.failed(len(trial.file.inclusion))
        reasons = [f"{n} not {criterion_in_words(i, trial)}" for i, n in enumerate(counts)]
        missing = [f"{len(found.missing)} runs are missing"] if found.missing else []
        raise InputError(
            f"{trial.label}: inclusion -> {len(found.included) or 'none'} of {trial.patients} patients is "
            f"included, and a trial needs 2: {', '.join([*reasons, *missing]) or 'patients is too small'}"
        )
    return found


def conclude(trial: Trial, store: Store, found: Screened, plan: Plan) -> Concluded:
    """Write ``patients.csv``, ``effects.parquet``, ``report.html`` and ``figures/`` into the store.

    Parameters
    ----------
    trial : Trial
        What was run.
    store : Store
        Where the runs are. Patients whose run is missing are missing.
    found : Screened
        Who is included.
    plan : Plan
        The runs of the trial.
    """
    patients = Patients(trial, found, store)
    findings = find(trial, patients)
    rows = [effect.fields() for effect in findings.effects]
    with whole(store.path / EFFECTS) as partial:
        pq.write_table(pa.Table.from_pylist(rows), partial, compression="zstd")
    _write_patients(trial, patients, store)
    write_report(trial, findings, found, patients, store.path / REPORT)
    return Concluded(findings, found, patients, plan)


def _write_patients(trial: Trial, patients: Patients, store: Store) -> None:
    look = Reader(trial, patients)
    rows = [_row(trial, patients, look, patient) for patient in range(trial.patients)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with whole(store.path / PATIENTS) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, names)
        table.writeheader()
        table.writerows(rows)


def _row(trial: Trial, patients: Patients, look: Reader, patient: int) -> dict[str, Any]:
    """Return the row of ``patients.csv``: draws, screening, arm, drop-out, baseline, endpoints."""
    found = patients.found
    row: dict[str, Any] = {"patient": patient, "seed": trial.seed(patient)}
    row |= subject_of(trial.base, trial.seed(patient))
    for i, value in enumerate(found.visits.get(patient, ())):
        entry = trial.file.inclusion[i]
        row[f"screening {entry.readout} day {entry.at_day:g}"] = value
    fails = [criterion_in_words(i, trial) for i in found.excluded.get(patient, ())]
    row |= {"included": patient in patients.arm, "excluded_by": "; ".join(fails)}
    if patient not in patients.arm:
        return row
    day = patients.out_day[patient]
    row |= {"arm": patients.arm[patient], "drop_out_day": day if math.isfinite(day) else ""}
    course = patients.followed(patient)
    for name in baseline_readouts(trial):
        row[f"baseline {name}"] = math.nan if course is None else at_day(course, name, trial.baseline_day)
    for endpoint in trial.endpoints:
        name = f"{endpoint.measure} {endpoint.readout} {endpoint.at}"
        row[name] = look.values(endpoint, "intention to treat")[patient]
        if math.isfinite(day):
            row[f"{name}, followed up"] = look.values(endpoint, "followed up")[patient]
        if trial.is_counterfactual:
            row |= {f"{name}, if {arm}": look.counterfactual(endpoint, arm)[patient] for arm in trial.arms}
    if trial.file.responder is not None:
        value = look.values(trial.file.responder, "intention to treat")[patient]
        row["responder"] = trial.file.responder.holds(value)
    return row
