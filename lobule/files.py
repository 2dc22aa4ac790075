"""Files written in one go: there whole, or as they were before."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give the name of a file to write, which becomes `path` once it is written.

    Parameters
    ----------
    path : Path
        The file to make or to replace; its folder exists.

    Yields
    ------
    Path
        A name beside it. A kill leaves it behind, hidden and ending in ``.partial``; an error removes it.
    """
    partial = path.with_name(f".{path.name[:40]}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def remove_partial(folder: Path) -> None:
    """Remove what writing that was killed has left in `folder` and in the folders right below it."""
    for pattern in (".*.partial", "*/.*.partial"):
        for left in folder.glob(pattern):
            left.unlink(missing_ok=True)
