"""All declared parameters, by group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobule.agents import genome, hepatocyte, macrophage, msc, stellate
from lobule.agents.declare import Parameters
from lobule.body import BODY
from lobule.fields import FIELDS
from lobule.function import FUNCTION
from lobule.infusion import PRODUCTS
from lobule.matrix import MATRIX
from lobule.oxygen import OXYGEN
from lobule.perfusion import PERFUSION
from lobule.proportions import GEOMETRY
from lobule.regeneration import REGENERATION
from lobule.safety import SAFETY
from lobule.septa import SEPTA
from lobule.treatments import DRUGS

if TYPE_CHECKING:
    from lobule.case import Case

GROUPS: dict[str, Parameters] = {
    group.name: group
    for group in (
        GEOMETRY,
        PERFUSION,
        FIELDS,
        OXYGEN,
        MATRIX,
        SEPTA,
        hepatocyte.PARAMETERS,
        genome.PARAMETERS,
        stellate.PARAMETERS,
        macrophage.PARAMETERS,
        msc.PARAMETERS,
        PRODUCTS,
        BODY,
        FUNCTION,
        DRUGS,
        SAFETY,
        REGENERATION,
    )
}


def parameter_values(case: Case) -> dict[str, Any]:
    """Return the values of all parameter groups for the subject of `case`, as named tuples."""
    changes: dict[str, dict[str, float]] = {name: {} for name in GROUPS}
    for key, value in case.parameters.items():
        group, _, name = key.partition(".")
        changes[group][name] = value
    return {name: group.values(case.subject.species, changes[name]) for name, group in GROUPS.items()}
