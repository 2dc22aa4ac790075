"""The cells of the lobule: one file a cell type. Knows arrays only, nothing of the tissue."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if __name__ == "agents":
    raise ImportError('this package is imported as "lobule.agents": write "from lobule.agents import ..."')

if TYPE_CHECKING:
    from lobule.agents.hepatocyte import Hepatocyte
    from lobule.agents.macrophage import Macrophage
    from lobule.agents.msc import MSC
    from lobule.agents.stellate import StellateCell

__all__ = ["MSC", "Hepatocyte", "Macrophage", "StellateCell"]

_HOMES = {"Hepatocyte": "hepatocyte", "StellateCell": "stellate", "Macrophage": "macrophage", "MSC": "msc"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"lobule.agents.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
