"""Files written in one go: there whole, or as they were before."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lobule.errors import InputError, shown


def checked_path(value: object, name: str) -> Path:
    """Return a path that a script gives as argument `name`.

    Raises
    ------
    InputError
        If it is none.
    """
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str) or not text or "\0" in text:
        raise InputError(f"{name} = {shown(value)} -> must be the name of a file or a folder")
    return Path(text)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give the name of a file or a folder to write, which becomes `path` once it is written.

    Parameters
    ----------
    path : Path
        What to make, or the file to replace; its folder exists.

    Yields
    ------
    Path
        A name beside it. A kill leaves it behind, hidden and ending in ``.partial``; an error removes it.

    Raises
    ------
    OSError
        If it cannot be written; it names `path`, not the name beside it.
    """
    partial = path.with_name(f".{path.name[:40]}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        if error.filename is None or partial.name in str(error.filename):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def remove_partial(folder: Path) -> None:
    """Remove what writing that was killed has left in `folder` and in the folders right below it."""
    for pattern in (".*.partial", "*/.*.partial"):
        for left in folder.glob(pattern):
            left.unlink(missing_ok=True)
