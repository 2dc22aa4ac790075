"""A virtual liver lobule that loads with iron, is injured, scars, and is treated.

>>> from lobule import Lobule
>>> model = Lobule(case="hfe-mouse", rng=1)  # doctest: +SKIP
>>> model.run(days=2)  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lobule.kernel_cache import use_kernel_cache

if TYPE_CHECKING:
    from lobule.case import load_case
    from lobule.model import Lobule

__all__ = ["Lobule", "__version__", "load_case"]
__version__ = "0.1.0"

_HOMES = {"Lobule": "lobule.model", "load_case": "lobule.case"}

use_kernel_cache()


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
