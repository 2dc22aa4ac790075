"""What determines a run, as one short name: equal names mean equal results."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from lobule import __version__
from lobule.case import Case
from lobule.experiments.folders import FORMAT
from lobule.kernel_cache import source_hash

RECORDING = ("runner.py", "report.py", "stems.py")  # which make rows and summaries
ID_LENGTH = 16  # hexadecimal digits: among a million runs two share a name once in 40 million times


@cache
def code_version() -> str:
    """Return a name for the code that computes and records: version, all sources of it, rules."""
    parts = [("lobule.agents", "rules.toml"), *(("lobule.experiments", name) for name in RECORDING)]
    rest = b"\0".join((files(package) / name).read_bytes() for package, name in parts)
    return f"{__version__}-{source_hash()}-{hashlib.sha256(rest).hexdigest()[:8]}"


def case_hash(case: Case) -> str:
    """Return a hash of all that a case says about its results.

    Its own seed, its words, its Mesa agents, which of its values were drawn and where its map came from
    change none, so they are left out; the name stays, since run folders carry it.
    """
    return hashlib.sha256(json.dumps(_data(case), sort_keys=True).encode()).hexdigest()


def base_of(case: Case) -> str:
    """Return a hash of what `case` says beside its treatments."""
    data = _data(case, "treatments")
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _data(case: Case, *more: str) -> dict[str, Any]:
    left_out = dict.fromkeys(("seed", "title", "description", "drawn", *more), True)
    return case.model_dump(
        mode="json",
        exclude={**left_out, "tissue": {"agents": True, "map": {"name": True, "source": True}}},
    )


def run_id(case: Case, seed: int) -> str:
    """Return the name of the run of `case` with `seed` by this code, :data:`ID_LENGTH` hexadecimal digits."""
    return id_of(case_hash(case.for_subject(seed)), seed)


def id_of(case: str, seed: int) -> str:
    """Return the name of the run of the case with hash `case`."""
    parts = f"{FORMAT}\n{case}\n{seed}\n{code_version()}"
    return hashlib.sha256(parts.encode()).hexdigest()[:ID_LENGTH]
