"""From similarities, kept as quotients of integers, to heights."""

from __future__ import annotations

from unsnarl.kernels.arrays import Float64, Int32, Records
from unsnarl.kernels.jit import inner, kernel

EXACT_DOUBLE = 2**53
"""Integers below this are doubles without rounding."""

ALMOST_ONE = 1.0 - 2.0**-53
"""The largest double below 1."""


@inner
def _gcd(a: int, b: int) -> int:
    """Return the greatest common divisor (Euclid)."""
    while b != 0:
        a, b = b, a % b
    return a


@kernel
def height(top: int, bottom: int, units: int) -> float:
    """Return 1 - top / (bottom * units), always below 1.

    It is correctly rounded where the quotient reduces to one of integers below 2**53.

    Needs: 0 < top <= bottom * units; all int64. Ties: none.
    """
    if bottom * float(units) >= 2.0**62:
        return min(max(0.0, 1.0 - top / (bottom * float(units))), ALMOST_ONE)
    whole = bottom * units
    rest = whole - top
    if whole >= EXACT_DOUBLE:
        shared = _gcd(whole, rest)
        whole //= shared
        rest //= shared
    return min(rest / whole, ALMOST_ONE)


@kernel
def write_heights(merges: Records, component: Int32, units: int, found: Float64) -> None:
    """Write the height of each merge into found, float64[k]; inside a component none is below the one before.

    Needs: merges grouped by component, in the order agglomerate made them. Overwrites: found.
    Each turn: heights 0 .. i are set and do not fall (roundings past 2**53 might, by one step). Ties: none.
    """
    lowest = 0.0
    for i in range(len(merges)):
        if i > 0 and component[i] != component[i - 1]:
            lowest = 0.0
        lowest = max(lowest, height(merges[i].top, merges[i].bottom, units))
        found[i] = lowest
