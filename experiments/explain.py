"""A case in plain English: the subject, the clock, the treatments, what is changed, and the rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lobule.case import Case
from lobule.cellproducts import CellProduct, Product
from lobule.cohort import drawn_values
from lobule.distributions import in_words
from lobule.doses import (
    HOURS_PER_DAY,
    LARGEST_TOXIN,
    AlcoholChange,
    ChelatorDose,
    DietChange,
    EVDose,
    Hepatectomy,
    HepatitisChange,
    IronInjection,
    MSCDose,
    Phlebotomy,
    ToxinDose,
    Transfusion,
    Treatment,
    WeighedDose,
)
from lobule.errors import shown
from lobule.experiments.evidence import Value, read_evidence
from lobule.schedule import conditions, demanded
from lobule.sections import CROSS_LINKED_PERCENT, Tissue

if TYPE_CHECKING:
    from lobule.agents.rules import RuleSet

GENOTYPES = {
    "mouse": {"wild-type": "wild-type", "hfe-knockout": "Hfe-/-"},
    "rat": {"wild-type": "wild-type", "hfe-knockout": "Hfe-/-"},
    "human": {
        "wild-type": "HFE wild-type",
        "hfe-knockout": "C282Y-homozygous (HFE)",
        "thalassaemia-major": "thalassaemia major",
    },
}
ROUTES = {
    "intraportal": "into the portal vein",
    "hepatic-artery": "into the hepatic artery",
    "intravenous": "into a peripheral vein",
    "intrahepatic": "into the liver tissue",
}
TOXINS = {"ccl4": "carbon tetrachloride", "thioacetamide": "thioacetamide"}
LABELS = {
    "stellate": "stellate cells",
    "msc": "mesenchymal stem cells",
    "iron": "iron",
    "damp": "DAMP",
    "ev": "EV",
    "labile_excess": "excess labile iron",
    "redox_excess": "oxidative stress",
    "peroxide": "lipid peroxide",
    "engulfed": "engulfed dead cells",
    "engulfed_msc": "engulfed MSC",
    "systemic_factor": "systemic factor",
    "ethanol": "alcohol",
    "endotoxin": "endotoxin of the gut",
    "to_m1": "the turn to M1",
    "to_m2": "the turn to M2",
    "back_to_m1": "the turn from M2 back to M1",
    "licence": "licensing",
    "conversion": "conversion to myofibroblasts",
    "division_activated": "division of activated cells",
    "division_myofibroblast": "division of myofibroblasts",
    "deposition": "collagen deposition",
    "ros_secretion": "ROS secretion",
    "damp_secretion": "DAMP secretion",
    "ccl2_secretion": "CCL2 secretion",
    "tnf_secretion": "TNF-a secretion",
    "il10_secretion": "IL-10 secretion",
    "iron_release": "release of iron",
}


def count(number: float, noun: str) -> str:
    """Return ``"1 day"``, ``"49 days"``, ``"1e+06 cells"``."""
    return f"{number:g} {noun}{'' if number == 1 else 's'}"


def age(days: float) -> str:
    """Return an age in days, and in weeks or years when that is easier to picture."""
    if days >= 1000:
        return f"{days / 365.25:.3g} years"
    weeks = f" ({days / 7:.3g} weeks)" if days >= 14 else ""
    return f"{days:g} days{weeks}"


def dose_in_words(dose: Treatment, end_hours: float) -> str:
    """Return one sentence for a treatment, its schedule included."""
    match dose:
        case MSCDose():
            primed = "primed " if dose.primed else ""
            source = dose.source.replace("-", " ")
            what = f"{_short(dose)} {primed}{source} mesenchymal stem cells {ROUTES[dose.route]}"
            what += _of_cells(dose) + _of_lot(dose)
        case EVDose():
            what = f"{_short(dose)} extracellular vesicles {ROUTES[dose.route]}{_of_lot(dose)}"
        case Phlebotomy():
            limit = f"unless haemoglobin is below {dose.minimum_haemoglobin_g_per_dl:g} g/dL"
            if dose.minimum_ferritin_ug_per_l is not None:
                limit += f" or ferritin below {dose.minimum_ferritin_ug_per_l:g} ug/L"
            what = f"phlebotomy of {dose.stated:g} mL{_each_kg(dose)}, {limit}"
        case Transfusion():
            iron, each = dose.stated * dose.iron_mg_per_ml, _each_kg(dose)
            what = f"transfusion of {dose.stated:g} mL{each} packed red cells ({iron:.3g} mg{each} iron)"
        case ChelatorDose():
            what = f"{dose.drug}, {dose.stated:g} mg{_each_kg(dose)} over {count(dose.hours, 'hour')}"
        case ToxinDose():
            what = f"{TOXINS[dose.agent]}, {dose.dose:g} {LARGEST_TOXIN[dose.agent][0]}"
        case DietChange():
            what = f"a diet with {dose.iron_percent:g} % iron from then on"
        case AlcoholChange():
            grams = f"{dose.stated:g} g{_each_kg(dose)} of alcohol a day from then on"
            what = grams if dose.stated else "no alcohol from then on"
        case IronInjection():
            what = f"{dose.stated:g} mg{_each_kg(dose)} of iron injected as iron {dose.compound}"
        case HepatitisChange():
            activity = dose.hazard_percent_per_day
            what = f"{dose.cause} hepatitis that kills {activity:g} % of hepatocytes a day from then on"
            what = what if activity else f"no {dose.cause} hepatitis from then on"
        case Hepatectomy():
            what = f"{100.0 * dose.share:g} % of the liver cut off"
    what = "; ".join([what, *_course(dose)])
    if dose.every_days is None:
        return f"day {dose.day:g}: {what}"
    due = dose.due_hours(end_hours)
    cycle = (
        "" if dose.on_days is None else f" for {dose.on_days:g} of {dose.on_days + (dose.off_days or 0.0):g}"
    )
    every = f"every {count(dose.every_days, 'day')}{cycle}"
    return f"day {dose.day:g} to {due[-1] / HOURS_PER_DAY:g}, {every} ({len(due)} times): {what}"


def _course(dose: Treatment) -> Iterator[str]:
    """Yield what a course depends on."""
    words = {
        "start_when": "not before",
        "stop_when": "until",
        "resume_when": "again from",
        "hold_when": "not at",
    }
    if dose.doses is not None:
        yield f"at most {count(dose.doses, 'dose')}"
    for key, condition in conditions(dose).items():
        yield f"{words[key]} {demanded(condition)}"
    if dose.missed_percent:
        yield f"{dose.missed_percent:g}% of the visits missed"
    if isinstance(dose, ChelatorDose) and dose.stop_on_event is not None:
        yield f"{'ended' if dose.stop_on_event else 'not ended'} by an adverse event"


def _of_cells(dose: CellProduct) -> str:
    """Return what is said of the cells of a dose, but for what is usual."""
    said = {
        "in one depot": dose.depot,
        "autologous": dose.donor == "autologous",
        f"{100.0 * dose.viability:g} % of them alive": dose.viability < 1.0,
        f"passage {dose.passage or 0.0:g}": dose.passage is not None,
        f"{dose.size_um or 0.0:g} um wide, which plug sinusoids": dose.size_um is not None,
        f"engineered for {', '.join(dose.engineered)}": bool(dose.engineered),
    }
    return "".join(f", {words}" for words, is_so in said.items() if is_so)


def _of_lot(dose: Product) -> str:
    """Return what is said of the lot of a dose."""
    said = {
        f"lot {dose.lot}": bool(dose.lot),
        f"potency {dose.potency:g}": dose.potency != 1.0,
        f"lots vary by a factor of exp({dose.potency_log_sd:g})": dose.potency_log_sd > 0.0,
        f"not given below a potency of {dose.release_potency:g}": dose.release_potency > 0.0,
    }
    return "".join(f", {words}" for words, is_so in said.items() if is_so)


def _each_kg(dose: WeighedDose) -> str:
    return "/kg" if dose.is_per_kg else ""


def _short(dose: WeighedDose) -> str:
    """Return a large number of cells or particles, per kilogram where it is so given."""
    number = f"{dose.stated:.3g}".replace("e+0", "e").replace("e+", "e")
    return f"{number} per kg of" if dose.is_per_kg else number


def published_in_words(value: Value) -> str:
    """Return ``"1.66 +/- 0.286 (SE) mg/g dry weight"``."""
    if value.error_kind in ("at most", "at least"):
        return f"{value.error_kind} {value.value:g} {value.unit}".replace(" %", "%")
    kind = "kind of error not stated" if value.error_kind == "not stated" else value.error_kind
    error = f" +/- {value.error:g} ({kind})" if value.error is not None else ""
    return f"{value.value:g}{error} {value.unit}".replace(" %", "%")


def explain(case: Case) -> Iterator[str]:
    """Yield the lines that explain `case`."""
    yield f"{case.name}: {case.title}" if case.title else case.name
    yield from case.description.strip().splitlines()
    yield ""
    yield "Subject"
    subject, tissue = case.subject, case.tissue
    genotype = GENOTYPES[subject.species][subject.genotype]
    yield f"  a {subject.sex} {genotype} {subject.species}, {age(subject.age_days)} old at the start"
    iron = case.diet.iron_percent
    yield "  eats what is normal for it" if iron is None else f"  eats {iron:g} % iron"
    yield from _start(case)
    yield "Tissue"
    yield f"  {_extent(tissue)}"
    yield "Clock"
    for phase in case.clock.phases:
        steps = f"{phase.steps} steps" if phase.steps != 1 else "1 step"
        yield f"  {count(phase.days, 'day')} in {steps} of {phase.step_hours:g} h"
    yield "Treatments"
    for dose in case.treatments:
        yield f"  {dose_in_words(dose, case.end_hours)}"
    if not case.treatments:
        yield "  none"
    if case.cohort:
        yield "Cohort (the seed of a run is its subject; what is said above holds where nothing is drawn)"
        yield from (f"  {in_words(key, entry)}" for key, entry in case.cohort.items())
    if case.drawn:
        values = (f"{key} = {shown(value)}" for key, value in drawn_values(case).items())
        yield f"Drawn from a cohort: {', '.join(values)}"
    yield "Parameters changed"
    yield from _parameters(case)
    yield "Published data to compare with"
    for name in case.evidence:
        yield f"  {name}: {read_evidence(name).citation}"
    if not case.evidence:
        yield "  none"
    yield from _rules(case)


def _start(case: Case) -> Iterator[str]:
    """Yield what the subject's body and liver are like at the start, where it is not health."""
    start = case.start
    lines = []
    if start.lic_mg_per_g is not None:
        lines.append(f"liver iron of {start.lic_mg_per_g:g} mg/g dry, and what goes with it in the body")
    if start.zone1_to_zone3_ratio is not None:
        lines.append(f"hepatocytes of zone 1 with {start.zone1_to_zone3_ratio:g} times the iron of zone 3")
    if start.haemoglobin_g_per_dl is not None:
        lines.append(f"haemoglobin of {start.haemoglobin_g_per_dl:g} g/dL")
    if start.collagen_area_percent is not None:
        linked = start.collagen_cross_linked_percent
        of_it = f", {CROSS_LINKED_PERCENT if linked is None else linked:g}% of it cross-linked"
        pattern = start.collagen_pattern or "septal"
        lines.append(f"{pattern} scar, collagen {start.collagen_area_percent:g}% of the area{of_it}")
    if start.activated_stellate_percent is not None:
        lines.append(f"{start.activated_stellate_percent:g}% of the stellate cells myofibroblasts")
    if start.senescent_percent is not None:
        lines.append(f"{start.senescent_percent:g}% of the hepatocytes senescent")
    if lines:
        yield "Start"
        yield from (f"  {line}" for line in lines)


def _extent(tissue: Tissue) -> str:
    """Return what there is of the liver, in words."""
    layers = f"in {count(tissue.layers, 'layer')}"
    if tissue.map is not None:
        drawn = tissue.map
        source = f", from {drawn.source.image}" if drawn.source else ""
        sites = f"{drawn.sites} sites of {drawn.pitch_um:g} um a layer"
        return f"as in the map {drawn.name}: {sites}, {layers}{source}"
    layout = tissue.lobules
    lobules = count(layout, "lobule") if isinstance(layout, int) else "{} x {} lobules".format(*layout or ())
    radius = f"radius {tissue.radius_um:g} um" if tissue.radius_um else "of the size usual in the species"
    return f"{lobules} {layers}, {radius}"


def _parameters(case: Case) -> Iterator[str]:
    if not case.parameters:
        yield "  none"
        return
    from lobule.settings import declared_parameters

    declared = declared_parameters()
    for key, value in case.parameters.items():
        parameter = declared[key]
        default = parameter.default(case.subject.species)
        unit = "" if parameter.unit == "-" else f" {parameter.unit}"
        yield f"  {key} = {value:g}{unit} instead of {default:g} ({parameter.meaning})"


def rules_in_words(rules: RuleSet) -> list[str]:
    """Return a sentence for each of `rules`, in their order, with its source."""
    from lobule.agents.rules import RuleSet
    from lobule.fields import SPECIES
    from lobule.sensing import UNITS

    labels = {species.name: species.label for species in SPECIES} | LABELS
    return RuleSet(rules.rows, rules.signals, rules.behaviours, UNITS, labels).english()


def _rules(case: Case) -> Iterator[str]:
    from lobule.settings import checked_rules

    rules = checked_rules(case.rules, case.subject.species, case.parameters)
    sentences = rules_in_words(rules)
    own = {(row["cell"], row["signal"], row["behaviour"]) for row in case.rules}
    yield "Rules (* of this case)"
    for row, sentence in zip(rules.rows, sentences, strict=True):
        yield f"  {'*' if row.identity in own else '-'} {sentence}"
