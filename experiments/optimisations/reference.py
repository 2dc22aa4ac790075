"""The page of the keys of an optimisation file."""

from __future__ import annotations

from lobule.experiments.markdown import keys_of, markdown
from lobule.experiments.optimisations.optimisefile import (
    OPTIMISATIONS,
    ChoiceTable,
    Limit,
    Objective,
    OptimiseFile,
    OptimiseQuickTable,
)
from lobule.experiments.sweeps.sweepfile import RecordTable

INTRO = """\
An optimisation is one TOML file: a patient, treatments of which some values are open, objectives, limits.
What comes of it and how to read that is in [optimisation.md](optimisation.md); `lobule optimise FILE
--dry-run` prints what a file amounts to. Built-in optimisations, whose names `lobule optimise` takes in place
of a file:
"""
TREATMENTS = """\
Each table is a [treatment](case-file.md#treatments) as in a case, given beside those of the case. In place of
a value, also of one inside `start_when`, `stop_when`, `resume_when` or `hold_when`, may stand a choice (next
table). With `optional = true` the search may leave the treatment out.
"""


def optimise_file_page(written: str) -> str:
    """Return the page of every key of the optimisation file; `written` says how it was made."""
    lines = ["# The optimisation file", "", written, "", INTRO]
    lines += markdown(
        ("optimisation", "what it is"),
        ((f"`{name}`", title) for name, title in OPTIMISATIONS.titles().items()),
    )
    lines += ["## Top level", "", *keys_of(OptimiseFile), "## [[treatments]]", "", TREATMENTS]
    for name, table in (
        ("A choice", ChoiceTable),
        ("[[objectives]]", Objective),
        ("[[limits]]", Limit),
        ("[record]", RecordTable),
        ("[quick]", OptimiseQuickTable),
    ):
        lines += [f"## {name}", "", (table.__doc__ or "").split("\n")[0], "", *keys_of(table)]
    return "\n".join(lines)
