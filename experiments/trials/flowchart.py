"""The way of the patients through a trial, drawn as CONSORT asks for."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

from matplotlib.patches import FancyBboxPatch

from lobule.experiments import style
from lobule.experiments.sweeps.panels import COLOURS, heading
from lobule.experiments.trials.findings import Flow
from lobule.readouts import READOUTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE = 0.19  # inches a line of text takes
GAP = 0.38  # inches between two boxes
WIDE, SIDE = 3.0, 3.6  # inches of a box, and of that beside the way
APART = 0.35  # inches between arms
LETTERS = 13  # that fit into an inch


def draw_flow(flow: Flow, *, is_counterfactual: bool) -> Figure:
    """Draw how many patients were screened, excluded, randomised, lost and analysed.

    Parameters
    ----------
    flow : Flow
        The numbers.
    is_counterfactual : bool
        Whether every patient was in every arm, and the arms are those of a trial drawn from them.
    """
    out = [f"Excluded: {flow.screened - flow.included}"]
    out += [fill(f"{n}: {_failed(words)}", int(SIDE * LETTERS)) for words, n in flow.excluded]
    out += [f"{flow.missing}: run is missing"] if flow.missing else []
    how = "Included: {}\neach in every arm, and in one by lot" if is_counterfactual else "Randomised: {}"
    texts = [f"Screened: {flow.screened}", "\n".join(out), how.format(flow.included)]
    arms = [
        (
            f"{fill(name, int(WIDE * LETTERS))}\nallocated: {given}",
            f"dropped out: {left}",
            f"analysed: {seen}" + (f"\nrun is missing: {given - seen}" if seen < given else ""),
        )
        for name, given, left, seen in flow.arms
    ]
    rows = [_height(text) for text in texts]
    rows += [max(_height(arm[i]) for arm in arms) for i in range(3)]
    width = max(len(arms) * (WIDE + APART), 2 * (APART + SIDE)) + 0.3
    height = sum(rows) + GAP * (len(rows) - 1) + 0.2
    figure = style.new_figure(width, height + 0.5)
    figure.set_layout_engine("none")
    heading(figure, "Flow of patients")
    ax = figure.add_axes((0.0, 0.0, 1.0, height / (height + 0.5)))
    ax.set_axis_off()
    ax.set_xlim(0.0, width)
    ax.set_ylim(-height + 0.1, 0.1)
    middle, tops = width / 2, [-(sum(rows[:i]) + GAP * i) for i in range(len(rows))]
    _box(ax, middle, tops[0], rows[0], texts[0])
    _box(ax, middle + APART + SIDE / 2, tops[1], rows[1], texts[1], width=SIDE)
    _arrow(ax, middle, tops[0] - rows[0], middle, tops[2])
    between = tops[1] - rows[1] / 2
    _arrow(ax, middle, between, middle + APART, between)
    _box(ax, middle, tops[2], rows[2], texts[2])
    for i, arm in enumerate(arms):
        x = middle + (i - (len(arms) - 1) / 2) * (WIDE + APART)
        fork = tops[2] - rows[2] - GAP / 2
        ax.plot([middle, middle, x], [tops[2] - rows[2], fork, fork], color=style.MUTED, linewidth=1.1)
        _arrow(ax, x, fork, x, tops[3])
        for j, text in enumerate(arm):
            _box(ax, x, tops[3 + j], rows[3 + j], text, COLOURS[i % len(COLOURS)])
            if j:
                _arrow(ax, x, tops[2 + j] - rows[2 + j], x, tops[3 + j])
    return figure


def _failed(words: str) -> str:
    """Return a criterion that is not met, with the meaning of the readout for its name."""
    name, _, rest = words.partition(" ")
    unit, meaning = READOUTS[name]
    where, _, day = rest.rpartition(" on ")
    return " ".join(f"{meaning} not {where} {style.unit_text(unit)} on {day}".split())


def _height(text: str) -> float:
    return LINE * (text.count("\n") + 1) + 0.16


def _box(
    ax: Axes, x: float, top: float, height: float, text: str, colour: str = style.INK, width: float = WIDE
) -> None:
    look: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.06", "facecolor": "white"}
    corner = (x - width / 2, top - height)
    ax.add_patch(FancyBboxPatch(corner, width, height, edgecolor=colour, linewidth=1.2, **look))
    place: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": style.LABEL, "color": style.INK}
    ax.text(x, top - height / 2, text, **place)


def _arrow(ax: Axes, x: float, y: float, to_x: float, to_y: float) -> None:
    look = {"arrowstyle": "-|>", "color": style.MUTED, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (to_x, to_y), (x, y), arrowprops=look)
