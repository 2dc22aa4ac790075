"""The exchange between cells and blood: all that cells give and take, and the fields that answer to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule import secretion
from lobule.agents.jit import kernel
from lobule.agents.table import CellTable
from lobule.fields import LANE, LOCAL_IRON, Fields
from lobule.geometry import Tissue
from lobule.multigrid import LANES
from lobule.oxygen import OxygenCurve, tension_of
from lobule.perfusion import Perfusion
from lobule.transport import Transport
from lobule.units import FMOL_PER_UM_PL

IRON, OXYGEN = LANE["iron"], LANE["oxygen"]
PASSES, SETTLED = 5, 1e-3


@kernel
def _share_out(delivered, highest, uptake, c, iron):  # type: ignore[no-untyped-def]
    """Write the NTBI [n] by which cells take up `delivered` (uM pL/h), or as much of it as they can.

    Returns the NTBI of the inlet, at most `highest`, uM.
    """
    unit = 0.0
    for j in range(iron.size):
        unit += uptake[j, IRON] * c[j, IRON]
    inlet = min(delivered / unit, highest) if unit > 0.0 else 0.0
    for j in range(iron.size):
        iron[j] = inlet * c[j, IRON] + c[j, LOCAL_IRON]
    return inlet


@kernel
def _saturate(  # type: ignore[no-untyped-def]
    tension, knots_per_um, oxygen_km, oxygen_use, iron_km, iron_clearance, inlet, local, c, uptake
):
    """Set the saturable uptake of oxygen and iron for the concentrations as they are now.

    Iron released inside the sections counts with its concentration `local` at the start of the step: a dying
    cell here and there then asks for no further pass. Returns the change, relative in the root mean square.
    """
    moved_oxygen = moved_iron = all_oxygen = all_iron = 0.0
    for j in range(c.shape[0]):
        content = max(c[j, OXYGEN], 1e-6)
        t = tension_of(tension, knots_per_um, content)
        oxygen = oxygen_use[j] * t / (t + oxygen_km) / content
        iron = iron_clearance[j] / (1.0 + (inlet * c[j, IRON] + local[j]) / iron_km)
        moved_oxygen += (oxygen - uptake[j, OXYGEN]) ** 2
        moved_iron += (iron - uptake[j, IRON]) ** 2
        all_oxygen += oxygen**2
        all_iron += iron**2
        uptake[j, OXYGEN], uptake[j, IRON], uptake[j, LOCAL_IRON] = oxygen, iron, iron
    return np.sqrt(max(moved_oxygen / max(all_oxygen, 1e-300), moved_iron / max(all_iron, 1e-300)))


@dataclass(frozen=True)
class Solved:
    """What one solve gave: iron taken up, and how well it converged."""

    gained: NDArray[np.float64]
    """Iron taken up by each hepatocyte, fmol, in the order of the table."""
    washed_out: float
    """Iron released inside the sections that blood carried off, fmol."""
    refused: float
    """Iron that cells could not take up: none was there, or NTBI is as high as it gets; fmol."""
    cycles: int
    passes: int
    change: float
    """Change of the uptake coefficients in the last pass, relative in the root mean square."""
    residual: float


class Exchange:
    """Sources and uptake of every site, rebuilt each step, and the solve that answers to them.

    Parameters
    ----------
    tissue, fields, perfusion, transport
        The sections.
    values : mapping of str to named tuple
        Parameter values by group.
    hfe : bool
        Whether hepatocytes lack Hfe.
    """

    def __init__(
        self,
        tissue: Tissue,
        fields: Fields,
        perfusion: Perfusion,
        transport: Transport,
        values: Any,
        hfe: bool,
    ) -> None:
        self.tissue, self.fields, self.perfusion, self.transport = tissue, fields, perfusion, transport
        self.values = values
        p = values["hepatocyte"]
        self._clearance = p.uptake_clearance * 3600.0 * (p.uptake_hfe_factor if hfe else 1.0)
        self.source = np.zeros((tissue.n_sites, LANES))
        self.uptake = np.zeros((tissue.n_sites, LANES))
        self._oxygen_use = np.zeros(tissue.n_sites)
        self._iron_clearance = np.zeros(tissue.n_sites)
        self.curve = OxygenCurve(values["oxygen"], 150.0)

    def collect(
        self, tables: dict[str, CellTable], behaviours: dict[str, dict[str, NDArray[np.float64]]]
    ) -> None:
        """Add up what all cells secrete and clear."""
        self.source[:], self.uptake[:], self._oxygen_use[:], self._iron_clearance[:] = 0.0, 0.0, 0.0, 0.0
        values, source, uptake, use = self.values, self.source, self.uptake, self._oxygen_use
        table, b, p = tables["hepatocyte"], behaviours["hepatocyte"], values["hepatocyte"]
        secretion.hepatocytes(
            p,
            self._clearance,
            table["site"],
            table["iron"],
            table["antioxidant"],
            b["ros_secretion"],
            b["damp_secretion"],
            b["ccl2_secretion"],
            self.tissue.portal_central,
            source,
            uptake,
            use,
            self._iron_clearance,
        )
        table, b = tables["macrophage"], behaviours["macrophage"]
        secretion.macrophages(
            values["macrophage"],
            table["site"],
            table["polarisation"],
            b["tnf_secretion"],
            b["il10_secretion"],
            source,
            uptake,
            use,
        )
        table = tables["stellate"]
        b_tgfb = behaviours["stellate"]["tgfb_activation"]
        secretion.stellate_cells(values["stellate"], table["site"], table["stage"], b_tgfb, source)
        table = tables["msc"]
        secretion.msc(
            values["msc"],
            table["site"],
            table["licence"],
            table["potency"],
            table["hgf_factor"],
            table["ev_factor"],
            table["il10_factor"],
            table["guard"],
            source,
            uptake,
            use,
        )

    def solve(
        self,
        dt: float,
        hepatocyte_sites: NDArray[np.int32],
        delivered: float,
        released: NDArray[np.float64],
        inlet: dict[str, float],
    ) -> Solved:
        """Solve all fields over a step and share out the iron.

        Parameters
        ----------
        dt : float
            Step, h.
        hepatocyte_sites : ndarray of int, shape (n_hepatocytes,)
            Site of each hepatocyte.
        delivered : float
            NTBI that the body hands to the sections in the step, fmol: a flux the lobule only distributes.
        released : ndarray, shape (n_sites,)
            Iron set free at each site in the step, fmol.
        inlet : dict of str to float
            Concentration of other species in the incoming blood; oxygen as content (uM).
        """
        fields, inflow = self.fields, self.perfusion.inflow
        source, uptake = self.source, self.uptake
        for name, value in inlet.items():
            source[:, LANE[name]] += inflow * fields.mobile[LANE[name]] * value
        source[:, IRON] = inflow * fields.mobile[IRON]
        source[:, LOCAL_IRON] = released / (dt * FMOL_PER_UM_PL)
        before = fields.c.copy()
        started = before[:, LOCAL_IRON].copy()
        inverse = fields.inverse_step(dt)
        uptake[:, IRON] = self._iron_clearance / (1.0 + fields.iron / self.values["hepatocyte"].uptake_km)
        rate, highest = delivered / (dt * FMOL_PER_UM_PL), self.values["hepatocyte"].ntbi_highest
        self._saturate(_share_out(rate, highest, uptake, fields.c, fields.iron), started)
        cycles, change, passes = 0, np.inf, 0
        while passes < PASSES and change > SETTLED:
            passes += 1
            done, residual = self.transport.solve(
                fields.c, before, source, uptake, inverse, fields.diffusivity, fields.decay, fields.mobile
            )
            cycles += done
            concentration = float(_share_out(rate, highest, uptake, fields.c, fields.iron))
            taken = uptake[:, IRON] * (dt * FMOL_PER_UM_PL)
            change = self._saturate(concentration, started)
        local = taken * fields.c[:, LOCAL_IRON]
        total_released, total_local = float(released.sum()), float(local.sum())
        if total_local > total_released:  # by the tolerance of the solver
            local *= total_released / total_local
        of_inlet = concentration * taken * fields.c[:, IRON]
        flooded = concentration == 0.0 or concentration == highest
        gained = of_inlet + local
        return Solved(
            gained=gained[hepatocyte_sites],
            washed_out=max(0.0, total_released - float(local.sum())),
            refused=max(0.0, delivered - float(of_inlet.sum())) if flooded else 0.0,
            cycles=int(cycles),
            passes=passes,
            change=change,
            residual=float(residual.max()),
        )

    def _saturate(self, inlet: float, started: NDArray[np.float64]) -> float:
        """Set the uptake of oxygen and iron for an inlet of NTBI (uM); return how much it changed."""
        p, curve = self.values["hepatocyte"], self.curve
        return float(
            _saturate(
                curve.table,
                curve.knots_per_um,
                p.oxygen_km,
                self._oxygen_use,
                p.uptake_km,
                self._iron_clearance,
                inlet,
                started,
                self.fields.c,
                self.uptake,
            )
        )
