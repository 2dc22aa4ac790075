"""The pane that gives treatments: a form made from their declarations."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Literal, Union, get_args, get_origin

import solara

from lobule.doses import Dose, Section, Treatment, WeighedDose
from lobule.experiments.browser.controls import Button, NumberField
from lobule.experiments.browser.desk import Desk

WORDS = {
    "msc": "Mesenchymal stem cells",
    "ev": "Extracellular vesicles",
    "phlebotomy": "Phlebotomy",
    "transfusion": "Transfusion",
    "chelator": "Iron chelator",
    "toxin": "Toxin (CCl4, thioacetamide)",
    "diet": "Diet",
    "alcohol": "Alcohol",
    "iron-injection": "Iron injection",
    "hepatitis": "Hepatitis",
    "partial-hepatectomy": "Partial hepatectomy",
}
#: What the form starts with where the declaration has no default, by species, in the unit of the field. From
#: the built-in cases (cells, blood of mice, CCl4, share of the liver), a phlebotomy in man (450 mL),
#: deferasirox and dextran (20 mg/kg), drinking of half effect (grams a day); the others assumed, to have
#: something to change.
USUAL: dict[str, dict[str, Any]] = {
    "mouse": {"cells": 1e6, "particles": 1e10, "volume_ml": 0.1, "mg": 0.75, "grams_per_day": 0.1},
    "rat": {"cells": 3e6, "particles": 1e11, "volume_ml": 1.0, "mg": 12.0, "grams_per_day": 2.0},
    "human": {"cells": 1e8, "particles": 1e12, "volume_ml": 450.0, "mg": 1500.0, "grams_per_day": 60.0},
}
_PER_KG = {
    "mouse": (4e7, 4e11, 4.0, 30.0, 4.0),
    "rat": (1e7, 3e11, 3.0, 30.0, 5.0),
    "human": (1e6, 1e10, 6.0, 20.0, 0.8),
}
for _species, _amounts in _PER_KG.items():
    _names = ("cells_per_kg", "particles_per_kg", "volume_ml_per_kg", "mg_per_kg", "grams_per_kg_per_day")
    USUAL[_species] |= dict(zip(_names, _amounts, strict=True))
for _usual in USUAL.values():
    _usual |= {"dose": 1.0, "iron_percent": 0.02, "hazard_percent_per_day": 0.2, "share": 0.667}
_SCHEDULE = (*Dose.model_fields, "stop_on_event")


def kinds() -> dict[str, type[Section]]:
    """Return the declaration of every treatment by its kind."""
    return {get_args(c.model_fields["kind"].annotation)[0]: c for c in get_args(get_args(Treatment)[0])}


def is_weighed(kind: str) -> bool:
    """Return whether the dose can be given as a whole or per kilogram."""
    return issubclass(kinds()[kind], WeighedDose)


def usually_per_kg(kind: str) -> bool:
    """Return whether the form of `kind` begins with a dose per kilogram: that of a drug."""
    return kind == "chelator"


def fields(kind: str, per_kg: bool | None = None) -> dict[str, Any]:
    """Return the fields of a treatment that the form asks for: its declared ones but the schedule.

    Of a dose that can be given both ways there is the one per kilogram, or the whole one, as `per_kg` says.
    """
    declared = kinds()[kind]
    left_out = {*_SCHEDULE, "kind"}
    if issubclass(declared, WeighedDose):
        per_kg = usually_per_kg(kind) if per_kg is None else per_kg
        left_out.add(declared.whole if per_kg else declared.per_kg)
    return {name: f for name, f in declared.model_fields.items() if name not in left_out}


def initial(kind: str, species: str, per_kg: bool | None = None) -> dict[str, Any]:
    """Return what the form of `kind` starts with."""
    start = {}
    for name, field in fields(kind, per_kg).items():
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else None
        if field.is_required() or field.default is None:
            nothing = 0.0 if field.is_required() else None
            start[name] = choices[0] if choices else USUAL[species].get(name, nothing)
        elif get_origin(field.annotation) is tuple:
            start[name] = list(field.default)
        else:
            start[name] = field.default
    return start


def is_complete(kind: str, per_kg: bool, form: Mapping[str, Any]) -> bool:
    """Return whether `form` has all that a dose of `kind` needs, its amount among it."""
    declared = kinds()[kind]
    amounts = (declared.whole, declared.per_kg) if issubclass(declared, WeighedDose) else ()
    return not any(
        form.get(name) is None and (field.is_required() or name in amounts)
        for name, field in fields(kind, per_kg).items()
    )


def label(name: str) -> str:
    """Return the words for a field."""
    units = {"_g_per_dl": " (g/dL)", "_mg_per_ml": " (mg/mL)", "_ml_per_kg": " (mL/kg)", "_ml": " (mL)"}
    units |= {"_percent": " (%)", "_ug_per_l": " (ug/L)"}
    words = {
        "mg_per_kg": "dose (mg/kg)",
        "mg": "dose (mg)",
        "grams_per_kg_per_day": "grams per kg a day",
        "hours": "over (hours)",
        "dose": "dose (CCl4 mL/kg, thioacetamide mg/kg)",
        "hazard_percent_per_day": "hepatocytes it kills (% a day)",
        "share": "share of the liver (0 to 0.9)",
        "grams_per_day": "grams a day",
        "size_um": "size (um, if they may plug sinusoids)",
        "potency_log_sd": "spread of potency between lots (log SD)",
        "release_potency": "least potency of a lot that is given",
        "depot": "in one depot (intrahepatic)",
    }
    if name in words:
        return words[name].capitalize()
    for end, unit in units.items():
        if name.endswith(end):
            return name.removesuffix(end).replace("_", " ").capitalize() + unit
    return name.replace("_", " ").capitalize()


@solara.component
def TreatPane(desk: Desk, species: str) -> None:
    """Choose a treatment, its dose and who gets it, and give it."""
    kind, form = solara.use_reactive("msc"), solara.use_reactive(initial("msc", species))
    again, who = solara.use_reactive(False), solara.use_reactive("A")
    per_kg = solara.use_reactive(usually_per_kg("msc"))
    every: solara.Reactive[float | None] = solara.use_reactive(7.0)
    frame = desk.frame.value

    def choose(value: str) -> None:
        new = next(key for key, words in WORDS.items() if words == value)
        kind.set(new)
        per_kg.set(usually_per_kg(new))
        form.set(initial(new, species))

    def weigh(value: bool) -> None:
        per_kg.set(value)
        kept = {name: entry for name, entry in form.value.items() if name in fields(kind.value, value)}
        form.set({**initial(kind.value, species, value), **kept})

    solara.HTML(tag="h2", unsafe_innerHTML="Give something now")
    solara.Select(
        "Treatment", values=[WORDS[k] for k in kinds()], value=WORDS[kind.value], on_value=choose, dense=True
    )
    for name, field in fields(kind.value, per_kg.value).items():
        if name in form.value:
            Field(name, field, form).key(f"{kind.value} {name}")
    if is_weighed(kind.value):
        solara.Checkbox(label="dose per kg of body weight", value=per_kg.value, on_value=weigh)
    solara.Checkbox(label="and again, regularly", value=again)
    if again.value:
        NumberField("Every (days)", every.value, every.set)
    if frame is not None and frame.has_branch:
        solara.Select("To", values=["A", "B", "both"], value=who, dense=True)

    is_whole = is_complete(kind.value, per_kg.value, form.value) and not (again.value and every.value is None)

    def give() -> None:
        dose = {"kind": kind.value, **{k: v for k, v in form.value.items() if v is not None}}
        if again.value:
            dose["every_days"] = every.value
        arm = {"A": "main", "B": "branch", "both": "both"}[who.value if frame and frame.has_branch else "A"]
        desk.player.do(lambda session: session.treat([dose], arm))

    with solara.Div(classes=["lobule-row"]):
        name = "toxin" if kind.value == "toxin" else WORDS[kind.value].lower()
        Button(f"Give {name}", give, strong=True, disabled=not is_whole)
    solara.HTML(
        tag="p",
        classes=["lobule-quiet"],
        unsafe_innerHTML="It is given before the next step; Undo takes it back.",
    )
    solara.HTML(tag="h2", unsafe_innerHTML="Given so far")
    given = [] if frame is None else [(f"day {hours / 24.0:.4g}", text) for hours, text in frame.log]
    given += [] if frame is None else [("next step", text) for text in frame.due]
    rows = "".join(f"<tr><td>{when}</td><td>{escape(text)}</td></tr>" for when, text in given[-20:])
    table = f"<table class='lobule-log'>{rows}</table>"
    solara.HTML(tag="div", unsafe_innerHTML=table if rows else "nothing yet")


@solara.component
def Field(name: str, field: Any, form: solara.Reactive[dict[str, Any]]) -> None:
    """Ask for one field."""

    def change(value: Any) -> None:
        form.set({**form.value, name: value})

    annotation = field.annotation
    is_optional = not field.is_required() and field.default is None and name not in USUAL["mouse"]
    if get_origin(annotation) is Union:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        solara.Select(
            label(name),
            values=list(get_args(annotation)),
            value=form.value[name],
            on_value=change,
            dense=True,
        )
    elif annotation is bool:
        solara.Checkbox(label=label(name), value=form.value[name], on_value=change)
    elif annotation is str:
        solara.InputText(label(name), value=form.value[name], on_value=change, dense=True)
    elif get_origin(annotation) is tuple:
        genes = list(get_args(get_args(annotation)[0]))
        solara.SelectMultiple(label(name), form.value[name], genes, on_value=change, dense=True)
    else:
        NumberField(label(name), form.value[name], change, optional=is_optional)
