"""Libraries of the extra ``export``, loaded when a format needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from lobule.errors import InputError


def library(name: str) -> Any:
    """Return a module of the extra ``export``.

    Raises
    ------
    InputError
        If it is not installed, saying how to get it.
    """
    try:
        return import_module(name)
    except ImportError:
        raise InputError(f"{name} is not installed: pip install 'lobule[export]'") from None
