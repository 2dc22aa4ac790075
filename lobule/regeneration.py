"""The mass of the liver after a resection: what is left, the flow through it, and what makes it grow back."""

from __future__ import annotations

from typing import Any

from lobule.agents.declare import Parameter, Parameters

REGENERATION = Parameters(
    "regeneration",
    "The liver after a part of it is removed",
    drive=Parameter(5.5, "-", 0.0, 20.0, "commitment of hepatocytes over `hepatocyte.division` when the whole liver is missing", "set so that after two thirds are removed in the rat about a fifth of the cells are in S phase at 24 h and 96 % of DNA is back after 10 d (Marongiu 2017)"),
    power=Parameter(2.0, "-", 1.0, 4.0, "steepness of that drive against the missing share of the liver", "assumed: 2 gives a fast first wave and no overshoot"),
    priming_time=Parameter(18.0, "h", 0.0, 72.0, "time after a resection before the first cells commit", "set so that S phase peaks at 40 h in the mouse (36-44 h) and at 24 h in the rat (Zieve 1985); man: assumed as the mouse", {"rat": 2.0}),
    s_phase_begins=Parameter(14.0, "h", 8.0, 24.0, "from commitment to the start of DNA synthesis", "derived: thymidine kinase of the rat rises from 12 h on, DNA synthesis follows"),
    s_phase_time=Parameter(8.0, "h", 4.0, 12.0, "length of DNA synthesis", "recalled: 7-9 h"),
    portal_flow=Parameter(0.75, "-", 0.5, 1.0, "share of the liver's blood that the portal vein brings, all of which the remnant must take", "recalled: 70-80 %; the artery's flow per gram is taken as unchanged"),
    flow_tolerance=Parameter(4.5, "fold", 1.5, 20.0, "flow per gram over the healthy above which shear kills", "assumed, so that remnants below a sixth fail (10-18 %, Tuczek)"),
    flow_hazard=Parameter(0.02, "1/h", 0.0, 0.2, "lytic death of hepatocytes for each fold of flow above it", "assumed: such remnants are lost within days"),
)  # fmt: skip


class Regeneration:
    """How much of the liver there is, and how its cells answer.

    Parameters
    ----------
    values : RegenerationParameters
        Values of :data:`REGENERATION`.

    Attributes
    ----------
    mass : float
        Hepatocytes that whole lobules would hold, over those of the healthy liver of that age; 1 in health.
    hours : float
        Time since the last resection, h.
    divisions : int
        Divisions of hepatocytes in the sections since the start of the run.
    """

    def __init__(self, values: Any) -> None:
        self.values = values
        self.mass, self.hours, self.divisions = 1.0, 0.0, 0

    def resect(self, share: float) -> None:
        """Take `share` (0 to 1) of the liver that is there away."""
        if share > 0.0:
            self.mass *= 1.0 - share
            self.hours = 0.0

    def demand(self, dt: float) -> float:
        """Let `dt` hours pass; return the mean commitment that the missing mass asks for, over the usual."""
        missing = max(0.0, 1.0 - self.mass)
        if missing == 0.0:
            return 0.0
        p, before = self.values, self.hours
        self.hours += dt
        awake = min(dt, max(0.0, before + dt - p.priming_time)) / dt
        return float(p.drive * missing**p.power * awake)

    def grow(self, divisions: int, cells: int) -> None:
        """Add what `divisions` among `cells` hepatocytes of the sections make of the liver."""
        self.mass *= 1.0 + divisions / cells

    @property
    def flow(self) -> float:
        """Blood flow per gram over that of the whole liver: the portal vein's passes through what is left."""
        if self.mass == 1.0:
            return 1.0
        share = self.values.portal_flow
        return float(share / self.mass + 1.0 - share)

    @property
    def hazard(self) -> float:
        """Lytic death by too much flow, 1/h."""
        return float(self.values.flow_hazard * max(0.0, self.flow - self.values.flow_tolerance))

    def state(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return {name: getattr(self, name) for name in ("mass", "hours", "divisions")}

    def restore(self, state: dict[str, Any]) -> None:
        """Set the state from :meth:`state`."""
        for name, value in state.items():
            setattr(self, name, value)
