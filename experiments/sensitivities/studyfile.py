"""The sensitivity file: a case, the parameters that are compared, the readouts they may matter for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from lobule.doses import Section
from lobule.errors import InputError, shown
from lobule.experiments.sensitivities.study import Method, Study, make_study
from lobule.experiments.sweeps.courses import ATS
from lobule.experiments.sweeps.design import Sampled
from lobule.experiments.sweeps.sweepfile import (
    NAME,
    interval_in,
    leaves,
    located,
    read_checked,
    settings_in,
)


class SensitivityFile(Section):
    """A whole sensitivity file, checked in itself."""

    format: Literal[1]
    """Version of the format of this file."""
    name: str | None = Field(default=None, pattern=NAME)
    """Name of the study; that of the file when absent."""
    case: str
    """Base case: a built-in name, or a path as seen from this file."""
    days: float | None = Field(default=None, gt=0, le=100_000)
    """Length of the runs instead of the case's (days)."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """The root that the design, the seeds of all replicates and the bootstrap come from."""
    replicates: int = Field(default=2, ge=1, le=10_000)
    """Runs of every point, each with a seed of its own; the indices are those of their mean. From two on it
    is known how much is mere chance."""
    method: Method
    """Screening after Morris, or Sobol' indices."""
    number: int
    """Trajectories for morris; base samples for sobol, a power of two."""
    second_order: bool = False
    """Compute the indices of all pairs, too; sobol alone, with nearly twice as many runs."""
    readouts: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    """What is looked at, by name."""
    at: str | dict[str, Any] = "end"
    """What of each series counts: its end, its max, or its mean over time; one word for all readouts, or a
    table with a word for each (the end for those not named)."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Changes of the base case by dotted key."""
    parameters: dict[str, Any]
    """What is compared: by dotted key an interval, {} for the declared range."""

    @field_validator("at", mode="before")
    @classmethod
    def _word_or_table(cls, value: Any) -> Any:
        if not isinstance(value, str | dict):
            raise ValueError(f"must be one of {', '.join(ATS)}, or a table of readouts with one for each")
        return value


def read_study(path: Path) -> Study:
    """Return the study that a file describes.

    Raises
    ------
    InputError
        One line naming the file, the key, the value, what is allowed and the nearest valid name.
    """
    label, table = str(path), read_checked(path, SensitivityFile, "sensitivity file")
    axes = {}
    for key, value in leaves(table.parameters):
        where = f"{label}: parameters.{key}"
        if not isinstance(value, Mapping):
            raise InputError(
                f"{where} = {shown(value)} -> must be an interval: {{}} for the declared range, or "
                "{ low = 1, high = 2 }"
            )
        interval = interval_in(key, value, where)
        axes[key] = Sampled(table.method, table.number, interval.low, interval.high, interval.scale)
    try:
        return make_study(
            table.name or path.stem,
            located(table.case, path),
            axes,
            table.readouts,
            range(table.replicates),
            at=table.at,
            second_order=table.second_order,
            settings=settings_in(table.settings, path),
            days=table.days,
            root=table.seed,
            label=label,
        )
    except InputError as error:
        raise InputError(f"{label}: {error}") from None
