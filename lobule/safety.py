"""Adverse events of chelators in man: drawn while the drug is taken, and what they end."""

from __future__ import annotations

import hashlib
import math
from typing import Any, NamedTuple

import numpy as np

from lobule.agents.chance import SAFETY as PURPOSE
from lobule.agents.chance import uniform
from lobule.agents.declare import Parameter, Parameters

DAYS_PER_YEAR = 365.25

SAFETY = Parameters(
    "safety",
    "Adverse events of chelators, in man",
    deferoxamine_usual=Parameter(40.0, "mg/kg/d", 20.0, 60.0, "daily dose to which the rates of its events belong", "20-60 mg/kg a day is given"),
    deferasirox_usual=Parameter(20.0, "mg/kg/d", 10.0, 40.0, "the same", "20-40 mg/kg a day is given"),
    deferiprone_usual=Parameter(75.0, "mg/kg/d", 50.0, 100.0, "the same", "75-100 mg/kg a day is given"),
    hearing=Parameter(0.02, "1/a", 0.0, 0.2, "rate of loss of hearing or sight under deferoxamine", "assumed: some 5-30 % after years at high doses (recalled), fewer with doses by the load"),
    creatinine=Parameter(0.11, "1/a", 0.0, 0.5, "rate of a rise of creatinine under deferasirox", "11.2 % of patients (Cappellini 2011), taken as a year's; over the 5 years of that trial it would be less"),
    stomach=Parameter(0.26, "1/a", 0.0, 1.0, "rate of nausea, pain or diarrhoea under deferasirox", "recalled: 26 % in the first year of the pivotal trial, mostly mild"),
    agranulocytosis=Parameter(0.01, "1/a", 0.0, 0.05, "rate of agranulocytosis under deferiprone", "recalled: about 1 % of patients; 0.2-1 per 100 patient-years"),
    arthralgia=Parameter(0.05, "1/a", 0.0, 0.3, "rate of pain and swelling of joints under deferiprone", "recalled: 4-15 % of patients, most in the first year"),
)  # fmt: skip


class Event(NamedTuple):
    """A kind of adverse event: the name of its rate, the drug, its words, whether it ends the drug."""

    name: str
    drug: str
    words: str
    is_severe: bool


#: Severe are those after which the drug must not be given again.
EVENTS = (
    Event("hearing", "deferoxamine", "loss of hearing or sight", False),
    Event("creatinine", "deferasirox", "rise of creatinine", False),
    Event("stomach", "deferasirox", "nausea, pain or diarrhoea", False),
    Event("agranulocytosis", "deferiprone", "agranulocytosis", True),
    Event("arthralgia", "deferiprone", "pain and swelling of joints", False),
)


class Safety:
    """What the drugs have done to this subject beside taking iron.

    Attributes
    ----------
    hazard : dict of str to float
        Expected number of events that has come together since the last one, by kind.
    count : dict of str to int
        Events so far, by kind.
    ended : dict of str to str
        Drugs that are not given any more, and the words for why.
    """

    def __init__(self, values: Any) -> None:
        self.values = values
        self.hazard = {event.name: 0.0 for event in EVENTS}
        self.count = {event.name: 0 for event in EVENTS}
        self.ended: dict[str, str] = {}

    def take(self, drug: str, mg_per_kg: float, seed: np.uint64) -> list[Event]:
        """Let a dose of `drug` (mg/kg) do its harm; return the events that it brings.

        An event comes when the hazard has reached what chance gave this subject to bear (exponential, mean
        1), which hangs on the seed, the kind of event and its number alone: more of the drug brings the same
        event earlier.
        """
        events = []
        daily = mg_per_kg / getattr(self.values, f"{drug}_usual")
        for event in EVENTS:
            if event.drug == drug:
                self.hazard[event.name] += getattr(self.values, event.name) / DAYS_PER_YEAR * daily
                while self.hazard[event.name] >= (borne := _borne(event.name, self.count[event.name], seed)):
                    self.hazard[event.name] -= borne
                    self.count[event.name] += 1
                    events.append(event)
        return events

    def state(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {"hazard": self.hazard, "count": self.count, "ended": self.ended}

    def restore(self, state: dict[str, Any]) -> None:
        """Set it from :meth:`state`."""
        for name, value in state.items():
            setattr(self, name, dict(value))


def _borne(name: str, number: int, seed: np.uint64) -> float:
    """Return the hazard at which event `number` of a kind comes, counted from the one before."""
    key = np.uint64(int(hashlib.sha256(name.encode()).hexdigest()[:16], 16))
    return -math.log1p(-float(uniform(seed, PURPOSE, np.uint64(0), key, np.uint64(number))))
