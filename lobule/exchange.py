"""What cells give to the fields and take from them, and the solve in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents import macrophage, stellate
from lobule.agents.jit import kernel
from lobule.agents.table import CellTable
from lobule.fields import LANE, LOCAL_IRON, Fields
from lobule.geometry import Tissue
from lobule.multigrid import LANES
from lobule.oxygen import OxygenCurve
from lobule.perfusion import Perfusion
from lobule.transport import Transport
from lobule.units import FMOL_PER_UM_PL

IRON, OXYGEN, ROS, TNF, IL1B, IL6, IL10 = (
    LANE[s] for s in ("iron", "oxygen", "ros", "tnf", "il1b", "il6", "il10")
)
TGFB, HGF, PDGF, EV, CCL2, DAMP = (LANE[s] for s in ("tgfb", "hgf", "pdgf", "ev", "ccl2", "damp"))
PGE2, CHELATOR = LANE["pge2"], LANE["chelator"]
PER_FMOL = 1.0 / FMOL_PER_UM_PL  # fmol to uM pL
PASSES, SETTLED = 5, 1e-3
_KUPFFER_M1, _M2, _MYOFIBROBLAST, _ACTIVATED = (
    macrophage.M1,
    macrophage.M2,
    stellate.MYOFIBROBLAST,
    stellate.ACTIVATED,
)


@kernel
def _hepatocytes(p, site, antioxidant, b_ros, b_damp, b_ccl2, source, uptake, oxygen_use, portal_central):  # type: ignore[no-untyped-def]
    for i in range(site.size):
        j = site[i]
        source[j, ROS] += b_ros[i] * PER_FMOL
        source[j, DAMP] += b_damp[i]
        source[j, CCL2] += b_ccl2[i]
        uptake[j, ROS] += p.ros_scavenging * antioxidant[i]
        uptake[j, EV] += p.ev_uptake
        zonal = p.oxygen_portal + (2.0 - 2.0 * p.oxygen_portal) * portal_central[j]
        oxygen_use[j] += p.oxygen_use * zonal * 3600.0 * PER_FMOL


@kernel
def _macrophages(p, site, polarisation, b_tnf, b_il10, source, uptake, oxygen_use):  # type: ignore[no-untyped-def]
    for i in range(site.size):
        j = site[i]
        uptake[j, EV] += p.ev_uptake
        oxygen_use[j] += p.oxygen_use * 3600.0 * PER_FMOL
        if polarisation[i] == _KUPFFER_M1:
            source[j, TNF] += b_tnf[i]
            source[j, IL1B] += p.il1b_m1
            source[j, IL6] += p.il6_m1
            source[j, TGFB] += p.tgfb_m1
            source[j, PDGF] += p.pdgf_m1
            source[j, CCL2] += p.ccl2_m1
            source[j, ROS] += p.ros_m1 * PER_FMOL
        elif polarisation[i] == _M2:
            source[j, IL10] += b_il10[i]
            source[j, TGFB] += p.tgfb_m2
            source[j, HGF] += p.hgf_m2
        else:
            source[j, TNF] += p.tnf_resting
            source[j, IL10] += p.il10_resting
            source[j, TGFB] += p.tgfb_resting


@kernel
def _stellate_cells(p, site, stage, b_tgfb, source):  # type: ignore[no-untyped-def]
    for i in range(site.size):
        j = site[i]
        if stage[i] >= _MYOFIBROBLAST:
            source[j, TGFB] += b_tgfb[i]
            source[j, PDGF] += p.pdgf_activated
        elif stage[i] >= _ACTIVATED:
            source[j, TGFB] += p.tgfb_activated_share * b_tgfb[i]
            source[j, PDGF] += p.pdgf_activated
        else:
            source[j, HGF] += p.hgf_quiescent


@kernel
def _msc(p, site, licence, hgf_factor, ev_factor, source, oxygen_use):  # type: ignore[no-untyped-def]
    for i in range(site.size):
        j = site[i]
        x = licence[i]
        source[j, HGF] += p.hgf * hgf_factor[i]
        source[j, PGE2] += p.pge2 * (1.0 + (p.pge2_licensed - 1.0) * x)
        source[j, IL10] += p.il10 * x
        source[j, TGFB] += p.tgfb
        source[j, EV] += p.ev * ev_factor[i] * (0.5 + x)
        oxygen_use[j] += p.oxygen_use * 3600.0 * PER_FMOL


@dataclass(frozen=True)
class Solved:
    """What one solve gave: iron taken up, and how well it converged."""

    gained: NDArray[np.float64]
    """Iron taken up by each hepatocyte, fmol, in the order of the table."""
    washed_out: float
    """Iron released inside the sections that blood carried off, fmol."""
    refused: float
    """Iron that no cell was there to take, fmol."""
    cycles: int
    passes: int
    change: float
    """Largest relative change of an uptake coefficient in the last pass."""
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
        _hepatocytes(
            p,
            table["site"],
            table["antioxidant"],
            b["ros_secretion"],
            b["damp_secretion"],
            b["ccl2_secretion"],
            source,
            uptake,
            use,
            self.tissue.portal_central,
        )
        self._iron_clearance[table["site"]] = self._clearance / (1.0 + table["iron"] / p.uptake_saturation)
        table, b = tables["macrophage"], behaviours["macrophage"]
        _macrophages(
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
        _stellate_cells(values["stellate"], table["site"], table["stage"], b_tgfb, source)
        table = tables["msc"]
        _msc(
            values["msc"],
            table["site"],
            table["licence"],
            table["hgf_factor"],
            table["ev_factor"],
            source,
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
        source[:, LOCAL_IRON] = released / dt * PER_FMOL
        before = fields.c.copy()
        inverse = fields.inverse_step(dt)
        cycles, change, passes = 0, np.inf, 0
        uptake[:, IRON] = self._iron_clearance / (1.0 + fields.iron / self.values["hepatocyte"].uptake_km)
        self._set_saturable_uptake(self._share_out(delivered, dt), before)
        while passes < PASSES and change > SETTLED:
            passes += 1
            used = uptake[:, (OXYGEN, IRON)].copy()
            done, residual = self.transport.solve(
                fields.c, before, source, uptake, inverse, fields.diffusivity, fields.decay, fields.mobile
            )
            cycles += done
            concentration = self._share_out(delivered, dt)
            self._set_saturable_uptake(concentration, before)
            largest = np.maximum(used.max(axis=0), 1e-300)
            change = float((np.abs(uptake[:, (OXYGEN, IRON)] - used).max(axis=0) / largest).max())
        taken = used[:, 1] * dt * FMOL_PER_UM_PL
        local = taken * fields.c[:, LOCAL_IRON]
        total_released, total_local = float(released.sum()), float(local.sum())
        if total_local > total_released:  # by the tolerance of the solver
            local *= total_released / total_local
        gained = concentration * taken * fields.c[:, IRON] + local
        return Solved(
            gained=gained[hepatocyte_sites],
            washed_out=max(0.0, total_released - float(local.sum())),
            refused=delivered if concentration == 0.0 else 0.0,
            cycles=int(cycles),
            passes=passes,
            change=change,
            residual=float(residual.max()),
        )

    def _share_out(self, delivered: float, dt: float) -> float:
        """Set the iron field such that cells take up `delivered` fmol in `dt` hours; return the inlet, uM."""
        fields = self.fields
        unit = float(self.uptake[:, IRON] @ fields.c[:, IRON]) * dt * FMOL_PER_UM_PL
        inlet = delivered / unit if unit > 0.0 else 0.0
        fields.iron[:] = inlet * fields.c[:, IRON] + fields.c[:, LOCAL_IRON]
        return inlet

    def _set_saturable_uptake(self, inlet: float, before: NDArray[np.float64]) -> None:
        """Set the uptake of oxygen and iron for an inlet of NTBI (uM) and the concentrations as they are now.

        Iron released inside the sections counts with its concentration at the start of the step: a dying
        cell here and there then asks for no further pass.
        """
        p, c = self.values["hepatocyte"], self.fields.c
        content = np.maximum(c[:, OXYGEN], 1e-6)
        tension = self.curve.tension(content)
        self.uptake[:, OXYGEN] = self._oxygen_use * tension / (tension + p.oxygen_km) / content
        ntbi = inlet * c[:, IRON] + before[:, LOCAL_IRON]
        iron = self._iron_clearance / (1.0 + ntbi / p.uptake_km)
        self.uptake[:, IRON] = iron
        self.uptake[:, LOCAL_IRON] = iron
