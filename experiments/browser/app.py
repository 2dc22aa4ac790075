"""What the server shows: one page, a session of its own for each visitor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import solara

from lobule.case import load_case
from lobule.experiments.browser.page import Page as SessionPage
from lobule.experiments.browser.session import Played, Session


class Target:
    """What :func:`lobule.experiments.browser.serve.serve` was asked to show."""

    make: Callable[[], Played] = staticmethod(lambda: Session(load_case("hfe-mouse")))


@solara.component
def Layout(children: list[Any]) -> Any:
    """Nothing but the page."""
    return solara.Div(children=children)


@solara.component
def Page() -> None:
    """The page of the server."""
    SessionPage(Target.make)
