"""The six records of docs/methods/bhc.md, whose odds are worked out there as fractions."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from pathlib import Path

import pytest

import unsnarl

PAGE = Path(__file__).parents[2] / "docs" / "methods" / "bhc.md"
RECORDS = {"A": "red round", "B": "red round", "C": "red", "D": "blue flat", "E": "blue flat", "F": "green"}
ROWS = [{"id": key, "terms": terms.split()} for key, terms in RECORDS.items()]
SETTINGS = {"prior": "uniform", "strength": 5.0, "gamma": 1.0}
STEPS = [("A", "B", Fraction(15, 7)), ("A", "C", Fraction(25, 11)), ("D", "E", Fraction(15, 7))]
DISJOINT = ("A", "F", Fraction(25, 24))


def as_steps(result: unsnarl.TermResult) -> list[tuple[str, str, float]]:
    return sorted((row["left_id"], row["right_id"], row["log_odds"]) for row in result.merges)


def expected(steps: list[tuple[str, str, Fraction]]) -> list[tuple[str, str, object]]:
    return sorted((left, right, pytest.approx(math.log(odds), abs=1e-8)) for left, right, odds in steps)


def test_the_odds_worked_by_hand_are_those_found() -> None:
    result = unsnarl.bhc(ROWS, **SETTINGS)
    assert as_steps(result) == expected(STEPS)
    assert not result.found.counts["is_exact"] and "--exact" in result.summary()
    exact = unsnarl.bhc(ROWS, **SETTINGS, exact=True)
    assert as_steps(exact) == expected([*STEPS, DISJOINT])


def test_a_higher_gamma_is_certified() -> None:
    result = unsnarl.bhc(ROWS, **{**SETTINGS, "gamma": 2.0})
    assert result.found.counts["is_exact"]
    assert [row["cluster_id"] for row in result.clusters] == ["A", "A", "C", "D", "D", "F"]


def test_the_page_shows_these_odds() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for *_, odds in [*STEPS, DISJOINT]:
        assert f"{odds.numerator}/{odds.denominator}" in text
        assert re.search(rf"{float(math.log(odds)):.3f}", text)
