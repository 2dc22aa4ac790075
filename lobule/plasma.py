"""Plasma iron: what flows in and binds transferrin, what fails to, and who takes what is bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lobule.agents.jit import kernel
from lobule.ledger import Ledger


@kernel
def _overflow(saturation, threshold, power):  # type: ignore[no-untyped-def]
    return min(1.0, (max(0.0, saturation - threshold) / (1.0 - threshold)) ** power)


@kernel
def _level_plasma(start, inflow, need, liver_rate, capacity, normal, half, threshold, power):  # type: ignore[no-untyped-def]
    """Return plasma iron at the end of a step (umol), and the share of their need that tissues then get.

    Bisection: what flows in, binds and is taken up at the final level leads to that level.
    """
    low, high = 0.0, max(capacity, start)
    plasma = supply = 0.0
    for _ in range(80):
        plasma = 0.5 * (low + high)
        x = plasma / normal
        supply = (1.0 + half) * x / (x + half)
        failed = inflow * _overflow(plasma / capacity, threshold, power)
        if plasma - start - inflow + failed + need * supply + liver_rate * plasma < 0.0:
            low = plasma
        else:
            high = plasma
    return plasma, supply


@dataclass(frozen=True)
class Delivery:
    """Iron that reaches the hepatocytes in a step, umol for the whole liver."""

    ntbi: float
    transferrin: float


def overflow(saturation: float, p: Any) -> float:
    """Return the share of inflowing iron that fails to bind transferrin at `saturation`.

    Parameters
    ----------
    saturation : float
        Transferrin saturation, 0 to 1.
    p : named tuple
        Values of :data:`lobule.body.BODY`.
    """
    return float(_overflow(saturation, p.overflow_threshold, p.overflow_power))


def share_out(
    ledger: Ledger, p: Any, capacity: float, marrow_need: float, other_need: float, liver_rate: float
) -> Delivery:
    """Share the inflow of a step among transferrin, overflow and the takers of transferrin iron.

    Plasma iron is solved implicitly, so transferrin is never filled beyond its capacity whatever the step.

    Parameters
    ----------
    ledger : Ledger
        The iron account, whose pool ``inflow`` is emptied.
    p : named tuple
        Values of :data:`lobule.body.BODY`.
    capacity : float
        Iron that transferrin can hold, umol.
    marrow_need, other_need : float
        What marrow and other tissue would take in the step, umol.
    liver_rate : float
        Plasma iron that the liver takes in the step, over what there is.
    """
    inflow = ledger.pool["inflow"]
    plasma, supply = _level_plasma(
        ledger.pool["plasma"],
        inflow,
        marrow_need + other_need,
        liver_rate,
        capacity,
        p.normal_saturation * capacity,
        p.supply_half,
        p.overflow_threshold,
        p.overflow_power,
    )
    failed, liver = inflow * overflow(plasma / capacity, p), liver_rate * plasma
    marrow, other = marrow_need * supply, other_need * supply
    to_liver = ledger.move("inflow", "hepatocytes", failed * p.overflow_liver)
    ledger.move("inflow", "other", failed - to_liver)
    ledger.move("inflow", "plasma", ledger.pool["inflow"])
    ledger.move("plasma", "marrow", marrow)
    ledger.move("plasma", "other", other)
    return Delivery(to_liver, ledger.move("plasma", "hepatocytes", liver))
