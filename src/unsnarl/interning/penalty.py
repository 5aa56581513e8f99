"""Evidence against pairs of one source: their odds fall, and their scores with them."""

from __future__ import annotations

import numpy as np

from unsnarl.interning.store import PairStore
from unsnarl.model import SCORE_UNITS, Index

_LEAST_DOUBT = 0.5 / SCORE_UNITS
"""A score of 1 is one that was rounded to it: certainty could not be argued with."""


def lower_scores(score: Index, log2_odds: float) -> Index:
    """Take evidence off some scores.

    score      int32[k]  score units
    log2_odds  how much the odds fall: 1 halves them

    >>> lower_scores(np.array([500_000_000], dtype=np.int32), 1.0).tolist()
    [333333333]
    """
    likely = np.minimum(score / SCORE_UNITS, 1.0 - _LEAST_DOUBT)
    weight = likely * 2.0**-log2_odds
    lowered: Index = np.rint(weight / (weight + (1.0 - likely)) * SCORE_UNITS).astype(np.int32)
    return lowered


def penalise(store: PairStore, source_of: Index, log2_odds: float) -> int:
    """Lower the scores of pairs whose two records are of one source; return how many there were.

    source_of  by the number of the record; -1 for none
    log2_odds  how much the odds of such a pair fall

    Cost: O(m) for m pairs.
    """
    n_lowered = 0
    for number in range(store.n_blocks):
        left, right, score = store.block(number)
        is_one = (source_of[left] == source_of[right]) & (source_of[left] >= 0)
        if is_one.any():
            n_lowered += int(is_one.sum())
            changed = score.copy()
            changed[is_one] = lower_scores(score[is_one], log2_odds)
            store.change_scores(number, changed)
    return n_lowered
