"""Hold every merge of a run against all pairs of clusters, each scored from scratch: the greedy rule, checked.

The naive switch scores all pairs anew before each merge, which for 20,000 records would take a night. Its merges are
known without it: they are those where, before each merge, no pair of the clusters then alive has higher log odds than
the pair that merges, and at the end none has any over 0. So every pair of clusters that ever lived at the same time is
scored once, in floating point, by a code that shares nothing with the program, and held against the lowest log odds
among the merges made while both lived.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from unsnarl.kernels.arrays import Records
from unsnarl.kernels.bhc.fixed_point import UNITS
from unsnarl.model import Terms

TOLERANCE = 1e-6
"""In log odds: what the rounding of the program's units, and of floating point, may add up to."""


@numba.njit(cache=False)
def _score_all(first, term, count, own, size, tokens, born, gone, lowest, levels, row, constant):
    """Score all pairs alive at the same time; return how many there are and the worst breach of the rule."""
    n_pairs, worst = 0, -1e300
    held = np.zeros(len(row), dtype=np.int64)
    for i in range(len(own)):
        for e in range(first[i], first[i + 1]):
            held[term[e]] = count[e]
        for j in range(i):
            start, stop = max(born[i], born[j]), min(gone[i], gone[j])
            if start > stop:
                continue
            n_pairs += 1
            odds = constant[0] + math.lgamma(size[i] + size[j]) - math.lgamma(constant[1] + tokens[i] + tokens[j])
            odds += own[i] + own[j]
            for e in range(first[j], first[j + 1]):
                t = term[e]
                if held[t] > 0:
                    at = row[t]
                    odds += levels[at + held[t] + count[e]] - levels[at + held[t]] - levels[at + count[e]]
            k = 0
            while 2 << k <= stop - start + 1:
                k += 1
            limit = min(lowest[k, start], lowest[k, stop + 1 - (1 << k)])
            worst = max(worst, odds - limit)
        for e in range(first[i], first[i + 1]):
            held[term[e]] = 0
    return n_pairs, worst


def _find_lowest(odds: np.ndarray) -> np.ndarray:
    """Give lowest[k, s], the least of the 2^k merges from step s on."""
    rows = [odds]
    while 2 ** len(rows) <= len(odds):
        step = 2 ** (len(rows) - 1)
        rows.append(np.minimum(rows[-1], np.append(rows[-1][step:], np.full(step, np.inf))))
    return np.array(rows)


def hold_against_all_pairs(terms: Terms, merges: Records, gamma: float, strength: float) -> dict[str, Any]:
    """Check the merges of a multinomial run with a prior by frequency, which stand in the order made.

    Gives n_pairs, the pairs scored, worst, the most by which any pair was better than a merge made in its place, and
    is_greedy, whether that is under the tolerance.
    """
    n, n_merges = terms.n_records, len(merges)
    n_all = np.bincount(terms.term, weights=terms.count, minlength=terms.n_terms).astype(np.int64)
    betas = strength * n_all / n_all.sum()
    row = np.concatenate([[0], np.cumsum(n_all + 1)])[:-1]
    levels = np.concatenate(
        [[math.lgamma(b + c) - math.lgamma(b) for c in range(k + 1)] for b, k in zip(betas, n_all, strict=True)]
    )
    constant = np.array([math.log(gamma) + math.lgamma(strength), strength])
    bags = [
        dict(zip(terms.term[a:b].tolist(), terms.count[a:b].tolist(), strict=True))
        for a, b in zip(terms.first[:-1], terms.first[1:], strict=True)
    ]
    size, tokens = [1] * n, [sum(bag.values()) for bag in bags]
    gains = [sum(levels[row[t] + c] for t, c in bag.items()) for bag in bags]
    weight = [constant[0] - math.lgamma(strength + N) + g for N, g in zip(tokens, gains, strict=True)]
    born, gone, node = [0] * n, [n_merges] * n, list(range(n))
    for step in range(n_merges):
        i, j = node[merges["left"][step]], node[merges["right"][step]]
        union = dict(bags[i])
        for t, c in bags[j].items():
            union[t] = union.get(t, 0) + c
        bags.append(union)
        size.append(size[i] + size[j])
        tokens.append(tokens[i] + tokens[j])
        gains.append(sum(levels[row[t] + c] for t, c in union.items()))
        together = constant[0] + math.lgamma(size[-1]) - math.lgamma(strength + tokens[-1]) + gains[-1]
        weight.append(float(np.logaddexp(together, weight[i] + weight[j])))
        gone[i] = gone[j] = step
        born.append(step + 1)
        gone.append(n_merges)
        node[merges["left"][step]] = len(bags) - 1
    first = np.concatenate([[0], np.cumsum([len(bag) for bag in bags])])
    term = np.fromiter((t for bag in bags for t in bag), dtype=np.int64)
    count = np.fromiter((c for bag in bags for c in bag.values()), dtype=np.int64)
    own = np.array(gains) - np.array(weight)
    lowest = _find_lowest(np.append(merges["score"] / UNITS, 0.0))
    lives = [np.array(values, dtype=np.int64) for values in (size, tokens, born, gone)]
    n_pairs, worst = _score_all(first, term, count, own, *lives, lowest, levels, row, constant)
    return {"n_pairs": n_pairs, "worst": worst, "is_greedy": bool(worst <= TOLERANCE)}
