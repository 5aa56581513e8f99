"""What a linkage does with scores: the value kept for two clusters, and its quotient.

For two clusters A and B the engine keeps one integer value:

| linkage  | value                                             | similarity              |
|----------|---------------------------------------------------|-------------------------|
| average  | sum of the scores of pairs crossing               | value / (|A| |B|)       |
| single   | largest score crossing                            | value                   |
| complete | pairs crossing (high 32 bits), largest distance   | 1 - that, 0 if any lacks|
| weighted | score * 2**32, halved at every merge of A or of B | value / 2**32           |

The value of no pairs is 0, and combining with it changes nothing. A pair never scored counts as score 0. All four
never let a union be more alike to a third cluster than its better part, which is what the best-match table lives on.
A value below 0 says that the two clusters must not merge: whatever it is combined with, it stays below 0.
Average is exact; weighted is exact for 32 halvings and rounds down to 2**-62 after them.
"""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.jit import kernel

AVERAGE = 0
SINGLE = 1
COMPLETE = 2
WEIGHTED = 3

_UNITS = 1_000_000_000
_LOW = (1 << 32) - 1
_NEVER = -(1 << 62)
"""The value of a forbidden pair: further below 0 than all scores together are above it."""


@kernel
def value_of_score(linkage: int, score: int) -> int:
    """Return the value of two records from their score (score units, > 0; below 0 for a forbidden pair)."""
    if score < 0:
        return np.int64(_NEVER)
    if linkage == COMPLETE:
        return (np.int64(1) << 32) | (_UNITS - score)
    if linkage == WEIGHTED:
        return np.int64(score) << 32
    return np.int64(score)


@kernel
def combine(linkage: int, value1: int, value2: int) -> int:
    """Return the value of two clusters from the values of two parts of their crossing pairs."""
    if linkage == AVERAGE:
        # At most 2**31 pairs of 10**9 units: a forbidden one outweighs them all.
        return max(value1 + value2, np.int64(_NEVER))
    if value1 < 0 or value2 < 0:
        return np.int64(_NEVER)
    if linkage == SINGLE:
        return max(value1, value2)
    if linkage == COMPLETE:
        crossing = (value1 >> 32) + (value2 >> 32)
        return (crossing << 32) | max(value1 & _LOW, value2 & _LOW)
    return value1 + value2


@kernel
def numerator(linkage: int, value: int, size_a: int, size_b: int) -> int:
    """Return the top of the similarity's quotient, 0 or less where the two clusters can never merge.

    What is less than 0 has to be kept: it forbids the unions of the two as well.
    """
    if linkage == COMPLETE:
        return _UNITS - (value & _LOW) if (value >> 32) == size_a * size_b else 0
    return value


@kernel
def weight_of_size(linkage: int, size: int) -> int:
    """Return one cluster's factor in the bottom of the similarity's quotient."""
    return size if linkage == AVERAGE else 1
