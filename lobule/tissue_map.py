"""The tissue map: a piece of liver as rows of text, read from a file of its own or from a case.

What a map may be is declared here; `lobule.mapped` makes the tissue of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from lobule.casefile import explain_errors, read_toml, to_toml
from lobule.doses import Section
from lobule.errors import InputError, nearest, shown

FORMAT = 1
ENDING = ".tissue.toml"
NARROWEST_UM, WIDEST_UM = 15.0, 35.0  # the range of geometry.pitch


class MapSource(Section):
    """Where a tissue map came from."""

    image: str = Field(max_length=200)
    """Name of the image file."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Hash of the image file."""
    um_per_pixel: float = Field(gt=0)
    """Width of a pixel of the image (um)."""
    origin_um: Annotated[tuple[float, float], Field(strict=False)]
    """Where the first character of the first row lies in the image: right and down of its corner (um)."""


class TissueMap(Section):
    """A piece of liver, site by site."""

    format: Literal[1]
    """Version of the format of this table."""
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")
    """What it is called."""
    pitch_um: float = Field(ge=NARROWEST_UM, le=WIDEST_UM)
    """Distance between neighbouring sites (um); it takes the place of geometry.pitch."""
    rows: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    """Lines of sites from top to bottom: . outside, o parenchyma, P portal tract, C central vein. Spaces are
    for the eye; every second line is shifted to the right by half a site."""
    source: MapSource | None = None
    """The image that it was made from."""

    @field_validator("rows")
    @classmethod
    def _plain_rows(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        rows = [row.replace(" ", "") for row in value]
        for number, row in enumerate(rows, 1):
            if wrong := re.search(r"[^.oPC]", row):
                raise ValueError(
                    f"row {number} holds {shown(wrong[0])}: a site is one of . (outside), o (parenchyma), "
                    "P (portal tract), C (central vein)"
                )
        width = max(map(len, rows))
        return tuple(row.ljust(width, ".") for row in rows)

    @model_validator(mode="after")
    def _blood_flows(self) -> Self:
        from lobule.mapped import flaw_of  # needs SciPy, which cases without a map do not

        if reason := flaw_of(self.rows):
            raise ValueError(f"rows -> {reason}")
        return self

    @property
    def sites(self) -> int:
        """Number of sites of a layer."""
        return sum(len(row) - row.count(".") for row in self.rows)

    def to_toml(self) -> str:
        """Return the map as a tissue file; its rows look like the lattice."""
        data = self.model_dump(exclude_none=True)
        data["rows"] = tuple(" " * (i % 2) + " ".join(row) for i, row in enumerate(self.rows))
        return to_toml(data)


def read_map(path: str | Path, label: str = "") -> TissueMap:
    """Read and check a tissue file.

    Parameters
    ----------
    path : str or Path
        The file.
    label : str
        What messages about a missing file begin with.

    Raises
    ------
    InputError
        One line naming file, key, value and what is allowed.
    """
    path = Path(path)
    if not path.exists():
        there = [p.name for p in path.parent.glob(f"*{ENDING}")] if path.parent.is_dir() else []
        raise InputError(f"{label or path} -> no such file{nearest(path.name, there)}")
    data = read_toml(path, str(path))
    version = data.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise InputError(f"{path}: this file has format {shown(version)}; this version reads {FORMAT}")
    try:
        return TissueMap.model_validate(data)
    except ValidationError as error:
        raise InputError(explain_errors(error, TissueMap, data, lambda key: str(path))) from None


def with_map(data: dict[str, Any], folder: Path, label: str) -> dict[str, Any]:
    """Return the content of a case file with the map itself in place of the path of one.

    Parameters
    ----------
    data : dict
        The content of a case file.
    folder : Path
        What the path is relative to.
    label : str
        What messages begin with.
    """
    tissue = data.get("tissue")
    path = tissue.get("map") if isinstance(tissue, Mapping) else None
    if not isinstance(tissue, Mapping) or not isinstance(path, str):
        return data
    key = f"{label}: tissue.map = {shown(path)}"
    if not path or "\0" in path:
        raise InputError(f"{key} -> must be the path of a tissue file")
    found = read_map(folder / path, key)
    return {**data, "tissue": {**tissue, "map": found.model_dump(exclude_none=True)}}


def without_displaced(data: dict[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a case file without what a setting takes the place of: lobules or the map."""
    tissue = data.get("tissue")
    gone: set[str] = set()
    if "tissue.map" in settings:
        gone |= {"lobules", "radius_um", "map"}
    if "tissue.lobules" in settings:
        gone |= {"map"}
    if not gone or not isinstance(tissue, Mapping):
        return data
    return {**data, "tissue": {key: value for key, value in tissue.items() if key not in gone}}
