"""Run folders: checked before any work is done, sealed when they are complete, found damaged later."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lobule.case import Case
from lobule.errors import InputError, shown

FORMAT = 1
MANIFEST, SERIES, SUMMARY = "manifest.json", "series.parquet", "summary.json"
FINAL = "final.npz"
LAST_PICTURE = "budget.png"  # of those that every finished run has, the one that is drawn last
RESULTS = (SERIES, SUMMARY, "case.toml")


def default_folder(case: Case, seed: int) -> Path:
    """Return where a run goes that is given no folder."""
    return Path("runs") / f"{case.name}-seed{seed}"


def numbered(path: Path, number: int) -> Path:
    """Return the `number`-th name for a folder whose first is `path`."""
    return path if number == 1 else path.with_name(f"{path.name}-{number}")


def free_folder(path: Path) -> Path:
    """Return `path`, numbered when it is taken."""
    number = 1
    while numbered(path, number).exists():
        number += 1
    return numbered(path, number)


def check_new_folder(path: Path, option: str = "--out") -> None:
    """Refuse a folder that a run could not be written to; nothing is left on the disk.

    Raises
    ------
    InputError
        If `path` holds something already, or cannot be made.
    """
    name = f"{option} {path}"
    if "\0" in str(path):
        raise InputError(f"{option} {shown(str(path))} -> is no name of a folder")
    try:
        if path.is_dir():
            if any(path.iterdir()):
                raise InputError(f"{name} -> the folder is not empty; name a new one, or use --resume")
        elif path.exists() or path.is_symlink():
            raise InputError(f"{name} -> is a file, not a folder")
        above = path.absolute()
        while not above.exists():
            above = above.parent
        if not above.is_dir():
            raise InputError(f"{name} -> cannot be made: {above} is a file, not a folder")
        if len(path.name.encode()) > 255:
            raise InputError(f"{name[:60]}... -> the name is too long")
        tempfile.TemporaryDirectory(dir=above).cleanup()
    except OSError as error:
        raise InputError(f"{name} -> cannot be written: {error.strerror or error}") from None


def read_manifest(path: Path, option: str = "") -> dict[str, Any]:
    """Return the manifest of the run in folder `path`.

    Raises
    ------
    InputError
        If it is no run folder, is damaged, or was written in a newer format.
    """
    name = f"{option} {path}".strip()
    manifest = path / MANIFEST
    try:
        if not path.is_dir():
            raise InputError(f"{name} -> {'is a file, not a folder' if path.exists() else 'no such folder'}")
        if not manifest.is_file():
            raise InputError(f"{name} -> is no run folder: it has no {MANIFEST}")
        content = json.loads(manifest.read_bytes())
    except OSError as error:
        raise InputError(f"{name} -> cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name} -> its {MANIFEST} is damaged") from None
    version = content.get("format") if isinstance(content, dict) else None
    if not isinstance(version, int) or version < 1:
        raise InputError(f"{name} -> its {MANIFEST} is damaged: it has no format")
    if version > FORMAT:
        raise InputError(f"{name} -> this run has format {version}; this version reads {FORMAT}")
    return dict(content)


def check_resumable(path: Path, option: str = "--resume") -> None:
    """Refuse a folder whose run cannot be gone on with.

    Raises
    ------
    InputError
        As `read_manifest`, or if the run is finished.
    """
    if read_manifest(path, option).get("status") == "done":
        raise InputError(f"{option} {path} -> the run is finished; see {path / SUMMARY}")


def check_complete(path: Path) -> None:
    """Refuse a run folder that is not complete and as it was written.

    Raises
    ------
    InputError
        As `read_manifest`, or saying what is wrong.
    """
    if read_manifest(path).get("status") != "done":
        raise InputError(f"{path} -> the run is not finished; go on with: lobule run --resume {path}")
    if wrong := damage(path):
        raise InputError(f"{path} -> {wrong}")


def snapshot_name(day: float) -> str:
    """Return the name of the file that keeps the state of `day`; no two steps of a run share one."""
    return f"day-{day:07.2f}.npz"


def sealed_files(folder: Path) -> dict[str, list[Any]]:
    """Return size (bytes) and SHA-256 of every file of a complete run, by its path in `folder`."""
    paths = [*(folder / name for name in RESULTS), *sorted((folder / "snapshots").glob("*.npz"))]
    return {path.relative_to(folder).as_posix(): _seal(path) for path in paths}


def is_drawn(folder: Path) -> bool:
    """Return whether all pictures of a run are there."""
    return (folder / "figures" / LAST_PICTURE).is_file()


def manifest_seal(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a manifest says, its own seal left out."""
    own = {key: value for key, value in content.items() if key != "seal"}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()


def _seal(path: Path) -> list[Any]:
    content = path.read_bytes()
    return [len(content), hashlib.sha256(content).hexdigest()]


def damage(folder: Path, run: str | None = None) -> str:
    """Return what is wrong with the folder of a run that should be complete; nothing when all is well.

    Results are held against their SHA-256; of snapshots, which are large, only the size is looked at. With
    `run`, the folder has to hold the run of this name.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if manifest["status"] != "done":
            return "is not complete"
        if manifest["seal"] != manifest_seal(manifest):
            return f"{MANIFEST} is not what was written"
        if run is not None and manifest["run"] != run:
            return f"holds another run, {manifest['run']}"
        files = manifest["files"]
        for name in (*RESULTS, *(name for name in files if name not in RESULTS)):
            path, seal = folder / name, files[name]
            is_whole = _seal(path) == seal if name in RESULTS else path.stat().st_size == seal[0]
            if not is_whole:
                return f"{name} is not what was written"
    except FileNotFoundError as error:
        return f"{Path(error.filename).relative_to(folder)} is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return f"{MANIFEST} is damaged"
    return ""
