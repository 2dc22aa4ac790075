"""The pane that saves and loads: states, pictures, a film, the run folder."""

from __future__ import annotations

import base64
import io
import tempfile
import threading
import zipfile
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import solara

from lobule.case import Case
from lobule.errors import one_line
from lobule.experiments.browser.controls import Button
from lobule.experiments.browser.desk import Desk
from lobule.experiments.browser.session import Played, Session, dump
from lobule.experiments.browser.widgets import Upload
from lobule.units import HOURS_PER_DAY

FILM_FRAMES = 60


@solara.component
def FilesPane(desk: Desk) -> None:
    """Offer what can be kept, and take back what was."""
    frame = desk.frame.value
    assert frame is not None
    stem = f"{frame.case}-day-{round(frame.hours / HOURS_PER_DAY, 2):g}"
    if frame.recording is None:
        Moments(desk)
    solara.HTML(tag="h2", unsafe_innerHTML="State")
    solara.FileDownload(
        lambda: desk.ask(lambda session: dump(session.model)), f"{stem}.npz", label="Save state"
    )
    if frame.recording is None:
        Upload(
            label="Load state (.npz)",
            event_loaded=lambda file: desk.player.do(lambda session: _load(session, file)),
        )
    solara.HTML(tag="h2", unsafe_innerHTML="Picture")
    for words, draw in (("Tissue", _tissue), ("All fields", _fields)):
        for kind in ("png", "svg"):
            name = f"{stem}-{words.lower().replace(' ', '-')}.{kind}"
            label = f"{words} ({kind.upper()})"
            solara.FileDownload(
                lambda draw=draw, kind=kind: desk.ask(lambda session: _drawn(draw, session, kind)),
                name,
                label=label,
            )
    solara.HTML(tag="h2", unsafe_innerHTML="Run")
    text = "Computed again from the start to this hour, treatments given by hand included."
    solara.HTML(tag="p", classes=["lobule-quiet"], unsafe_innerHTML=text)
    Job(desk, "Run folder", f"{stem}.zip", _run_folder).key("folder")
    Job(desk, "Film (GIF)", f"{stem}.gif", lambda case, seed, tell: _film(case, seed, tell, "gif")).key("gif")
    Job(desk, "Film (MP4)", f"{stem}.mp4", lambda case, seed, tell: _film(case, seed, tell, "mp4")).key("mp4")


@solara.component
def Moments(desk: Desk) -> None:
    """The saved moments to go back to."""
    frame = desk.frame.value
    assert frame is not None
    solara.HTML(tag="h2", unsafe_innerHTML="Go back")
    if not frame.moments:
        text = "Moments are saved before each treatment and branch, or here."
        solara.HTML(tag="p", classes=["lobule-quiet"], unsafe_innerHTML=text)
    with solara.Div(classes=["lobule-row"]):
        Button("Save this moment", lambda: desk.player.do(lambda session: session.keep("saved")))
    for index, moment in enumerate(frame.moments):

        def go(index: int = index) -> None:
            desk.player.pause()
            desk.player.do(lambda session: session.go_back(index))

        Button(moment, go, f"Back to {moment}").key(f"{index} {moment}")


@solara.component
def Job(desk: Desk, label: str, name: str, work: Callable[[Case, int, Callable[[str], None]], bytes]) -> None:
    """A button that starts something long beside the page, tells how far it is, and then offers the file."""
    status = solara.use_reactive("")
    result: solara.Reactive[tuple[str, bytes] | None] = solara.use_reactive(None)

    def start() -> None:
        case, seed = desk.ask(_so_far)
        if case is None:
            status.set("make a step first")
            return
        status.set("computing ...")
        result.set(None)

        def compute() -> None:
            try:
                done = work(case, seed, status.set)
                status.set("")  # first: when it goes, what stands after it is made anew and loses a click
                result.set((name, done))
            except Exception as error:
                status.set(one_line(f"failed: {error}"))

        threading.Thread(target=compute, daemon=True, name=f"lobule {label}").start()

    with solara.Div(classes=["lobule-row"]):
        Button(
            label, start, f"Compute: {label}", disabled=bool(status.value) and status.value.endswith("...")
        )
        if status.value:
            solara.HTML(
                tag="span",
                classes=["lobule-quiet"],
                attributes={"role": "status"},
                unsafe_innerHTML=escape(status.value),
            )
        if result.value is not None:
            solara.FileDownload(
                result.value[1],
                result.value[0],
                label=f"Download {result.value[0].rpartition('.')[2].upper()}",
            )


def _so_far(session: Played) -> tuple[Case | None, int]:
    """Return the case up to the present hour, and the seed."""
    model = session.model
    if model.hours == 0.0:
        return None, 0
    return model.case.with_days(model.hours / HOURS_PER_DAY)[0], int(model.seed)


def _load(session: Session, file: dict[str, Any]) -> None:
    session.load(base64.b64decode(file["content"]), str(file["name"]))


def _drawn(draw: Callable[[Any], Any], session: Played, kind: str) -> bytes:
    file = io.BytesIO()
    draw(session.model).savefig(file, format=kind)
    return file.getvalue()


def _tissue(model: Any) -> Any:
    from lobule.experiments.histology import tissue_map

    return tissue_map(model)


def _fields(model: Any) -> Any:
    from lobule.experiments.maps import field_maps

    return field_maps(model)


def _computed(case: Case, seed: int, folder: Path, tell: Callable[[str], None], draw: bool) -> Path:
    from lobule.experiments.runner import run_case

    return run_case(case, seed=seed, out=folder, progress=_Watcher(case, tell), draw=draw)


class _Watcher:
    """Tells how far a run is, in per cent."""

    def __init__(self, case: Case, tell: Callable[[str], None]) -> None:
        self.end, self.tell, self.last = case.end_hours, tell, -1

    def begin(self, folder: Path, end_hours: float, hours: float = 0.0) -> None:
        """Start."""

    def update(self, hours: float) -> None:
        """Tell the next per cent."""
        percent = int(100.0 * hours / self.end)
        if percent // 5 > self.last // 5:
            self.last = percent
            self.tell(f"{percent} % computed ...")


def _run_folder(case: Case, seed: int, tell: Callable[[str], None]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="lobule-") as place:
        folder = _computed(case, seed, Path(place) / case.name, tell, draw=True)
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder.parent))
        return file.getvalue()


def _film(case: Case, seed: int, tell: Callable[[str], None], kind: str) -> bytes:
    from lobule.experiments.movie import film_run

    with tempfile.TemporaryDirectory(prefix="lobule-") as place:
        folder = _computed(case, seed, Path(place) / case.name, tell, draw=False)
        tell("drawing ...")
        made = {path.suffix[1:]: path for path in film_run(folder, FILM_FRAMES)}
        if kind not in made:
            raise FileNotFoundError("ffmpeg is not found on this machine; the GIF needs none")
        return made[kind].read_bytes()
