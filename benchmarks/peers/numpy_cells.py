"""The hepatocytes' hour with whole-column NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents.response import FULL

if TYPE_CHECKING:
    from benchmarks.cells import Hour

Floats = NDArray[np.float64]


def behaviours(hour: Hour, signals: Floats) -> dict[str, Floats]:
    """Return every behaviour of cells with `signals` [n, signals]."""
    rules, sensed = hour.compiled, np.maximum(signals.T, 0.0)
    result: dict[str, Floats] = {}
    for b, (name, base) in enumerate(hour.base.items()):
        value = np.full(len(signals), base)
        for group in (2 * b, 2 * b + 1):
            rows = range(rules.first[group], rules.first[group + 1])
            if not rows:
                continue
            total = np.zeros(len(signals))
            for row in rows:
                x = sensed[rules.signal[row]] / rules.half_max[row]
                hill = rules.hill[row]
                total += x if hill == 1.0 else x * x if hill == 2.0 else x**hill
            full = np.where(total >= FULL, 1.0, total / (1.0 + total))
            pull = rules.saturation[group] - value
            value = value + full * (np.maximum(pull, 0.0) if group == 2 * b else np.minimum(pull, 0.0))
        result[name] = value
    return result


class Columns:
    """The state of all cells as columns, advanced by NumPy."""

    def __init__(self, hour: Hour) -> None:
        self.hour = hour
        self.state: dict[str, NDArray[Any]] = hour.columns()

    def advance(self) -> None:
        """Advance by one step."""
        h, s, p = self.hour, self.state, self.hour.p
        death, senescence, division = h.draws(s["key"])
        own = (s["labile_fold"] - 1.0, s["redox"] - 1.0, s["peroxide"], h.toxin, h.toxin)
        b = behaviours(h, np.column_stack((h.site_signals[s["site"]], *own)))
        self._export(b["iron_export"])
        self._store()
        self._oxidise(b["oxidative_load"], b["antioxidant_recovery"])

        necrosis = b["necrosis"] + p.toxin_hazard * h.toxin
        total = b["apoptosis"] + necrosis + b["ferroptosis"]
        dying = 1.0 - np.exp(-total * h.dt)
        share = death / np.where(dying > 0.0, dying, 1.0) * total
        kind = np.where(share < b["apoptosis"], 1, np.where(share < b["apoptosis"] + necrosis, 2, 3))
        s["fate"] = np.where(death < dying, kind, 0).astype(np.int8)
        hazard = p.senescence_rate * np.maximum(0.0, s["redox"] - 1.0)
        s["senescent"][(hazard > 0.0) & (senescence < 1.0 - np.exp(-hazard * h.dt))] = 1

        around = h.neighbours[s["site"]]
        free = ((around >= 0) & (h.vacant[around] == 1)).sum(axis=1)
        running = s["cycle"] >= 0.0
        hazard = b["division"] * np.minimum(1.0, free / p.full_vacancy)
        waits = -np.log(1.0 - division)
        enters = ~running & (free > 0) & (s["senescent"] == 0) & (waits < hazard * h.dt)
        s["cycle"][running] += h.dt
        s["cycle"][enters] = h.dt - waits[enters] / hazard[enters]

    def _export(self, factor: Floats) -> None:
        h, s, p = self.hour, self.state, self.hour.p
        full = s["iron"] + h.dt * s["iron_uptake"]
        most = h.dt * p.export_rate * h.ferroportin * factor * s["labile_fold"]
        half = 0.5 * (full - most - p.export_half_iron)
        left = half + np.sqrt(half * half + full * p.export_half_iron)
        s["exported"] = np.minimum(s["iron"], np.maximum(0.0, full - left))
        s["iron"] -= s["exported"]

    def _store(self) -> None:
        h, s, p = self.hour, self.state, self.hour.p
        s["iron_uptake"] = h.gained / h.dt
        full = s["iron"] + h.gained
        above = np.maximum(0.0, full - p.normal_iron)
        k = h.bound_share * p.chelation_rate * (above / (above + p.labile_half_iron))
        k = k * h.chelator / (h.chelator + p.chelator_half)
        s["iron"] = full / (1.0 + h.dt * k)
        s["chelated"] = h.dt * k * s["iron"]
        above = np.maximum(0.0, s["iron"] - p.normal_iron)
        rise = (p.labile_max - 1.0) * above / (above + p.labile_half_iron)
        s["labile_fold"] = 1.0 + rise / (1.0 + h.chelator / p.chelator_half)
        s["labile"] = np.minimum(s["iron"], s["labile_fold"] * p.labile_normal * p.volume * 1e-3)
        stored = s["iron"] - s["labile"]
        rate = np.log(2.0) / (24.0 * p.haemosiderin_half_time)
        excess = np.maximum(0.0, stored - p.haemosiderin_threshold - s["haemosiderin"])
        s["haemosiderin"] = np.minimum(stored, s["haemosiderin"] + (1.0 - np.exp(-rate * h.dt)) * excess)
        s["ferritin"] = stored - s["haemosiderin"]

    def _oxidise(self, load: Floats, k: Floats) -> None:
        h, s, p = self.hour, self.state, self.hour.p
        loss = p.antioxidant_loss * p.antioxidant_recovery * np.maximum(0.0, s["redox"] - 1.0)
        s["antioxidant"] = (s["antioxidant"] + h.dt * k) / (1.0 + h.dt * (k + loss))
        s["redox"] = np.minimum(p.redox_max, (1.0 + load / h.capacity) / s["antioxidant"])
        drive = s["labile_fold"] * s["redox"] - 1.0
        made = p.peroxidation_rate * np.maximum(0.0, drive) * (1.0 - s["antioxidant"])
        repaired = 1.0 + h.dt * p.peroxide_repair * s["antioxidant"]
        s["peroxide"] = (s["peroxide"] + h.dt * made) / repaired
