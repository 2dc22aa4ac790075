"""Models for the runner and the pictures: without Mesa agents, which nothing here needs.

Mesa 3.3.1 keeps every model that ever had agents until the process ends, and making the agents takes as long
as the rest of a small model. Runs give the same bits with and without them.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

from lobule import snapshot
from lobule.case import Case
from lobule.model import Lobule


def build_model(case: Case, seed: int) -> Lobule:
    """Return the model of `case` at its start; what it saves has agents again where the case wants them."""
    case = case.for_subject(seed)
    bare = case.tissue.model_copy(update={"agents": False})
    model = Lobule(case.model_copy(update={"tissue": bare}), rng=seed)
    model.case = case
    return model


def load_model(path: Path | IO[bytes], name: str = "") -> Lobule:
    """Return the model saved at `path`, a file or an open one that messages call `name`.

    Raises
    ------
    InputError
        If the file is missing, damaged, no snapshot, or of another format.
    """
    case, seed, state = snapshot.read(path, name)
    model = build_model(case, seed)
    snapshot.restore(model, state)
    return model
