"""The report of a validation: one HTML page with every figure in it."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from lobule import __version__
from lobule.experiments.explain import published_in_words
from lobule.experiments.style import DPI, write
from lobule.experiments.validation.figures import draw_data_set, draw_scores
from lobule.experiments.validation.studies import Courses
from lobule.experiments.validation.tally import Row, tallies, verdict_in_words, what, when
from lobule.files import whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 72rem; margin: 2rem auto }
body { padding: 0 1rem } h1 { font-size: 1.6rem }
h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid #ddd; padding-top: 1.2rem }
table { border-collapse: collapse; width: 100%; font-size: 0.85rem }
th, td { text-align: left; padding: 0.25rem 0.6rem; border-bottom: 1px solid #eee; vertical-align: top }
td.number { white-space: nowrap } img { max-width: 100%; height: auto }
.ok { color: #0072b2; font-weight: 600 } .fails { color: #b34700; font-weight: 600 }
.why { border-left: 4px solid #d55e00; padding-left: 0.8rem } .quiet { color: #666; font-size: 0.85rem }
nav a { margin-right: 0.9rem }
"""


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
    parts = [_head(rows, seeds), _picture(draw_scores(rows), folder, "scores", "z-scores of all targets")]
    for name, group in groupby(rows, lambda row: row.evidence.name):
        parts.append(_section(name, list(group), courses, folder))
    text = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Validation of lobule {__version__}</title>"
        f"<meta name=viewport content='width=device-width'><style>{STYLE}</style>"
        f"<body>{''.join(parts)}</body></html>\n"
    )
    path = folder / "report.html"
    with whole(path) as partial:
        partial.write_text(text, "utf-8")
    return path


def _head(rows: Sequence[Row], seeds: int) -> str:
    shares = "".join(f"<li>{html.escape(str(tally))}</li>" for tally in tallies(rows))
    names = dict.fromkeys(row.evidence.name for row in rows)
    links = "".join(f"<a href='#{name}'>{name}</a>" for name in names)
    return (
        f"<h1>Simulated beside published</h1><p class=quiet>lobule {__version__}; {seeds} "
        f"seed{'s' if seeds != 1 else ''} for each arm. z = (simulated - published) / "
        "√(SE<sub>published</sub>² + SE<sub>simulated</sub>²) with SE = SD/√n; agreement is |z| &lt; 2, or "
        "to lie inside where a range or a bound is published. <em>Fitted</em>: parameters were fitted to the "
        "value. <em>Tested</em>: they were not.</p>"
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
    picture = _picture(draw_data_set(rows, courses), folder, name, f"Simulated beside published: {name}")
    return (
        f"<h2 id='{name}'>{name}</h2><p>{html.escape(evidence.citation)}</p>"
        f"<p><strong>Cohort.</strong> {html.escape(evidence.cohort)}. <strong>Protocol.</strong> "
        f"{html.escape(evidence.protocol)}</p>{picture}"
        "<table><tr><th>Arm<th>What<th>When<th>Simulated<th>Published<th>Use, grade<th>Verdict</tr>"
        f"{body}</table>{failures}"
    )


def _line(row: Row) -> str:
    value, found = row.value, row.simulated
    many = f" ± {found.error:.2g}" if found.error == found.error else ""
    many += f" (n = {len(found.values)})" if found.values else ""
    look = "ok" if row.score.passed else "fails"
    cells = (
        f"<td>{html.escape(str(value.arm))}<td>{html.escape(what(value))}<td>{html.escape(when(value))}"
        f"<td class=number>{found.mean:.4g}{many}<td>{html.escape(published_in_words(value))}"
        f"<div class=quiet>{html.escape(value.source)}</div>"
        f"<td>{value.use}, {value.grade}<td class={look}>{verdict_in_words(row.score)}"
    )
    return f"<tr>{cells}</tr>"


def _picture(figure: Figure, folder: Path, name: str, words: str) -> str:
    write(figure, folder / "figures" / f"{name}.png")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DPI)
    data = base64.b64encode(content.getvalue()).decode("ascii")
    return f"<p><img alt='{html.escape(words)}' src='data:image/png;base64,{data}'></p>"
