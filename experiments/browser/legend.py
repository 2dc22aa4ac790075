"""The marks of the map with their names and numbers, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from lobule.experiments import style
from lobule.experiments.histology import MARKS, Mark

_SHAPES = {
    "o": '<circle cx="7" cy="7" r="4.6"/>',
    "d": '<path d="M7 1.5L11.5 7 7 12.5 2.5 7z"/>',
    "*": '<path d="M7 .8l1.8 4.2 4.6.4-3.5 3 1.1 4.4L7 10.4l-4 2.4 1.1-4.4-3.5-3 4.6-.4z"/>',
    "x": '<path d="M2.5 2.5l9 9m0-9l-9 9" fill="none"/>',
}


def legend(pictures: Sequence[dict[str, Any]], treatments: Sequence[dict[str, Any]], dark: bool) -> str:
    """Return the legend of the first of `pictures` with cells, of collagen, and of the treatments marked."""
    counted: list[int] = next((p["counts"] for p in pictures if p["counts"]), [])
    entries = [
        f"<span>{_shape(mark, dark)}{mark.label}: {count}</span>"
        for mark, count in zip(MARKS.values(), counted, strict=False)
        if count
    ]
    if any(p["collagen"] for p in pictures):
        line = f'<rect y="3" width="16" height="4" fill="{style.COLLAGEN}"/>'
        entries.append(
            f'<span><svg width="16" height="10" aria-hidden="true">{line}</svg>collagen, to scale</span>'
        )
    for mark in treatments:
        colour = "#bbbbbb" if dark and mark["colour"] == style.MUTED else mark["colour"]
        line = f'<path d="M1 1h8l-4 7z" fill="{colour}"/>'
        entries.append(
            f'<span><svg width="10" height="10" aria-hidden="true">{line}</svg>{escape(mark["label"])}</span>'
        )
    return "".join(entries)


def _shape(mark: Mark, dark: bool) -> str:
    edge = (
        {"#000000": "#ffffff", "#333333": "#cccccc", "#444444": "#cccccc"}.get(mark.edge, mark.edge)
        if dark
        else mark.edge
    )
    edge = mark.face if mark.marker == "*" and not dark else edge
    paint = f'fill="{mark.face}" stroke="{edge}" stroke-width="1.1"'
    return f'<svg width="14" height="14" aria-hidden="true" {paint}>{_SHAPES[mark.marker]}</svg>'
