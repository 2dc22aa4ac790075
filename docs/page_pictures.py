"""Make the pictures of the page and its film: ``python docs/page_pictures.py`` writes docs/images/view*."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from lobule.experiments.browser.serve import free_port

IMAGES = Path(__file__).with_name("images")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
FRAMES, WIDTH = 36, 900
CASE = "ccl4-mouse"


def main() -> None:
    """Visit the page, treat a branch, and keep what it shows."""
    port = free_port(None)
    words = ["view", CASE, "--no-open", "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-m", "lobule.experiments.cli", *words], stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    server.stdout.readline()
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_selector(".lobule-stage canvas")
            film(page)
            page.screenshot(path=IMAGES / "view.png")
            branch(page)
            page.screenshot(path=IMAGES / "view-branch.png")
            browser.close()
    finally:
        server.terminate()


def press(page: Any, name: str, wait: int = 300) -> None:
    """Press a button."""
    page.get_by_role("button", name=name, exact=False).first.click()
    page.wait_for_timeout(wait)


def choose(page: Any, label: str, text: str) -> None:
    """Choose from a menu."""
    page.locator(f'[aria-label="{label}"]').locator("..").click()
    page.locator(".menuable__content__active .v-list-item").filter(has_text=text).first.click()
    page.wait_for_timeout(400)


def jump(page: Any, name: str, days: int) -> None:
    """Go on by a day or a week, and wait until it is there and drawn."""
    day = int(page.inner_text(".lobule-clock").split(",")[0].removeprefix("day "))
    press(page, name)
    page.wait_for_selector(f".lobule-clock:has-text('day {day + days}, 00:00')")
    page.wait_for_selector("button:has-text('Play')")
    page.wait_for_timeout(250)


def film(page: Any) -> None:
    """Keep a picture of every day as a GIF."""
    choose(page, "what map 2 shows", "TNF-α")
    pictures = []
    for _ in range(FRAMES):
        jump(page, "+ day", 1)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        pictures.append(picture.resize((WIDTH, WIDTH * 800 // 1280), Image.Resampling.LANCZOS))
    palette = pictures[len(pictures) // 2].quantize(128)
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    frames[0].save(
        IMAGES / "view.gif", save_all=True, append_images=frames[1:], duration=160, loop=0, optimize=True
    )


def branch(page: Any) -> None:
    """Treat a branch and show where it differs after a week."""
    press(page, "Branch", 600)
    page.get_by_label("Cells", exact=True).fill("3e6")
    page.keyboard.press("Tab")
    press(page, "Give mesenchymal")
    jump(page, "+ week", 7)
    choose(page, "what map 2 shows", "Collagen")
    choose(page, "which lobule map 2 shows", "A − B")


if __name__ == "__main__":
    main()
