"""The lobule in the browser: watch it, question it, treat it. Needs ``pip install 'lobule[view]'``."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from lobule.errors import InputError
from lobule.files import whole
from lobule.model import Lobule

__all__ = ["page", "preview"]


def page(model: Lobule | None = None) -> Any:
    """Return the page as an element that a notebook shows; the same that ``lobule view`` serves.

    Parameters
    ----------
    model : Lobule, optional
        Where to begin: the page goes on from a copy of it. Case ``hfe-mouse`` from its start by default.

    Raises
    ------
    InputError
        If what the view needs is not installed.
    """
    try:
        import solara  # noqa: F401
    except ImportError:
        raise InputError("the view is not installed -> pip install 'lobule[view]'") from None
    from lobule.case import load_case
    from lobule.experiments.browser.page import Page
    from lobule.experiments.browser.session import Session

    def make() -> Session:
        return Session(load_case("hfe-mouse") if model is None else model)

    return Page(make, height="860px")


def preview(model: Lobule) -> Preview:
    """Return a small picture of the tissue that a notebook shows; ``preview(model).save("lobule.png")``."""
    return Preview(model)


class Preview:
    """A small picture of a model as it was when it was made."""

    def __init__(self, model: Lobule) -> None:
        from lobule.experiments.histology import tissue_map

        figure, file = tissue_map(model), io.BytesIO()
        figure.savefig(file, format="png", dpi=60)
        self.png = file.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a PNG file, atomically."""
        with whole(Path(path)) as partial:
            partial.write_bytes(self.png)
