"""Keyed chance of a trial: who gets which arm, and who leaves when."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np

from lobule.agents.chance import COHORT, uniform

DAYS_PER_YEAR = 365.25
BLOCK_ROUNDS = 2  # a block has this many times the shares: with two arms alike, four patients


def chance(seed: int, what: str, patient: int) -> float:
    """Return a uniform number that hangs on the seed of the trial, its use and the number of the patient."""
    name = np.uint64(int.from_bytes(hashlib.sha256(f"trial {what}".encode()).digest()[:8], "little"))
    return float(uniform(np.uint64(seed), COHORT, np.uint64(0), name, np.uint64(patient)))


def allocate(patients: Sequence[int], shares: Mapping[str, int], seed: int) -> dict[int, str]:
    """Return the arm of each included patient, by permuted blocks.

    Parameters
    ----------
    patients : sequence of int
        Numbers of those included, in the order in which they come.
    shares : mapping of str to int
        Arms, and how many patients each gets for one of an arm with share 1.
    seed : int
        Seed of the trial.

    Notes
    -----
    Each patient draws from what is left of the block, by a chance of his own number: those who come later
    change nothing for those who came before. Another arm changes the blocks.
    """
    block = [arm for arm, share in shares.items() for _ in range(share * BLOCK_ROUNDS)]
    left: list[str] = []
    found = {}
    for patient in patients:
        left = left or list(block)
        found[patient] = left.pop(int(chance(seed, "allocation", patient) * len(left)))
    return found


def drop_out_day(patient: int, percent_per_year: float, baseline_day: float, seed: int) -> float:
    """Return the day on which a patient leaves the trial, infinite where nobody does.

    The rate is constant: `percent_per_year` of those who are left leave within a year.
    """
    if percent_per_year == 0.0:
        return math.inf
    rate = -math.log1p(-percent_per_year / 100.0) / DAYS_PER_YEAR
    wait = -math.log1p(-chance(seed, "drop-out", patient)) / rate
    return float(f"{baseline_day + wait:.6g}")
