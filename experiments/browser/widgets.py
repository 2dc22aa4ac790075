"""The parts of the page that are drawn in the browser itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import solara


@solara.component_vue("tissue.vue")
def TissueMap(  # type: ignore[no-untyped-def]
    stage: dict[str, Any],
    picture: dict[str, Any],
    selected: int = -1,
    dark: bool = False,
    tip: dict[str, Any] = {"site": -1, "text": ""},  # noqa: B006
    event_drawn: Callable[[int], None] = lambda number: None,
    event_picked: Callable[[int], None] = lambda site: None,
    event_hovered: Callable[[int], None] = lambda site: None,
):
    """Show one panel of :mod:`lobule.experiments.browser.scene`; tells when it is drawn or pointed at."""


@solara.component_vue("curves.vue")
def Curves(charts: list[dict[str, Any]], dark: bool = False):  # type: ignore[no-untyped-def]
    """Show the charts of :mod:`lobule.experiments.browser.charts`."""


@solara.component_vue("keys.vue")
def Keys(event_pressed: Callable[[str], None] = lambda key: None):  # type: ignore[no-untyped-def]
    """Listen to the keys of the page: space, s, d, w."""


@solara.component_vue("upload.vue")
def Upload(label: str, event_loaded: Callable[[dict[str, Any]], None] = lambda file: None):  # type: ignore[no-untyped-def]
    """Offer a file to be chosen; tells its name and its content in base64."""
