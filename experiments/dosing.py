"""Treatments in time courses: what they are called, and how they are marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lobule.experiments import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Amounts of a treatment that are told apart; more, as of doses per kg in a growing subject, are one kind.
MOST_AMOUNTS = 4
#: Doses of a kind that are lines across a panel; more are a row of ticks at its top.
MOST_LINES = 20
#: Height that a row of ticks adds to a panel, over that of the panel.
ROW = 0.045

#: Colours and dashes of kinds, in their order.
LOOKS = (
    ("#555555", "-"),
    (style.VERMILION, (0, (4, 2))),
    (style.GREEN, (0, (1.5, 1.5))),
    (style.PURPLE, "-."),
)


def dose_kinds(events: Sequence[tuple[float, str]]) -> dict[str, list[float]]:
    """Return the hours of all doses by kind, with the number of doses in the name.

    The kind is what an event says up to its first comma or colon outside brackets, so it holds the amount
    unless there are more than `MOST_AMOUNTS` of that kind.
    """
    kinds: dict[str, list[float]] = {}
    for hours, text in events:
        kind = re.match(r"(?:\([^)]*\)|[^,:(])*", text)
        name = re.sub(r"(\d)e\+0*(\d)", r"\1e\2", kind.group() if kind else text).strip()
        kinds.setdefault(name, []).append(hours)
    kinds = _merged(kinds)
    return {f"{name} (x{len(at)})" if len(at) > 1 else name: at for name, at in kinds.items()}


def _merged(kinds: dict[str, list[float]]) -> dict[str, list[float]]:
    """Return `kinds` with those made one that differ in their amount and are too many to tell apart."""
    alike: dict[str, dict[float, str]] = {}
    for name in kinds:
        if amount := re.match(r"([\d.]+(?:e-?\d+)?) ", name):
            alike.setdefault(name[amount.end() :], {})[float(amount.group(1))] = name
    merged = dict(kinds)
    for what, names in alike.items():
        if len(names) > MOST_AMOUNTS:
            ends = dict.fromkeys(f"{amount:.3g}" for amount in (min(names), max(names)))
            at = sorted(hours for name in names.values() for hours in merged.pop(name))
            merged[f"{' to '.join(ends)} {what}"] = at
    return merged


def mark_doses(axes: Sequence[Axes], events: Sequence[tuple[float, str]], handles: dict[str, Any]) -> None:
    """Mark the doses in all `axes`, a look for each kind, and add the looks to `handles`.

    A kind of few doses is a line at each; one of many is a row of ticks, for which the axes grow at the top.
    """
    kinds = list(zip(dose_kinds(events).items(), LOOKS * 8, strict=False))
    many = [name for (name, at), _ in kinds if len(at) > MOST_LINES]
    for ax in axes:
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + (high - low) * ROW * len(many))
        for (name, at), (colour, dashes) in kinds:
            rug: dict[str, Any] = {
                "color": colour,
                "transform": ax.get_xaxis_transform(),
                "linestyle": "none",
            }
            if name in many:
                height = 1.0 - ROW * (many.index(name) + 0.5) / (1.0 + ROW * len(many))
                handles[name] = ax.plot(at, [height] * len(at), "|", markersize=4.0, **rug)[0]
                continue
            for place in at:
                handles[name] = ax.axvline(
                    place, color=colour, linestyle=dashes, linewidth=0.8, alpha=0.65, zorder=1.5
                )
            ax.plot(at, [1.0] * len(at), "v", markersize=4.5, clip_on=False, **rug)
