"""The page: the lobule as tissue, beside any map of it, curves below, and what the visitor can do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import solara
import solara.lab

from lobule.experiments.browser import charts
from lobule.experiments.browser.controls import BranchBar, Button, Clock, RunBar, TimeSlider, press
from lobule.experiments.browser.desk import Desk
from lobule.experiments.browser.files import FilesPane
from lobule.experiments.browser.legend import legend
from lobule.experiments.browser.quantities import quantities
from lobule.experiments.browser.session import Played
from lobule.experiments.browser.treat import TreatPane
from lobule.experiments.browser.tune import CasePane, ParameterPane
from lobule.experiments.browser.widgets import Curves, Keys, TissueMap

STYLE = Path(__file__).with_name("style.css")
WHO = {"main": "A", "branch": "B", "difference": "A − B"}


@solara.component
def Page(make: Callable[[], Played], height: str = "100vh") -> None:
    """Show a session that `make` returns, one for each visitor; it ends when the page is closed."""
    desk = solara.use_memo(lambda: Desk(make()), [])
    dark = solara.use_reactive(False)

    def live() -> Callable[[], None]:
        desk.player.start()
        return desk.player.close

    solara.use_effect(live, [])
    solara.Title("Liver lobule")
    solara.Style(STYLE)
    changes: solara.Reactive[dict[str, float]] = solara.use_reactive({})
    frame = desk.frame.value
    if frame is None:
        solara.HTML(tag="div", classes=["lobule-wait"], unsafe_innerHTML="Building the lobule ...")
        return
    classes = ["lobule", "dark"] if dark.value else ["lobule"]
    with solara.Div(classes=classes, style={"--height": height}):
        Keys(event_pressed=lambda key: press(desk, key))
        Header(desk, dark)
        Aside(desk, changes)
        Main(desk, dark.value)


@solara.component
def Header(desk: Desk, dark: solara.Reactive[bool]) -> None:
    """The bar at the top."""
    frame = desk.frame.value
    assert frame is not None

    def turn() -> None:
        dark.set(not dark.value)
        solara.lab.theme.dark = dark.value

    with solara.v.Html(tag="header"):
        solara.HTML(tag="div", classes=["lobule-name"], unsafe_innerHTML=frame.case)
        Clock(desk)
        RunBar(desk, frame.step_hours, is_live=frame.recording is None)
        if frame.recording is None:
            BranchBar(desk)
            solara.Div(classes=["lobule-space"])
        else:
            TimeSlider(desk)
            Button("Go on from here", desk.go_live, "Go on from this hour with a model that can be treated")
        Button(
            "Light" if dark.value else "Dark",
            turn,
            "Turn to a light page" if dark.value else "Turn to a dark page",
        )


@solara.component
def Aside(desk: Desk, changes: solara.Reactive[dict[str, float]]) -> None:
    """The panes at the left."""
    frame = desk.frame.value
    assert frame is not None
    panes: dict[str, Callable[[], Any]] = {
        "Treat": lambda: TreatPane(desk, frame.species),
        "Case": lambda: CasePane(desk, changes),
        "Tune": lambda: ParameterPane(changes, frame.species, frame.own),
        "Site": lambda: SitePane(desk),
        "Files": lambda: FilesPane(desk),
    }
    if frame.recording is not None:
        panes = {"Runs": lambda: RunsPane(desk), "Site": panes["Site"], "Files": panes["Files"]}
    tab = solara.use_reactive(0)
    seen = solara.use_ref(False)
    if frame.site and not seen.current:
        tab.set(list(panes).index("Site"))
    seen.current = bool(frame.site)
    with solara.v.Html(tag="aside", attributes={"aria-label": "What you can do"}):
        with solara.lab.Tabs(value=tab):
            for name in panes:
                solara.lab.Tab(name)
        with solara.Div(classes=["lobule-pane"]):
            list(panes.values())[min(tab.value, len(panes) - 1)]()


@solara.component
def RunsPane(desk: Desk) -> None:
    """Choose which finished runs are shown."""
    frame = desk.frame.value
    if frame is None or frame.recording is None:
        return
    shown, nobody = frame.recording, "(none)"

    def choose(main: str, branch: str) -> None:
        other = None if branch == nobody else branch
        desk.player.do(lambda session: session.choose(main, other))
        of = "main" if other is None else "branch"
        desk.view(1, of=of, quantity=desk.views[1].quantity if other is None else desk.views[0].quantity)

    solara.HTML(tag="h2", unsafe_innerHTML="Runs")
    solara.Select(
        "A", values=list(shown.names), value=shown.main, on_value=lambda v: choose(v, shown.branch or nobody)
    )
    solara.Select(
        "B",
        values=[nobody, *shown.names],
        value=shown.branch or nobody,
        on_value=lambda v: choose(shown.main, v),
    )
    text = (
        "States between those that were kept are computed again."
        if shown.is_exact
        else "Made by another version of lobule: only the states that were kept can be shown."
    )
    solara.HTML(tag="p", classes=["lobule-quiet"], unsafe_innerHTML=text)


@solara.component
def SitePane(desk: Desk) -> None:
    """What is at the chosen site."""
    frame = desk.frame.value
    if frame is None or not frame.site:
        text = (
            "Click a site of the map, or choose one with the arrow keys, to see its cells, "
            "what surrounds them, and the rules at work."
        )
        solara.HTML(tag="p", unsafe_innerHTML=text)
        return
    solara.HTML(tag="div", unsafe_innerHTML=frame.site)
    Button("Let go", lambda: desk.pick(-1), "Choose no site")


@solara.component
def Main(desk: Desk, dark: bool) -> None:
    """Maps and curves."""
    frame = desk.frame.value
    assert frame is not None
    treatments = frame.courses[0]["marks"] if frame.courses else []
    with solara.v.Html(tag="main"):
        with solara.Div(classes=["lobule-maps"]):
            for panel in (0, 1):
                Panel(desk, panel, dark)
        with solara.Div(classes=["lobule-strip"]):
            if frame.message:
                solara.v.Alert(
                    type="error", dense=True, children=[frame.message], attributes={"role": "alert"}
                )
            else:
                html = legend(frame.pictures, treatments, dark)
                html += f"<i>{frame.layer}</i>" if frame.layer else ""
                if frame.is_over and frame.recording is None:
                    html += (
                        f"<i>The case ends here, on day {frame.end_hours / 24.0:g}; Play draws it out.</i>"
                    )
                solara.HTML(tag="div", classes=["lobule-legend"], unsafe_innerHTML=html)
            CourseChoice(desk)
        with solara.Div(classes=["lobule-below"]):
            Curves(charts=frame.courses, dark=dark)
            Curves(charts=frame.zonal, dark=dark)


@solara.component
def CourseChoice(desk: Desk) -> None:
    """Choose the readouts that are drawn over time."""
    solara.v.Select(
        items=list(charts.COURSES),
        v_model=list(desk.titles),
        on_v_model=lambda titles: desk.choose([title for title in charts.COURSES if title in titles]),
        multiple=True,
        dense=True,
        hide_details=True,
        class_="lobule-courses",
        attributes={"aria-label": "time courses that are shown"},
        v_slots=[{"name": "selection", "variable": "x", "children": []}],
        prefix="Time courses ...",
        menu_props={"maxHeight": 460},
    )


@solara.component
def Panel(desk: Desk, panel: int, dark: bool) -> None:
    """One map and the choice of what it shows."""
    frame = desk.frame.value
    assert frame is not None
    labels = {quantity.label: key for key, quantity in quantities().items()}
    view = desk.views[panel]
    with solara.v.Html(tag="section", class_="lobule-panel", attributes={"aria-label": f"map {panel + 1}"}):
        with solara.Div(classes=["lobule-choice"]):
            solara.v.Autocomplete(
                items=list(labels),
                v_model=quantities()[view.quantity].label,
                on_v_model=lambda label: (
                    desk.view(panel, quantity=labels[label]) if label in labels else None
                ),
                dense=True,
                hide_details=True,
                class_="lobule-map-choice",
                attributes={"aria-label": f"what map {panel + 1} shows"},
                menu_props={"maxHeight": 420},
            )
            Toggle("cells", view.cells, lambda on: desk.view(panel, cells=on))
            Toggle("fibres", view.fibres, lambda on: desk.view(panel, fibres=on))
            if frame.has_branch:
                solara.v.Select(
                    items=list(WHO.values()),
                    v_model=WHO[view.of],
                    on_v_model=lambda name: desk.view(panel, of=next(k for k, v in WHO.items() if v == name)),
                    dense=True,
                    hide_details=True,
                    class_="lobule-who",
                    attributes={"aria-label": f"which lobule map {panel + 1} shows"},
                )
        TissueMap(
            stage=frame.stage,
            picture=frame.pictures[panel],
            selected=desk.selected,
            dark=dark,
            tip=desk.tip.value,
            event_drawn=lambda number: desk.player.drawn(),
            event_picked=desk.pick,
            event_hovered=lambda site: desk.hover(panel, site),
        )


@solara.component
def Toggle(name: str, on: bool, change: Callable[[bool], Any]) -> None:
    """A small switch."""
    solara.v.Checkbox(
        v_model=on, on_v_model=change, label=name, dense=True, hide_details=True, class_="lobule-toggle"
    )
