"""The one decorator for hot loops."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numba


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` on its first call, keep the machine code on disk and release the GIL.

    Division by zero gives what NumPy gives. There is no `fastmath` and no `parallel`: both change the last
    bits of a result with the machine. Where numba finds no folder for its cache, the function is compiled
    afresh in every process, and one warning says so.

    Parameters
    ----------
    function : callable
        Scalars, arrays and named tuples in; scalars out, or arrays written in place.

    Returns
    -------
    callable
        The compiled function; ``.py_func`` is the Python one.
    """
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        _warn_uncached()
        return numba.njit(nogil=True, error_model="numpy")(function)


@cache
def _warn_uncached() -> None:
    warnings.warn(
        "no writable folder for compiled kernels: they are compiled again at every start; "
        "set NUMBA_CACHE_DIR to a writable folder",
        RuntimeWarning,
        stacklevel=3,
    )
