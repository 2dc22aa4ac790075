"""The page of the keys of a comparison file."""

from __future__ import annotations

from lobule.experiments.comparisons.comparefile import (
    COMPARISONS,
    CompareArm,
    CompareFile,
    DoseResponseTable,
    Endpoint,
    QuickTable,
    SynergyTable,
)
from lobule.experiments.markdown import keys_of, markdown
from lobule.experiments.sweeps.sweepfile import RecordTable

INTRO = """\
A comparison is one TOML file: a base case, arms, endpoints. What comes of it and how to read that is in
[comparisons.md](comparisons.md); `lobule compare FILE --dry-run` prints what a file amounts to. Built-in
comparisons, whose names `lobule compare` takes in place of a file:
"""
#: The row of the treatments, which have a page of their own.
ADD = (
    "| `add` | list of [treatments](case-file.md#treatments) |  | "
    "Treatments given beside those of the base case. |"
)


def compare_file_page(written: str) -> str:
    """Return the page of every key of the comparison file; `written` says how it was made."""
    lines = ["# The comparison file", "", written, "", INTRO]
    lines += markdown(
        ("comparison", "what it is"), ((f"`{name}`", title) for name, title in COMPARISONS.titles().items())
    )
    lines += ["## Top level", "", *keys_of(CompareFile)]
    for name, table in (
        ("[record]", RecordTable),
        ("[[arms]]", CompareArm),
        ("[[endpoints]]", Endpoint),
        ("[[dose_response]]", DoseResponseTable),
        ("[[synergy]]", SynergyTable),
        ("[quick]", QuickTable),
    ):
        keys = [ADD if line.startswith("| `add` |") else line for line in keys_of(table)]
        lines += [f"## {name}", "", (table.__doc__ or "").split("\n")[0], "", *keys]
    return "\n".join(lines)
