"""Stems: the past that runs of one subject have in common, made once and saved at the hour they part."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from lobule.case import Case
from lobule.doses import HOURS_PER_DAY
from lobule.errors import InputError
from lobule.experiments.folders import snapshot_name
from lobule.experiments.identity import base_of, id_of
from lobule.experiments.models import load_model
from lobule.files import whole
from lobule.model import Lobule
from lobule.plausibility import past

STATE, ROWS, SNAPSHOTS = "state.npz", "rows.parquet", "snapshots"


def stem_id(case: Case, seed: int, hours: float) -> str:
    """Return the name of what runs of `case` with `seed` have behind them at `hours` (h).

    Cases have the same name when they differ in nothing but in treatments that are still to come.
    """
    doses = [(hour, dose.model_dump(mode="json")) for hour, dose in past(case, hours)]
    text = json.dumps([base_of(case), doses, hours], sort_keys=True)
    return id_of(hashlib.sha256(text.encode()).hexdigest(), seed)


class Stem(NamedTuple):
    """One saved past."""

    folder: Path
    """Where it is, or will be."""
    hours: float
    """Its end: the time at which runs part (h)."""

    def is_passed(self, model: Lobule) -> bool:
        """Return whether the step that `model` has just made ended where runs part."""
        return model.hours - model.last_step_hours < self.hours - 1e-6 <= model.hours

    def save(self, model: Lobule, rows: Sequence[Mapping[str, Any]], snapshots: Path) -> None:
        """Keep the state of `model`, the rows of its series and its snapshots, unless they are there."""
        if self.folder.exists():
            return
        try:
            with whole(self.folder) as partial:
                partial.mkdir()
                model.save(partial / STATE)
                pq.write_table(pa.Table.from_pylist(list(rows)), partial / ROWS, compression="zstd")
                shutil.copytree(snapshots, partial / SNAPSHOTS)
        except OSError:
            if not self.folder.exists():  # no other run was faster
                raise

    def begin(self, case: Case, folder: Path) -> tuple[Lobule, list[dict[str, Any]]] | None:
        """Return the model and the rows that a run of `case` in `folder` begins with.

        They are what a run from the start would have come to, to the bit. None where nothing was saved, or
        it is damaged.
        """
        try:
            model = load_model(self.folder / STATE)
            rows = pq.read_table(self.folder / ROWS).to_pylist()
            model.amend(case)
            (folder / SNAPSHOTS).mkdir(parents=True, exist_ok=True)
            for day in case.record.snapshot_days:
                if day * HOURS_PER_DAY <= self.hours + 1e-6:
                    self._take_snapshot(snapshot_name(day), case, folder)
        except FileNotFoundError:
            return None
        except (InputError, OSError, pa.ArrowInvalid):
            shutil.rmtree(self.folder, ignore_errors=True)
            return None
        return model, list(rows)

    def _take_snapshot(self, name: str, case: Case, folder: Path) -> None:
        earlier = load_model(self.folder / SNAPSHOTS / name)
        earlier.amend(case)
        earlier.save(folder / SNAPSHOTS / name)
