"""Run the verification study and write docs/verification.md and its figures.

``python docs/make_verification.py`` takes less than 25 minutes on two quiet cores, with ``--quick`` less than
three; the first run after a change of the sources compiles for a minute more. Nothing is kept between runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

from verification.study import Chapter, Scale, Section, gathered, perform, table  # noqa: E402

#: Sections in the order of the document: modules of docs/verification/.
SECTIONS = ("transport", "iron", "steps", "lattice", "lobules", "seeds", "invariants")

TEXT = """# Verification

Does the code solve what it says it solves, and does any result depend on a step, a lattice, a size or a
seed that the reader did not choose? Written by `python docs/make_verification.py{quick}`; do not edit.
The full study takes less than 25 minutes on two quiet cores, `--quick` (smaller cases) less than three;
`--only SECTION` prints one section. Numbers do not depend on the machine; how fast it is, `python -m
benchmarks` measures. A quick part runs as tests (`tests/test_transport.py`,
`tests/test_verification.py`). Whether the model is right about livers is another question:
[limits.md](limits.md).

{warning}{summary}

{failures}

{chapters}
"""


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description="Run the verification study and write docs/verification.md.")
    parser.add_argument("--quick", action="store_true", help="small cases only, less than three minutes")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=SECTIONS,
        metavar="SECTION",
        help=f"print these sections and write nothing: {', '.join(SECTIONS)}",
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds of each case")
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", help="write verification.md and images/ there instead of docs/"
    )
    options = parser.parse_args(arguments)
    if options.seeds is not None and options.seeds < 2:
        parser.error("--seeds must be at least 2: a spread needs two")
    return options


def say(text: str) -> None:
    """Print a line of progress."""
    print(text, file=sys.stderr, flush=True)


def study(names: Sequence[str], scale: Scale, images: Path | None) -> dict[str, Chapter]:
    """Run sections and return their chapters by name; draw into `images` unless it is None."""
    sections: dict[str, Section] = {name: import_module(f"verification.{name}") for name in names}  # type: ignore[misc]
    asked: dict[str, dict[Any, Any]] = {name: section.tasks(scale) for name, section in sections.items()}
    results = perform((task for tasks in asked.values() for task in tasks.values()), say)
    chapters = {}
    for name, section in sections.items():
        chapters[name] = section.report(gathered(asked[name], results), scale, images)
        say(f"{section.TITLE}: {chapters[name].verdict}")
    return chapters


def document(chapters: dict[str, Chapter], scale: Scale) -> str:
    """Return the whole document."""
    titles = {name: import_module(f"verification.{name}").TITLE for name in chapters}
    rows, parts, failures = [], [], []
    for place, (name, chapter) in enumerate(chapters.items(), start=1):
        heading = f"{place}. {titles[name]}"
        anchor = heading.lower().replace(".", "").replace(":", "").replace(" ", "-")
        outcome = chapter.verdict if chapter.checks else "measures, judges nothing"
        rows.append([f"[{heading}](#{anchor})", outcome])
        parts.append(f"## {heading}\n\n{chapter.text.strip()}")
        failures += chapter.failures
    listed = "\n".join(f"- {line}" for line in failures)
    return TEXT.format(
        quick=(" --quick" if scale.quick else "") + (f" --seeds {scale.seeds}" if scale.seeds else ""),
        warning="**This copy was made with `--quick`: small cases; the full study says more.**\n\n"
        if scale.quick
        else "",
        summary=table(["section", "checks"], rows),
        failures=f"What fails:\n\n{listed}" if failures else "Nothing fails.",
        chapters="\n\n".join(parts),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study; return 0 whatever it finds, since the document says what fails."""
    options = parsed(arguments)
    scale = Scale(options.quick, options.seeds)
    names = [name for name in SECTIONS if not options.only or name in options.only]
    folder = options.to or (None if options.only else HERE)
    images = folder / "images" if folder else None
    text = document(study(names, scale, images), scale)
    if folder is None:
        print(text)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "verification.md").write_text(text, encoding="utf-8")
        say(f"{folder / 'verification.md'} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
