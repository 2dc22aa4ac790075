"""Rules: what is read, what is refused, and what a cell makes of its signals."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobule.agents.rules import Rule, RuleError, RuleSet, evaluate, merge, read_rules, rules_from

HEAD = "format = 1\n"
ROW = """
[[rule]]
cell = "macrophage"
signal = "damp"
response = "increases"
behaviour = "to_m1"
saturation = 0.1
half_max = 5
hill = 2
unit = "ng/mL"
source = "assumed"
"""
SIGNALS = {"macrophage": {"damp": "ng/mL", "il10": "ng/mL", "iron": "fmol"}, "hepatocyte": {"hgf": "ng/mL"}}
BEHAVIOURS = {"macrophage": {"to_m1": 0.0, "tnf_secretion": 2.0}, "hepatocyte": {"division": 0.001}}
UNITS = {"macrophage": {"to_m1": "1/h", "tnf_secretion": "ag/h"}, "hepatocyte": {"division": "1/h"}}


def rule(signal: str, response: str, saturation: float, half_max: float = 1.0, hill: float = 1.0) -> Rule:
    """Return a rule of the macrophage's TNF secretion, base 2."""
    unit = SIGNALS["macrophage"][signal]
    return Rule("macrophage", signal, response, "tnf_secretion", saturation, half_max, hill, unit, "assumed")


def rule_set(*rows: Rule) -> RuleSet:
    return RuleSet(rows, SIGNALS, BEHAVIOURS, UNITS, {"damp": "DAMP", "to_m1": "polarisation to M1"})


def respond(rules: RuleSet, signals: object, base: tuple[float, float] = (0.0, 2.0)) -> np.ndarray:
    """Return TNF secretion of macrophages that sense `signals`, shape (n, 3)."""
    sensed = np.atleast_2d(np.asarray(signals, dtype=np.float64))
    out = np.full((len(sensed), 2), np.nan)
    around, own, site = sensed[:, :1].copy(), sensed[:, 1:].T.copy(), np.arange(len(sensed))
    evaluate(rules.compile("macrophage"), np.array(base), around, site, own, out)
    assert np.array_equal(out[:, 0], np.full(len(sensed), base[0]))
    return out[:, 1]


def reference(rows: list[Rule], signals: dict[str, float], base: float) -> float:
    """Return the documented formula in plain Python."""

    def fullness(response: str) -> float:
        total = sum((signals[r.signal] / r.half_max) ** r.hill for r in rows if r.response == response)
        return total / (1 + total)

    up = next((r.saturation for r in rows if r.response == "increases"), base)
    down = next((r.saturation for r in rows if r.response == "decreases"), base)
    y = base + fullness("increases") * (up - base)
    return y + fullness("decreases") * (down - y)


def test_a_row_is_read_with_its_place() -> None:
    (row,) = read_rules(HEAD + ROW, "rules.toml")
    assert (row.cell, row.signal, row.behaviour) == row.identity == ("macrophage", "damp", "to_m1")
    assert (row.saturation, row.half_max, row.hill, row.note) == (0.1, 5.0, 2.0, "")
    assert row.where == "rules.toml: rule 1"


def test_files_and_tables_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "more.toml"
    path.write_text(HEAD + ROW, encoding="utf-8")
    table = {f: getattr(read_rules(path)[0], f) for f in ("cell", "signal", "response", "behaviour", "unit")}
    table |= {"saturation": 0.1, "half_max": 5, "hill": 2, "source": "assumed"}
    assert rules_from([table], "case.toml") == read_rules(path)
    assert read_rules(HEAD) == []


BAD_FILES = {
    "half_max = -1.0: must be finite and above 0": ROW.replace("half_max = 5", "half_max = -1.0"),
    "half_max = 0: must be finite and above 0": ROW.replace("half_max = 5", "half_max = 0"),
    "hill = NaN: must be finite and above 0": ROW.replace("hill = 2", "hill = nan"),
    "saturation = Infinity: must be finite and 0 or more": ROW.replace("0.1", "inf"),
    "saturation = -0.1: must be finite and 0 or more": ROW.replace("0.1", "-0.1"),
    "must be finite and 0 or more": ROW.replace("0.1", "1" + "0" * 400),
    "hill = true: must be a number above 0": ROW.replace("hill = 2", "hill = true"),
    'hill = "2": must be a number above 0': ROW.replace("hill = 2", 'hill = "2"'),
    "source = 3: must be a text": ROW.replace('source = "assumed"', "source = 3"),
    'source = "": must not be empty': ROW.replace('source = "assumed"', 'source = ""'),
    'did you mean "increases"?': ROW.replace("increases", "increase"),
    'unknown key "halfmax": must be one of cell, signal': ROW.replace("half_max", "halfmax"),
    'did you mean "half_max"?': ROW.replace("half_max", "halfmax"),
    "unit is missing": ROW.replace('unit = "ng/mL"\n', ""),
}


@pytest.mark.parametrize(("message", "text"), BAD_FILES.items())
def test_a_bad_row_is_refused_in_one_line(message: str, text: str) -> None:
    with pytest.raises(RuleError) as caught:
        read_rules(HEAD + ROW + text, "x.toml")
    assert str(caught.value).startswith("x.toml: rule 2: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "format = null: must be 1"),
        ("format = true", "format = true: must be 1"),
        ("format = 2", "format = 2 is of a newer version; this one reads 1"),
        (HEAD + "rules = []", 'unknown key "rules": must be one of format, rule; did you mean "rule"?'),
        (HEAD + "rule = 3", "must be a list of tables"),
        (HEAD + "rule = [3]", "rule 1: 3 must be a table"),
        (HEAD + "[[rule", "is not TOML in UTF-8"),
    ],
)
def test_a_bad_file_is_refused(text: str, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        read_rules(text, "x.toml")
    assert str(caught.value).startswith("x.toml: ")
    assert message in str(caught.value)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"none\.toml: cannot be read"):
        read_rules(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    with pytest.raises(RuleError, match="is not TOML in UTF-8"):
        read_rules(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"macrophage"', '"macrofage"', 'cell = "macrofage": must be one of macrophage, hepatocyte; did you'),
        ('"damp"', '"dmap"', 'signal = "dmap": must be one of damp, il10, iron; did you mean "damp"?'),
        (
            '"to_m1"',
            '"to_m2"',
            'behaviour = "to_m2": must be one of to_m1, tnf_secretion; did you mean "to_m1"?',
        ),
        ('"ng/mL"', '"uM"', 'unit = "uM": damp has unit "ng/mL"'),
    ],
)
def test_what_the_cells_do_not_have_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        rule_set(*read_rules(HEAD + ROW.replace(old, new), "x.toml"))
    assert str(caught.value).startswith("x.toml: rule 1: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((rule("damp", "increases", 9.0), rule("damp", "increases", 9.0)), "damp already increases it"),
        ((rule("damp", "increases", 9.0), rule("damp", "decreases", 1.0)), "damp already increases it"),
        (
            (rule("damp", "increases", 9.0), rule("iron", "increases", 8.0)),
            "must be that of rule, 9, which also",
        ),
        (
            (rule("damp", "decreases", 1.0), rule("iron", "decreases", 0.0)),
            "must be that of rule, 1, which also",
        ),
        ((rule("damp", "increases", 1.0),), r"must be 2 (the base of tnf_secretion) or more"),
        ((rule("damp", "decreases", 3.0),), r"must be 2 (the base of tnf_secretion) or less"),
    ],
)
def test_contradictions_are_refused(rows: tuple[Rule, ...], message: str) -> None:
    with pytest.raises(RuleError) as caught:
        rule_set(*rows)
    assert message in str(caught.value)


def test_changes_replace_or_add_and_never_hide_a_contradiction() -> None:
    old, new, other = (rule("damp", "increases", s) for s in (9.0, 7.0, 6.0))
    extra = rule("il10", "decreases", 0.0)
    assert merge([old], [extra, new]) == [new, extra]
    assert merge([extra, old], [new]) == [extra, new]
    with pytest.raises(RuleError, match="already"):
        rule_set(*merge([old], [new, other]))


def test_a_row_that_pulls_to_the_base_switches_its_signal_off() -> None:
    rules = rule_set(rule("damp", "increases", 2.0), rule("iron", "increases", 9.0))
    assert respond(rules, [[1e3, 0.0, 0.0]]) == [2.0]
    assert respond(rules, [[1e3, 0.0, 1.0]]) == [5.5]


def test_a_row_that_lowers_to_the_base_takes_back_what_others_raise() -> None:
    up, down = rule("damp", "increases", 9.0), rule("il10", "decreases", 2.0)
    il10, damp = (list(SIGNALS["macrophage"]).index(name) for name in ("il10", "damp"))
    levels = np.zeros((2, len(SIGNALS["macrophage"])))
    levels[:, damp], levels[1, il10] = 1.0, 3.0
    assert respond(rule_set(up, down), levels.tolist()).tolist() == [5.5, 2.0 + 0.25 * 3.5]
    off = rule("iron", "increases", 2.0)
    assert respond(rule_set(off, down), levels.tolist()).tolist() == [2.0, 2.0]


def test_english() -> None:
    rules = rule_set(*read_rules(HEAD + ROW + 'note = "See there."', "x"), rule("il10", "decreases", 0.5))
    assert rules.english() == [
        "In macrophages, DAMP increases polarisation to M1 from 0 towards 0.1 /h, "
        "half of it at 5 ng/mL (Hill 2). Source: assumed. See there.",
        "In macrophages, il10 decreases tnf secretion towards 0.5 ag/h, "
        "half of it at 1 ng/mL (Hill 1). Source: assumed.",
    ]
    assert rules.english("hepatocyte") == []


@pytest.mark.parametrize("hill", [1.0, 2.0, 3.3])
def test_half_and_full_response(hill: float) -> None:
    rules = rule_set(rule("damp", "increases", 10.0, 4.0, hill), rule("il10", "decreases", 1.0, 3.0, hill))
    full = np.inf
    sensed = [[0, 0, 9], [4, 0, 0], [full, 0, 0], [0, 3, 0], [0, full, 0], [full, full, 0], [-1, -1, 0]]
    assert respond(rules, sensed).tolist() == [2.0, 6.0, 10.0, 1.5, 1.0, 1.0, 2.0]
    assert respond(rules, [[1e300, 1e-300, 0]]).tolist() == [10.0]
    assert math.isnan(respond(rules, [[np.nan, 0, 0]])[0])


def test_the_base_may_vary_and_is_never_pulled_back_to_a_saturation() -> None:
    rules = rule_set(rule("damp", "increases", 10.0), rule("il10", "decreases", 1.0))
    assert respond(rules, [[1.0, 0.0, 0.0]], base=(0.3, 4.0)) == [7.0]
    assert respond(rules, [[1.0, 0.0, 0.0]], base=(0.3, 12.0)) == [12.0]
    assert respond(rules, [[0.0, 1.0, 0.0]], base=(0.3, 0.5)) == [0.5]


def test_cells_without_rules_keep_their_base() -> None:
    out, rules = np.empty((2, 1)), rule_set().compile("hepatocyte")
    evaluate(rules, np.array([0.4]), np.ones((1, 1)), np.zeros(2, int), np.empty((0, 2)), out)
    assert out.tolist() == [[0.4], [0.4]]


HILLS = st.sampled_from([0.5, 1.0, 1.7, 2.0, 4.0])
LEVELS = st.floats(0.0, 1e4)
HALVES = st.floats(1e-3, 1e3)


@st.composite
def responses(draw: st.DrawFn) -> list[Rule]:
    """Return up to three rows on one behaviour, any of them up or down."""
    up, down = draw(st.floats(2.01, 50.0)), draw(st.floats(0.0, 1.99))
    rows = []
    for signal in draw(st.sets(st.sampled_from(["damp", "il10", "iron"]), min_size=1)):
        response = draw(st.sampled_from(["increases", "decreases"]))
        rows.append(
            rule(signal, response, up if response == "increases" else down, draw(HALVES), draw(HILLS))
        )
    return rows


@settings(deadline=None)
@given(responses(), st.tuples(LEVELS, LEVELS, LEVELS))
def test_the_kernel_is_the_documented_formula(rows: list[Rule], levels: tuple[float, float, float]) -> None:
    expected = reference(rows, dict(zip(SIGNALS["macrophage"], levels, strict=True)), 2.0)
    assert respond(rule_set(*rows), [levels])[0] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@settings(deadline=None)
@given(responses(), st.tuples(LEVELS, LEVELS, LEVELS), st.integers(0, 2), LEVELS)
def test_monotone_and_bounded(rows: list[Rule], levels: tuple[float, ...], which: int, more: float) -> None:
    raised = np.array(levels)
    raised[which] += more
    low, high = respond(rule_set(*rows), [levels, raised])
    signal = list(SIGNALS["macrophage"])[which]
    response = next((r.response for r in rows if r.signal == signal), None)
    bounds = [2.0, *(r.saturation for r in rows)]
    rounding = 1e-14 * max(bounds)
    change = {"increases": high - low, "decreases": low - high, None: -abs(high - low)}[response]
    assert change >= -rounding
    assert min(bounds) - rounding <= min(low, high) <= max(low, high) <= max(bounds) + rounding
    assert min(low, high) >= 0.0
