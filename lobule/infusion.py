"""Doses of cells and vesicles carried out: what a lot is worth, where its cells land, what the body keeps."""

from __future__ import annotations

import hashlib
import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.agents.chance import DEPOT, LOT, VIABILITY, uniform
from lobule.agents.declare import Parameter, Parameters
from lobule.geometry import Tissue
from lobule.units import HOURS_PER_DAY, LN2, UMOL_PER_FMOL

if TYPE_CHECKING:
    from lobule.cellproducts import CellProduct, Product
    from lobule.doses import EVDose, MSCDose
    from lobule.model import Lobule

PRODUCTS = Parameters(
    "products",
    "Products of cells, and what the body keeps of them",
    cell_size=Parameter(20.0, "um", 10.0, 40.0, "diameter of a cell at the reference passage", "recalled: 15-25 um in suspension"),
    passage_reference=Parameter(3.0, "passages", 1.0, 8.0, "passage up to which cells are what `msc` declares", "assumed: most trials give passage 3 to 5"),
    passage_potency=Parameter(0.1, "1/passage", 0.0, 0.5, "share of its potency that a cell loses with each further passage", "assumed: senescent cells secrete less of what heals"),
    passage_growth=Parameter(0.05, "1/passage", 0.0, 0.3, "share by which its diameter grows with each further passage", "assumed: senescent cells are large and flat"),
    sensitisation=Parameter(0.5, "1/dose", 0.0, 5.0, "rise of the death rate of later cells by one allogeneic dose of bone-marrow cells, over that without", "assumed: antibodies to the donor's HLA are found in some recipients; no rate of clearance was found"),
    sensitisation_time=Parameter(5.0, "d", 1.0, 21.0, "time constant in which a dose sensitises", "recalled: primary antibody response, 5-10 d"),
    sensitisation_half_life=Parameter(180.0, "d", 20.0, 2000.0, "half-life of that", "assumed: months"),
    production_burden=Parameter(1.0, "1/passage", 0.0, 1e6, "burden of growing a million cells through one passage, in any unit of cost", "definition; set it to a price to have costs"),
)  # fmt: skip

#: How the parameters of a source are called; those of bone marrow are 1 by definition.
SOURCES = {"bone-marrow": "", "adipose": "adipose", "umbilical-cord": "umbilical"}
UM3_PER_PL = 1000.0


class Preset(NamedTuple):
    """What a source makes of its cells, over bone marrow."""

    hgf: float = 1.0
    ev: float = 1.0
    potency: float = 1.0
    immunogenicity: float = 1.0


class Culture(NamedTuple):
    """What passages beyond the reference, and a size that is named, make of the cells."""

    potency: float
    bulk: float
    """Cross-section over that of a cell at the reference passage."""


class Products:
    """What was made, given and refused of cells and vesicles, and what the body keeps of them.

    Attributes
    ----------
    given, vesicles : float
        Cells and particles given since the start.
    landed : int
        Cells of them that came to the sections, alive or dead.
    burden : float
        What growing the cells has cost, those of refused lots among it.
    rejected : list of str
        Lots that failed their release test.
    converted : int
        MSC of the sections that became myofibroblasts.
    memory, lag : float
        Sensitisation by allogeneic doses once it is full, and what it still lacks.
    """

    def __init__(self, values: Any) -> None:
        self.values = values
        self.given = self.vesicles = self.burden = self.memory = self.lag = 0.0
        self.rejected: list[str] = []
        self.landed = self.converted = 0

    @property
    def sensitisation(self) -> float:
        """Rise of the death rate of bone-marrow cells that would arrive now, over that of a first dose."""
        return self.memory - self.lag

    def sensitise(self, amount: float) -> None:
        """Take note of an allogeneic dose that will raise :attr:`sensitisation` by `amount` in time."""
        self.memory += amount
        self.lag += amount

    def step(self, dt: float) -> None:
        """Let `dt` hours pass."""
        fading = LN2 / (self.values.sensitisation_half_life * HOURS_PER_DAY)
        rising = 1.0 / (self.values.sensitisation_time * HOURS_PER_DAY)
        self.memory *= math.exp(-fading * dt)
        self.lag *= math.exp(-(fading + rising) * dt)

    def refuses(self, dose: Product, potency: float) -> bool:
        """Return whether the lot of `dose` fails its release test, and take note of it."""
        if potency >= dose.release_potency:
            return False
        if dose.lot not in self.rejected:
            self.rejected.append(dose.lot)
        return True

    def state(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return {name: value for name, value in vars(self).items() if name != "values"}

    def restore(self, state: dict[str, Any]) -> None:
        """Set the state from :meth:`state`."""
        for name, value in state.items():
            setattr(self, name, value)


def lot_potency(dose: Product, seed: Any) -> float:
    """Return the potency of the lot of `dose`: as stated, or drawn by seed and name of the lot."""
    if dose.potency_log_sd == 0.0:
        return dose.potency
    name = np.uint64(int.from_bytes(hashlib.sha256(dose.lot.encode()).digest()[:8], "little"))
    zero = np.uint64(0)
    chance = max(float(uniform(np.uint64(seed), LOT, zero, name, zero)), 2.0**-53)
    return dose.potency * math.exp(dose.potency_log_sd * NormalDist().inv_cdf(chance))


def preset_of(source: str, p: Any) -> Preset:
    """Return what `source` makes of its cells, by the parameters `p` of MSC."""
    name = SOURCES[source]
    return Preset(*(getattr(p, f"{field}_{name}") for field in Preset._fields)) if name else Preset()


def culture_of(dose: CellProduct, q: Any) -> Culture:
    """Return what passage and size make of the cells of `dose`, by the parameters `q` of products."""
    further = 0.0 if dose.passage is None else max(0.0, dose.passage - q.passage_reference)
    width = (1.0 if dose.size_um is None else dose.size_um / q.cell_size) * (
        1.0 + q.passage_growth
    ) ** further
    return Culture((1.0 - q.passage_potency) ** further, width**2)


def through_lung(bulk: float, held: float) -> float:
    """Return how many more cells of cross-section `bulk` pass a lung that holds the share `held` of the usual."""
    most = 1.0 / (1.0 - held) if held < 1.0 else math.inf
    return min(1.0 / bulk, most)


def depot_of(
    tissue: Tissue, liver_um3: float, radius: float, seed: Any, tick: Any, number: int
) -> NDArray[np.bool_]:
    """Draw where in the liver a depot lies; return which sites are in it: of most sections, none.

    The centre is anywhere in the liver. Only what lies within `radius` (um) of the box around the sections
    can matter, so that is drawn first, by the volume of that wider box over `liver_um3`.
    """
    place = np.stack((tissue.x, tissue.y, tissue.z))
    low, high = place.min(axis=1) - radius, place.max(axis=1) + radius
    dose = np.uint64(number)
    chance = [float(uniform(np.uint64(seed), DEPOT, np.uint64(tick), dose, np.uint64(i))) for i in range(4)]
    if chance[3] >= math.prod(high - low) / liver_um3:
        return np.zeros(tissue.n_sites, bool)
    centre = low + np.array(chance[:3]) * (high - low)
    return np.asarray(((place - centre[:, None]) ** 2).sum(axis=0) <= radius**2)


def refused_lot(model: Lobule, dose: MSCDose | EVDose) -> str:
    """Make the lot of `dose` and test it; return in words that it is not released, or nothing."""
    q, products = model.values["products"], model.products
    amount = dose.amount(model.body.reference.body_weight)
    if amount > 0.0:
        if dose.kind == "msc" and dose.lot not in products.rejected:
            passages = q.passage_reference if dose.passage is None else dose.passage
            products.burden += q.production_burden * amount / 1e6 * passages
        if products.refuses(dose, lot_potency(dose, model.seed)):
            return f"{_in_words(model, dose)} not given: a lot below {dose.release_potency:g} is not released"
    return ""


def infuse(model: Lobule, dose: MSCDose, number: int) -> str:
    """Give a dose of cells to `model`; return what happened, in words.

    Parameters
    ----------
    number : int
        Doses of cells given before it at the same hour: the key of its chance.
    """
    p, q, products = model.values["msc"], model.values["products"], model.products
    cells = dose.amount(model.body.reference.body_weight)
    lot, what = lot_potency(dose, model.seed), _in_words(model, dose)
    products.given += cells
    preset, culture = preset_of(dose.source, p), culture_of(dose, q)
    potency = lot * preset.potency * culture.potency
    reach = getattr(p, f"retained_{dose.route.replace('-', '_')}")
    if dose.route == "intravenous":
        passing = through_lung(culture.bulk, p.lung_intravenous)
        held = 1.0 - (1.0 - p.lung_intravenous) * passing
        model.levels.lung_msc += cells * held * dose.viability * potency
        reach *= passing
    mean, weight = cells * reach / model.scale, model.population.parenchyma * 1.0
    if dose.depot:
        sites = model.tissue.volume / model.tissue.phi_e * UM3_PER_PL
        liver = model.scale * float(sites[model.population.parenchyma == 1].sum())
        inside = depot_of(model.tissue, liver, p.depot_radius, model.seed, model.tick, number)
        weight *= inside * sites
        mean = cells * reach * float(weight.sum()) / (4.0 / 3.0 * math.pi * p.depot_radius**3)
        what += ", the depot here" if inside.any() else ", the depot elsewhere in the liver"
    elif dose.route != "intrahepatic":
        weight *= np.exp(-model.tissue.portal_central / (p.lodging_depth / culture.bulk))
    is_foreign = dose.donor == "allogeneic"
    recognised = preset.immunogenicity * products.sensitisation if is_foreign else 0.0
    alive, dead = _land(
        model,
        mean,
        weight,
        number,
        dose,
        potency=potency,
        hgf_factor=preset.hgf * _fold(dose, p, "hgf"),
        ev_factor=preset.ev * _fold(dose, p, "ev"),
        immunity=1.0 + recognised,
        plug=_plug(dose, culture, p, q),
    )
    products.landed += alive + dead
    if cells > 0.0 and is_foreign:
        products.sensitise(q.sensitisation * preset.immunogenicity)
    return f"{what}, {alive + dead} in the sections" + (f", {dead} of them dead" if dead else "")


def _land(
    model: Lobule, mean: float, weight: NDArray[np.float64], number: int, dose: MSCDose, **columns: float
) -> tuple[int, int]:
    """Put the cells of a dose that reach the sections there; return how many live and how many are dead."""
    p, population = model.values["msc"], model.population
    site, key = population.land_msc(mean, weight, number, model.seed, model.tick)
    seed, zero = np.uint64(model.seed), np.uint64(0)
    lives = np.array([uniform(seed, VIABILITY, zero, k, zero) < dose.viability for k in key], bool)
    alive, dead = int(lives.sum()), int(np.sum(~lives))
    primed = p.primed_licence if dose.primed else 0.0
    if alive:
        population.tables["msc"].add(
            key=key[lives],
            site=site[lives],
            iron=p.iron,
            primed=primed,
            licence=primed,
            il10_factor=_fold(dose, p, "il10"),
            guard=_fold(dose, p, "ho1"),
            collagenase=p.collagenase * (_fold(dose, p, "mmp") - 1.0) * columns["potency"],
            depot=dose.depot,
            **columns,
        )
    if dead:
        np.add.at(population.debris["msc_bodies"], site[~lives], 1.0)
        np.add.at(population.debris["iron"], site[~lives], p.iron)
    for count, pool in ((alive, "msc"), (dead, "debris")):
        model.ledger.move("arrival", pool, count * p.iron * model.scale * UMOL_PER_FMOL)
    return alive, dead


def _fold(dose: CellProduct, p: Any, gene: str) -> float:
    return float(getattr(p, f"engineered_{gene}")) if gene in dose.engineered else 1.0


def _plug(dose: MSCDose, culture: Culture, p: Any, q: Any) -> float:
    """Return the resistance that a cell of `dose` adds where it stops, over that of the site in health."""
    if dose.size_um is None or dose.route == "intrahepatic":
        return 0.0
    return float(p.plugging * culture.bulk * (q.cell_size / p.sinusoid_diameter) ** 2)


def give_vesicles(model: Lobule, dose: EVDose) -> str:
    """Give a dose of vesicles to `model`; return what happened, in words."""
    gain = model.values["drugs"].ev_portal_gain if dose.route == "intraportal" else 1.0
    particles = dose.amount(model.body.reference.body_weight)
    model.products.vesicles += particles
    model.levels.ev += particles * gain * lot_potency(dose, model.seed)
    return _in_words(model, dose)


def _in_words(model: Lobule, dose: MSCDose | EVDose) -> str:
    """Return how much of which product, by which route, of which lot."""
    amount, lot = dose.amount(model.body.reference.body_weight), lot_potency(dose, model.seed)
    what = f"{dose.source}, {dose.route}" if dose.kind == "msc" else dose.route
    what += f", lot {dose.lot}" if dose.lot else ""
    what += f", potency {lot:.3g}" if lot != 1.0 else ""
    return f"{amount:.3g} {'MSC' if dose.kind == 'msc' else 'vesicles'} ({what})"
