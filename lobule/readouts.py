"""What a clinic or a histology laboratory would report of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lobule.agents import macrophage, stellate
from lobule.agents.genome import cancer_risk
from lobule.agents.msc import MSC
from lobule.geometry import PARENCHYMA
from lobule.septa import fibrosis_stage, septa_of
from lobule.units import IRON_MOLAR_MASS, UMOL_PER_FMOL

if TYPE_CHECKING:
    from lobule.model import Lobule

#: Readout: unit and meaning, in the order of reports.
READOUTS: dict[str, tuple[str, str]] = {
    "hours": ("h", "time since the start of the run"),
    "age_days": ("d", "age of the subject"),
    "body_weight_g": ("g", "body weight"),
    "lic_mg_per_g": ("mg/g dry", "liver iron concentration"),
    "iron_zone1_to_zone3_ratio": ("-", "mean iron of hepatocytes in zone 1 over zone 3"),
    "iron_in_hepatocytes_percent": ("%", "share of liver iron that is in hepatocytes"),
    "transferrin_saturation_percent": ("%", "transferrin saturation"),
    "serum_iron_um": ("uM", "serum iron"),
    "ntbi_um": ("uM", "non-transferrin-bound iron as an assay would find it"),
    "ferritin_ug_per_l": ("ug/L", "serum ferritin"),
    "hepcidin_ng_per_ml": ("ng/mL", "hepcidin"),
    "haemoglobin_g_per_dl": ("g/dL", "haemoglobin"),
    "spleen_iron_ug": ("ug", "iron of the spleen"),
    "alt_iu_per_l": ("IU/L", "alanine aminotransferase"),
    "collagen_area_percent": ("% area", "collagen proportionate area of the parenchyma"),
    "septa_portal_portal": ("1/lobule", "septa from tract to tract, edges of a lobule that they follow"),
    "septa_portal_central": (
        "1/lobule",
        "septa from tract to vein, tracts of a lobule that they join to its vein",
    ),
    "septa_central_central": ("1/lobule", "septa from vein to vein, lobules next door that they reach"),
    "fibrosis_stage": ("-", "stage of fibrosis, 0 to 4 as in METAVIR"),
    "liver_stiffness_kpa": ("kPa", "stiffness of the liver, man only"),
    "portal_pressure_gradient_mmhg": (
        "mmHg",
        "pressure gradient from portal tract to central vein that scar and plugs make at the healthy inflow",
    ),
    "hvpg_mmhg": ("mmHg", "hepatic venous pressure gradient, contraction of myofibroblasts included"),
    "portal_hypertension": ("-", "1 when that is clinically significant"),
    "perfusion_percent": ("%", "blood flow through the sections over that in health"),
    "liver_function_percent": ("%", "function of the liver over that in health"),
    "icg_r15_percent": ("%", "indocyanine green left in plasma after 15 minutes, man only"),
    "albumin_g_per_l": ("g/L", "serum albumin"),
    "bilirubin_umol_per_l": ("umol/L", "serum bilirubin"),
    "jaundice": ("-", "1 when bilirubin shows in the eyes"),
    "ascites": ("-", "1 when portal pressure and albumin let fluid gather in the abdomen"),
    "liver_failure": ("-", "1 when too little function is left"),
    "dna_damage_fold": ("fold", "mean oxidised bases in the DNA of hepatocytes over those in health"),
    "hcc_risk_index": (
        "-",
        "index of the risk of hepatocellular carcinoma, near 0 in health; no probability",
    ),
    "hepatocytes": ("cells", "hepatocytes in the sections"),
    "hepatocytes_senescent": ("cells", "those that no longer divide"),
    "hepatocyte_deaths": ("cells", "deaths since the start"),
    "hepatocyte_divisions": ("cells", "divisions since the start"),
    "hepatocytes_in_cycle_percent": ("%", "share of hepatocytes that have committed to division"),
    "hepatocytes_in_s_phase_percent": ("%", "share of hepatocytes that make DNA, as thymidine labels them"),
    "liver_mass_percent": ("%", "hepatocytes of the liver over those of the healthy liver of that age"),
    "stellate_quiescent": ("cells", "quiescent stellate cells"),
    "stellate_activated": ("cells", "activated stellate cells, myofibroblasts included"),
    "stellate_activated_zone1_percent": ("%", "share of the stellate cells of zone 1 that are activated"),
    "stellate_activated_zone2_percent": ("%", "share of those of zone 2"),
    "stellate_activated_zone3_percent": ("%", "share of those of zone 3"),
    "myofibroblasts": ("cells", "myofibroblasts"),
    "macrophages": ("cells", "all macrophages"),
    "macrophages_m1": ("cells", "inflammatory (M1) macrophages"),
    "macrophages_m2": ("cells", "restorative (M2) macrophages"),
    "msc": ("cells", "mesenchymal stem cells in the sections"),
    "msc_converted": ("cells", "those that became myofibroblasts since the start"),
    "msc_myofibroblasts": ("cells", "myofibroblasts that descend from them"),
    "sinusoids_plugged_percent": ("%", "blood of health whose way leads through what infused cells plug"),
    "oxygen_central_mmhg": ("mmHg", "mean oxygen tension in zone 3"),
    "phlebotomies": ("sessions", "phlebotomies done since the start"),
    "blood_drawn_ml": ("mL", "blood drawn by them"),
    "msc_given": ("cells", "mesenchymal stem cells given since the start, whole body"),
    "ev_given": ("particles", "extracellular vesicles given since the start"),
    "lots_rejected": ("lots", "lots of either that failed their release test"),
    "burden_cell_production": (
        "-",
        "what growing the cells has cost, refused lots among it: millions of cells times passages, unless "
        "`products.production_burden` says otherwise",
    ),
    "iron_removed_mg": ("mg", "iron removed since the start by phlebotomy, chelators and resection"),
    "chelated_urine_mg": ("mg", "iron that chelators took out with urine since the start"),
    "chelated_faeces_mg": ("mg", "iron that they took out with faeces"),
    "chelator_efficiency_percent": (
        "%",
        "share of the binding capacity of all chelator given that took iron out",
    ),
    "visits": ("visits", "times at which cells, vesicles, blood or iron came in, blood or liver out"),
    "treatment_days": ("d", "days with a visit or a dose of a chelator"),
    "doses_held": ("doses", "doses of all treatments that a condition or limit held back"),
    "doses_missed": ("doses", "doses of all treatments that were missed by chance"),
    "safety_events": ("events", "adverse events of chelators since the start, man only"),
    "iron_ledger_error": ("-", "relative error of the iron account"),
}

#: What treatments take out of the body.
TREATED = ("phlebotomy", "chelation_urine", "chelation_faeces", "resection")
#: Readouts that are no number in animals.
HUMAN_ONLY = ("liver_stiffness_kpa", "icg_r15_percent")


def assay_ntbi(saturation: float) -> float:
    """Return the NTBI (uM) an assay reports at a transferrin saturation (0-1).

    Anchored at 0.7 uM at 50 % and 2.2 uM at 75 % (after Ryan 2022, C282Y homozygotes); none below 40 %. The
    assay finds more than circulates freely, so this number never enters uptake or injury.
    """
    return 2.2 * (saturation / 0.75) ** 2.7 if saturation >= 0.4 else 0.0


def readouts(model: Lobule) -> dict[str, float]:
    """Return all readouts of `model` as it stands, by name; see :data:`READOUTS`."""
    body, tables, tissue = model.body, model.population.tables, model.tissue
    hepatocytes, stage = tables["hepatocyte"], tables["stellate"]["stage"]
    polarisation = tables["macrophage"]["polarisation"]
    zone, iron = tissue.zone[hepatocytes["site"]], hepatocytes["iron"]
    by_zone = [float(iron[zone == z].mean()) if np.any(zone == z) else np.nan for z in (1, 3)]
    pools = model.population.iron()
    liver = sum(pools.values())
    lic = model.liver_iron * IRON_MOLAR_MASS / 1000.0
    parenchyma = tissue.kind == PARENCHYMA
    tension = model.oxygen_tension()
    p, left = body.values, model.ledger.left
    cycle, r = hepatocytes["cycle"], model.values["regeneration"]
    in_s_phase = (cycle >= r.s_phase_begins) & (cycle < r.s_phase_begins + r.s_phase_time)
    count = max(1, cycle.size)
    stellate_zone, awake = tissue.zone[tables["stellate"]["site"]], stage >= stellate.ACTIVATED
    awake_percent = [
        100.0 * float(awake[stellate_zone == z].mean()) if np.any(stellate_zone == z) else np.nan
        for z in (1, 2, 3)
    ]
    return {
        "hours": model.hours,
        "age_days": model.age_days,
        "body_weight_g": body.reference.body_weight,
        "lic_mg_per_g": lic,
        "iron_zone1_to_zone3_ratio": by_zone[0] / by_zone[1] if by_zone[1] else np.nan,
        "iron_in_hepatocytes_percent": 100.0 * pools["hepatocytes"] / liver if liver else np.nan,
        "transferrin_saturation_percent": 100.0 * body.saturation,
        "serum_iron_um": p.transferrin_capacity * body.saturation,
        "ntbi_um": assay_ntbi(body.saturation),
        "ferritin_ug_per_l": model.ferritin,
        "hepcidin_ng_per_ml": p.hepcidin_reference * body.hepcidin_level * body.hepcidin,
        "haemoglobin_g_per_dl": body.haemoglobin / 10.0,
        "spleen_iron_ug": model.ledger.pool["spleen"] * IRON_MOLAR_MASS,
        "alt_iu_per_l": body.alt,
        **_scar_and_function(model),
        "hepatocytes": len(hepatocytes),
        "hepatocytes_senescent": int(hepatocytes["senescent"].sum()),
        "hepatocyte_deaths": model.deaths,
        "hepatocyte_divisions": model.regeneration.divisions,
        "hepatocytes_in_cycle_percent": 100.0 * int(np.sum(cycle >= 0.0)) / count,
        "hepatocytes_in_s_phase_percent": 100.0 * int(np.sum(in_s_phase)) / count,
        "liver_mass_percent": 100.0 * model.regeneration.mass * cycle.size / model.population.n_hepatocytes,
        "stellate_quiescent": int(np.sum(stage == 0)),
        "stellate_activated": int(np.sum(awake)),
        **{f"stellate_activated_zone{z}_percent": share for z, share in enumerate(awake_percent, 1)},
        "myofibroblasts": int(np.sum(stage >= stellate.MYOFIBROBLAST)),
        "macrophages": polarisation.size,
        "macrophages_m1": int(np.sum(polarisation == macrophage.M1)),
        "macrophages_m2": int(np.sum(polarisation == macrophage.M2)),
        "msc": len(model.cells[MSC]),
        "msc_converted": model.products.converted,
        "msc_myofibroblasts": int(
            np.sum((stage >= stellate.MYOFIBROBLAST) & (tables["stellate"]["from_msc"] == 1))
        ),
        "sinusoids_plugged_percent": 100.0 * model.perfusion.plugged_share,
        "oxygen_central_mmhg": float(tension[parenchyma & (tissue.zone == 3)].mean()),
        "phlebotomies": body.phlebotomies,
        "blood_drawn_ml": body.blood_drawn,
        "msc_given": model.products.given,
        "ev_given": model.products.vesicles,
        "lots_rejected": len(model.products.rejected),
        "burden_cell_production": model.products.burden,
        "iron_removed_mg": sum(left[cause] for cause in TREATED) * IRON_MOLAR_MASS / 1000.0,
        **_chelated(model),
        **model.courses.burden(),
        "safety_events": sum(model.safety.count.values()),
        "iron_ledger_error": model.ledger_error(),
    }


def _chelated(model: Lobule) -> dict[str, float]:
    """Return what chelators took out of the body, by its ways, and how much of them that took."""
    urine, faeces = (model.ledger.left[f"chelation_{way}"] for way in ("urine", "faeces"))
    bindable = model.levels.bindable
    return {
        "chelated_urine_mg": urine * IRON_MOLAR_MASS / 1000.0,
        "chelated_faeces_mg": faeces * IRON_MOLAR_MASS / 1000.0,
        "chelator_efficiency_percent": 100.0 * (urine + faeces) / bindable if bindable else np.nan,
    }


def _scar_and_function(model: Lobule) -> dict[str, float]:
    """Return the readouts of scar, and of what follows from it for pressure, function and cancer."""
    tissue, function, table = model.tissue, model.function, model.population.tables["hepatocyte"]
    p, collagen = model.values["septa"], model.matrix.collagen
    stages = model.population.tables["stellate"]["stage"]
    area = 100.0 * float(np.mean(1.0 - np.exp(-collagen[tissue.kind == PARENCHYMA] / 100.0)))
    healthy_area = 100.0 * (1.0 - np.exp(-model.matrix.values.baseline / 100.0))
    cells = np.bincount(table["site"], minlength=tissue.n_sites)
    septa = septa_of(tissue, model.landmarks, collagen, cells, p)
    stage = fibrosis_stage(septa, area, healthy_area, p)
    structural = model.perfusion.portal_pressure
    hvpg = function.hvpg(structural, int(np.sum(stages >= stellate.MYOFIBROBLAST)))
    percent, is_human = model.liver_function, tissue.species == "human"
    signs = function.signs(percent, hvpg)
    return {
        "collagen_area_percent": area,
        "septa_portal_portal": septa.portal_portal,
        "septa_portal_central": septa.portal_central,
        "septa_central_central": septa.central_central,
        "fibrosis_stage": stage,
        "liver_stiffness_kpa": function.stiffness(hvpg, area) if is_human else np.nan,
        "portal_pressure_gradient_mmhg": structural,
        "hvpg_mmhg": hvpg,
        "portal_hypertension": signs["portal_hypertension"],
        "perfusion_percent": 100.0 * model.perfusion.inflow_fraction,
        "liver_function_percent": percent,
        "icg_r15_percent": function.icg_r15(percent) if is_human else np.nan,
        "albumin_g_per_l": function.albumin,
        "bilirubin_umol_per_l": function.bilirubin(percent),
        "jaundice": signs["jaundice"],
        "ascites": signs["ascites"],
        "liver_failure": signs["liver_failure"],
        "dna_damage_fold": float(table["dna_damage"].mean()) if len(table) else np.nan,
        "hcc_risk_index": cancer_risk(model.values["genome"], table["mutations"], stage),
    }


def liver_iron_umol(model: Lobule) -> dict[str, float]:
    """Return the iron of each liver pool summed over the cells and scaled to the whole liver, umol."""
    return {name: fmol * model.scale * UMOL_PER_FMOL for name, fmol in model.population.iron().items()}
