"""Chelators at work: iron that they take from hepatocytes, macrophages, the spleen and other tissue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents import hepatocyte
from lobule.units import UMOL_PER_FMOL

if TYPE_CHECKING:
    from lobule.model import Lobule

BODY_STORES = ("spleen", "other")
"""Pools of the body, beside the liver's, of which a chelator takes what is there beyond that in health."""


def capacity(model: Lobule, levels: Mapping[str, float]) -> float:
    """Return the iron that all chelator in the body can bind, umol."""
    return levels["capacity"] * model.body.reference.body_weight * 1e-3


def bindable_share(
    model: Lobule, dt: float, levels: Mapping[str, float], gained: NDArray[np.float64]
) -> float:
    """Return the share (0 to 1) of what all stores would give in `dt` hours that the chelator can bind.

    Parameters
    ----------
    levels : mapping of str to float
        Mean levels over the step: see :meth:`lobule.treatments.Levels.step`.
    gained : ndarray, shape (n,)
        Iron (fmol) that the hepatocytes take up in the step.
    """
    most = capacity(model, levels)
    if most <= 0.0:
        return 0.0
    table, p = model.population.tables["hepatocyte"], model.values["hepatocyte"]
    chelator = model.fields["chelator"]
    wanted = hepatocyte.chelatable(dt, p, table["iron"] + gained, chelator[table["site"]])
    wanted += dt * float((_macrophage_rate(model) * model.population.tables["macrophage"]["stored"]).sum())
    wanted *= model.scale * UMOL_PER_FMOL
    wanted += dt * _rate(p, levels["chelator"]) * sum(_excess(model, pool) for pool in BODY_STORES)
    return min(1.0, most / wanted) if wanted > 0.0 else 0.0


def take(
    model: Lobule, dt: float, levels: Mapping[str, float], share: float, chelated: NDArray[np.float64]
) -> None:
    """Take the chelators' iron of `dt` hours from all stores but the hepatocytes, and book all of it.

    Other stores give what they hold beyond health at the largest rate of a hepatocyte: of a macrophage that
    is its slow store.

    Parameters
    ----------
    share : float
        That of :func:`bindable_share`.
    chelated : ndarray, shape (n,)
        What the hepatocytes have given, fmol.
    """
    table = model.population.tables["macrophage"]
    fading = dt * share * _macrophage_rate(model)
    given = table["stored"] * fading / (1.0 + fading)
    table["stored"] -= given
    table["iron"] -= given
    fading = dt * share * _rate(model.values["hepatocyte"], levels["chelator"])
    bound = {pool: _excess(model, pool) * fading / (1.0 + fading) for pool in BODY_STORES}
    bound["hepatocytes"] = float(chelated.sum()) * model.scale * UMOL_PER_FMOL
    bound["macrophages"] = float(given.sum()) * model.scale * UMOL_PER_FMOL
    for pool, amount in bound.items():  # by molecules of all drugs alike, which leave by their own ways
        model.ledger.move(pool, "chelation_urine", amount * levels["urine"])
        model.ledger.move(pool, "chelation_faeces", amount * (1.0 - levels["urine"]))
    model.levels.spend(min(1.0, sum(bound.values()) / capacity(model, levels)))


def _macrophage_rate(model: Lobule) -> Any:
    """Return the rate (1/h) at which each macrophage's store is taken."""
    site = model.population.tables["macrophage"]["site"]
    return _rate(model.values["hepatocyte"], model.fields["chelator"][site])


def _rate(p: Any, chelator: Any) -> Any:
    """Return the largest rate (1/h) at which `chelator` (uM) takes iron."""
    return p.chelation_rate * chelator / (chelator + p.chelator_half)


def _excess(model: Lobule, pool: str) -> float:
    """Return what `pool` of the body holds beyond that in health, umol."""
    return max(0.0, model.ledger.pool[pool] - getattr(model.body.reference, pool))
