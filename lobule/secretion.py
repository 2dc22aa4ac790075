"""What cells of each kind give to the fields and take from them: kernels that add it up over the sites.

Sources are amounts per hour in the field's unit, uptake is volume cleared (pL/h), oxygen use uM pL/h.
"""

from __future__ import annotations

from lobule.agents import macrophage, stellate
from lobule.agents.jit import kernel
from lobule.fields import LANE
from lobule.units import FMOL_PER_UM_PL

ROS, TNF, IL1B, IL6, IL10 = (LANE[s] for s in ("ros", "tnf", "il1b", "il6", "il10"))
TGFB, HGF, PDGF, EV, CCL2, DAMP = (LANE[s] for s in ("tgfb", "hgf", "pdgf", "ev", "ccl2", "damp"))
PGE2 = LANE["pge2"]
PER_FMOL = 1.0 / FMOL_PER_UM_PL  # fmol to uM pL
_M1, _M2, _MYOFIBROBLAST, _ACTIVATED = (
    macrophage.M1,
    macrophage.M2,
    stellate.MYOFIBROBLAST,
    stellate.ACTIVATED,
)


@kernel
def hepatocytes(  # type: ignore[no-untyped-def]
    p,
    clearance,
    site,
    iron,
    antioxidant,
    b_ros,
    b_damp,
    b_ccl2,
    portal_central,
    source,
    uptake,
    oxygen_use,
    iron_clearance,
):
    """Add what hepatocytes secrete and clear; their clearance of NTBI apart, as it saturates."""
    for i in range(site.size):
        j = site[i]
        iron_clearance[j] = clearance / (1.0 + iron[i] / p.uptake_saturation)
        source[j, ROS] += b_ros[i] * PER_FMOL
        source[j, DAMP] += b_damp[i]
        source[j, CCL2] += b_ccl2[i]
        uptake[j, ROS] += p.ros_scavenging * antioxidant[i]
        uptake[j, EV] += p.ev_uptake
        zonal = p.oxygen_portal + (2.0 - 2.0 * p.oxygen_portal) * portal_central[j]
        oxygen_use[j] += p.oxygen_use * zonal * 3600.0 * PER_FMOL


@kernel
def macrophages(p, site, polarisation, b_tnf, b_il10, source, uptake, oxygen_use):  # type: ignore[no-untyped-def]
    """Add what macrophages secrete by their polarisation, and clear."""
    for i in range(site.size):
        j = site[i]
        uptake[j, EV] += p.ev_uptake
        oxygen_use[j] += p.oxygen_use * 3600.0 * PER_FMOL
        if polarisation[i] == _M1:
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
def stellate_cells(p, site, stage, b_tgfb, source):  # type: ignore[no-untyped-def]
    """Add what stellate cells secrete by their stage."""
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
def msc(  # type: ignore[no-untyped-def]
    p, site, licence, potency, hgf_factor, ev_factor, il10_factor, guard, source, uptake, oxygen_use
):
    """Add what MSC secrete and clear, and their use of oxygen; the TGF-b around them has no potency."""
    for i in range(site.size):
        j = site[i]
        x, strength = licence[i], potency[i]
        source[j, HGF] += p.hgf * hgf_factor[i] * strength
        source[j, PGE2] += p.pge2 * (1.0 + (p.pge2_licensed - 1.0) * x) * strength
        source[j, IL10] += p.il10 * (x + (il10_factor[i] - 1.0)) * strength
        source[j, TGFB] += p.tgfb
        source[j, EV] += p.ev * ev_factor[i] * (0.5 + x) * strength
        uptake[j, ROS] += p.ho1_scavenging * (guard[i] - 1.0) * strength
        oxygen_use[j] += p.oxygen_use * 3600.0 * PER_FMOL
