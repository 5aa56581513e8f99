"""Cut the merges of Bayesian hierarchical clustering at log odds, by one of two rules; NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unsnarl.model import Clustering, OddsForest

RULES = ("stop", "tree")


def _made_until_stop(forest: OddsForest, log_odds: float) -> NDArray[np.bool_]:
    """Say which merges come before the first, in their component, that does not have the odds."""
    fails = forest.log_odds <= log_odds
    n_failed = np.concatenate([[0], np.cumsum(fails)])
    begins = np.searchsorted(forest.component, forest.component)
    made: NDArray[np.bool_] = n_failed[1:] == n_failed[begins]
    return made


def _made_from_the_top(forest: OddsForest, log_odds: float) -> NDArray[np.bool_]:
    """Say which merges have the odds, or are part of one that has. Cost: O(k) in Python steps."""
    made = forest.log_odds > log_odds
    last_of: dict[int, int] = {}
    parts: list[tuple[int, int]] = []
    for i, (left, right) in enumerate(zip(forest.left.tolist(), forest.right.tolist(), strict=True)):
        parts.append((last_of.get(left, -1), last_of.get(right, -1)))
        last_of[left] = i
    for i in range(len(parts) - 1, -1, -1):
        if made[i]:
            for part in parts[i]:
                if part >= 0:
                    made[part] = True
    return made


def cut_odds_forest(forest: OddsForest, log_odds: float, rule: str) -> Clustering:
    """Give the flat clusters at log odds.

    rule  stop: merges in their order up to the first that has no more than these log odds, in each component; that is
          what a run with this cut would have made. tree: from the top of the whole tree down, the first merges that
          have more

    Cost: O(n + k log k).

    >>> forest = OddsForest(*(np.array(x) for x in ([0, 0], [0, 0], [1, 2], [-1.0, 2.0], [2, 3])), n_records=3)
    >>> [cut_odds_forest(forest, 0.0, rule).cluster_of.tolist() for rule in RULES]
    [[0, 1, 2], [0, 0, 0]]
    """
    made = _made_from_the_top(forest, log_odds) if rule == "tree" else _made_until_stop(forest, log_odds)
    cluster_of = np.arange(forest.n_records, dtype=np.int32)
    cluster_of[forest.right[made]] = forest.left[made]
    while True:
        above = cluster_of[cluster_of]
        if np.array_equal(above, cluster_of):
            return Clustering(cluster_of)
        cluster_of = above
