"""Compile all kernels before many processes need them at once."""

from __future__ import annotations

from typing import Any

from lobule.kernel_cache import is_warm, mark_warm

COMPILING = "compiling the kernels, once: about a minute"
#: One lobule that meets every kind of treatment within its first steps.
MEETS_ALL: dict[str, Any] = {
    "tissue": {"lobules": 1},
    "record": {},
    "clock": {"phases": [{"days": 0.25, "step_hours": 1.0}]},
    "treatments": [
        {"kind": "msc", "day": 0.0, "cells": 2e6, "route": "intraportal", "size_um": 20.0},
        {"kind": "msc", "day": 0.0, "cells": 2e6, "route": "hepatic-artery", "engineered": ["mmp"]},
        {"kind": "toxin", "day": 0.0, "agent": "ccl4", "dose": 1.0},
        {"kind": "chelator", "day": 0.0, "drug": "deferoxamine", "mg_per_kg": 40.0},
        {"kind": "ev", "day": 0.0, "particles": 1e10, "route": "intravenous"},
    ],
}


def is_cold() -> bool:
    """Return whether kernels would have to be compiled here."""
    return not is_warm()


def compile_kernels() -> None:
    """Compile what is not yet on the disk of this machine."""
    if not is_warm():
        from lobule.case import load_case
        from lobule.experiments.models import build_model

        build_model(load_case("hfe-mouse-msc", MEETS_ALL), 1).run()
        mark_warm()
