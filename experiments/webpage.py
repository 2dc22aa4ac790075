"""Reports as one HTML page with every picture in it, so that it can be sent as one file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lobule.experiments.style import DPI, write
from lobule.files import whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 72rem; margin: 2rem auto }
body { padding: 0 1rem } h1 { font-size: 1.6rem }
h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid #ddd; padding-top: 1.2rem }
table { border-collapse: collapse; width: 100%; font-size: 0.85rem }
th, td { text-align: left; padding: 0.25rem 0.6rem; border-bottom: 1px solid #eee; vertical-align: top }
td.number { white-space: nowrap } th.head { padding-top: 0.9rem }
.wide { overflow-x: auto } img { max-width: 100%; height: auto }
.ok { color: #0072b2; font-weight: 600 } .fails { color: #b34700; font-weight: 600 }
.why { border-left: 4px solid #d55e00; padding-left: 0.8rem } .quiet { color: #666; font-size: 0.85rem }
nav a { margin-right: 0.9rem } pre { font-size: 0.85rem; white-space: pre-wrap }
"""


def write_page(path: Path, title: str, parts: Iterable[str]) -> Path:
    """Write a page of `parts`, each a piece of HTML, in one go; return `path`."""
    text = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>"
        f"<meta name=viewport content='width=device-width'><style>{STYLE}</style>"
        f"<body>{''.join(parts)}</body></html>\n"
    )
    with whole(path) as partial:
        partial.write_text(text, "utf-8")
    return path


def picture(figure: Figure, folder: Path, name: str, words: str) -> str:
    """Write a figure to ``figures/<name>.png`` of `folder`; return the HTML that holds it, `words` for it."""
    write(figure, folder / "figures" / f"{name}.png")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DPI)
    data = base64.b64encode(content.getvalue()).decode("ascii")
    return f"<p><img alt='{html.escape(words)}' src='data:image/png;base64,{data}'></p>"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], headed: bool = False) -> str:
    """Return a table of plain texts; those that begin with a digit or a sign stay on one line.

    With `headed`, rows whose first texts are equal stand together under it, and `header` names the others.
    """
    head = "".join(f"<th>{html.escape(cell)}" for cell in header)
    body, above = "", ""
    for row in rows:
        if headed and row[0] != above:
            above = row[0]
            body += f"<tr><th class=head colspan={len(header)}>{html.escape(above)}</tr>"
        body += f"<tr>{''.join(map(_cell, row[headed:]))}</tr>"
    return f"<div class=wide><table><tr>{head}</tr>{body}</table></div>"


def _cell(text: str) -> str:
    is_number = text[:1].isdigit() or (text[:1] in "+-−" and text[1:2].isdigit())
    return f"<td{' class=number' if is_number else ''}>{html.escape(text)}"
