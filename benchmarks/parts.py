"""Where the time of a step goes: every function of the project timed, what it calls taken out."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import FunctionType
from typing import Any

from numba.core.registry import CPUDispatcher


class Parts:
    """Own time (s) and calls of functions, by name; kernels apart from Python.

    Attributes
    ----------
    kernels, python : dict of str to [float, int]
        Seconds spent in a function itself, not in what it calls, and how often it was called. NumPy belongs
        to the function that calls it.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.kernels: dict[str, list[float]] = defaultdict(lambda: [0.0, 0])
        self.python: dict[str, list[float]] = defaultdict(lambda: [0.0, 0])
        self._inner = [0.0]

    def wrap(self, function: Callable[..., Any], kept: list[float]) -> Callable[..., Any]:
        """Return `function` with its own time added to `kept`."""
        inner, clock = self._inner, self._clock

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            inner.append(0.0)
            start = clock()
            try:
                return function(*args, **kwargs)
            finally:
                spent = clock() - start
                kept[0] += spent - inner.pop()
                kept[1] += 1
                inner[-1] += spent

        return timed


@contextmanager
def instrumented(parts: Parts, python: bool = True) -> Iterator[Parts]:
    """Time the kernels of all loaded modules of the project, and its Python functions and methods as well.

    Kernels that other kernels call are left alone: their time is part of the caller's, and a kernel that is
    compiled meanwhile must find them as they are.
    """
    undo: list[tuple[Any, str, Any]] = []
    done: dict[int, Any] = {}
    modules = [m for key, m in list(sys.modules.items()) if key.split(".")[0] == "lobule"]
    kernels = [v for m in modules for v in vars(m).values() if isinstance(v, CPUDispatcher)]
    inner = {name for k in kernels for name in k.py_func.__code__.co_names}

    def replace(owner: Any, name: str, value: Any, label: str) -> None:
        kind = parts.kernels if isinstance(value, CPUDispatcher) else parts.python
        if id(value) not in done:
            done[id(value)] = parts.wrap(value, kind[label])
        undo.append((owner, name, value))
        setattr(owner, name, done[id(value)])

    for module in modules:
        for name, value in list(vars(module).items()):
            home = str(getattr(value, "__module__", ""))
            if home.split(".")[0] != "lobule":
                continue
            label = f"{home.rpartition('.')[2]}.{getattr(value, '__qualname__', name)}"
            if isinstance(value, CPUDispatcher):
                if value.py_func.__name__ not in inner:
                    replace(module, name, value, label)
            elif python and isinstance(value, FunctionType):
                replace(module, name, value, label)
            elif python and isinstance(value, type) and home == module.__name__:
                for method, body in list(vars(value).items()):
                    if isinstance(body, FunctionType):
                        replace(value, method, body, f"{label}.{method}")
    try:
        yield parts
    finally:
        for owner, name, value in reversed(undo):
            setattr(owner, name, value)
