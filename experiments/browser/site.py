"""One site in words: its cells and their states, what is dissolved there, and the rules at work."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from lobule.agents import hepatocyte
from lobule.experiments import style
from lobule.experiments.browser.quantities import CELLS, least, quantities
from lobule.experiments.browser.scene import POLARISATIONS, activated
from lobule.experiments.explain import rules_in_words
from lobule.experiments.maps import area_percent
from lobule.fields import SPECIES
from lobule.geometry import CENTRAL_VEIN, PARENCHYMA
from lobule.sensing import SITE_SIGNALS, own_signals

if TYPE_CHECKING:
    from lobule.agents.rules import Rule
    from lobule.model import Lobule

ZONES = {1: "periportal", 2: "midlobular", 3: "pericentral"}
ACTING = 0.05  # weaker rules are not listed
#: Columns that are told in the name of the cell's state, or mean nothing to a reader.
_LEFT_OUT = {
    "key",
    "site",
    "births",
    "stage",
    "polarisation",
    "lineage",
    "senescent",
    "cycle",
    "hgf_factor",
    "ev_factor",
}


def where(model: Lobule, site: int) -> str:
    """Return ``"zone 1 (periportal), 0.21 of the way from portal tract to central vein"``."""
    tissue = model.tissue
    if tissue.kind[site] != PARENCHYMA:
        return "central vein" if tissue.kind[site] == CENTRAL_VEIN else "portal tract"
    zone = int(tissue.zone[site])
    place = f"{tissue.portal_central[site]:.2f} of the way from portal tract to central vein"
    return f"zone {zone} ({ZONES[zone]}), {place}"


def cells_at(model: Lobule, site: int) -> list[tuple[str, int, str]]:
    """Return the cells of a site: table, row, and what they are in words."""
    found = []
    for name, table in model.population.tables.items():
        for row in np.flatnonzero(table["site"] == site):
            found.append((name, int(row), _named(name, table, int(row))))
    return found


def _named(name: str, table: Any, row: int) -> str:
    if name == "hepatocyte":
        state = "senescent " if table["senescent"][row] else ""
        return f"{state}hepatocyte{', dividing' if table['cycle'][row] >= 0.0 else ''}"
    if name == "stellate":
        state = activated(int(table["stage"][row]))
        return state if state == "myofibroblast" else f"{state} stellate cell"
    if name == "macrophage":
        kind = "Kupffer cell" if table["lineage"][row] == 0 else "recruited macrophage"
        return f"{POLARISATIONS[int(table['polarisation'][row])]} {kind}"
    return "mesenchymal stem cell"


def tip(model: Lobule, site: int, key: str) -> str:
    """Return a short text for the pointer: place, cells, and the value of the mapped quantity `key`."""
    quantity = quantities()[key]
    value = float(quantity.values(model)[site])
    lines = [where(model, site).split(",")[0].capitalize()]
    if np.isfinite(value) and model.tissue.kind[site] == PARENCHYMA:
        label = "Iron of the hepatocyte" if key == "tissue" else quantity.label
        lines.append(f"{label}: {amount(value, quantity.unit)}")
    counts: dict[str, int] = {}
    for _, _, words in cells_at(model, site):
        counts[words] = counts.get(words, 0) + 1
    lines += [words if n == 1 else f"{n} x {words}" for words, n in counts.items()]
    return "\n".join(lines)


def amount(value: float, unit: str) -> str:
    """Return a number with three figures and its unit."""
    printed = style.unit_text(unit)
    text = "0" if value == 0.0 else f"{value:.3g}"
    return f"{text} {printed}".strip()


def describe(model: Lobule, site: int) -> str:
    """Return the site as HTML."""
    return "".join(_parts(model, site))


def _parts(model: Lobule, site: int) -> Iterator[str]:
    tissue = model.tissue
    place = f"x = {tissue.x[site]:.0f} µm, y = {tissue.y[site]:.0f} µm"
    yield f"<h3>Site {site}</h3><p>{escape(where(model, site))}; {place}</p>"
    if tissue.kind[site] != PARENCHYMA:
        return
    cells = cells_at(model, site)
    yield "<h4>Cells</h4>"
    if not cells:
        yield "<p>none</p>"
    for name, row, words in cells:
        table, columns = model.population.tables[name], CELLS[name][1]
        yield f"<details open><summary>{escape(words)}</summary><table>"
        yield _row("age", amount(float(table["age"][row]) / 24.0, "d"), "time since birth or arrival")
        for column, declared in columns.items():
            if column not in _LEFT_OUT:
                value = amount(float(table[column][row]), declared.unit)
                yield _row(column.replace("_", " "), value, declared.meaning)
        yield "</table></details>"
    yield "<h4>Around them</h4><table>"
    if model.hours > 0.0:
        yield _row("oxygen", amount(float(model.oxygen_tension()[site]), "mmHg"), "oxygen tension")
        for species in SPECIES:
            if species.name != "oxygen":
                level, floor = float(model.fields[species.name][site]), least(quantities()[species.name])
                shown = amount(level, species.unit) if level >= floor else f"< {amount(floor, species.unit)}"
                yield _row(style.label(species.label, ""), shown, species.meaning)
    yield _row("collagen", amount(float(area_percent(model)[site]), "% area"), "share of the area")
    bodies = float(model.population.debris["bodies"][site] + model.population.debris["msc_bodies"][site])
    if bodies >= 0.05:
        yield _row("dead cells", f"{bodies:.2g}", "not yet cleared")
    yield "</table><h4>Rules acting here now</h4>"
    found = acting(model, site) if model.hours > 0.0 else []
    if not found:
        yield "<p>none above 5 % of full effect</p>" if model.hours > 0.0 else "<p>after the first step</p>"
    for share, sensed, sentence in found:
        text, _, source = sentence.partition(" Source: ")
        yield (
            f"<p class='rule'><b>{100.0 * share:.0f} %</b> of full effect (senses {escape(sensed)}). "
            f"{escape(style.label(text, ''))} <i>Source: {escape(source)}</i></p>"
        )


def _row(name: str, value: str, meaning: str) -> str:
    return f"<tr title='{escape(meaning, quote=True)}'><td>{escape(name)}</td><td>{escape(value)}</td></tr>"


def acting(model: Lobule, site: int) -> list[tuple[float, str, str]]:
    """Return the rules that act on the cells of a site, strongest first.

    Returns
    -------
    list of (float, str, str)
        Share of its full effect that the signal alone would have, what is sensed, and the rule in words.
    """
    around = dict(zip(SITE_SIGNALS, model.site_signals()[site], strict=True))
    tables = model.population.tables
    cyp2e1 = hepatocyte.cyp2e1(model.values["hepatocyte"], model.tissue.portal_central)
    msc, levels = model.values["msc"], model.levels
    factor = levels.lung_msc / (model.body.reference.body_weight * msc.lung_reference)
    here, drinking = cyp2e1[tables["hepatocyte"]["site"]], model.body.drinking
    own = own_signals(tables, levels.toxin * here, drinking * here, drinking, factor)
    sentences = rules_in_words(model.rules)
    rows = [("monocyte", 0), *((name, row) for name, row, _ in cells_at(model, site))]
    found: dict[tuple[str, str, str], tuple[float, str, str]] = {}
    for name, row in rows:
        names = list(model.rules.signals[name])[len(SITE_SIGNALS) :]
        sensed = around | {key: float(own[name][i, row]) for i, key in enumerate(names)}
        for rule, sentence in zip(model.rules.rows, sentences, strict=True):
            if rule.cell == name and (share := _share(rule, sensed[rule.signal])) >= ACTING:
                old = found.get(rule.identity)
                if old is None or share > old[0]:
                    found[rule.identity] = share, amount(sensed[rule.signal], rule.unit), sentence
    return sorted(found.values(), key=lambda entry: -entry[0])


def _share(rule: Rule, signal: float) -> float:
    """Return the Hill response of `rule` to `signal` alone, 0 to 1."""
    if signal <= 0.0:
        return 0.0
    power = (signal / rule.half_max) ** rule.hill
    return power / (1.0 + power)
