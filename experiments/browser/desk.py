"""What one visitor has on the desk: the session, what is looked at, and the frame that shows it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import solara

from lobule.experiments.browser import charts
from lobule.experiments.browser.player import QUIET, Player
from lobule.experiments.browser.recording import Recording
from lobule.experiments.browser.scene import Painter, View, stage
from lobule.experiments.browser.session import Played, Session
from lobule.experiments.browser.site import describe, tip
from lobule.experiments.canvas import Layer
from lobule.experiments.explain import dose_in_words
from lobule.model import Lobule
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
    """Parameters that the case has changed."""
    stage: dict[str, Any]
    pictures: tuple[dict[str, Any], ...]
    courses: list[dict[str, Any]]
    zonal: list[dict[str, Any]]
    site: str
    moments: tuple[str, ...]
    log: tuple[tuple[float, str], ...]
    due: tuple[str, ...]
    layer: str
    recording: Showing | None


class Desk:
    """Holds a player and makes frames of its session; all but the choices is done in the player's thread.

    Parameters
    ----------
    session : Played
        What to show.
    """

    def __init__(self, session: Played) -> None:
        self.views = [View(), View("iron") if session.branch is None else View(of="branch")]
        self.kept: list[View] | None = None
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

    def fork(self) -> None:
        """Branch, and show both beside each other; when that ends the maps are as they were."""

        def begin(session: Session) -> None:
            session.fork()
            self.kept = list(self.views)
            self.views = [self.views[0]._replace(of=of) for of in ("main", "branch")]

        self.player.do(begin)

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
        main = session.model
        branch = None if session.branch is None else session.branch.model
        if branch is None:  # a comparison has ended
            self.views = [view._replace(of="main") for view in self.kept or self.views]
            self.kept = None
        if self._of is not main.tissue:
            self._of, self._stage = main.tissue, stage(main)
            self.selected = -1
        pictures = [
            {**self._painter.picture(view, main, branch), "number": self._number} for view in self.views
        ]
        view = self.views[1]
        shown = branch if view.of == "branch" and branch is not None else main
        cursor = main.hours if isinstance(session, Recording) else None
        self.frame.set(
            Frame(
                number=self._number,
                hours=main.hours,
                age_days=main.age_days,
                playing=self.player.playing,
                message=self.player.message,
                is_over=session.is_over,
                end_hours=session.end_hours,
                has_branch=branch is not None,
                case=main.case.name,
                seed=int(main.seed),
                species=main.case.subject.species,
                step_hours=session.step_hours,
                own=main.case.parameters,
                stage=self._stage,
                pictures=tuple(pictures),
                courses=charts.time_courses(session.arms, self.titles, NAMES, cursor),
                zonal=[charts.zonal(view, main, branch, NAMES)],
                site=describe(shown, self.selected) if self.selected >= 0 else "",
                moments=tuple(f"day {m.hours / HOURS_PER_DAY:.4g}, {m.label}" for m in session.moments),
                log=tuple(main.log),
                due=tuple(f"{name}{text}" for name, text in _due(session)),
                layer=layer_in_words(main),
                recording=self._showing(session),
            )
        )

    def go_live(self) -> None:
        """Go on from the hour of a recording with a model that can be treated."""

        def begin(session: Played) -> None:
            self.player.session = Session(session)

        self.player.pause()
        self.player.do(begin)

    @staticmethod
    def _showing(session: Played) -> Showing | None:
        if not isinstance(session, Recording):
            return None
        return Showing(tuple(session.names), *session.shown, session.is_exact())


def _due(session: Played) -> Iterator[tuple[str, str]]:
    """Yield to whom and what is given before the next step."""
    for name, arm in zip(NAMES, session.arms, strict=False):
        for dose in arm.model.due:
            text = dose_in_words(dose, arm.model.case.end_hours).partition(": ")[2]
            yield (f"{name}: " if session.branch is not None else ""), text


def layer_in_words(model: Lobule) -> str:
    """Return which layer is drawn, where there are several."""
    layers = int(model.tissue.axial[:, 2].max()) + 1
    return f"layer {Layer(model).number + 1} of {layers} is drawn; numbers are of all" if layers > 1 else ""
