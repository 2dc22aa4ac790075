"""What people do with the lobule: run, sweep, compare, try, calibrate, look.

>>> from lobule.experiments import run, sweep
>>> results = sweep("hfe-mouse", {"subject.age_days": [21, 42]}, seeds=range(4), days=7)  # doctest: +SKIP
>>> results.final()[["subject.age_days", "replicate", "lic_mg_per_g"]]  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if __name__ == "experiments":
    raise ImportError(
        'this package is imported as "lobule.experiments": write "from lobule.experiments import ..."'
    )

if TYPE_CHECKING:
    from lobule.experiments.comparisons.scripting import compare
    from lobule.experiments.export.collect import collect
    from lobule.experiments.optimisations.scripting import optimise
    from lobule.experiments.scripting import load_results, run, sweep
    from lobule.experiments.sensitivities.scripting import sensitivity
    from lobule.experiments.sweeps.design import latin_hypercube, morris, sobol
    from lobule.experiments.trials.scripting import trial

__all__ = [
    "collect",
    "compare",
    "latin_hypercube",
    "load_results",
    "morris",
    "optimise",
    "run",
    "sensitivity",
    "sobol",
    "sweep",
    "trial",
]

_HOMES = {
    "collect": "lobule.experiments.export.collect",
    "compare": "lobule.experiments.comparisons.scripting",
    "optimise": "lobule.experiments.optimisations.scripting",
    "sensitivity": "lobule.experiments.sensitivities.scripting",
    "trial": "lobule.experiments.trials.scripting",
    **dict.fromkeys(("run", "sweep", "load_results"), "lobule.experiments.scripting"),
    **dict.fromkeys(("latin_hypercube", "sobol", "morris"), "lobule.experiments.sweeps.design"),
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
