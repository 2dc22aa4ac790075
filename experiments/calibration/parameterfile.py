"""A file of parameters, as a calibration writes it: `lobule run CASE --parameters FILE`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from lobule.doses import Section
from lobule.errors import InputError, nearest, shown
from lobule.experiments.sweeps.sweepfile import read_checked
from lobule.settings import check_parameter, declared_parameters, flatten


class ParameterFile(Section):
    """A whole file of parameters."""

    format: Literal[1]
    """Version of the format of this file."""
    parameters: dict[str, Any]
    """Values by dotted key of a declared parameter."""


def read_parameters(path: Path) -> dict[str, float]:
    """Return the parameters of a file by dotted key.

    Raises
    ------
    InputError
        One line naming the file, the key, the value and what is allowed.
    """
    table = read_checked(path, ParameterFile, "file of parameters")
    found = flatten(table.parameters)
    for key, value in found.items():
        where = f"{path}: parameters.{key}"
        if key not in declared_parameters():
            raise InputError(f"{where} -> no such parameter{nearest(key, declared_parameters())}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{where} = {shown(value)} -> must be a number")
        try:
            check_parameter(key, value)
        except InputError as error:
            raise InputError(f"{path}: parameters.{error}") from None
    return found
