"""A served page and a real browser for the tests of the page."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
STAR = "document.querySelectorAll('.lobule-stage canvas')"


def chromium():
    """Return the path of a Chromium: that of LOBULE_CHROMIUM, or one found; None where there is none."""
    return os.environ.get("LOBULE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def served(*words, folder: Path):
    """Yield the address of ``lobule view`` with `words`, and its process."""
    with socket.socket() as free:  # not the first free one, which other tests would find as well
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "lobule.experiments.cli",
        "view",
        *words,
        "--no-open",
        "--port",
        str(port),
    ]
    log = folder / "server.log"
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, cwd=folder)
    try:
        deadline = time.monotonic() + 120.0
        while "lobule is at" not in log.read_text():
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text())
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/", server, log
    finally:
        server.terminate()
        server.wait(20)


class Visitor:
    """One browser session on the page; keeps what went wrong and what left loopback."""

    def __init__(self, browser, url, width=1280, height=800):
        self.page = browser.new_context(
            viewport={"width": width, "height": height}, accept_downloads=True
        ).new_page()
        self.outside, self.errors = [], []
        inside = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
        self.page.on("request", lambda r: None if r.url.startswith(inside) else self.outside.append(r.url))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        self.page.on(
            "response", lambda r: self.errors.append(f"{r.status} {r.url}") if r.status >= 400 else None
        )
        self.page.goto(url)
        self.page.wait_for_selector(".lobule-clock", timeout=60_000)
        self.page.wait_for_selector(".lobule-stage canvas")
        self.page.wait_for_timeout(300)

    def press(self, name):
        """Click a button by its text."""
        self.page.get_by_role("button", name=name, exact=False).first.click()

    def tab(self, name):
        """Open a pane."""
        self.page.get_by_role("tab", name=name).click()
        self.page.wait_for_timeout(150)

    def clock(self):
        """Return the day of the run with its fraction."""
        text = self.page.inner_text(".lobule-clock")
        day, rest = text.removeprefix("day ").split(",")
        hour, minute = rest.split("h")[0].strip().split(":")
        return int(day) + (int(hour) + int(minute) / 60.0) / 24.0

    def until(self, holds, wanted, seconds=60):
        """Wait until ``holds()``: the page follows what it was told, on a busy machine later."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"{wanted} was not seen within {seconds} s"
            self.page.wait_for_timeout(50)

    def reach(self, day):
        """Wait until the clock shows `day`."""
        self.until(lambda: abs(self.clock() - day) < 1e-3, f"day {day}")

    def redrawn(self, panel, *seen):
        """Return the picture of a map once it is none of those `seen`."""
        self.until(lambda: self.pixels(panel) not in seen, f"a new picture in map {panel + 1}")
        return self.pixels(panel)

    def pixels(self, panel=0):
        """Return the picture of a map, as text that differs when it does."""
        self.page.wait_for_timeout(250)
        return self.page.evaluate(f"{STAR}[{panel}].toDataURL()")

    def show(self, panel, name):
        """Choose what a map shows."""
        box = self.page.locator(f'input[aria-label="what map {panel + 1} shows"]')
        box.click()
        box.fill(name)
        self.page.locator(".menuable__content__active .v-list-item").filter(has_text=name).first.click()
        self.page.wait_for_timeout(300)
