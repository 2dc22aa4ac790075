"""The bar at the top: time, play, step, jump, speed, undo, branch."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import solara

from lobule.experiments.browser.desk import Desk

#: Speeds, simulated hours a second; those between half a step and this many steps a second are offered.
SPEEDS = {
    "1 hour/s": 1.0,
    "6 hours/s": 6.0,
    "1 day/s": 24.0,
    "3 days/s": 72.0,
    "1 week/s": 168.0,
    "1 month/s": 730.5,
    "1 year/s": 8766.0,
    "as fast as it goes": 0.0,
}
MOST_STEPS_PER_SECOND = 200.0
JUMPS = {"hour": 1.0, "day": 24.0, "week": 168.0}


def speeds(step_hours: float) -> list[str]:
    """Return the names of the speeds that suit steps of `step_hours`."""
    return [
        name
        for name, speed in SPEEDS.items()
        if speed == 0.0 or 0.5 * step_hours <= speed <= MOST_STEPS_PER_SECOND * step_hours
    ]


def jumps(step_hours: float) -> dict[str, float]:
    """Return the jumps that are at least one step."""
    found = {name: hours for name, hours in JUMPS.items() if hours >= step_hours}
    return found if step_hours < 24.0 else found | {"year": 8766.0}


@solara.component
def Clock(desk: Desk) -> None:
    """Day, hour and age."""
    frame = desk.frame.value
    if frame is None:
        return
    day, hour = divmod(frame.hours + 1e-6, 24.0)
    years = frame.age_days > 730.0
    age = f"{frame.age_days / 365.25:.2f} years" if years else f"{frame.age_days:.1f} days"
    solara.HTML(
        tag="div",
        classes=["lobule-clock"],
        attributes={"role": "status", "aria-label": "time"},
        unsafe_innerHTML=f"<b>day {int(day)}</b>, {int(hour):02d}:{round(hour % 1 * 60):02d} h "
        f"<small>age {age}</small>",
    )


@solara.component
def Button(
    label: str, act: Callable[[], object], said: str = "", strong: bool = False, disabled: bool = False
) -> None:
    """A small button; `said` is what the tooltip tells."""
    button = solara.v.Btn(
        children=[label],
        small=True,
        depressed=True,
        color="primary" if strong else "",
        disabled=disabled,
        attributes={"title": said or label},
    )
    solara.v.use_event(button, "click", lambda *_: act())


@solara.component
def NumberField(
    label: str,
    value: float | None,
    change: Callable[[float | None], None],
    whole: bool = False,
    optional: bool = False,
) -> None:
    """A field for a finite number; `change` is told None as long as there is none in it.

    It says so, unless the number is `optional` and nothing is written.
    """
    text = solara.use_reactive("" if value is None else f"{value:.12g}")
    number = read_number(text.value, whole)
    is_fine = number is not None or (optional and not text.value.strip())

    def typed(new: str | None) -> None:
        text.set(new or "")
        change(read_number(new or "", whole))

    solara.v.TextField(
        label=label,
        v_model=text.value,
        on_v_model=typed,
        error_messages=[] if is_fine else ["a whole number" if whole else "a number"],
        dense=True,
    )


def read_number(text: str, whole: bool = False) -> float | None:
    """Return the finite number in `text`, 0 or more where it must be `whole`; None where there is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number) or (whole and not (number.is_integer() and 0.0 <= number < 2.0**53)):
        return None
    return number


def toggle(desk: Desk) -> None:
    """Play, or pause."""
    frame = desk.frame.value
    if frame is not None and frame.playing:
        desk.player.pause()
    else:
        desk.player.play()


def jump(desk: Desk, hours: float) -> None:
    """Go on by `hours`, as fast as it goes."""
    frame = desk.frame.value
    if frame is not None:
        desk.player.play(until=frame.hours + hours)


def step_once(desk: Desk) -> None:
    """Make one step."""
    desk.player.pause()
    desk.player.do(lambda session: session.step())


def undo(desk: Desk) -> None:
    """Go back to the last moment that was saved."""
    desk.player.pause()
    desk.player.do(lambda session: session.go_back() if session.moments else None)


def press(desk: Desk, key: str) -> None:
    """Do what a key of the page means."""
    match key:
        case " ":
            toggle(desk)
        case "s":
            step_once(desk)
        case "d":
            jump(desk, 24.0)
        case "w":
            jump(desk, 168.0)
        case "u":
            undo(desk)


@solara.component
def RunBar(desk: Desk, step_hours: float, is_live: bool = True) -> None:
    """Play, step, jump, speed."""
    frame = desk.frame.value
    playing = frame is not None and frame.playing
    names = speeds(step_hours)
    chosen = solara.use_reactive(
        "1 day/s" if "1 day/s" in names and step_hours < 12.0 else names[min(1, len(names) - 1)]
    )
    name_now = chosen.value if chosen.value in names else names[0]
    desk.player.speed = SPEEDS[name_now]
    with solara.Div(classes=["lobule-buttons"]):
        Button(
            "❚❚ Pause" if playing else "▶ Play",
            lambda: toggle(desk),
            "Pause (space)" if playing else "Play (space)",
            True,
        )
        Button("Step", lambda: step_once(desk), f"One step of {step_hours:g} h (s)", disabled=playing)
        for name, hours in jumps(step_hours).items() if is_live else ():
            act = partial(jump, desk, hours)
            Button(f"+ {name}", act, f"Go on by one {name}", disabled=playing)
        solara.v.Select(
            items=names,
            v_model=name_now,
            on_v_model=chosen.set,
            dense=True,
            hide_details=True,
            class_="lobule-speed",
            attributes={"aria-label": "speed"},
        )


@solara.component
def BranchBar(desk: Desk) -> None:
    """Undo and branch."""
    frame = desk.frame.value
    if frame is None:
        return

    def drop(keep_branch: bool) -> None:
        desk.player.do(lambda session: session.drop(keep_branch))

    with solara.Div(classes=["lobule-buttons"]):
        Button("↶ Undo", lambda: undo(desk), "Back to the last saved moment (u)", disabled=not frame.moments)
        if frame.has_branch:
            Button("Keep A", lambda: drop(False), "End the comparison and go on with A")
            Button("Keep B", lambda: drop(True), "End the comparison and go on with B")
        else:
            Button(
                "Branch",
                desk.fork,
                "Run a second lobule beside this one from here, on the same random numbers",
            )


@solara.component
def TimeSlider(desk: Desk) -> None:
    """Go to any hour of a finished run."""
    frame = desk.frame.value
    if frame is None:
        return

    def go(day: float) -> None:
        if abs(day * 24.0 - desk.frame.value.hours) > 1e-6:  # type: ignore[union-attr]
            desk.player.do(lambda session: session.go(day * 24.0))

    solara.v.Slider(
        v_model=frame.hours / 24.0,
        on_v_model=go,
        min=0.0,
        max=frame.end_hours / 24.0,
        step=frame.step_hours / 24.0,
        hide_details=True,
        dense=True,
        class_="lobule-slider",
        attributes={"aria-label": "day of the run"},
    )
