"""Logarithms as whole numbers: UNITS of them make one nat.

Only addition, multiplication, division and the splitting of a double are used, which every machine rounds alike; the
logarithm of the system's library is not so, and differs in the last place from one version to the next.
"""

from __future__ import annotations

import math

import numpy as np

from unsnarl.kernels.arrays import Float64, Int64
from unsnarl.kernels.jit import inner, kernel

UNITS = 2**30
"""Units in a nat: sums of a hundred million terms' logarithms stay under 2^63."""

LN_2_HIGH = 0.693147180369123816490
LN_2_LOW = 1.90821492927058770002e-10
"""ln 2 in two parts, the first with so few digits that its multiples are exact."""

SQRT_HALF = math.sqrt(0.5)
LARGEST = 60.0
"""exp(-x) is under half a unit long before x gets here."""

SMALL = 1e-3
POWERS = 5
"""Terms of the series of ln(1 + x) for x < SMALL: the next one is under the precision of a double."""


@inner
def _twice_artanh(s: float) -> float:
    """Return ln((1 + s) / (1 - s)) for |s| <= 1/3, by its series."""
    square = s * s
    total = 0.0
    for k in range(17, -1, -1):
        total = total * square + 1.0 / (2 * k + 1)
    return 2.0 * s * total


@kernel
def log_of(x: float) -> float:
    """Return ln x for x > 0."""
    part, power = math.frexp(x)
    if part < SQRT_HALF:
        part *= 2.0
        power -= 1
    return power * LN_2_HIGH + (power * LN_2_LOW + _twice_artanh((part - 1.0) / (part + 1.0)))


@inner
def _exp_of_minus(x: float) -> float:
    """Return exp(-x) for 0 <= x <= LARGEST, by halving until the series is short."""
    small = -x / 64.0
    total = 1.0
    for k in range(20, 0, -1):
        total = 1.0 + total * small / k
    for _ in range(6):
        total *= total
    return total


@kernel
def soft_plus(x: int) -> int:
    """Return ln(1 + exp(x)) in units, x in units. Never below x, nor below 0."""
    above = max(x, np.int64(0))
    distance = abs(x) / UNITS
    if distance > LARGEST:
        return above
    y = _exp_of_minus(distance)
    return above + np.int64(np.floor(_twice_artanh(y / (2.0 + y)) * UNITS + 0.5))


@kernel
def write_log_sums(first: float, sums: Int64) -> None:
    """Write sums[k] = ln first + ln (first + 1) + ... , k terms: the logarithm of a rising factorial, in units.

    Needs: first > 0. Overwrites: sums. Each turn: sums up to k are written; each step is rounded once and never
    smaller than the one before, so that what is convex stays convex in units. Ties: none.
    """
    sums[0] = 0
    for k in range(1, len(sums)):
        sums[k] = sums[k - 1] + np.int64(np.floor(log_of(first + (k - 1)) * UNITS + 0.5))


@kernel
def write_absent_sums(masses: Float64, n_terms: Int64, first: float, power_sums: Float64, sums: Int64) -> None:
    """Write sums[n], the logarithm of the chance that n records lack every term, in units.

    masses      float64[k]  a of Beta(a, first) of each class of terms, falling
    n_terms     int64[k]    terms in each class
    power_sums  float64[k + 1, POWERS]  of the classes from each place on: the sum of a, a^2, ...

    Needs: masses and first over 0. Overwrites: power_sums, sums. Each turn: sums up to n are written; classes whose
    a is small beside first + n are summed by the series of ln(1 + x). Ties: none.
    """
    k = len(masses)
    power_sums[k, :] = 0.0
    for c in range(k - 1, -1, -1):
        power = np.float64(n_terms[c])
        for p in range(POWERS):
            power *= masses[c]
            power_sums[c, p] = power_sums[c + 1, p] + power
    large = k
    sums[0] = 0
    for n in range(1, len(sums)):
        x = first + (n - 1)
        while large > 0 and masses[large - 1] < x * SMALL:
            large -= 1
        total = 0.0
        for c in range(large):
            total += n_terms[c] * (log_of(x + masses[c]) - log_of(x))
        scale = 1.0
        for p in range(POWERS):
            scale /= x
            term = power_sums[large, p] * scale / (p + 1)
            total += term if p % 2 == 0 else -term
        sums[n] = sums[n - 1] - np.int64(np.floor(total * UNITS + 0.5))
