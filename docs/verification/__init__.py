"""The parts of the verification study, one module a section; `docs/make_verification.py` runs them."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_TESTS = str(ROOT / "tests")
if _TESTS not in sys.path:
    sys.path.append(_TESTS)  # the cases with known answers are shared with the tests
