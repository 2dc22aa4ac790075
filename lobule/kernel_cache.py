"""Where compiled kernels are kept between runs.

numba recompiles a kernel when its own file changes, but not when a kernel or a constant that it uses from
another file does: it would go on running old code. So the folder carries a hash of every source file. This
module is imported before numba and needs the standard library only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PREFIX = "kernels-"
FORGET_AFTER_DAYS = 30.0


def use_kernel_cache() -> Path | None:
    """Point numba's disk cache to a folder that belongs to exactly these sources.

    The folder is made in the first of these that can be written: ``$NUMBA_CACHE_DIR``,
    ``$XDG_CACHE_HOME/lobule``, ``~/.cache/lobule``, the temporary folder. Vector mathematics from SVML is
    switched off, since results would differ between machines that have it and others.

    Returns
    -------
    pathlib.Path or None
        The folder, or None when no place can be written; kernels are then compiled in every process.
    """
    os.environ.setdefault("NUMBA_DISABLE_INTEL_SVML", "1")
    for parent, shared in _places():
        folder = parent / f"{PREFIX}{source_hash()}"
        if not _prepare(folder, shared):
            continue
        os.environ["NUMBA_CACHE_DIR"] = str(folder)
        if "numba" in sys.modules:
            sys.modules["numba"].config.CACHE_DIR = str(folder)
        return folder
    return None


def is_warm() -> bool:
    """Return whether all kernels have been compiled here before, by these versions on this processor."""
    marker = _marker()
    return marker is not None and marker.exists()


def mark_warm() -> None:
    """Remember that all kernels have been compiled; to be called after a first full step."""
    if (marker := _marker()) is not None:
        marker.touch()


@cache
def source_hash() -> str:
    """Return a hash of every source file that compiled code can come from, 16 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=8)
    for name in ("lobule", "lobule.agents"):
        spec = importlib.util.find_spec(name)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(folder).glob("*.py")):
                digest.update(f"{name}/{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _places() -> Iterator[tuple[Path, bool]]:
    """Yield each place, and whether the user has chosen it knowing who else can write there."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        # a parent process of ours has already put its own hash at the end
        yield Path(chosen).parent if Path(chosen).name.startswith(PREFIX) else Path(chosen), True
    if os.path.isabs(base := os.environ.get("XDG_CACHE_HOME", "")):
        yield Path(base) / "lobule", False
    if os.path.isabs(base := os.path.expanduser("~")):
        yield Path(base) / ".cache" / "lobule", False
    import tempfile  # slow to import, and rarely needed

    owner = os.getuid() if hasattr(os, "getuid") else "user"
    try:
        yield Path(tempfile.gettempdir()) / f"lobule-{owner}", False
    except FileNotFoundError:  # no place for temporary files either
        return


def _prepare(folder: Path, shared: bool) -> bool:
    """Make `folder` if need be; return whether it can be written and, unless `shared`, is the user's own."""
    try:
        if folder.exists():
            os.utime(folder)
        else:
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            _forget_old(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            return False
        # numba runs machine code from here: never what another user could have put there
        owners = {folder.stat().st_uid, folder.parent.stat().st_uid}
        return shared or not hasattr(os, "getuid") or owners == {os.getuid()}
    except OSError:
        return False


def _forget_old(folder: Path) -> None:
    """Remove the kernels of sources that nobody has run for a month."""
    import shutil

    for other in folder.parent.glob(f"{PREFIX}*"):
        if time.time() - other.stat().st_mtime > FORGET_AFTER_DAYS * 86400.0:
            shutil.rmtree(other, ignore_errors=True)


def _marker() -> Path | None:
    folder = os.environ.get("NUMBA_CACHE_DIR")
    if not folder:
        return None
    import llvmlite.binding
    import numba

    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    processor = llvmlite.binding.get_host_cpu_name()
    return Path(folder) / f"warm-{source_hash()}-numba{numba.__version__}-python{python}-{processor}"
