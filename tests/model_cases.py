"""Small cases for the tests of the engine, and what a test looks at in a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule import Lobule
from lobule.geometry import PARENCHYMA, PORTAL_TRACT
from lobule.population import IRON_COLUMNS

ONE: dict[str, Any] = {"tissue.lobules": 1, "record.snapshot_days": []}

#: Every kind of event in six days of a growing, iron-loaded animal whose liver is poisoned on the second.
EVENTS: list[dict[str, Any]] = [
    {"kind": "transfusion", "day": 0.25, "volume_ml": 0.05},
    {"kind": "phlebotomy", "day": 0.5, "volume_ml": 0.05, "minimum_haemoglobin_g_per_dl": 5.0},
    {
        "kind": "chelator",
        "day": 0.5,
        "every_days": 1.0,
        "drug": "deferoxamine",
        "mg_per_kg": 40.0,
        "hours": 8.0,
    },
    {"kind": "chelator", "day": 0.5, "every_days": 1.0, "drug": "deferasirox", "mg_per_kg": 30.0},
    {"kind": "chelator", "day": 0.5, "every_days": 0.5, "drug": "deferiprone", "mg_per_kg": 50.0},
    {"kind": "toxin", "day": 1.0, "agent": "ccl4", "dose": 1.0},
    {"kind": "msc", "day": 2.0, "cells": 2e6, "route": "intraportal", "source": "bone-marrow"},
    {"kind": "msc", "day": 2.0, "cells": 2e6, "route": "hepatic-artery", "source": "adipose", "primed": True},
    {"kind": "msc", "day": 2.0, "cells": 4e6, "route": "intravenous", "source": "umbilical-cord"},
    {
        "kind": "msc",
        "day": 2.25,
        "cells": 2e6,
        "route": "intrahepatic",
        "source": "bone-marrow",
        "primed": True,
    },
    {"kind": "ev", "day": 2.5, "particles": 1e10, "route": "intraportal"},
    {"kind": "ev", "day": 2.5, "particles": 1e10, "route": "intravenous"},
    {"kind": "diet", "day": 3.0, "iron_percent": 1.0},
    {"kind": "iron-injection", "day": 1.5, "mg_per_kg": 50.0},
    {"kind": "iron-injection", "day": 1.5, "mg": 0.1, "compound": "sucrose"},
    {"kind": "hepatitis", "day": 1.0, "cause": "viral", "hazard_percent_per_day": 0.3},
    {"kind": "hepatitis", "day": 2.0, "cause": "metabolic", "hazard_percent_per_day": 0.3},
    {"kind": "hepatitis", "day": 3.0, "cause": "viral", "hazard_percent_per_day": 0.0},
    {"kind": "partial-hepatectomy", "day": 3.0, "share": 0.3},
    {"kind": "toxin", "day": 3.5, "agent": "thioacetamide", "dose": 50.0},
]
EVERYTHING: dict[str, Any] = {
    **ONE,
    "subject.age_days": 25.0,
    "clock.phases": [{"days": 4.0, "step_hours": 1.0}, {"days": 2.0, "step_hours": 6.0}],
    "treatments": EVENTS,
    # so that labile iron is in excess, and chelators find some, from the first day
    "hepatocyte.normal_iron": 5.0,
}


def small(case: str = "hfe-mouse", *, seed: int | None = None, **changes: Any) -> Lobule:
    """Return a built-in case on one lobule; dots of a setting's name are written as two underscores."""
    settings = {name.replace("__", "."): value for name, value in changes.items()}
    return Lobule(case, rng=seed, settings={**ONE, **settings})


def everything(seed: int | None = None, **changes: Any) -> Lobule:
    """Return the case with every kind of event, six days long."""
    settings = {name.replace("__", "."): value for name, value in changes.items()}
    return Lobule("hfe-mouse", rng=seed, settings={**EVERYTHING, **settings})


def state(model: Lobule) -> dict[str, Any]:
    """Return everything that makes up the state of `model`, and the readouts, by name."""
    p = model.population
    content: dict[str, Any] = {
        f"{name}.{column}": table[column].copy() for name, table in p.tables.items() for column in table.names
    }
    content |= {f"debris.{name}": values.copy() for name, values in p.debris.items()}
    content |= {f"pulse.{name}": values.copy() for name, values in p.pulse.items()}
    content |= {f"field.{name}": model.fields[name].copy() for name in model.fields}
    content |= {f"matrix.{name}": getattr(model.matrix, name).copy() for name in ("soft", "cross", "timp")}
    content |= {
        f"perfusion.{name}": getattr(model.perfusion, name).copy() for name in ("seen", "flow", "pressure")
    }
    content |= {f"ledger.{name}": value for name, value in _flat(model.ledger.state()).items()}
    content |= {f"body.{name}": value for name, value in model.body.state().items()}
    content |= {f"products.{name}": repr(value) for name, value in model.products.state().items()}
    content["perfusion.plugged"] = model.perfusion.plugged.copy()
    content |= {f"levels.{name}": repr(value) for name, value in model.levels.state().items()}
    content |= {"courses": repr(model.courses.state()), "safety": repr(model.safety.state())}
    content |= {f"readout.{name}": value for name, value in model.readouts().items()}
    content |= {"tick": int(model.tick), "hours": model.hours, "scale": model.scale, "log": repr(model.log)}
    content["lanes"] = model.fields.c.copy()
    return content


def _flat(table: Mapping[str, Any]) -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, value in table.items():
        flat |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, Mapping) else {name: value}
    return flat


def differences(a: Mapping[str, Any], b: Mapping[str, Any], ignore: tuple[str, ...] = ()) -> list[str]:
    """Return the names of what is not the same, to the bit, in two states."""
    assert a.keys() == b.keys()
    return [name for name in a if name not in ignore and _bits(a[name]) != _bits(b[name])]


def _bits(value: Any) -> Any:
    array = np.asarray(value)
    return (array.dtype.str, array.shape, array.tobytes())


def assert_same(a: Lobule, b: Lobule) -> None:
    assert differences(state(a), state(b)) == []


def assert_iron_is_sound(model: Lobule) -> None:
    """The account balances, no pool is negative, and the stores of a cell add up."""
    total = model.ledger.total()
    assert model.ledger_error() < 1e-9
    for name, amount in model.ledger.pool.items():
        assert amount >= -1e-12 * total, name
    for name, columns in IRON_COLUMNS.items():
        for column in columns:
            values = model.population.tables[name][column]
            assert np.all(np.isfinite(values)) and np.all(values >= 0.0), (name, column)
    table = model.population.tables["hepatocyte"]
    stores = table["labile"] + table["ferritin"] + table["haemosiderin"]
    np.testing.assert_allclose(stores, table["iron"], rtol=1e-12, atol=1e-12)
    for name, values in model.population.debris.items():
        assert np.all(values >= 0.0), name


def assert_tissue_is_sound(model: Lobule) -> None:
    """Cells sit where they may, and fields and matrix are not negative."""
    tables, kind = model.population.tables, model.tissue.kind
    site = tables["hepatocyte"]["site"]
    assert np.unique(site).size == site.size
    assert np.all(kind[site] == PARENCHYMA)
    for name in ("stellate", "macrophage", "msc"):
        assert np.all(kind[tables[name]["site"]] <= PORTAL_TRACT), name
    for name, table in tables.items():
        assert np.unique(table["key"]).size == len(table), name
    assert np.all(np.isfinite(model.fields.c)) and np.all(model.fields.c >= 0.0)
    assert np.all(model.fields["iron"] >= 0.0)
    for values in (model.matrix.soft, model.matrix.cross, model.matrix.timp):
        assert np.all(values >= 0.0)
    assert model.matrix.collagen.max() <= model.matrix.values.densest + model.matrix.values.baseline


def by_key(model: Lobule, name: str, column: str) -> dict[int, Any]:
    """Return `column` of a cell type by key."""
    table = model.population.tables[name]
    return dict(zip(table["key"].tolist(), table[column].tolist(), strict=True))


def zone_means(model: Lobule, values: NDArray[np.float64]) -> list[float]:
    """Return the mean of site `values` over the parenchyma of zones 1, 2 and 3."""
    inside = model.tissue.kind == PARENCHYMA
    return [float(values[inside & (model.tissue.zone == zone)].mean()) for zone in (1, 2, 3)]


def ring(n: int) -> np.ndarray:
    """Return the neighbour table of n sites in a ring."""
    table = np.full((n, 8), -1, np.int32)
    table[:, 0], table[:, 1] = np.roll(np.arange(n), -1), np.roll(np.arange(n), 1)
    return table
