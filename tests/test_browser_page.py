"""The page in a real browser: every control does what it says, and nothing leaves this machine."""

import re
import time
import zipfile

import pytest

from lobule import load_case

from .browser_cases import FLAGS, Visitor, chromium, served

pytest.importorskip("solara", reason="solara, of the extra 'view', is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
if chromium() is None:
    pytest.skip("no Chromium found (set LOBULE_CHROMIUM to its path)", allow_module_level=True)

expect = playwright.expect
expect.set_options(timeout=60_000)

CASE = """
format = 1
name = "little"
[subject]
species = "mouse"
genotype = "hfe-knockout"
age_days = 28
[tissue]
lobules = 1
radius_um = 180
[clock]
phases = [{ days = 20, step_hours = 1 }]
"""


#: Texts that are wider than their place, and texts of curves that leave their frame.
CUT = """() => [...document.querySelectorAll(".lobule button, .lobule figcaption b, .lobule-legend")]
  .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).map(e => e.innerText)"""
OUTSIDE = """() => [...document.querySelectorAll(".lobule-plot svg text")].filter(e => {
  const r = e.getBoundingClientRect(), s = e.closest(".lobule-plot").getBoundingClientRect()
  return r.left < s.left - 1 || r.right > s.right + 1 || r.bottom > s.bottom + 1 }).map(e => e.textContent)"""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("view")
    (folder / "little.toml").write_text(CASE)
    with served("little.toml", folder=folder) as found:
        yield found


@pytest.fixture
def visitor(browser, server):
    found = Visitor(browser, server[0])
    yield found
    found.page.context.close()
    assert not found.outside
    assert not found.errors


def test_time_goes_on_by_steps_and_jumps_and_the_picture_with_it(visitor):
    first = visitor.pixels()
    visitor.press("Step")
    visitor.reach(1 / 24)
    visitor.press("+ hour")
    visitor.reach(2 / 24)
    visitor.press("+ day")
    visitor.reach(1 + 2 / 24)
    visitor.redrawn(0, first)
    visitor.press("+ week")
    visitor.reach(8 + 2 / 24)
    visitor.press("Play")
    visitor.page.wait_for_function("document.querySelector('.lobule-clock').innerText.includes('day 9')")
    visitor.press("Pause")
    expect(visitor.page.get_by_role("button", name="Play")).to_be_visible()
    visitor.page.wait_for_timeout(500)
    there = visitor.clock()
    visitor.page.wait_for_timeout(700)
    assert visitor.clock() == there
    visitor.page.keyboard.press("Escape")
    visitor.page.locator("body").click(position={"x": 640, "y": 525})
    visitor.page.keyboard.press("s")
    visitor.reach(there + 1 / 24)


def test_maps_show_what_is_chosen_with_unit_and_scale(visitor):
    visitor.press("+ day")
    visitor.reach(1)
    seen = [visitor.pixels(1)]
    for name, unit in (
        ("Oxygen tension", "mmHg"),
        ("TNF-α", "ng/mL"),
        ("Hepatocytes: redox", "fold"),
        ("Collagen", "% area"),
    ):
        visitor.show(1, name)
        expect(visitor.page.locator(".lobule-bar").nth(1)).to_contain_text(unit)
        seen.append(visitor.redrawn(1, *seen))
    before = visitor.pixels(0)
    visitor.page.get_by_text("cells", exact=True).first.click()
    visitor.redrawn(0, before)


def test_msc_are_given_arrive_and_are_taken_back(visitor):
    visitor.press("+ day")
    visitor.reach(1)
    visitor.page.get_by_label("Cells", exact=True).fill("3e7")
    visitor.page.keyboard.press("Tab")
    visitor.press("Give mesenchymal")
    visitor.press("+ hour")
    visitor.reach(1 + 1 / 24)
    visitor.page.wait_for_selector(".lobule-legend :text-matches('MSC: [1-9]')")
    expect(visitor.page.locator(".lobule-log")).to_contain_text("3e+07 MSC")
    visitor.press("Undo")
    visitor.reach(1)
    expect(visitor.page.locator(".lobule-legend")).not_to_contain_text("MSC:")


TREATMENTS = (
    "Phlebotomy",
    "Iron chelator",
    "Transfusion",
    "Extracellular vesicles",
    "Toxin (CCl4, thioacetamide)",
    "Diet",
    "Iron injection",
    "Hepatitis",
    "Partial hepatectomy",
)


def test_every_treatment_can_be_given(visitor):
    """One after the other to one mouse, an hour apart; each adds a line to the log."""
    for hour, treatment in enumerate(TREATMENTS, start=1):
        visitor.page.get_by_label("Treatment", exact=True).locator("..").click()
        items = visitor.page.locator(".menuable__content__active .v-list-item")
        items.filter(has_text=treatment).first.click()
        visitor.page.wait_for_timeout(300)
        visitor.press("Give ")
        visitor.press("Step")
        visitor.reach(hour / 24)
        expect(visitor.page.locator(".lobule-log tr")).to_have_count(hour)


def test_a_branch_goes_beside_and_its_difference_is_shown(visitor):
    visitor.press("+ day")
    visitor.reach(1)
    visitor.press("Branch")
    visitor.page.wait_for_selector("text=Keep A")
    visitor.until(lambda: visitor.pixels(0) == visitor.pixels(1), "the same in both maps")
    visitor.page.get_by_label("Cells", exact=True).fill("3e7")
    visitor.page.keyboard.press("Tab")
    visitor.press("Give mesenchymal")
    visitor.press("+ day")
    visitor.reach(2)
    visitor.until(lambda: visitor.pixels(0) != visitor.pixels(1), "a difference of the maps")
    visitor.page.locator('[aria-label="which lobule map 2 shows"]').locator("..").click()
    visitor.page.locator(".menuable__content__active .v-list-item").filter(has_text="A − B").click()
    bar = visitor.page.locator(".lobule-bar").nth(1)

    def is_centred():
        low, high = re.findall(r"-?[\d.e-]+", bar.inner_text().replace("−", "-"))[:2]
        return float(low) == -float(high)

    visitor.until(is_centred, "a scale with zero in its middle")
    visitor.press("Keep A")
    visitor.page.wait_for_selector("text=Branch")


def test_a_site_is_described(visitor):
    visitor.press("+ day")
    visitor.reach(1)
    box = visitor.page.locator(".lobule-stage").first.bounding_box()
    x, y = box["x"] + 0.5 * box["width"], box["y"] + 0.3 * box["height"]
    visitor.page.mouse.move(x, y)
    expect(visitor.page.locator(".lobule-tip:visible")).to_contain_text("Zone")
    visitor.page.mouse.click(x, y)
    visitor.page.wait_for_selector("text=Rules acting here now")
    text = visitor.page.inner_text(".lobule-pane")
    assert "hepatocyte" in text and "TNF-α" in text
    before = visitor.page.inner_text(".lobule-pane h3")
    visitor.page.locator(".lobule-stage canvas").first.focus()
    visitor.page.keyboard.press("ArrowLeft")
    visitor.page.wait_for_function(f"document.querySelector('.lobule-pane h3').innerText !== '{before}'")


def test_reset_case_seed_and_parameters(visitor):
    visitor.press("+ day")
    visitor.reach(1)
    visitor.tab("Tune")
    slider = visitor.page.get_by_role("slider").first
    slider.focus()
    for _ in range(5):
        visitor.page.keyboard.press("ArrowRight")
    visitor.page.wait_for_selector(".lobule-parameter b")
    visitor.tab("Case")
    visitor.page.get_by_label("Seed").fill("5")
    visitor.page.keyboard.press("Tab")
    visitor.press("Reset")
    visitor.reach(0)
    expect(visitor.page.locator(".lobule-pane")).to_contain_text("1 parameter changed")
    visitor.page.get_by_label("Case", exact=True).locator("..").click()
    visitor.page.locator(".menuable__content__active .v-list-item").filter(has_text="hfe-human").click()
    visitor.press("Reset")
    visitor.page.wait_for_selector(".lobule-name:text('hfe-human')")


def test_states_pictures_and_the_run_can_be_kept(visitor, tmp_path):
    visitor.press("+ day")
    visitor.reach(1)
    visitor.tab("Files")

    def got(name):
        with visitor.page.expect_download(timeout=90_000) as download:
            visitor.page.get_by_role("button", name=name).click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        return path

    state = got("Save state")
    assert state.suffix == ".npz"
    assert got("Tissue (PNG)").read_bytes()[:4] == b"\x89PNG"
    assert b"<svg" in got("Tissue (SVG)").read_bytes()
    visitor.press("Run folder")
    visitor.page.wait_for_selector("text=Download ZIP", timeout=90_000)
    names = zipfile.ZipFile(got("Download ZIP")).namelist()
    assert "little/manifest.json" in names and "little/series.parquet" in names
    visitor.press("+ day")
    visitor.reach(2)
    visitor.page.set_input_files("input[type=file]", state)
    visitor.reach(1)


def test_visitors_do_not_share_a_model_and_a_reload_starts_anew(browser, server):
    one, two = Visitor(browser, server[0]), Visitor(browser, server[0])
    one.press("+ day")
    two.press("+ week")
    one.reach(1)
    two.reach(7)
    one.page.reload()
    one.page.wait_for_selector(".lobule-clock")
    one.reach(0)
    two.reach(7)
    for found in (one, two):
        assert not found.outside and not found.errors
        found.page.context.close()


def test_what_is_no_number_cannot_be_given(visitor):
    give = visitor.page.get_by_role("button", name="Give mesenchymal")
    cells = visitor.page.get_by_label("Cells", exact=True)
    for text in ("nan", "", "abc", "inf"):
        cells.fill(text)
        expect(give).to_be_disabled()
        cells.fill("1e6")
        expect(give).to_be_enabled()
    give.click()
    log = visitor.page.locator(".lobule-log")
    expect(log).to_contain_text("next step")
    visitor.press("Step")
    visitor.reach(1 / 24)
    expect(log).not_to_contain_text("next step")


def test_maps_are_as_before_when_a_comparison_ends(visitor):
    visitor.press("Step")
    visitor.reach(1 / 24)
    visitor.press("Branch")
    visitor.page.wait_for_selector("text=Keep A")
    bar = visitor.page.locator(".lobule-bar").nth(1)
    expect(bar).to_contain_text("Iron")
    visitor.press("Undo")
    visitor.page.wait_for_selector("button:has-text('Branch')")
    expect(bar).to_contain_text("NTBI")


def test_what_goes_wrong_is_said_on_the_page(visitor):
    visitor.page.get_by_label("Cells", exact=True).fill("-5")
    visitor.page.keyboard.press("Tab")
    visitor.press("Give mesenchymal")
    visitor.page.wait_for_selector("[role=alert] >> text=cells = -5")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_nothing_overlaps_or_is_cut(browser, server, width, height):
    visitor = Visitor(browser, server[0], width, height)
    for hours, turn in ((18, None), (24, "Dark")):  # at 18 h the last tick of time is at the edge: 28.75 days
        if turn:
            visitor.press(turn)
        while round(24 * visitor.clock()) < hours:
            at = visitor.clock()
            visitor.press("+ hour")
            visitor.reach(at + 1 / 24)
        visitor.page.wait_for_timeout(300)
        boxes = visitor.page.evaluate("""() => [...document.querySelectorAll(
            'header > *, .lobule-panel, .lobule-strip > *, .lobule-curve')].map(e => {
            const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom, e.className] })""")
        boxes = [b for b in boxes if b[2] - b[0] > 1 and "lobule-space" not in b[4]]
        assert len(boxes) >= 12
        for i, a in enumerate(boxes):
            assert a[0] >= 0 and a[1] >= 0 and a[2] <= width + 0.5 and a[3] <= height + 0.5, a
            for b in boxes[i + 1 :]:
                apart = a[2] <= b[0] + 0.5 or b[2] <= a[0] + 0.5 or a[3] <= b[1] + 0.5 or b[3] <= a[1] + 0.5
                assert apart, (a, b)
        assert not visitor.page.evaluate(CUT)
        assert not visitor.page.evaluate(OUTSIDE)
    visitor.page.context.close()


def test_a_closed_page_frees_its_model(browser, server):
    import psutil

    process = psutil.Process(server[1].pid)
    counts = []
    for _ in range(3):
        visitor = Visitor(browser, server[0])
        visitor.press("Play")
        visitor.page.wait_for_timeout(300)
        visitor.page.close(run_before_unload=True)
        visitor.page.context.close()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.3)
            counts.append(process.num_threads())
            if len(counts) > 1 and counts[-1] <= counts[0]:
                break
    assert counts[-1] <= counts[0] + 1


def test_a_finished_run_is_replayed(browser, tmp_path):
    from lobule.experiments.runner import run_case

    (tmp_path / "little.toml").write_text(CASE)
    run_case(load_case(tmp_path / "little.toml").with_days(6)[0], out=tmp_path / "run", draw=False)
    with served("run", folder=tmp_path) as found:
        visitor = Visitor(browser, found[0])
        visitor.reach(0)
        first = visitor.pixels()
        slider = visitor.page.get_by_role("slider").first
        slider.focus()
        visitor.page.keyboard.press("End")
        visitor.reach(6)
        visitor.redrawn(0, first)
        visitor.press("Go on from here")
        visitor.press("+ day")
        visitor.reach(7)
        assert not visitor.outside and not visitor.errors
        visitor.page.context.close()


@pytest.mark.slow
def test_two_arms_of_a_sweep_are_replayed_side_by_side_and_filmed(browser, tmp_path):
    from PIL import Image

    from lobule.experiments import sweep

    (tmp_path / "little.toml").write_text(CASE)
    dose = {"kind": "msc", "cells": 3e7, "route": "intraportal", "day": 1.0}
    cases = {
        name: load_case(tmp_path / "little.toml", {"treatments": doses}).with_days(3)[0]
        for name, doses in {"untreated": [], "MSC": [dose]}.items()
    }
    sweep(cases, seeds=[0], out=tmp_path / "results", workers=1, progress=False)
    with served("results", folder=tmp_path) as found:
        visitor = Visitor(browser, found[0])
        visitor.until(lambda: visitor.pixels(0) == visitor.pixels(1), "the same in both maps")
        visitor.page.get_by_role("slider").first.focus()
        visitor.page.keyboard.press("End")
        visitor.reach(3)
        visitor.until(lambda: visitor.pixels(0) != visitor.pixels(1), "a difference of the maps")
        visitor.tab("Files")
        visitor.press("Film (GIF)")
        visitor.page.wait_for_selector("text=Download GIF", timeout=120_000)
        with visitor.page.expect_download() as download:
            visitor.press("Download GIF")
        download.value.save_as(tmp_path / "film.gif")
        assert Image.open(tmp_path / "film.gif").n_frames > 10
        visitor.press("Go on from here")
        visitor.page.wait_for_selector("text=Keep B")  # both go on, with what they went through
        visitor.press("+ day")
        visitor.reach(4)
        assert not visitor.outside and not visitor.errors
        visitor.page.context.close()
