"""Rules as data: which signal changes which behaviour of which cell, how strongly, and who found it.

A rule is one row of a TOML file, read by `read_rules`. `RuleSet` checks rows against the signals and
behaviours that there are, prints them as English and compiles them for `evaluate`, which states the formula.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lobule.agents.response import CompiledRules, compile_rows, evaluate

__all__ = ["CompiledRules", "Rule", "RuleError", "RuleSet", "evaluate", "merge", "read_rules", "rules_from"]

FORMAT = 1
RESPONSES = ("increases", "decreases")
NUMBERS = ("saturation", "half_max", "hill")


class RuleError(ValueError):
    """A rule that cannot be used; the message is one line naming file, row, key and what is allowed."""


@dataclass(frozen=True)
class Rule:
    """One response of one type of cell to one signal.

    Parameters
    ----------
    cell, signal : str
        Type of cell, and what it senses.
    response : {"increases", "decreases"}
        What the signal does to the behaviour.
    behaviour : str
        What changes.
    saturation : float
        Value of the behaviour at full signal, in the behaviour's unit, 0 or more. A row whose saturation is
        the base value has no effect: so a case switches a rule off.
    half_max : float
        Signal of half effect, above 0.
    hill : float
        Hill power, above 0.
    unit : str
        Unit of `half_max`, the signal's own.
    source : str
        Where the numbers come from; "assumed: …" is an honest source.
    note : str, optional
        Anything else a reader should know.
    where : str, optional
        File and row, for messages.

    Raises
    ------
    RuleError
        If a value has the wrong type or is out of range.
    """

    cell: str
    signal: str
    response: str
    behaviour: str
    saturation: float
    half_max: float
    hill: float
    unit: str
    source: str
    note: str = ""
    where: str = field(default="rule", compare=False)

    def __post_init__(self) -> None:
        for key in KEYS:
            value = getattr(self, key)
            if key in NUMBERS:
                object.__setattr__(self, key, self._number(key, value))
            elif not isinstance(value, str):
                raise self.error(key, "must be a text")
            elif key != "note" and not value.strip():
                raise self.error(key, "must not be empty")
        if self.response not in RESPONSES:
            raise self.error("response", one_of(self.response, RESPONSES))

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes it the same rule as another: cell, signal and behaviour."""
        return self.cell, self.signal, self.behaviour

    def error(self, key: str, text: str) -> RuleError:
        """Return the error that says what is wrong with the value of `key`."""
        return RuleError(f"{self.where}: {key} = {_shown(getattr(self, key))}: {text}")

    def _number(self, key: str, value: Any) -> float:
        least = "0 or more" if key == "saturation" else "above 0"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, f"must be a number {least}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number) or number < 0.0 or (number == 0.0 and key != "saturation"):
            raise self.error(key, f"must be finite and {least}")
        return number


KEYS = tuple(f.name for f in fields(Rule) if f.name != "where")


def read_rules(source: Path | str, origin: str | None = None) -> list[Rule]:
    """Read rules from a TOML file: ``format = 1`` and one ``[[rule]]`` table a row, as in `Rule`.

    Parameters
    ----------
    source : pathlib.Path or str
        A file, or the TOML text itself.
    origin : str, optional
        Name of the file in messages; the path by default.

    Raises
    ------
    RuleError
        If the file cannot be read, is of a newer format, or a row is wrong.
    """
    origin = origin or (str(source) if isinstance(source, Path) else "rules")
    try:
        text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
        data = tomllib.loads(text)
    except OSError as error:
        raise RuleError(f"{origin}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise RuleError(f"{origin}: is not TOML in UTF-8: {' '.join(str(error).split())}") from None
    for key in data:
        if key not in ("format", "rule"):
            raise RuleError(f"{origin}: unknown key {_shown(key)}: {one_of(key, ('format', 'rule'))}")
    version = data.get("format")
    if type(version) is int and version > FORMAT:
        raise RuleError(f"{origin}: format = {version} is of a newer version; this one reads {FORMAT}")
    if type(version) is not int or version != FORMAT:
        raise RuleError(f"{origin}: format = {_shown(version)}: must be {FORMAT}")
    return rules_from(data.get("rule", []), origin)


def rules_from(rows: Any, origin: str) -> list[Rule]:
    """Make rules from a list of tables, such as the ``rules`` of a case.

    Raises
    ------
    RuleError
        If `rows` is no list of tables, or a key is unknown, missing or has a wrong value.
    """
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise RuleError(f"{origin}: rule = {_shown(rows)}: must be a list of tables, [[rule]]")
    rules = []
    for number, row in enumerate(rows, start=1):
        where = f"{origin}: rule {number}"
        if not isinstance(row, Mapping):
            raise RuleError(f"{where}: {_shown(row)} must be a table")
        for key in row:
            if key not in KEYS:
                raise RuleError(f"{where}: unknown key {_shown(key)}: {one_of(key, KEYS)}")
        for key in KEYS:
            if key not in row and key != "note":
                raise RuleError(f"{where}: {key} is missing; a rule needs {', '.join(KEYS[:-1])}")
        rules.append(Rule(**row, where=where))
    return rules


def merge(base_rows: Iterable[Rule], changes: Iterable[Rule]) -> list[Rule]:
    """Return `base_rows` with `changes`: those for a known cell, signal and behaviour replace, others add."""
    added = list(changes)
    merged = []
    for row in base_rows:
        same = [change for change in added if change.identity == row.identity]
        merged += same or [row]
        added = [change for change in added if change.identity != row.identity]
    return merged + added


class RuleSet:
    """Rules that fit together and fit the cells.

    Parameters
    ----------
    rows : iterable of Rule
        The rules.
    signals : mapping of cell to mapping of signal to unit
        What each type of cell senses; the order is that of the columns in `evaluate`.
    behaviours : mapping of cell to mapping of behaviour to base value
        What each type of cell does when it senses nothing; the order is that of the columns.
    units : mapping of cell to mapping of behaviour to unit, optional
        Units of the behaviours, for `english`.
    labels : mapping of name to words, optional
        How cells (in the plural), signals and behaviours are called in `english`.

    Raises
    ------
    RuleError
        If a row names an unknown cell, signal or behaviour, or another unit than the signal's; pulls a
        behaviour to the wrong side of its base; or contradicts another row: the same signal and behaviour
        twice, or two saturations for what increases (or decreases) one behaviour.
    """

    def __init__(
        self,
        rows: Iterable[Rule],
        signals: Mapping[str, Mapping[str, str]],
        behaviours: Mapping[str, Mapping[str, float]],
        units: Mapping[str, Mapping[str, str]] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        self.rows = tuple(rows)
        self.signals, self.behaviours = signals, behaviours
        self._units, self._labels = units or {}, labels or {}
        first: dict[tuple[str, ...], Rule] = {}
        for row in self.rows:
            self._check_names(row)
            self._check_side(row)
            twin = first.setdefault(row.identity, row)
            if twin is not row:
                raise row.error("behaviour", f"{row.signal} already {twin.response} it in {twin.where}")
            if self._acts(row):
                twin = first.setdefault((row.cell, row.behaviour, row.response, "saturation"), row)
                if twin.saturation != row.saturation:
                    text = f"must be that of {twin.where}, {twin.saturation:g}, which also {row.response}"
                    raise row.error("saturation", f"{text} {row.behaviour}")

    def compile(self, cell: str) -> CompiledRules:
        """Return the rules of `cell` as arrays for `evaluate`."""
        signals, behaviours = list(self.signals[cell]), list(self.behaviours[cell])
        table = []
        for row in self.rows:
            if row.cell == cell and self._acts(row):
                group = 2 * behaviours.index(row.behaviour) + (row.response == "decreases")
                table.append((group, signals.index(row.signal), row.half_max, row.hill, row.saturation))
        return compile_rows(table, len(behaviours))

    def english(self, cell: str | None = None) -> list[str]:
        """Return each rule, or each of `cell`, as a sentence with its source."""
        return [self._sentence(row) for row in self.rows if cell in (None, row.cell)]

    def _acts(self, row: Rule) -> bool:
        """Return whether a row can change anything: one that saturates at the base cannot by itself.

        But one that decreases pulls what others have raised back to the base.
        """
        if row.saturation != self.behaviours[row.cell][row.behaviour]:
            return True
        return row.response == "decreases" and any(
            (other.cell, other.behaviour) == (row.cell, row.behaviour)
            and other.response == "increases"
            and self._acts(other)
            for other in self.rows
        )

    def _check_names(self, row: Rule) -> None:
        known = {
            "cell": self.behaviours,
            "signal": self.signals.get(row.cell, {}),
            "behaviour": self.behaviours.get(row.cell, {}),
        }
        for key, names in known.items():
            if (name := getattr(row, key)) not in names:
                raise row.error(key, one_of(name, names))
        if row.unit != (unit := self.signals[row.cell][row.signal]):
            raise row.error("unit", f'{row.signal} has unit "{unit}"')

    def _check_side(self, row: Rule) -> None:
        base = self.behaviours[row.cell][row.behaviour]
        above = row.response == "increases"
        if row.saturation < base if above else row.saturation > base:
            side = "or more" if above else "or less"
            raise row.error("saturation", f"must be {base:g} (the base of {row.behaviour}) {side}")

    def _sentence(self, row: Rule) -> str:
        base = self.behaviours[row.cell][row.behaviour]
        unit = self._units.get(row.cell, {}).get(row.behaviour, "-")
        start = f"from {base:g} " if row.response == "increases" else ""
        text = (
            f"In {self._words(row.cell, 's')}, {self._words(row.signal)} {row.response} "
            f"{self._words(row.behaviour)} {start}towards {_quantity(row.saturation, unit)}, "
            f"half of it at {_quantity(row.half_max, row.unit)} (Hill {row.hill:g})."
        )
        return f"{text} Source: {row.source.rstrip('.')}. {row.note}".rstrip()

    def _words(self, name: str, plural: str = "") -> str:
        return self._labels.get(name, name.replace("_", " ") + plural)


def one_of(word: str, names: Iterable[str]) -> str:
    """Return what is allowed instead of `word`, and the nearest of it."""
    names = list(names)
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    meant = f'; did you mean "{close[0]}"?' if close else ""
    return f"must be one of {', '.join(names) or '(none)'}{meant}"


def _quantity(value: float, unit: str) -> str:
    if unit == "-":
        return f"{value:g}"
    return f"{value:g} /{unit[2:]}" if unit.startswith("1/") else f"{value:g} {unit}"


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
