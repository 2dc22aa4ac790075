"""Importing and the first step, with and without compiled kernels on the disk."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.rounds import Goal, Section, Spread

ROOT = Path(__file__).parents[1]
BARE = "import mesa, numpy"
IMPORT = "from lobule import Lobule"
FIRST = f"""
{IMPORT}
import time
model = Lobule("hfe-mouse", settings={{"tissue.lobules": 1}})
start = time.process_time()
model.step()
print(time.process_time() - start)
"""


def child(code: str, cache: str | None = None) -> tuple[float, str]:
    """Return the processor time (s) that a new interpreter takes for `code`, and what it printed."""
    environment = os.environ if cache is None else {**os.environ, "NUMBA_CACHE_DIR": cache}
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4]), done.stdout


def run(section: Section) -> None:
    """Measure start-up in processes of its own."""
    child(FIRST)  # kernels and byte code are there from now on
    bare, imported, whole, first = [], [], [], []
    for _ in range(section.rounds):
        bare.append(child(BARE)[0])
        imported.append(child(IMPORT)[0])
        took, printed = child(FIRST)
        whole.append(took)
        first.append(float(printed))
    section.add(f"`{BARE}`, for comparison", Spread.of(bare), "s")
    section.add(f"`{IMPORT}`", Spread.of(imported), "s", Goal(1.2, at_least=False))
    section.add("first step, kernels on the disk", Spread.of(first), "s", Goal(0.5, at_least=False))
    section.add("all of that: start, build one lobule, first step", Spread.of(whole), "s")
    section.say("the same without compiled kernels")
    cold_whole, cold_first = [], []
    for _ in range(1 if section.quick else min(3, section.rounds)):
        with tempfile.TemporaryDirectory() as cache:
            took, printed = child(FIRST, cache)
        cold_whole.append(took)
        cold_first.append(float(printed))
    section.add("first step, nothing compiled", Spread.of(cold_first), "s")
    section.add(
        "start to first step, nothing compiled", Spread.of(cold_whole), "s", Goal(20.0, at_least=False)
    )
