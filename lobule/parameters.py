"""All declared parameters, by group."""

from lobule.agents import hepatocyte, macrophage, msc, stellate
from lobule.agents.declare import Parameters
from lobule.body import BODY
from lobule.fields import FIELDS
from lobule.geometry import GEOMETRY
from lobule.matrix import MATRIX
from lobule.oxygen import OXYGEN
from lobule.perfusion import PERFUSION
from lobule.treatments import DRUGS

GROUPS: dict[str, Parameters] = {
    group.name: group
    for group in (
        GEOMETRY,
        PERFUSION,
        FIELDS,
        OXYGEN,
        MATRIX,
        hepatocyte.PARAMETERS,
        stellate.PARAMETERS,
        macrophage.PARAMETERS,
        msc.PARAMETERS,
        BODY,
        DRUGS,
    )
}
