"""SIGTERM and SIGHUP: a command that is asked to end does as if interrupted."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from lobule import Lobule
from lobule.experiments import signals
from lobule.experiments.cli import main
from lobule.experiments.signals import interrupting, leave_alone

BOTH = pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Start from what a terminal gives, and find the same afterwards."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in signals.ENDING}
    yield
    assert all(signal.getsignal(number) == signal.SIG_DFL for number in signals.ENDING)
    for number, was in before.items():
        signal.signal(number, was)


@BOTH
def test_a_run_says_how_to_go_on(
    number: signal.Signals,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(Lobule, "step", lambda self: os.kill(os.getpid(), number))
    assert main(["run", "hfe-mouse", "--out", str(tmp_path / "r")]) == code
    assert f"interrupted; go on with: lobule run --resume {tmp_path / 'r'}" in capsys.readouterr().err


class Gone(io.StringIO):
    """What is left of a terminal that was closed."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_is_gone_is_no_other_error(monkeypatch: pytest.MonkeyPatch):
    def closed(args: object) -> int:
        monkeypatch.setattr("sys.stderr", Gone())
        os.kill(os.getpid(), signal.SIGHUP)
        return 0

    monkeypatch.setattr("lobule.experiments.commands.cases", closed)
    assert main(["cases"]) == 129


def test_a_second_signal_lets_the_command_tidy_up_for_a_while(monkeypatch: pytest.MonkeyPatch):
    clock = SimpleNamespace(monotonic=lambda: 100.0)
    monkeypatch.setattr(signals, "time", clock)
    with interrupting() as asked:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGHUP)
        assert asked.code == 143
        clock.monotonic = lambda: 100.0 + signals.TIDYING
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGHUP)


def test_signals_that_are_ignored_stay_so():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupting() as asked:
        os.kill(os.getpid(), signal.SIGHUP)
    assert asked.code == 130 and signal.signal(signal.SIGHUP, signal.SIG_DFL) == signal.SIG_IGN


def test_another_thread_and_a_server_leave_them_alone():
    def elsewhere() -> None:
        with interrupting():
            found.append(signal.getsignal(signal.SIGTERM))

    found: list[object] = []
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    with interrupting():
        leave_alone()
        found += [signal.getsignal(number) for number in signals.ENDING]
    assert found == [signal.SIG_DFL] * 3
