"""Make the pictures of docs/real-tissue.md: a painted section, the tissue made of it, and a run on that.

``python docs/tissue_pictures.py`` takes a minute. The section is synthetic, so that anyone can make it again:
two millimetres of a needle biopsy in which central veins are painted blue and portal tracts yellow.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lobule import Lobule, load_case
from lobule.experiments.histology import tissue_map
from lobule.experiments.masks.make import Options, make_map

HERE = Path(__file__).resolve().parent
UM_PER_PIXEL = 2.0
GROUND, STROMA, NUCLEUS = (243, 241, 243), (216, 146, 180), (92, 60, 130)
VEIN, TRACT = (0, 0, 255), (255, 255, 0)


def section(seed: int = 2) -> NDArray[np.uint8]:
    """Return a section, shape (height, width, 3), as if stained and then painted."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:430, :1050].astype(float)
    inside = np.abs(y - 215.0 - 25.0 * np.sin(x / 250.0)) < 150.0 + 18.0 * np.sin(x / 90.0 + 1.0)
    inside &= np.abs(x - 525.0) < 505.0 + 8.0 * np.sin(y / 30.0)
    image = np.empty((*x.shape, 3))
    image[:] = GROUND
    image[inside] = STROMA
    image += rng.normal(0.0, 10.0, (*x.shape, 1)) * inside[..., None]
    places = rng.uniform((0.0, 0.0), x.shape, (9000, 2)).astype(int)
    for row, column in places[inside[places[:, 0], places[:, 1]]]:
        image[row : row + 3, column : column + 3] = NUCLEUS
    vessels = [(125.0 + 200.0 * k, 215.0, VEIN, 9.0, 17.0) for k in range(5)]
    for k in range(-1, 5):
        vessels += [(225.0 + 200.0 * k, 215.0 + side, TRACT, 11.0, 20.0) for side in (-115.0, 115.0)]
    for column, row, colour, least, most in vessels:
        column, row = column + rng.uniform(-18.0, 18.0), row + rng.uniform(-18.0, 18.0)
        across, along = rng.uniform(least, most, 2)
        image[inside & (((x - column) / across) ** 2 + ((y - row) / along) ** 2 < 1.0)] = colour
    return np.clip(image, 0.0, 255.0).astype(np.uint8)


def main() -> None:
    """Write the pictures into docs/images/."""
    with tempfile.TemporaryDirectory() as name:
        image = Path(name) / "biopsy.png"
        Image.fromarray(section()).save(image)
        for line in make_map(image, Options(um_per_pixel=UM_PER_PIXEL)):
            print(line.replace(f"{name}/", ""))
        drawn = Image.open(image.with_name("biopsy.tissue.png")).convert("RGB")
        drawn = drawn.resize((1000, 1000 * drawn.height // drawn.width), Image.Resampling.LANCZOS)
        drawn.save(HERE / "images" / "real-tissue.png", optimize=True)
        settings = {"tissue.map": str(image.with_name("biopsy.tissue.toml")), "tissue.agents": False}
        model = Lobule(load_case("ccl4-mouse", settings), rng=1).run(days=14.0)
    figure = tissue_map(model)
    figure.savefig(HERE / "images" / "real-tissue-run.png", dpi=100)


if __name__ == "__main__":
    sys.exit(main())
