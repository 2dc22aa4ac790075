"""Libraries of the extras, loaded when something needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from lobule.errors import InputError


def library(name: str, extra: str = "export") -> Any:
    """Return a module of one of the extras.

    Raises
    ------
    InputError
        If it is not installed, saying how to get it.
    """
    try:
        return import_module(name)
    except ImportError:
        raise InputError(f"{name.split('.')[0]} is not installed: pip install 'lobule[{extra}]'") from None
