"""Compare quotients of integers exactly, at the price of a division of doubles."""

from __future__ import annotations

from unsnarl.kernels.jit import inner, kernel

SLACK = 1e-15
"""Doubles closer than this share of their size may stand for quotients in either order or equal."""


@inner
def _compare_by_remainders(top1: int, bottom1: int, top2: int, bottom2: int) -> int:
    """Return the sign of top1/bottom1 - top2/bottom2.

    Needs: tops >= 0, bottoms > 0, all int64. Overwrites: nothing.
    Each turn: the sign asked for is `sign` times that of the four numbers now held; the bottoms shrink as in Euclid's
    algorithm.
    Ties: 0 exactly when the quotients are equal.
    """
    sign = 1
    while True:
        whole1 = top1 // bottom1
        whole2 = top2 // bottom2
        if whole1 != whole2:
            return sign if whole1 > whole2 else -sign
        rest1 = top1 - whole1 * bottom1
        rest2 = top2 - whole2 * bottom2
        if rest1 == 0 or rest2 == 0:
            if rest1 == rest2:
                return 0
            return sign if rest1 > rest2 else -sign
        # a/b > c/d is b/a < d/c for positive numbers: turn both over and change the sign.
        top1, bottom1 = bottom1, rest1
        top2, bottom2 = bottom2, rest2
        sign = -sign


@kernel
def compare_quotients(top1: int, bottom1: int, top2: int, bottom2: int) -> int:
    """Return -1, 0 or 1 as top1/bottom1 is less than, equal to or more than top2/bottom2, exactly.

    Needs: tops >= 0, bottoms > 0, all int64. Overwrites: nothing. Ties: 0 exactly when the quotients are equal.
    A double made from an int64 and one division are off by at most three roundings (3.4e-16 in all): outside SLACK
    they decide.

    >>> compare_quotients(2**60 + 1, 3, 2**60, 3), compare_quotients(2, 6, 1, 3), compare_quotients(1, 3, 1, 2)
    (1, 0, -1)
    """
    if bottom1 == bottom2:
        return 1 if top1 > top2 else (-1 if top1 < top2 else 0)
    quotient1 = top1 / bottom1
    quotient2 = top2 / bottom2
    if quotient1 > quotient2 + SLACK * quotient2:
        return 1
    if quotient2 > quotient1 + SLACK * quotient1:
        return -1
    return _compare_by_remainders(top1, bottom1, top2, bottom2)
