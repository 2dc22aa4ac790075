"""The plain Mesa way: Mesa's own SolaraViz on the model, with the tissue and one curve as components.

Show it with ``solara run experiments/examples/mesa_view.py``. `lobule view` is the richer page.
"""

import solara
from mesa.visualization import SolaraViz, make_plot_component
from mesa.visualization.utils import update_counter

from lobule import Lobule
from lobule.case import builtin_cases
from lobule.experiments.browser.scene import Painter, View, stage
from lobule.experiments.browser.widgets import TissueMap


@solara.component
def Tissue(model: Lobule) -> None:
    """The stained tissue on the canvas of the page."""
    update_counter.get()
    painter = solara.use_memo(Painter, [])
    picture = {**painter.picture(View(), model, None), "number": int(model.tick)}
    with solara.Div(style={"height": "420px"}):
        TissueMap(stage=stage(model), picture=picture)


def iron(model: Lobule) -> float:
    """Liver iron, mg per g of dry weight."""
    return model.readouts()["lic_mg_per_g"]


class Watched(Lobule):
    """A lobule with a data collector, as Mesa's plots want it."""

    def __init__(self, case: str = "hfe-mouse", *, rng: int = 1, lobules: int = 1) -> None:
        import mesa

        super().__init__(case, rng=rng, settings={"tissue.lobules": lobules})
        self.datacollector = mesa.DataCollector(model_reporters={"liver iron (mg/g)": iron})

    def step(self) -> None:
        """Advance by one step and note the iron."""
        super().step()
        self.datacollector.collect(self)


PARAMETERS = {
    "case": {
        "type": "Select",
        "value": "hfe-mouse",
        "values": list(builtin_cases()),
        "label": "case",
    },
    "lobules": {"type": "Select", "value": 1, "values": [1, 7], "label": "lobules"},
    "rng": {"type": "SliderInt", "value": 1, "min": 1, "max": 100, "step": 1, "label": "seed"},
}


@solara.component
def Page() -> None:
    """One model for each visitor."""
    model = solara.use_memo(Watched, [])
    SolaraViz(
        model,
        components=[Tissue, make_plot_component("liver iron (mg/g)")],
        model_params=PARAMETERS,
        name="Liver lobule",
    )
