"""The page in a browser: frames a second while playing, simulated hours, the model's share, memory."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.rounds import Goal, Section, Spread
from lobule.case import load_case
from lobule.experiments.browser.serve import free_port
from lobule.experiments.models import build_model

CASE = "hfe-mouse"
SETTINGS = {"tissue.lobules": 1, "tissue.radius_um": 460.0}
SECONDS = 10.0
STEPS, RESETS = 2000, 20
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")


def run(section: Section) -> None:
    """Play a lobule of 1,200 sites in a headless Chromium; skipped where there is none."""
    import shutil

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        section.remark("no Chromium, or no Playwright: the page is not measured")
        return
    case = load_case(CASE, SETTINGS).with_days(365)[0]
    model = build_model(case, 1)
    section.say(f"page: a lobule of {model.tissue.n_sites} sites")
    for _ in range(50):
        model.step()
    start = time.perf_counter()
    for _ in range(100):
        model.step()
    step_ms = 10.0 * (time.perf_counter() - start)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        file = Path(name) / "page.toml"
        file.write_text(case.to_toml(), "utf-8")
        port = free_port(None)
        words = ["view", str(file), "--no-open", "--port", str(port)]
        server = subprocess.Popen(
            [sys.executable, "-m", "lobule.experiments.cli", *words], stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            server.stdout.readline()
            browser = driver.chromium.launch(executable_path=chromium, args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_selector(".lobule-stage canvas")
            page.wait_for_timeout(1000)
            for speed, words in (("1 day/s", "a step a frame"), ("1 week/s", "several steps a frame")):
                frames, hours, seconds = played(page, speed)
                goal = Goal(12.0, at_least=True) if speed == "1 day/s" else None
                section.add(f"frames a second, {words}", Spread.of(frames), "1/s", goal)
                note = f"a step takes {step_ms:.1f} ms: {hours * step_ms / 10.0 / seconds:.0f} % of the time"
                goal = None if speed == "1 day/s" else Goal(60.0, at_least=True)
                section.add(
                    f"simulated hours a second, {words}", Spread.of([hours / seconds]), "h/s", goal, note
                )
            memory(section, page, psutil.Process(server.pid))
            browser.close()
        finally:
            server.terminate()
            server.wait(20)


def clock(page: Any) -> float:
    """Return the hours that the page shows."""
    day, hour, minute = re.findall(r"\d+", page.inner_text(".lobule-clock"))[:3]
    return 24.0 * int(day) + int(hour) + int(minute) / 60.0


def choose(page: Any, speed: str) -> None:
    """Choose a speed."""
    page.locator('[aria-label="speed"]').locator("..").click()
    page.locator(".menuable__content__active .v-list-item").filter(has_text=speed).click()
    page.wait_for_timeout(300)


def played(page: Any, speed: str) -> tuple[list[float], float, float]:
    """Play for a while; return frames a second of each second, simulated hours, and seconds."""
    choose(page, speed)
    page.evaluate(
        """() => { window.drawn = []; const context = CanvasRenderingContext2D.prototype
        window.clear = window.clear || context.clearRect
        context.clearRect = function (...a) {
          if (this.canvas.width > 300) window.drawn.push(performance.now())
          return window.clear.apply(this, a) } }"""
    )
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(1000)
    page.evaluate("window.drawn.length = 0")
    begun, at = clock(page), time.perf_counter()
    page.wait_for_timeout(1000 * SECONDS)
    seconds, hours = time.perf_counter() - at, clock(page) - begun
    stamps = page.evaluate("window.drawn")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(500)
    first = stamps[0]
    counts = [
        sum(first + 1000 * k <= t < first + 1000 * (k + 1) for t in stamps) for k in range(int(SECONDS))
    ]
    return [count / 2.0 for count in counts], hours, seconds  # two maps


def memory(section: Section, page: Any, process: psutil.Process) -> None:
    """Measure the server's memory after many steps and resets over that after a few."""

    def resident() -> float:
        return float(process.memory_info().rss) / 1e6

    choose(page, "as fast as it goes")
    before = resident()
    end = clock(page) + STEPS
    while clock(page) < end:
        if page.get_by_role("button", name="Play").count():
            page.get_by_role("button", name="Play").click()
        page.wait_for_timeout(300)
    if page.get_by_role("button", name="Pause").count():
        page.get_by_role("button", name="Pause").click()
    stepped = resident()
    page.get_by_role("tab", name="Case").click()
    for _ in range(RESETS):
        page.get_by_role("button", name="Reset").click()
        page.wait_for_timeout(300)
    section.add(
        f"memory after {STEPS} steps more", Spread.of([stepped - before]), "MB", None, f"of {before:.0f} MB"
    )
    section.add(f"memory after {RESETS} resets more", Spread.of([resident() - stepped]), "MB")
