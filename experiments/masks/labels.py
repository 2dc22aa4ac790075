"""What the marks in a mask mean: numbers of a label mask, colours of a painted image, names of shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.errors import InputError, nearest, shown
from lobule.geometry import CENTRAL_VEIN, PARENCHYMA, PORTAL_TRACT
from lobule.mapped import OUTSIDE

#: What can be marked, by the word of the command line.
KINDS = {"central": CENTRAL_VEIN, "portal": PORTAL_TRACT, "tissue": PARENCHYMA, "outside": OUTSIDE}
PLURAL = {"central": "central veins", "portal": "portal tracts"}
LABELS = {"central": 1, "portal": 2, "outside": 0}
COLOURS = {"central": "#0000ff", "portal": "#ffff00", "outside": "#ffffff"}
CLASSES = {
    "central": ("central vein", "hepatic vein", "hepatic venule", "terminal hepatic venule"),
    "portal": ("portal tract", "portal triad", "portal field", "portal area"),
    "tissue": ("tissue", "parenchyma", "liver"),
    "outside": ("outside", "background", "hole", "ignore", "tear", "artefact", "artifact"),
}
#: Distance from a colour (of 255 in each of red, green and blue) up to which a pixel has it: smoothing and
#: compression blur what was painted, and the ground of a slide is never quite white.
TOLERANCE = 60.0


class Raster(NamedTuple):
    """An image whose pixels say what they are.

    Attributes
    ----------
    kinds : int8 [height, width]
        `OUTSIDE`, or a kind of site.
    um : float
        Width of a pixel (um).
    corner : (float, float)
        Where its upper left corner lies in the image: right and down (um).
    """

    kinds: NDArray[np.int8]
    um: float
    corner: tuple[float, float]


def choices(given: Mapping[str, Any], option: str) -> dict[str, tuple[str, ...]]:
    """Return what an option names for each kind: ``{"central": "1+4"}`` gives ``{"central": ("1", "4")}``.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    found = {}
    for kind, value in given.items():
        if kind not in KINDS:
            raise InputError(f"{option} {kind} -> not one of {', '.join(KINDS)}{nearest(kind, KINDS)}")
        found[kind] = tuple(part.strip() for part in str(value).split("+"))
    return found


def by_label(pixels: NDArray[Any], given: Mapping[str, Any]) -> NDArray[np.int8]:
    """Return the kinds of the pixels of a label mask; numbers that are not named are parenchyma.

    Where ``tissue`` is named, the others are outside.

    Raises
    ------
    InputError
        If a number is none, or no pixel is a vein or a tract.
    """
    named = choices(given, "--labels")
    there = np.unique(pixels)
    kinds = np.full(pixels.shape, OUTSIDE if "tissue" in named else PARENCHYMA, np.int8)
    for kind, default in LABELS.items():
        named.setdefault(kind, (str(default),))
    taken: dict[int, str] = {}
    for kind, texts in named.items():
        for text in texts:
            try:
                number = int(text)
            except ValueError:
                raise InputError(
                    f"--labels {kind}={text} -> must be a whole number: {_some(there)}"
                ) from None
            if taken.get(number, kind) != kind and {kind, taken[number]} <= set(given):
                raise InputError(f"--labels {kind}={text} -> {text} is {taken[number]} already")
            if number in taken and kind not in given:
                continue  # a default gives way
            taken[number] = kind
            kinds[pixels == number] = KINDS[kind]
    for kind, words in PLURAL.items():
        if not (kinds == KINDS[kind]).any():
            raise InputError(
                f"no pixel has the label {'+'.join(named[kind])} ({words}); there are {_some(there)}: "
                f"say which with --labels {kind}=..."
            )
    return kinds


def _some(numbers: NDArray[Any]) -> str:
    words = [f"{number:g}" for number in numbers[:8]]
    return ", ".join([*words, "..."] if len(numbers) > 8 else words)


def by_colour(pixels: NDArray[np.uint8], given: Mapping[str, Any]) -> NDArray[np.int8]:
    """Return the kinds of the pixels [height, width, 3] of an image in which vessels were painted.

    A pixel is what it is painted as, if its colour is near enough to one of the named; otherwise parenchyma.

    Raises
    ------
    InputError
        If a colour is none, or no pixel has that of the veins or the tracts.
    """
    from matplotlib.colors import to_rgb

    named = {kind: (colour,) for kind, colour in COLOURS.items()} | choices(given, "--colours")
    best = np.full(pixels.shape[:2], TOLERANCE**2, np.float32)
    kinds = np.full(pixels.shape[:2], PARENCHYMA, np.int8)
    for kind, colours in named.items():
        for text in colours:
            try:
                colour = 255.0 * np.array(to_rgb(text))
            except ValueError:
                raise InputError(
                    f"--colours {kind}={text} -> is no colour; write #0000ff, or a name such as blue"
                ) from None
            away = np.zeros(pixels.shape[:2], np.float32)
            for channel in range(3):
                away += (pixels[..., channel].astype(np.float32) - np.float32(colour[channel])) ** 2
            kinds[away < best] = KINDS[kind]
            np.minimum(best, away, out=best)
    for kind, words in PLURAL.items():
        if not (kinds == KINDS[kind]).any():
            raise InputError(
                f"no pixel has the colour {'+'.join(named[kind])} ({words}): paint them, "
                f"or say with which with --colours {kind}=..."
            )
    return kinds


def classes(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the kind, as a word of `KINDS`, of each name that shapes may have, in lower case."""
    own = choices(given, "--labels")
    table = {name: kind for kind, names in CLASSES.items() if kind not in own for name in names}
    return table | {name.lower(): kind for kind, names in own.items() for name in names}


def missing_class(kinds: Sequence[str], there: Sequence[str], known: Mapping[str, str]) -> str:
    """Return, in words, which of the needed shapes are not there; nothing when all are."""
    for kind in ("tissue", *PLURAL):
        if kind not in kinds:
            wanted = next(name for name, of in known.items() if of == kind).capitalize()
            strange = [name for name in there if name.lower() not in known]
            have = ", ".join(shown(name) for name in there[:8]) or "no shapes with a class"
            hint = nearest(wanted, strange)
            return f"no shape has the class {shown(wanted)}; there are {have}: say --labels {kind}=...{hint}"
    return ""
