"""Interruptions: whatever is asked in the midst of a step is heard at its end, and nothing is half done."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lobule.model
from lobule import Lobule, load_case
from lobule.experiments.folders import SERIES
from lobule.experiments.runner import resume, run_case
from lobule.interruption import uninterrupted

CASE = """
format = 1
name = "short"
[subject]
species = "mouse"
genotype = "hfe-knockout"
age_days = 21.0
[tissue]
lobules = 1
[[clock.phases]]
days = 1.0
step_hours = 1.0
[record]
snapshot_days = []
"""


@pytest.fixture(autouse=True)
def hearing() -> Iterator[None]:
    """Let Ctrl-C be heard, also where tests are started to ignore it, as in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_what_is_inside_ends_before_it_is_interrupted():
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_inside_is_still_told():
    with pytest.raises(KeyboardInterrupt) as stop, uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        raise ValueError("inside")
    assert isinstance(stop.value.__context__, ValueError)


def test_signals_that_python_does_not_answer_are_left_alone():
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with uninterrupted():
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_changes_no_handler():
    def elsewhere() -> None:
        with uninterrupted():
            found.append(signal.getsignal(signal.SIGINT))

    found: list[object] = []
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


def test_a_run_interrupted_in_the_midst_of_a_step_goes_on_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "short.toml"
    file.write_text(CASE)
    case, live, steps = load_case(file), lobule.model.live, []
    whole = run_case(case, out=tmp_path / "whole", draw=False)

    def interrupted(*arguments: Any) -> None:
        steps.append(True)
        if len(steps) == 7:
            os.kill(os.getpid(), signal.SIGINT)
        live(*arguments)

    monkeypatch.setattr(lobule.model, "live", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_case(case, out=tmp_path / "stopped", draw=False)
    monkeypatch.undo()
    gone_on = resume(tmp_path / "stopped", draw=False)
    assert (gone_on / SERIES).read_bytes() == (whole / SERIES).read_bytes()


def test_a_script_that_is_interrupted_holds_a_whole_step(monkeypatch: pytest.MonkeyPatch):
    model = Lobule(case="hfe-mouse", rng=1)
    live = lobule.model.live

    def interrupted(model: Lobule, *rest: object) -> None:
        if model.tick == 2:
            os.kill(os.getpid(), signal.SIGINT)
        live(model, *rest)

    monkeypatch.setattr(lobule.model, "live", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.run(1.0)
    assert model.tick == 3 and model.ledger_error() < 1e-9
