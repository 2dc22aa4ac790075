"""Shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from lobule import Lobule
from lobule.experiments import figures

from .model_cases import everything

settings.register_profile("lobule", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("lobule")


@pytest.fixture(scope="module")
def treated() -> Lobule:
    """Return a model that has been through every kind of event; not to be changed."""
    return everything().run()


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Let a run finish without drawing; give the folders that would have been drawn."""
    drawn: list[Path] = []
    monkeypatch.setattr(figures, "draw_run", drawn.append)
    yield drawn
