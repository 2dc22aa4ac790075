"""The page of the published data sets: protocols, numbers, sources, and what was fitted."""

from __future__ import annotations

from collections.abc import Iterator

from lobule.experiments.evidence import Evidence, Value, data_sets, read_evidence
from lobule.experiments.explain import published_in_words
from lobule.experiments.markdown import Lines, keys_of, markdown
from lobule.experiments.validation.tally import what, when

INTRO = """\
Every published data set that stands beside the model: whom and what was studied, how the model repeats it,
the numbers with their errors, where they come from, and whether parameters were **fitted** to them or they
are **tested** only. `lobule validate` runs all of it; rows without a use are shown beside runs and score
nothing.

There are {total} targets, {fitted} of them fitted. Grades: A, read in the source (an abstract, a table or a
legend, not always the whole paper); B, recalled; C, a sign or an order only, with a bound that is ours;
derived, worked out from published inputs. The list was fixed before anything was fitted to it.

**Scores.** z = (simulated - published) / sqrt(SE_published^2 + SE_simulated^2), with SE = SD / sqrt(n) and
the simulated error over the seeds; agreement is |z| < 2. The error of a share is binomial, with half a
success and half a failure added, so that none or all of a few seeds is not taken as exact; that of a
correlation comes from resampling the seeds. Where a range or a bound is published, the simulated mean is
inside or outside.

**Measures.** *level*: the readout at that time, or its difference to the arm it is held against. *change*:
from one day to another, or the difference of two changes. *fold*: over an earlier level, or over another
arm. *remaining*: what is left of the excess over the control, or over the start. *highest*, *day of the
highest*. *level-when*: the readout at the moment when another first exceeds a bound. *share-above*: the
share of the seeds, each a subject, above a bound. *correlation*: over one moment of each subject, the
moments spread over the run. Arms share their seeds, so differences are taken in pairs.

**Your own data.** A data set is a TOML file like those in `experiments/evidence/`; `lobule calibrate` takes
its path (`docs/calibration.md`). Its arms are cases: built-in ones or files, with changes by dotted key.
"""


def evidence_page(written: str) -> str:
    """Return the page of all data sets; `written` says how it was made."""
    sets = [read_evidence(name) for name in data_sets()]
    targets = [value for data in sets for value in data.targets]
    fitted = sum(value.use == "fitted" for value in targets)
    lines = ["# Evidence", "", written, "", INTRO.format(total=len(targets), fitted=fitted)]
    for data in sets:
        lines += _section(data)
    lines += ["## Keys of a data set", "", *keys_of(Evidence), "### value", "", *keys_of(Value)]
    return "\n".join(lines)


def _section(data: Evidence) -> Iterator[str]:
    yield from (f"## {data.name}", "", data.citation, "")
    yield from (f"**Cohort.** {data.cohort}. **Protocol.** {data.protocol}", "")
    if data.arm:
        arms = [f"{arm.name} (`{arm.case}`)" for arm in data.arm]
        yield from (f"**Arms.** {'; '.join(arms)}.", "")
    rows = [
        (
            value.use or "",
            value.arm or value.genotype or "",
            what(value),
            when(value),
            published_in_words(value) + (f", n = {value.n}" if value.n else ""),
            value.grade,
            value.source + (f" ({value.note})" if value.note else ""),
        )
        for value in data.value
    ]
    header = ("use", "arm", "what", "when", "published", "grade", "source")
    table: Lines = markdown(header, rows) if rows else []
    yield from table
    for phase in data.phase:
        first, last = phase.hours_after_last_dose
        yield f"- {first:g} to {last:g} h after the last dose: {phase.what} [{phase.grade}]"
    if data.phase:
        yield ""
