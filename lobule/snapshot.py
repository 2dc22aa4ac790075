"""The whole state of a model in one file and back: arrays and JSON, never pickle."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from lobule.case import Case
from lobule.errors import InputError
from lobule.files import whole
from lobule.interruption import uninterrupted
from lobule.oxygen import OxygenCurve

if TYPE_CHECKING:
    from lobule.model import Lobule

FORMAT = 2


def save(model: Lobule, path: Path) -> None:
    """Write the state of `model` to `path` (.npz), atomically.

    Raises
    ------
    OSError
        If the file cannot be written; an older file of that name is then left as it was.
    """
    with uninterrupted(), whole(path) as partial, partial.open("wb") as file:
        write(model, file)
        file.flush()
        os.fsync(file.fileno())


def write(model: Lobule, file: IO[bytes]) -> None:
    """Write the state of `model` to an open file, as :func:`save` does."""
    population = model.population
    meta = {
        "format": FORMAT,
        "case": model.case.to_json(),
        "seed": int(model.seed),
        "tick": int(model.tick),
        "hours": model.hours,
        "next_event": model.next_event,
        "deaths": model.deaths,
        "scale": model.scale,
        "regeneration": model.regeneration.state(),
        "load": model.perfusion.load,
        "haemoglobin": model.exchange.curve.haemoglobin,
        "ledger": model.ledger.state(),
        "body": model.body.state(),
        "function": model.function.state(),
        "levels": model.levels.state(),
        "products": model.products.state(),
        "courses": model.courses.state(),
        "safety": model.safety.state(),
        "log": model.log,
    }
    arrays: dict[str, Any] = {
        "meta": np.array(json.dumps(meta)),
        "fields": model.fields.c,
        "ntbi": model.fields.iron,
        "matrix": np.stack((model.matrix.soft, model.matrix.cross, model.matrix.timp)),
        "perfused": model.perfusion.seen,
        "plugged": model.perfusion.plugged,
        **{f"debris.{name}": values for name, values in population.debris.items()},
        **{f"pulse.{name}": values for name, values in population.pulse.items()},
    }
    for name, table in population.tables.items():
        arrays.update({f"cell.{name}.{column}": values for column, values in table.state().items()})
    np.savez(file, **arrays)


def read(path: Path | IO[bytes], name: str = "") -> tuple[Case, int, dict[str, Any]]:
    """Return the case, the seed and the rest of the state that :func:`save` or :func:`write` wrote to `path`.

    Messages call an open file `name`.

    Raises
    ------
    InputError
        If the file is missing, damaged, no snapshot, or of another format.
    """
    name = name or str(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        meta = json.loads(str(arrays.pop("meta")))
        version = int(meta["format"])
    except FileNotFoundError:
        raise InputError(f"{name} -> no such file") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{name} -> is no snapshot, or is damaged ({type(error).__name__})") from None
    if version != FORMAT:
        raise InputError(f"{name} -> this snapshot has format {version}; this version reads {FORMAT}")
    return Case.from_json(meta["case"]), int(meta["seed"]), {"meta": meta, "arrays": arrays}


def restore(model: Lobule, state: dict[str, Any]) -> None:
    """Put `state`, as given by :func:`read`, into a freshly built `model` of the same case and seed."""
    meta, arrays = state["meta"], state["arrays"]
    population = model.population
    for name, table in population.tables.items():
        table.restore({column: arrays[f"cell.{name}.{column}"] for column in table.names})
    for name in population.debris:
        population.debris[name][:] = arrays[f"debris.{name}"]
    for name in population.pulse:
        population.pulse[name][:] = arrays[f"pulse.{name}"]
    model.fields.c[:] = arrays["fields"]
    model.fields.iron[:] = arrays["ntbi"]
    for target, values in zip(
        (model.matrix.soft, model.matrix.cross, model.matrix.timp), arrays["matrix"], strict=True
    ):
        target[:] = values
    model.perfusion.load = meta["load"]
    model.perfusion.solve(arrays["perfused"], arrays["plugged"])
    model.perfuse()
    model.exchange.curve = OxygenCurve(model.values["oxygen"], meta["haemoglobin"])
    model.steps = meta["tick"]
    model.tick, model.hours = np.uint64(meta["tick"]), meta["hours"]
    model.next_event, model.deaths, model.scale = meta["next_event"], meta["deaths"], meta["scale"]
    model.log = [(hours, text) for hours, text in meta["log"]]
    model.ledger.restore(meta["ledger"])
    model.levels.restore(meta["levels"])
    model.products.restore(meta["products"])
    model.courses.restore(meta["courses"])
    model.safety.restore(meta["safety"])
    model.regeneration.restore(meta["regeneration"])
    model.function.restore(meta["function"])
    model.body.restore(meta["body"], model.hours)
