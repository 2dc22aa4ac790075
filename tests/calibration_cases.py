"""A small calibration for the tests: days of a tenth of a lobule, held against what was simulated."""

from __future__ import annotations

from pathlib import Path

from lobule.case import load_case
from lobule.experiments.models import build_model
from lobule.experiments.sweeps.plan import replicate_seed

TRUE = {"body.hfe_response": 0.2, "hepatocyte.export_rate": 0.055}
SMALL = {
    "tissue.lobules": 1,
    "tissue.radius_um": 100.0,
    "tissue.agents": False,
    "clock.phases": [{"days": 5, "step_hours": 24}],
    "record.snapshot_days": [],
}
ERRORS = {"lic_mg_per_g": 0.03, "transferrin_saturation_percent": 0.5}

EVIDENCE = """
format = 1
name = "own"
citation = "simulated"
species = "mouse"
cohort = "Hfe-/- mice"
protocol = "chow"

[[arm]]
name = "Hfe-/-"
case = "small.toml"
"""
VALUE = """
[[value]]
arm = "Hfe-/-"
use = "fitted"
readout = "{readout}"
value = {value}
error = {error}
error_kind = "SE"
unit = "{unit}"
grade = "A"
source = "simulated"
"""
FILE = """
format = 1
name = "recovery"
data = ["own.toml"]
particles = {particles}
generations = {generations}
seed = 3

[parameters]
body.hfe_response = {{}}
hepatocyte.export_rate = {{ scale = "log" }}
"""


def calibration_file(folder: Path, particles: int = 24, generations: int = 5) -> Path:
    """Write a case, the data that it gives with :data:`TRUE`, and a calibration to these; return the last."""
    case = load_case("hfe-mouse", {**SMALL, "name": "small"})
    (folder / "small.toml").write_text(case.to_toml(), "utf-8")
    model = build_model(load_case(case, TRUE), replicate_seed(99, 0)).run()
    found = model.readouts()
    values = [
        VALUE.format(readout=name, value=found[name], error=error, unit="-") for name, error in ERRORS.items()
    ]
    (folder / "own.toml").write_text(EVIDENCE + "".join(values), "utf-8")
    path = folder / "recovery.toml"
    path.write_text(FILE.format(particles=particles, generations=generations), "utf-8")
    return path
