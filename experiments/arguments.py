"""The words of a command line as values: each function reads one kind, or says what it must be."""

from __future__ import annotations

import argparse
from pathlib import Path

from lobule.errors import shown


def setting(text: str) -> tuple[str, object]:
    """Return the key and the value of ``key=value``; the value is read as TOML, else as text."""
    import tomllib

    key, equals, value = (part.strip() for part in text.partition("="))
    if not (key and equals and value):
        raise argparse.ArgumentTypeError(f"{shown(text)} -> must be key=value, such as tissue.lobules=1")
    try:
        parsed = tomllib.loads(f"value = {value}")
    except (ValueError, RecursionError):
        return key, value
    return key, parsed["value"] if list(parsed) == ["value"] else value


def positive(text: str) -> float:
    """Return a number of days."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 100_000:
        raise argparse.ArgumentTypeError(f"{shown(text)} -> must be a number more than 0, at most 100000")
    return value


def whole(text: str) -> int:
    """Return a whole number, such as a seed."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < 2**63):
        raise argparse.ArgumentTypeError(f"{shown(text)} -> must be a whole number, 0 or more, below 2^63")
    return int(text)


def count(text: str) -> int:
    """Return a number of processes or of runs; whether there may be so many is said where they are made."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} -> must be a whole number, 1 or more") from None


def options(text: str) -> dict[str, object]:
    """Return ``key=value,key=value`` as a table."""
    try:
        return dict(setting(part) for part in text.split(","))
    except argparse.ArgumentTypeError:
        words = f"{shown(text)} -> must be key=value, or several with commas between them"
        raise argparse.ArgumentTypeError(words) from None


def filename(text: str) -> Path:
    """Return the path of a file; an empty name is none."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name of the file is empty")
    return Path(text)


def folder(text: str) -> Path:
    """Return the path of a folder; an empty name is none."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name of the folder is empty")
    return Path(text)
