"""The page of the keys of a trial file."""

from __future__ import annotations

from lobule.experiments.markdown import keys_of, markdown
from lobule.experiments.sweeps.sweepfile import RecordTable
from lobule.experiments.trials.trialfile import (
    TRIALS,
    Criterion,
    PowerTable,
    QuickTrial,
    Responder,
    Subgroup,
    TrialArm,
    TrialEndpoint,
    TrialFile,
)
from lobule.strict import Section

INTRO = """\
A trial is one TOML file: a base case, a cohort, who is included, arms, endpoints. What comes of it and how to
read that is in [trials.md](trials.md); `lobule trial FILE --dry-run` prints what a file amounts to. Built-in
trials, whose names `lobule trial` takes in place of a file:
"""
#: Tables of the file by the title of their part of the page.
TABLES: dict[str, type[Section]] = {
    "[record]": RecordTable,
    "[[inclusion]]": Criterion,
    "[[arms]]": TrialArm,
    "[[endpoints]]": TrialEndpoint,
    "[responder]": Responder,
    "[[subgroups]]": Subgroup,
    "[power]": PowerTable,
    "[quick]": QuickTrial,
}


def trial_file_page(written: str) -> str:
    """Return the page of every key of the trial file; `written` says how it was made."""
    lines = ["# The trial file", "", written, "", INTRO]
    lines += markdown(
        ("trial", "what it is"), ((f"`{name}`", title) for name, title in TRIALS.titles().items())
    )
    lines += ["## Top level", "", *keys_of(TrialFile)]
    for title, table in TABLES.items():
        meaning = " ".join(str(TrialArm.model_fields["add"].description).split())
        add = f"| `add` | list of [treatments](case-file.md#treatments) |  | {meaning} |"
        keys = [add if line.startswith("| `add` |") else line for line in keys_of(table)]
        lines += [f"## {title}", "", (table.__doc__ or "").split("\n")[0], "", *keys]
    page = "\n".join(lines).replace("`branch_day`", "`baseline_day`")
    for title, table in TABLES.items():
        name = table.__name__
        page = page.replace(f"[{name}](#{name.lower()})", f"[{title.strip('[]')}](#{title.strip('[]')})")
    return page
