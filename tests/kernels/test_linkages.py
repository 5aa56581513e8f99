"""Values of two clusters follow from the values of their parts, for every linkage."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import UNITS
from unsnarl.kernels import linkages

scores = st.integers(1, UNITS)


def similarity(linkage: int, value: int, size_a: int, size_b: int) -> Fraction:
    bottom = linkages.weight_of_size(linkage, size_a) * linkages.weight_of_size(linkage, size_b)
    return Fraction(int(linkages.numerator(linkage, value, size_a, size_b)), int(bottom))


@pytest.mark.parametrize(
    ("linkage", "answer"),
    [
        (linkages.AVERAGE, lambda given, lacking: Fraction(sum(given), len(given) + lacking)),
        (linkages.SINGLE, lambda given, lacking: Fraction(max(given))),
        (linkages.COMPLETE, lambda given, lacking: Fraction(0 if lacking else min(given))),
    ],
)
@given(st.lists(scores, min_size=1, max_size=12), st.integers(0, 3), st.randoms(use_true_random=False))
def test_joining_in_any_order_equals_the_definition(linkage, answer, given, lacking, random) -> None:
    values = [int(linkages.value_of_score(linkage, score)) for score in given]
    while len(values) > 1:
        random.shuffle(values)
        values.append(int(linkages.combine(linkage, values.pop(), values.pop())))
    size = len(given) + lacking
    assert similarity(linkage, values[0], 1, size) == answer(given, lacking)
    assert similarity(linkage, values[0], size, 1) == answer(given, lacking)


@given(scores)
def test_two_records_are_as_alike_as_their_score(score: int) -> None:
    for linkage in (linkages.AVERAGE, linkages.SINGLE, linkages.COMPLETE):
        assert similarity(linkage, linkages.value_of_score(linkage, score), 1, 1) == score
    weighted = linkages.numerator(linkages.WEIGHTED, linkages.value_of_score(linkages.WEIGHTED, score), 1, 1)
    assert math.ldexp(int(weighted), -32) == score
