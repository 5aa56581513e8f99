"""Quotients are compared exactly, far past the 53 bits of a double."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from unsnarl.kernels.fractions import compare_quotients

tops = st.integers(0, 2**62)
bottoms = st.integers(1, 2**62)


def sign(top1: int, bottom1: int, top2: int, bottom2: int) -> int:
    first, second = Fraction(top1, bottom1), Fraction(top2, bottom2)
    return (first > second) - (first < second)


@given(tops, bottoms, tops, bottoms)
@example(2**62, 1, 2**62 - 1, 1)
@example(0, 1, 0, 2**62)
def test_any_two_quotients(top1: int, bottom1: int, top2: int, bottom2: int) -> None:
    assert compare_quotients(top1, bottom1, top2, bottom2) == sign(top1, bottom1, top2, bottom2)


@given(st.integers(0, 2**30), st.integers(1, 2**30), st.integers(1, 2**31), st.integers(-1, 1), st.integers(-1, 1))
def test_equal_and_neighbouring_quotients(top: int, bottom: int, factor: int, up: int, down: int) -> None:
    other_top, other_bottom = max(0, top * factor + up), max(1, bottom * factor + down)
    assert compare_quotients(top, bottom, other_top, other_bottom) == sign(top, bottom, other_top, other_bottom)
    assert compare_quotients(other_top, other_bottom, top, bottom) == sign(other_top, other_bottom, top, bottom)
