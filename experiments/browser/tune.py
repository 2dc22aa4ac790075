"""The panes that start a run anew: the case, the seed, and sliders for all declared parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import solara

from lobule.agents.declare import Parameter
from lobule.case import builtin_cases, load_case
from lobule.experiments.browser.controls import Button, NumberField
from lobule.experiments.browser.desk import Desk
from lobule.experiments.style import unit_text
from lobule.parameters import GROUPS

POSITIONS = 200


@solara.component
def CasePane(desk: Desk, changes: solara.Reactive[dict[str, float]]) -> None:
    """Choose a case and a seed, and start."""
    titles = builtin_cases()
    frame = desk.frame.value
    now = frame.case if frame else "hfe-mouse"
    seed_now = frame.seed if frame else 1
    chosen = solara.use_reactive(now)
    seed: solara.Reactive[float | None] = solara.use_reactive(float(seed_now))
    values = list(titles) if now in titles else [now, *titles]

    def start() -> None:
        def begin(session: Any) -> None:
            base = session.origin if chosen.value == session.origin.name else load_case(chosen.value)
            session.reset(load_case(base, dict(changes.value)), int(seed.value or 0))

        desk.player.pause()
        desk.player.do(begin)

    solara.HTML(tag="h2", unsafe_innerHTML="Case")
    solara.Select("Case", values=values, value=chosen, dense=True)
    solara.HTML(
        tag="p",
        classes=["lobule-quiet"],
        unsafe_innerHTML=titles.get(chosen.value, "the case given at the start"),
    )
    NumberField("Seed", seed.value, seed.set, whole=True)
    words = (
        f", {len(changes.value)} parameter{'s' * (len(changes.value) != 1)} changed" if changes.value else ""
    )
    with solara.Div(classes=["lobule-row"]):
        words_of_reset = "Start anew with this case, seed and parameters"
        Button("Reset", start, words_of_reset, strong=True, disabled=seed.value is None)
    solara.HTML(
        tag="p",
        classes=["lobule-quiet"],
        unsafe_innerHTML=f"Starts anew at day 0{words}. What was given by hand and the saved moments are "
        "forgotten; Undo brings this moment back.",
    )


@solara.component
def ParameterPane(changes: solara.Reactive[dict[str, float]], species: str, own: Mapping[str, float]) -> None:
    """Sliders for a group of declared parameters; they hold from the next reset on."""
    group, word = solara.use_reactive("hepatocyte"), solara.use_reactive("")
    solara.HTML(tag="h2", unsafe_innerHTML="Parameters")
    solara.HTML(
        tag="p",
        classes=["lobule-quiet"],
        unsafe_innerHTML="They hold from the next reset on. Point at a name for its meaning and source.",
    )
    solara.Select("Group", values=list(GROUPS), value=group, dense=True)
    solara.InputText("Find in the group", value=word, continuous_update=True)
    if changes.value:
        with solara.Div(classes=["lobule-row"]):
            Button("Defaults", lambda: changes.set({}), "Take back all changes")
    for name, parameter in GROUPS[group.value].declared.items():
        text = f"{name} {parameter.meaning}".lower().replace("_", " ")
        if word.value.lower() in text:
            ParameterSlider(f"{group.value}.{name}", parameter, changes, species, own).key(
                f"{group.value}.{name}"
            )


def in_words(key: str, parameter: Parameter, species: str) -> str:
    """Return meaning, range and source of a parameter for its tooltip."""
    unit = unit_text(parameter.unit)
    span = f"{parameter.low:g} to {parameter.high:g} {unit}".strip()
    return (
        f"{key}: {parameter.meaning.rstrip('.')}. Default {parameter.default(species):g} {unit}".rstrip()
        + f", plausible from {span}. Source: {parameter.source}"
    )


@solara.component
def ParameterSlider(
    key: str,
    parameter: Parameter,
    changes: solara.Reactive[dict[str, float]],
    species: str,
    own: Mapping[str, float],
) -> None:
    """One slider over the declared range."""
    usual = own.get(key, parameter.default(species))
    value = changes.value.get(key, usual)
    unit = unit_text(parameter.unit)
    name = key.partition(".")[2].replace("_", " ")

    span = parameter.high - parameter.low
    place = round(POSITIONS * (value - parameter.low) / span) if span else 0

    def move(to: int) -> None:
        """Take the value at position `to`; where it already is, it may be between two positions."""
        if to != place:
            rest = {k: v for k, v in changes.value.items() if k != key}
            new = float(f"{parameter.low + span * to / POSITIONS:.4g}")
            changes.set({**rest, key: min(max(new, parameter.low), parameter.high)})

    if not span:
        return
    title = in_words(key, parameter, species)
    mark = "<b>" if key in changes.value else ""
    solara.HTML(
        tag="div",
        classes=["lobule-parameter"],
        attributes={"title": title, "tabindex": "0"},
        unsafe_innerHTML=f"{mark}{name}{mark.replace('<', '</')} <span>{value:.4g} {unit}</span>",
    )
    solara.v.Slider(
        v_model=place,
        min=0,
        max=POSITIONS,
        hide_details=True,
        dense=True,
        attributes={"aria-label": title, "title": title},
        on_v_model=move,
    )
