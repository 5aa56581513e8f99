"""Other codes of Bayesian hierarchical clustering, on the small dense sets they can do.

BHCAA        Dirichlet-multinomial, or Beta-Bernoulli where a beta is given: our models with one prior for all terms
BHClustering Dirichlet-multinomial
bayesHC      Gaussian records of one number; its file is notebook source and cannot be imported, so it is not run

All three build the whole tree, score all pairs at each merge, and use probabilities outside logarithms.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

Steps = list[frozenset[frozenset[int]]]
"""The partition after 0, 1, ... merges."""

ALPHA, B = 0.7, 1.5
"""The concentration, which these codes take for the prior of each term too; b of Beta(alpha, b)."""

N_TERMS = 30


def make_counts(n_records: int, model: str, seed: int = 1) -> np.ndarray:
    """Make a dense table of counts, or of zeros and ones, that four groups are in; ties are rare."""
    random = np.random.default_rng(seed)
    chances = random.dirichlet(np.full(N_TERMS, 0.3), size=4)
    counts = np.array([random.multinomial(random.integers(6, 20), chances[i % 4]) for i in range(n_records)])
    return np.minimum(counts, 1) if model == "bernoulli" else counts


def with_unsnarl(counts: np.ndarray, model: str) -> Steps:
    """Build the whole tree with the prior of the other codes: alpha for each term."""
    from scipy.sparse import csr_matrix

    import unsnarl

    n_records, n_terms = counts.shape
    prior: dict[str, Any] = {"strength": ALPHA * n_terms}
    if model == "bernoulli":
        prior = {"strength": B, "mean": ALPHA / (ALPHA + B)}
    ids = [f"{i:06}" for i in range(n_records)]
    result = unsnarl.bhc(csr_matrix(counts), ids=ids, model=model, prior="uniform", gamma=ALPHA, rule="tree", **prior)
    forest = result.found.odds
    group = {i: frozenset([i]) for i in range(n_records)}
    steps = [frozenset(group.values())]
    for left, right in zip(forest.left.tolist(), forest.right.tolist(), strict=True):
        group[left] |= group.pop(right)
        steps.append(frozenset(group.values()))
    return steps


def with_bhcaa(counts: np.ndarray, model: str) -> Steps:
    """Run BHCAA, whose tree is a list of clusters for each number of them."""
    from BHCAA import BHC

    clusters, _ = BHC.bhc(counts, ALPHA, B if model == "bernoulli" else None)
    sizes = range(len(counts), 0, -1)
    return [frozenset(frozenset(int(i) - 1 for i in text.split(",")) for text in clusters[n][1]) for n in sizes]


def with_bhclustering(counts: np.ndarray, model: str) -> Steps:
    """Run BHClustering, whose answer is a label of each record after each merge."""
    from BHClustering import functions

    if model != "multinomial":
        raise NotImplementedError("multinomial only")
    _, labels = functions.bhc(counts, ALPHA)
    return [frozenset(frozenset(np.flatnonzero(np.array(of) == k).tolist()) for k in set(of)) for of in labels]


CODES: dict[str, Callable[[np.ndarray, str], Steps]] = {
    "unsnarl": with_unsnarl,
    "BHCAA": with_bhcaa,
    "BHClustering": with_bhclustering,
}


def measure(spec: dict[str, Any]) -> dict[str, Any]:
    """Time one code, and say how many of its merges, in their order, are those of unsnarl."""
    counts = make_counts(spec["n_records"], spec["model"])
    with_unsnarl(make_counts(5, spec["model"]), spec["model"])
    started = time.perf_counter()
    try:
        with np.errstate(all="ignore"):
            found = CODES[spec["code"]](counts, spec["model"])
    except (KeyError, UnboundLocalError, NotImplementedError, OverflowError) as error:
        # With all odds not a number, no pair is the best: the merge of before is looked for again.
        return {"note": str(error) if isinstance(error, NotImplementedError) else "fails: its probabilities are 0"}
    seconds = time.perf_counter() - started
    wanted = with_unsnarl(counts, spec["model"])
    same = [one == other for one, other in zip(found, wanted, strict=True)]
    n_same = same.index(False) - 1 if False in same else len(same) - 1
    return {"seconds": seconds, "n_same": n_same, "n_merges": len(same) - 1}
