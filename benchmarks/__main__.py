"""Run the benchmarks: ``python -m benchmarks`` from the root of the repository."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.rounds import DisagreementError, Section, watched

SECTIONS = {
    "fields": "benchmarks.fields",
    "cells": "benchmarks.cells",
    "hour": "benchmarks.hour",
    "scale": "benchmarks.scale",
    "start-up": "benchmarks.startup",
    "sweeps": "benchmarks.sweeps",
    "page": "benchmarks.browser",
}

BEGIN, END = "<!-- measured -->", "<!-- end of measured -->"


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the lobule against its peers. Times are reported, not judged: "
        "the exit code is 1 only when two sides that should agree do not.",
    )
    parser.add_argument("--section", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=9, help="turns that each side takes")
    parser.add_argument("--quick", action="store_true", help="small sizes only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured to FILE")
    parser.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help=f"write the results as tables to FILE, or between {BEGIN} and {END} where FILE has these lines",
    )
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def write_tables(path: Path, text: str) -> None:
    """Write `text` to `path`, keeping what stands around the marks of a page that has them."""
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    if BEGIN in page and END in page:
        before, after = page.partition(BEGIN)[0], page.partition(END)[2]
        text = f"{before}{BEGIN}\n\n{text}\n{END}{after}"
    path.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; return 1 if two sides did not agree."""
    options = parsed(arguments)
    machine = describe()
    machine["times"] = "processor time, one thread on each side; throughput of workers: on the wall"
    for name, text in machine.items():
        print(f"{name}: {text}")
    done, failed = [], False
    for name in options.section:
        section = Section(name, options.rounds, options.quick)
        done.append(section)
        try:
            watched(section, import_module(SECTIONS[name]).run)
        except DisagreementError as error:
            failed = True
            section.remarks.append(f"DISAGREEMENT: {error}")
            print(f"\nDISAGREEMENT in {name}: {error}\nThe section ends here.", file=sys.stderr, flush=True)
    if options.json:
        content = {"machine": machine, "sections": [section.as_json() for section in done]}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if options.markdown:
        header = "\n".join(f"- {name}: {text}" for name, text in machine.items())
        tables = "\n".join(section.as_markdown() for section in done)
        quick = " --quick" if options.quick else ""
        call = f"python -m benchmarks --section {' '.join(options.section)} --rounds {options.rounds}{quick}"
        write_tables(options.markdown, f"Printed by `{call}`:\n\n{header}\n\n{tables}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
