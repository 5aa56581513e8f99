"""Heights are the doubles next to the exact fractions, and stay below 1."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import assert_distance
from strategies import UNITS
from unsnarl.kernels.heights import height

UNITS_OF_WEIGHTED = UNITS << 32


@given(st.integers(1, 10**9), st.data())
def test_average(bottom: int, data: st.DataObject) -> None:
    top = data.draw(st.integers(1, bottom * UNITS))
    assert_distance(height(top, bottom, UNITS), 1 - Fraction(top, bottom * UNITS))


@given(st.integers(1, 10**9), st.integers(0, 1000))
def test_next_to_zero(bottom: int, lacking: int) -> None:
    top = max(1, bottom * UNITS - lacking)
    assert_distance(height(top, bottom, UNITS), 1 - Fraction(top, bottom * UNITS))


@given(st.integers(1, UNITS_OF_WEIGHTED))
def test_weighted(top: int) -> None:
    assert_distance(height(top, 1, UNITS_OF_WEIGHTED), 1 - Fraction(top, UNITS_OF_WEIGHTED))


@pytest.mark.parametrize("bottom", [1, 10**7, 10**8, 10**9, 4 * 10**9, 10**10, 10**12])
def test_a_merge_is_below_distance_one(bottom: int) -> None:
    assert 0 <= height(1, bottom, UNITS) < 1
    assert height(bottom * UNITS if bottom < 9 * 10**9 else 2**62, bottom, UNITS) >= 0
