"""The report of a validation: one HTML page with every figure in it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from lobule import __version__
from lobule.experiments.explain import published_in_words
from lobule.experiments.validation.figures import draw_data_set, draw_scores
from lobule.experiments.validation.studies import Courses
from lobule.experiments.validation.tally import Row, tallies, verdict_in_words, what, when
from lobule.experiments.webpage import picture, write_page


def write_report(rows: Sequence[Row], courses: Courses, folder: Path, seeds: int) -> Path:
    """Write ``report.html`` and its figures (also as files, in ``figures/``) into `folder`.

    Parameters
    ----------
    rows : sequence of Row
        All targets, data set by data set.
    courses : Courses
        The runs.
    folder : Path
        Where to write.
    seeds : int
        Runs of each arm.

    Returns
    -------
    Path
        The page. It holds its pictures, so that it can be sent as one file.
    """
    parts = [_head(rows, seeds), picture(draw_scores(rows), folder, "scores", "z-scores of all targets")]
    for name, group in groupby(rows, lambda row: row.evidence.name):
        parts.append(_section(name, list(group), courses, folder))
    return write_page(folder / "report.html", f"Validation of lobule {__version__}", parts)


def _head(rows: Sequence[Row], seeds: int) -> str:
    shares = "".join(f"<li>{html.escape(str(tally))}</li>" for tally in tallies(rows))
    names = dict.fromkeys(row.evidence.name for row in rows)
    links = "".join(f"<a href='#{name}'>{name}</a>" for name in names)
    return (
        f"<h1>Simulated beside published</h1><p class=quiet>lobule {__version__}; {seeds} "
        f"seed{'s' if seeds != 1 else ''} for each arm. z = (simulated - published) / "
        "√(SE<sub>published</sub>² + SE<sub>simulated</sub>²) with SE = SD/√n; agreement is |z| &lt; 2, or "
        "to lie inside where a range or a bound is published. The error of a share is binomial, with half a "
        "success and half a failure added; that of a correlation comes from resampling the seeds. "
        "<em>Fitted</em>: parameters were fitted to the value. <em>Tested</em>: they were not.</p>"
        f"<ul>{shares}</ul><nav>{links}</nav>"
    )


def _section(name: str, rows: Sequence[Row], courses: Courses, folder: Path) -> str:
    evidence = rows[0].evidence
    body = "".join(_line(row) for row in rows)
    failures = "".join(
        f"<p class=why><strong>{html.escape(f'{row.value.arm}, {what(row.value)}')}:</strong> "
        f"{html.escape(row.value.failure or 'No explanation has been found yet.')}</p>"
        for row in rows
        if not row.score.passed
    )
    drawn = picture(draw_data_set(rows, courses), folder, name, f"Simulated beside published: {name}")
    return (
        f"<h2 id='{name}'>{name}</h2><p>{html.escape(evidence.citation)}</p>"
        f"<p><strong>Cohort.</strong> {html.escape(evidence.cohort)}. <strong>Protocol.</strong> "
        f"{html.escape(evidence.protocol)}</p>{drawn}"
        "<table><tr><th>Arm<th>What<th>When<th>Simulated<th>Published<th>Use, grade<th>Verdict</tr>"
        f"{body}</table>{failures}"
    )


def _line(row: Row) -> str:
    value, found = row.value, row.simulated
    many = f" ± {found.error:.2g}" if found.error == found.error else ""
    many += f" (n = {found.seeds})" if found.seeds else ""
    look = "ok" if row.score.passed else "fails"
    cells = (
        f"<td>{html.escape(str(value.arm))}<td>{html.escape(what(value))}<td>{html.escape(when(value))}"
        f"<td class=number>{found.mean:.4g}{many}<td>{html.escape(published_in_words(value))}"
        f"<div class=quiet>{html.escape(value.source)}</div>"
        f"<td>{value.use}, {value.grade}<td class={look}>{verdict_in_words(row.score)}"
    )
    return f"<tr>{cells}</tr>"
