"""What one visitor has on the desk: the session, what is looked at, and the frame that shows it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import solara

from lobule.experiments.browser import charts
from lobule.experiments.browser.player import QUIET, Played, Player
from lobule.experiments.browser.recording import Recording
from lobule.experiments.browser.scene import Painter, View, stage
from lobule.experiments.browser.session import Session
from lobule.experiments.browser.site import describe, tip
from lobule.units import HOURS_PER_DAY

ANSWER_SECONDS = 120.0
NAMES = ("A", "B")


class Showing(NamedTuple):
    """Which finished runs are shown."""

    names: tuple[str, ...]
    main: str
    branch: str | None
    is_exact: bool


class Frame(NamedTuple):
    """All that the page shows at one moment."""

    number: int
    hours: float
    age_days: float
    playing: bool
    message: str
    is_over: bool
    end_hours: float
    has_branch: bool
    case: str
    seed: int
    species: str
    step_hours: float
    own: dict[str, float]
    stage: dict[str, Any]
    pictures: tuple[dict[str, Any], ...]
    headings: tuple[str, ...]
    courses: list[dict[str, Any]]
    zonal: list[dict[str, Any]]
    site: str
    moments: tuple[str, ...]
    log: tuple[tuple[float, str], ...]
    recording: Showing | None


class Desk:
    """Holds a player and makes frames of its session; all but the choices is done in the player's thread.

    Parameters
    ----------
    session : Session or Recording
        What to show.
    """

    def __init__(self, session: Played) -> None:
        self.views = [View(), View("iron") if session.branch is None else View(of="branch")]
        self.titles = list(charts.DEFAULT)
        self.selected = -1
        self.frame: solara.Reactive[Frame | None] = solara.Reactive(None)
        self.tip: solara.Reactive[dict[str, Any]] = solara.Reactive({"site": -1, "text": ""})
        self.player = Player(session, self._show)
        self._painter = Painter()
        self._stage: dict[str, Any] = {}
        self._of: Any = None
        self._number = 0

    def look(self) -> None:
        """Show anew, after a choice has changed."""
        self.player.do(lambda session: None)

    def view(self, panel: int, **changes: Any) -> None:
        """Change what a panel shows; see :class:`View`."""
        self.views[panel] = self.views[panel]._replace(**changes)
        self.look()

    def choose(self, titles: list[str]) -> None:
        """Choose the time courses."""
        self.titles = titles
        self.look()

    def pick(self, site: int) -> None:
        """Describe a site from now on; -1 for none."""
        self.selected = site
        self.look()

    def hover(self, panel: int, site: int) -> None:
        """Tell about the site under the pointer."""

        def answer(session: Played) -> object:
            view = self.views[panel]
            arms = session.arms
            model = arms[-1 if view.of == "branch" else 0].model
            self.tip.set({"site": site, "text": tip(model, site, view.quantity)})
            return QUIET

        self.player.do(answer)

    def ask(self, question: Callable[[Any], Any]) -> Any:
        """Return the answer of the player's thread to `question`; waits for it."""
        done = threading.Event()
        box: list[tuple[Any, Exception | None]] = []

        def answer(session: Played) -> object:
            try:
                box.append((question(session), None))
            except Exception as error:
                box.append((None, error))
            finally:
                done.set()
            return QUIET

        self.player.do(answer)
        if not done.wait(ANSWER_SECONDS):
            raise TimeoutError("the model does not answer")
        result, error = box[0]
        if error is not None:
            raise error
        return result

    def _show(self) -> None:
        self._number += 1
        session = self.player.session
        main, is_recording = session.model, isinstance(session, Recording)
        branch = None if session.branch is None else session.branch.model
        if self._of is not main.tissue:
            self._of, self._stage = main.tissue, stage(main)
            self.selected = -1
        pictures, headings = [], []
        for view in self.views:
            picture = self._painter.picture(view, main, branch)
            pictures.append({**picture, "number": self._number})
            headings.append(self._heading(view, branch is not None))
        view = self.views[1]
        shown = branch if view.of == "branch" and branch is not None else main
        self.frame.set(
            Frame(
                self._number,
                main.hours,
                main.age_days,
                self.player.playing,
                self.player.message,
                session.is_over,
                session.end_hours,
                branch is not None,
                main.case.name,
                int(main.seed),
                main.case.subject.species,
                session.step_hours,
                main.case.parameters,
                self._stage,
                tuple(pictures),
                tuple(headings),
                charts.time_courses(session.arms, self.titles, NAMES, main.hours if is_recording else None),
                [charts.zonal(view, main, branch, NAMES)],
                describe(shown, self.selected) if self.selected >= 0 else "",
                tuple(f"day {m.hours / HOURS_PER_DAY:.4g}, {m.label}" for m in session.moments),
                tuple(main.log),
                self._showing(session),
            )
        )

    def go_live(self) -> None:
        """Go on from the hour of a recording with a model that can be treated."""

        def begin(session: Played) -> None:
            self.player.session = Session.of(session.model)
            self.views[:] = [view._replace(of="main") for view in self.views]

        self.player.pause()
        self.player.do(begin)

    @staticmethod
    def _showing(session: Played) -> Showing | None:
        if not isinstance(session, Recording):
            return None
        return Showing(tuple(session.names), *session.shown, session.is_exact())

    @staticmethod
    def _heading(view: View, has_branch: bool) -> str:
        if not has_branch:
            return ""
        return {"main": "A", "branch": "B", "difference": "A − B"}[view.of]
