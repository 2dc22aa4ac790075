"""The reference pages of the documentation, written from what the code declares.

To be run after any change of a parameter, rule, readout or key of the case file:
``python -m lobule.experiments.tables docs/``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from lobule.agents.declare import SPECIES, Column, Parameter
from lobule.agents.rules import read_rules
from lobule.agents.table import COMMON
from lobule.case import Case, builtin_cases
from lobule.doses import Dose
from lobule.experiments.calibration.page import calibration_page
from lobule.experiments.comparisons.reference import compare_file_page
from lobule.experiments.markdown import Lines, key_table, keys_of, markdown
from lobule.experiments.optimisations.reference import optimise_file_page
from lobule.experiments.sensitivities.studyfile import SensitivityFile
from lobule.experiments.survival import BOUNDS
from lobule.experiments.sweeps.sweepfile import (
    ArmTable,
    IntervalTable,
    RangeTable,
    RecordTable,
    SamplesTable,
    SweepFile,
)
from lobule.experiments.trials.reference import trial_file_page
from lobule.experiments.validation.catalogue import evidence_page
from lobule.fields import SPECIES as FIELD_SPECIES
from lobule.ledger import BODY_POOLS, LIVER_POOLS, SINKS, SOURCES
from lobule.parameters import GROUPS
from lobule.population import CELLS
from lobule.readouts import READOUTS
from lobule.sensing import RULES_FILE, SIGNALS, SITE_SIGNALS, UNITS, rule_set

WRITTEN = "Written by `python -m lobule.experiments.tables docs/` from what the code declares; do not edit."
POOL_MEANING = {
    "plasma": "iron on transferrin",
    "inflow": "released by cells, reaches plasma in the next step",
    "red_cells": "haemoglobin of circulating red cells",
    "marrow": "iron on its way into new red cells",
    "spleen": "red cells being taken apart",
    "other": "all other tissue",
    "dextran": "injected iron dextran that still circulates",
    "sucrose": "injected iron sucrose that still circulates",
    "hepatocytes": "hepatocytes, all stores",
    "macrophages": "macrophages of the liver",
    "msc": "mesenchymal stem cells in the liver",
    "debris": "dead cells not yet cleared",
}

PARAMETERS_INTRO = """\
All {total} numbers of the model outside the rules ([rules.md](rules.md)). Values are those of the mouse; rat
and man are named where they differ. A case changes one by its dotted name: `[parameters]` with
`hepatocyte.export_rate = 0.05`, or `--set hepatocyte.export_rate=0.05`. A value outside the range is refused.

In the last column "recalled" means known from the literature but not read again, "derived" worked out from
published numbers, "fit" tuned here to the data named, and "assumed" that we know of no measurement.
"""
RULES_INTRO = """\
{rows} rows of `agents/rules.toml`: which signal changes which behaviour of which cell. How rows combine is in
[model.md](model.md#rules). A behaviour starts from its base (that of the mouse here) and is pulled towards
the saturation; the half-maximum is in the signal's unit, the saturation in the behaviour's. A case replaces a
row, or adds one, under `[[rules]]`; a row whose saturation is the base has no effect. `lobule explain CASE`
prints the rules of a case as sentences.

Every cell senses the site it sits on (a signal that no row uses is there for the rows of a case):
"""
POOLS_INTRO = """\
`model.ledger.pool` in umol, for the whole animal; `pool_<name>_ug` in `series.parquet`. Iron enters by
{sources} (`model.ledger.entered`) and leaves by {sinks} (`model.ledger.left`).
"""
CASE_INTRO = """\
A case is one TOML file: who is ill, of what, in which piece of liver, for how long and how treated. Start
from a built-in one (`lobule/cases/`), change it, and run it with `lobule run my-case.toml`. Keys not named
take their default; an unknown key, a wrong type or a number out of range is refused with one line. `lobule
schema` prints the same as a JSON schema, with which editors complete and check while you type.

Built-in cases:
"""
COHORT_INTRO = """\
Under `[cohort]` stands what differs between subjects: a dotted key of the case (`subject.age_days`,
`subject.sex`, `start.lic_mg_per_g`, `treatments.0.cells_per_kg`) or a declared parameter, and a distribution
for each. **The seed of a run is its subject**: `lobule run case.toml --seed 7` is subject 7, replicates of a
sweep are the cohort, and arms share their subjects. A draw hangs on seed and key alone, so a further key
changes no other draw; keys are not correlated. What the case says elsewhere for a drawn key, which it must if
the key is required, holds for no subject. `--set` of a key replaces its draw, `--set cohort.KEY.mean=...`
changes a distribution. A distribution is cut off at `low` and `high`, by default the ends of the declared
range; its ends must be possible values. Numbers are drawn with six digits. The case of a run, `case.toml` in
its folder, has the draws in place and names their keys under `drawn`.
"""
TREATMENTS_INTRO = """\
One `[[treatments]]` table each, in any order. A dose is given at the start of the first step at or after its
time. What each does in the body is in [model.md](model.md#treatments). All have these keys:
"""
SWEEP_INTRO = """\
A sweep is one TOML file: a base case, what is varied, how often, in which arms. What it all means, with an
example, is in [sweeps.md](sweeps.md); `lobule sweep FILE --dry-run` prints what a file amounts to.

Under `[parameters]` stands a dotted key of the [case file](case-file.md) or a [declared
parameter](parameters.md), and for each a list of values, a range, or an interval. Lists and ranges are
crossed with each other, intervals are sampled together as `[samples]` says, and every sample is crossed with
the lists.
"""
SENSITIVITY_INTRO = """\
A study of sensitivity is one TOML file: a case, the parameters that are compared, the readouts they may
matter for, a method. How to choose and how to read what comes out is in [sensitivity.md](sensitivity.md);
`lobule sensitivity FILE --dry-run` prints what a file amounts to.
"""


def parameters_page() -> str:
    """Return the page of all declared parameters, one table a group."""
    total = sum(len(group.declared) for group in GROUPS.values())
    lines = [
        "# Parameters",
        "",
        WRITTEN,
        "",
        PARAMETERS_INTRO.format(total=total),
    ]
    for group in GROUPS.values():
        lines += [f"## {group.name}: {lower(group.meaning)}", ""]
        rows = (
            (f"`{group.name}.{name}`", _values(p), p.unit, f"{p.low:g} to {p.high:g}", p.meaning, p.source)
            for name, p in group.declared.items()
        )
        lines += markdown(("name", "value", "unit", "range", "meaning", "source"), rows)
    return "\n".join(lines)


def _values(parameter: Parameter) -> str:
    others = [
        f"{'man' if species == 'human' else species} {parameter.default(species):g}"
        for species in SPECIES
        if parameter.default(species) != parameter.value
    ]
    return "; ".join([f"{parameter.value:g}", *others])


def lower(text: str) -> str:
    """Return `text` with a small first letter, abbreviations aside."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def rules_page() -> str:
    """Return the page of all rules, with what each type of cell senses and does."""
    rules = rule_set({name: group.values() for name, group in GROUPS.items()})
    rows = read_rules(RULES_FILE)
    lines = [
        "# Rules",
        "",
        WRITTEN,
        "",
        RULES_INTRO.format(rows=len(rows)),
        *markdown(
            ("signal of a site", "unit", "rows that use it"),
            (
                (f"`{name}`", unit, str(sum(row.signal == name for row in rows)))
                for name, unit in SITE_SIGNALS.items()
            ),
        ),
    ]
    for cell, behaviours in rules.behaviours.items():
        own = {name: unit for name, unit in SIGNALS[cell].items() if name not in SITE_SIGNALS}
        lines += [f"## {cell}", ""]
        if own:
            lines += ["Of itself it senses " + ", ".join(f"`{n}` ({u})" for n, u in own.items()) + ".", ""]
        bases = ((f"`{name}`", f"{base:g}", UNITS[cell][name]) for name, base in behaviours.items())
        lines += markdown(("behaviour", "base", "unit"), bases)
        header = ("signal", "", "behaviour", "saturation", "half-maximum", "Hill", "source")
        lines += markdown(
            header,
            (
                (
                    f"`{r.signal}`",
                    r.response,
                    f"`{r.behaviour}`",
                    f"{r.saturation:g}",
                    f"{r.half_max:g} {r.unit}".removesuffix(" -"),
                    f"{r.hill:g}",
                    f"{r.source}. {r.note}".rstrip(". "),
                )
                for r in rows
                if r.cell == cell
            ),
        )
    return "\n".join(lines)


def readouts_page() -> str:
    """Return the page of everything that can be read from a model or a run."""
    lines = ["# What can be read", "", WRITTEN, "", "## Readouts", ""]
    lines += [
        "`model.readouts()`, the columns of `series.parquet`, and `summary.json`. What has no meaning is NaN",
        "(`null` in `summary.json`): a zone without cells of the kind, a ratio over nothing, stiffness and",
        "indocyanine green in rodents, bridges and stage in drawn tissue, the efficiency of no chelator.",
        "",
    ]
    lines += markdown(
        ("readout", "unit", "meaning"), ((f"`{k}`", unit, text) for k, (unit, text) in READOUTS.items())
    )
    lines += ["## What nobody lives through", "", "A run goes on beyond, and a note says so.", ""]
    lines += markdown(
        ("readout", "least", "most", "unit", "source"),
        ((f"`{b.readout}`", f"{b.low:g}", f"{b.high:g}", READOUTS[b.readout][0], b.source) for b in BOUNDS),
    )
    lines += [
        "## Iron pools",
        "",
        POOLS_INTRO.format(sources=", ".join(SOURCES), sinks=", ".join(SINKS)),
    ]
    pools = ((f"`{name}`", POOL_MEANING[name]) for name in (*BODY_POOLS, *LIVER_POOLS))
    lines += markdown(("pool", "meaning"), pools)
    lines += [
        "## Fields",
        "",
        '`model.fields["tnf"]`: an array over the sites, extracellular concentration.',
        "",
    ]
    fields = ((f"`{s.name}`", s.unit, s.meaning, "yes" if s.steady else "") for s in FIELD_SPECIES)
    lines += markdown(("field", "unit", "meaning", "solved steady"), fields)
    lines += [
        "## Columns of the cells",
        "",
        '`model.cells[Hepatocyte]["iron"]`, or `.iron` of a Mesa agent.',
        "",
    ]
    lines += ["### Every cell", "", *_columns(COMMON)]
    for cls in CELLS.values():
        lines += [f"### {cls.__name__}", "", *_columns(cls.columns)]
    return "\n".join(lines)


def _columns(columns: Mapping[str, Column]) -> Lines:
    return markdown(
        ("column", "unit", "meaning"), ((f"`{k}`", c.unit, c.meaning) for k, c in columns.items())
    )


def case_file_page() -> str:
    """Return the page of every key of the case file."""
    schema = Case.model_json_schema()
    lines = [
        "# The case file",
        "",
        WRITTEN,
        "",
        CASE_INTRO,
        *markdown(("case", "what it is"), ((f"`{k}`", title) for k, title in builtin_cases().items())),
        "## Top level",
        "",
        *key_table(schema),
    ]
    doses: Lines = []
    draws: Lines = []
    for name, table in schema["$defs"].items():
        is_dose = set(Dose.model_fields) <= set(table["properties"])
        target = doses if is_dose else draws if "distribution" in table["properties"] else lines
        text = table.get("description", "").split("\n")[0]
        keys = key_table(table, without=Dose.model_fields if is_dose else ())
        target.extend([f"{'##' if target is lines else '###'} {name}", "", text, "", *keys])
    lines += [
        "## Cohort",
        "",
        COHORT_INTRO,
        *draws,
        "## Treatments",
        "",
        TREATMENTS_INTRO,
        *keys_of(Dose),
    ]
    return "\n".join(lines + doses)


def sweep_file_page() -> str:
    """Return the page of every key of the sweep file."""
    lines = ["# The sweep file", "", WRITTEN, "", SWEEP_INTRO, "## Top level", "", *keys_of(SweepFile)]
    for name, table in (
        ("A range under [parameters]", RangeTable),
        ("An interval under [parameters]", IntervalTable),
        ("[samples]", SamplesTable),
        ("[record]", RecordTable),
        ("[[arms]]", ArmTable),
    ):
        lines += [f"## {name}", "", (table.__doc__ or "").split("\n")[0], "", *keys_of(table)]
    return "\n".join(lines)


def sensitivity_file_page() -> str:
    """Return the page of every key of the sensitivity file."""
    lines = ["# The sensitivity file", "", WRITTEN, "", SENSITIVITY_INTRO, "## Top level", ""]
    lines += [*keys_of(SensitivityFile), "## An interval under [parameters]", ""]
    return "\n".join([*lines, (IntervalTable.__doc__ or "").split("\n")[0], "", *keys_of(IntervalTable)])


PAGES = {
    "parameters.md": parameters_page,
    "rules.md": rules_page,
    "readouts.md": readouts_page,
    "case-file.md": case_file_page,
    "sweep-file.md": sweep_file_page,
    "calibration-file.md": lambda: calibration_page(WRITTEN),
    "evidence.md": lambda: evidence_page(WRITTEN),
    "sensitivity-file.md": sensitivity_file_page,
    "compare-file.md": lambda: compare_file_page(WRITTEN),
    "trial-file.md": lambda: trial_file_page(WRITTEN),
    "optimise-file.md": lambda: optimise_file_page(WRITTEN),
}


def main(argv: Sequence[str]) -> int:
    """Write all pages into the folder named on the command line."""
    folder = Path(*argv[:1])
    if len(argv) != 1 or not folder.is_dir():
        print("usage: python -m lobule.experiments.tables FOLDER, such as docs/", file=sys.stderr)
        return 2
    for name, page in PAGES.items():
        (folder / name).write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
