"""The tissue as a lattice: hexagonal lobules on a hexagonal lattice of sites one hepatocyte wide.

Tissues of other shapes, drawn from histology, are laid on the same lattice by `lobule.mapped`.

Axial coordinates (q, r) give a site's place, x = d (q + r/2) and y = d r sqrt(3)/2 for the pitch d. Lobule
centres lie on multiples of m, and m is a multiple of 3 so that the corners, where the portal tracts run, are
sites too. The slab is as thick as makes one site the tissue volume of one hepatocyte; concentrations refer to
its extracellular part (sinusoid and space of Disse).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.agents.declare import SPECIES
from lobule.lattice import lobule_lattice, neighbour_table, union_of_hexagons
from lobule.proportions import GEOMETRY

PARENCHYMA, PORTAL_TRACT, CENTRAL_VEIN = 0, 1, 2


@dataclass(frozen=True)
class Tissue:
    """Sites of one or many lobules, n of them, in an order that is fixed for life.

    Attributes
    ----------
    species : str
        ``"mouse"``, ``"rat"`` or ``"human"``.
    axial : int32 [n, 3]
        Lattice coordinates q, r and layer.
    x, y, z : float [n]
        Position (um), y upward; the first lobule's central vein stands at x = y = 0, in a mapped tissue the
        first character of the map's first row.
    kind : int8 [n]
        `PARENCHYMA`, `PORTAL_TRACT` or `CENTRAL_VEIN`.
    lobule : int32 [n]
        Lobule of the site; a site on a shared edge belongs to the lobule of lowest index. In a mapped tissue
        the nearest central vein.
    zone : int8 [n]
        1 (periportal), 2, 3 (pericentral): thirds of `portal_central`.
    portal_central : float [n]
        0 at the wall of a portal tract to 1 at the wall of the central vein.
    neighbours : int32 [n, 8]
        Sites next door, in the order of `lobule.lattice.STEPS`; -1 where there is none.
    face_conductance : float [n, 8]
        Extracellular face area over distance, /1000, so that a diffusivity in um2/h times it is pL/h.
    volume : float [n]
        Extracellular volume (pL).
    centres : float [lobules, 2]
        Positions of the central veins (um).
    pitch, thickness : float
        Lattice spacing and layer thickness (um).
    phi_e : float
        Extracellular share of the tissue volume.
    lobule_size : int or None
        Distance m between neighbouring central veins, in sites; None in a mapped tissue, which has no such.
    hepatocytes_per_gram : float
        Hepatocytes in one gram of wet liver.
    """

    species: str
    axial: NDArray[np.int32]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    kind: NDArray[np.int8]
    lobule: NDArray[np.int32]
    zone: NDArray[np.int8]
    portal_central: NDArray[np.float64]
    neighbours: NDArray[np.int32]
    face_conductance: NDArray[np.float64]
    volume: NDArray[np.float64]
    centres: NDArray[np.float64]
    pitch: float
    thickness: float
    phi_e: float
    lobule_size: int | None
    hepatocytes_per_gram: float

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return len(self.axial)

    @property
    def n_lobules(self) -> int:
        """Number of lobules."""
        return len(self.centres)

    @property
    def grams(self) -> float:
        """Wet weight of the tissue (g): one hepatocyte's share for each parenchymal site."""
        return np.count_nonzero(self.kind == PARENCHYMA) / self.hepatocytes_per_gram


def build_tissue(
    species: str = "mouse",
    lobules: int | tuple[int, int] = 7,
    *,
    radius_um: float | None = None,
    layers: int = 1,
    parameters: Any = None,
) -> Tissue:
    """Lay out lobules on the lattice.

    Parameters
    ----------
    species : str
        ``"mouse"``, ``"rat"`` or ``"human"``; decides the defaults of `parameters`.
    lobules : int or (int, int)
        1, 7, 19, ... lobules in hexagonal rings (exactly six-fold symmetric), or (rows, columns).
    radius_um : float, optional
        Radius of the lobule, rounded to the lattice; that of `parameters` if not given.
    layers : int
        Layers stacked in z; one gives a section.
    parameters : named tuple, optional
        Values of `GEOMETRY`; those of `species` if not given.

    Raises
    ------
    ValueError
        If the species is unknown, the number of lobules fills no rings, or lobules or layers are too few or
        the radius too small to hold a vein, a tract and parenchyma.
    """
    if species not in SPECIES:
        raise ValueError(f"species = {species!r}: must be one of {', '.join(SPECIES)}")
    if layers < 1:
        raise ValueError(f"layers = {layers}: must be at least 1")
    p = GEOMETRY.values(species) if parameters is None else parameters
    radius = p.radius if radius_um is None else radius_um
    m = 3 * round(math.sqrt(3.0) * radius / p.pitch / 3.0)
    if m * p.pitch / math.sqrt(3.0) < p.central_vein_radius + p.portal_tract_radius + 2.0 * p.pitch:
        raise ValueError(f"radius = {radius:g} um: too small for a lobule on a lattice of {p.pitch:g} um")

    centres = m * lobule_lattice(lobules)
    plane, lobule = union_of_hexagons(centres, m)
    offset = cartesian(plane, p.pitch) - cartesian(centres[lobule], p.pitch)
    kind, portal_central = _landmarks(offset, m, p)
    shape = Shape(p.pitch, p.thickness, m)
    return assemble(species, plane, layers, kind, lobule, portal_central, centres, shape, p)


class Shape(NamedTuple):
    """Pitch and thickness of the lattice (um), and the size of its lobules in sites, if they have one."""

    pitch: float
    thickness: float
    lobule_size: int | None


def assemble(
    species: str,
    plane: NDArray[np.int32],
    layers: int,
    kind: NDArray[np.int8],
    lobule: NDArray[np.int32],
    portal_central: NDArray[np.float64],
    centres: NDArray[np.int32],
    shape: Shape,
    p: Any,
) -> Tissue:
    """Stack equal layers of sites and return them as a tissue.

    Parameters
    ----------
    species : str
        Species of the tissue.
    plane : int32 [n, 2]
        Axial coordinates of the sites of a layer, row by row.
    layers : int
        Number of layers.
    kind, lobule, portal_central : [n]
        As in `Tissue`, of a layer.
    centres : int32 [lobules, 2]
        Axial coordinates of the central veins.
    shape : Shape
        Of the lattice.
    p : named tuple
        Values of `GEOMETRY`.
    """
    n, place = len(plane), cartesian(plane, shape.pitch)
    axial = np.empty((n * layers, 3), np.int32)
    axial[:, :2] = np.tile(plane, (layers, 1))
    axial[:, 2] = np.repeat(np.arange(layers), n)
    neighbours = neighbour_table(plane, layers)
    zone = np.minimum(np.floor(portal_central * 3.0), 2.0).astype(np.int8) + 1
    volume = p.extracellular_fraction * site_area(shape.pitch) * shape.thickness / 1000.0
    return Tissue(
        species=species,
        axial=axial,
        x=np.tile(place[:, 0], layers),
        y=np.tile(place[:, 1], layers),
        z=shape.thickness * axial[:, 2].astype(np.float64),
        kind=np.tile(kind, layers),
        lobule=np.tile(lobule, layers),
        zone=np.tile(zone, layers).astype(np.int8),
        portal_central=np.tile(portal_central, layers),
        neighbours=neighbours,
        face_conductance=face_conductance(neighbours, shape, p.extracellular_fraction),
        volume=np.full(n * layers, volume),
        centres=cartesian(centres, shape.pitch),
        pitch=shape.pitch,
        thickness=shape.thickness,
        phi_e=p.extracellular_fraction,
        lobule_size=shape.lobule_size,
        hepatocytes_per_gram=p.hepatocytes_per_gram,
    )


def site_area(pitch: float) -> float:
    """Return the area of a site (um2)."""
    return pitch * pitch * math.sqrt(3.0) / 2.0


def cartesian(axial: NDArray[Any], pitch: float) -> NDArray[np.float64]:
    """Return the places [n, 2] (um) of axial coordinates q, r."""
    q, r = axial[:, 0], axial[:, 1]
    return np.stack([pitch * (q + 0.5 * r), pitch * (math.sqrt(3.0) / 2.0) * r], axis=1)


def _landmarks(offset: NDArray[np.float64], m: int, p: Any) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Return kind and portal-central coordinate of sites at `offset` (um) from their own central vein."""
    from_vein = np.hypot(offset[:, 0], offset[:, 1])
    radius = m * p.pitch / math.sqrt(3.0)
    from_tract = np.full(len(offset), np.inf)
    for angle in np.deg2rad(30.0 + 60.0 * np.arange(6)):
        corner = radius * np.array([math.cos(angle), math.sin(angle)])
        np.minimum(from_tract, np.hypot(*(offset - corner).T), out=from_tract)
    slack = 1e-9 * p.pitch  # a corner is a site up to rounding
    kind = np.zeros(len(offset), np.int8)
    kind[from_tract <= p.portal_tract_radius + slack] = PORTAL_TRACT
    kind[from_vein <= p.central_vein_radius + slack] = CENTRAL_VEIN
    dp = np.maximum(from_tract - p.portal_tract_radius - slack, 0.0)
    dc = np.maximum(from_vein - p.central_vein_radius - slack, 0.0)
    return kind, dp / (dp + dc)


def face_conductance(neighbours: NDArray[np.int32], shape: Shape, phi_e: float) -> NDArray[np.float64]:
    """Return `Tissue.face_conductance` of a neighbour table [n, 8]."""
    lateral = shape.thickness / math.sqrt(3.0)
    vertical = site_area(shape.pitch) / shape.thickness
    face = phi_e / 1000.0 * np.array([lateral] * 6 + [vertical] * 2)
    return np.where(neighbours >= 0, face, 0.0)
