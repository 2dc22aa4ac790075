"""One kind of error for everything that is wrong in what a user wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

LONGEST_VALUE = 60


class InputError(ValueError):
    """Something in a case file, a setting or a command line is wrong.

    The message is one line that names the file, the key, the value, what is allowed and, where a name was
    misspelt, the nearest valid one. Commands print it and leave with exit code 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """Return `text` on one line, with what a terminal would not show as plain text escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))


def nearest(word: str, names: Iterable[str]) -> str:
    """Return ``'; did you mean "…"?'`` for the name closest to `word`, or nothing when none is close."""
    lower = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    return f'; did you mean "{lower[close[0]]}"?' if close else ""


def shown(value: object) -> str:
    """Return `value` as it looks in TOML, on one line and cut when long."""
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, int) and abs(value) > 10**LONGEST_VALUE:
        text = "a very large integer"
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(map(shown, value))}]"
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key} = {shown(entry)}" for key, entry in value.items()) + "}"
    else:
        text = str(value)
    text = one_line(text)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."
