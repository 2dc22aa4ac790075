"""Where iron is. `Ledger.move` is the only way it moves."""

from __future__ import annotations

from collections.abc import Mapping

#: Iron compounds that were injected and still circulate.
COMPOUNDS = ("dextran", "sucrose")
BODY_POOLS = ("plasma", "inflow", "red_cells", "marrow", "spleen", "other", *COMPOUNDS)
LIVER_POOLS = ("hepatocytes", "macrophages", "msc", "debris")
SOURCES = ("absorption", "transfusion", "arrival", "injection")
SINKS = ("loss", "menses", "phlebotomy", "chelation_urine", "chelation_faeces", "resection")


class Ledger:
    """The iron account of one body, in umol.

    Body pools live here. The liver pools are booked here as well, but their truth is the cells' own columns;
    :meth:`error` holds the two against each other. ``inflow`` is iron on its way to plasma: what gut and
    cells release reaches it in the same step, what debris sets free in the next.

    Attributes
    ----------
    pool : dict of str to float
        Amounts in umol.
    entered, left : dict of str to float
        What came from outside and what left the body since the start, by cause, in umol.
    """

    def __init__(self) -> None:
        self.pool = dict.fromkeys(BODY_POOLS + LIVER_POOLS, 0.0)
        self.entered = dict.fromkeys(SOURCES, 0.0)
        self.left = dict.fromkeys(SINKS, 0.0)
        self.initial = 0.0

    def open(self, amounts: Mapping[str, float]) -> None:
        """Set the initial amounts, in umol; the account balances from here on."""
        for name, amount in amounts.items():
            if amount < 0.0:
                raise ValueError(f"initial iron in {name} is negative: {amount}")
            self.pool[name] = amount
        self.initial = sum(self.pool.values())

    def move(self, source: str, target: str, amount: float) -> float:
        """Move `amount` (umol) from `source` to `target` and return it.

        Sources and sinks outside the body are named in :data:`SOURCES` and :data:`SINKS`. A body pool gives
        at most what it has, so no pool is ever negative.
        """
        if not amount >= 0.0:
            raise ValueError(f"iron cannot move from {source} to {target} by {amount}")
        if source in self.entered:
            self.entered[source] += amount
        else:
            if source in BODY_POOLS:
                amount = min(amount, self.pool[source])
            rest = self.pool[source] - amount
            self.pool[source] = 0.0 if self._is_rounding(rest) and rest < 0.0 else rest
        if target in self.left:
            self.left[target] += amount
        else:
            self.pool[target] += amount
        return amount

    def close(self, pool: str) -> None:
        """Empty a pool whose last cell is gone of what rounding left in it."""
        if self._is_rounding(self.pool[pool]):
            self.pool[pool] = 0.0

    def _is_rounding(self, amount: float) -> bool:
        return abs(amount) < 1e-12 * self.initial

    def total(self) -> float:
        """Return the iron in the body as booked, in umol."""
        return sum(self.pool.values())

    def error(self, liver: Mapping[str, float]) -> float:
        """Return the relative error of the account.

        Parameters
        ----------
        liver : mapping of str to float
            Iron in each liver pool, summed over the cells themselves and scaled to the whole liver, umol.
        """
        actual = sum(self.pool[name] for name in BODY_POOLS) + sum(liver.values())
        expected = self.initial + sum(self.entered.values()) - sum(self.left.values())
        worst = max(abs(self.pool[name] - amount) for name, amount in liver.items())
        return max(abs(actual - expected), worst) / max(actual, 1e-300)

    def state(self) -> dict[str, object]:
        """Return the account as plain values."""
        return {"pool": self.pool, "entered": self.entered, "left": self.left, "initial": self.initial}

    def restore(self, state: Mapping[str, object]) -> None:
        """Set the account from :meth:`state`."""
        self.pool, self.entered = dict(state["pool"]), dict(state["entered"])  # type: ignore[call-overload]
        self.left, self.initial = dict(state["left"]), float(state["initial"])  # type: ignore[call-overload, arg-type]
