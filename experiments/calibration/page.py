"""The page of all keys of the calibration file."""

from __future__ import annotations

from lobule.experiments.calibration.calibrationfile import CalibrationFile, DataTable
from lobule.experiments.markdown import keys_of
from lobule.experiments.sweeps.sweepfile import IntervalTable

INTRO = """\
A calibration is one TOML file: published data, parameters with their priors, how thoroughly to search. What
it all means, with an example, is in [calibration.md](calibration.md); `lobule calibrate FILE --dry-run`
prints what a file amounts to.

Under `[parameters]` stands a [declared parameter](parameters.md), and for each an interval.
"""


def calibration_page(written: str) -> str:
    """Return the page; `written` says what it was written by."""
    lines = ["# The calibration file", "", written, "", INTRO, "## Top level", "", *keys_of(CalibrationFile)]
    for name, table in (("DataTable", DataTable), ("An interval under [parameters]", IntervalTable)):
        lines += [f"## {name}", "", (table.__doc__ or "").split("\n")[0], "", *keys_of(table)]
    return "\n".join(lines)
