"""Choose gamma and strength by the evidence, on all records or on a sample of neighbourhoods."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unsnarl.bayes.outcome import find_evidence
from unsnarl.bayes.prior import DEFAULT_STRENGTH, Prior, take_census
from unsnarl.bayes.recipe import Plan, TermAgglomeration
from unsnarl.model import Terms

SAMPLE_RECORDS = 3000
NEIGHBOURHOOD = 50
"""A seed brings the records that share its rarest term, at most so many: a sample of lone records has no clusters."""

RECORDS_PER_GROUP = (2, 5, 20, 100, 500)
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Times the default."""


@dataclass(frozen=True)
class Tuned:
    """Hold what was chosen, and on what grounds.

    prior     for all records
    n_sample  records it was chosen on
    tried     (gamma for all records, strength, evidence on the sample) each
    """

    prior: Prior
    n_sample: int
    tried: list[tuple[float, float, float]]


def _scatter(n: int) -> NDArray[np.int64]:
    """Give the numbers 0 .. n-1 in an order that has nothing to do with them, always the same."""
    mixed = (np.arange(n, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    return np.argsort(mixed * np.uint64(0xBF58476D1CE4E5B9), kind="stable")


def draw_sample(terms: Terms, n_wanted: int) -> Terms:
    """Draw about so many records: seeds, each with those that share its rarest term that is not its own.

    The same records give the same sample. Cost: O(m log m).
    """
    if terms.n_records <= n_wanted:
        return terms
    record_of = np.repeat(np.arange(terms.n_records), np.diff(terms.first))
    by_term = np.argsort(terms.term, kind="stable")
    n_with = np.bincount(terms.term, minlength=terms.n_terms)
    first_with = np.concatenate([[0], np.cumsum(n_with)])
    chosen: set[int] = set()
    for seed in _scatter(terms.n_records).tolist():
        if len(chosen) >= n_wanted:
            break
        chosen.add(seed)
        own = terms.term[terms.first[seed] : terms.first[seed + 1]]
        shared = own[n_with[own] > 1]
        if len(shared):
            rarest = shared[np.argmin(n_with[shared])]
            start = first_with[rarest]
            chosen.update(record_of[by_term[start : start + min(n_with[rarest], NEIGHBOURHOOD)]].tolist())
    return take_records(terms, np.array(sorted(chosen)))


def take_records(terms: Terms, records: NDArray[np.int64]) -> Terms:
    """Give the terms of some records alone; term numbers stay."""
    length = np.diff(terms.first)[records]
    first = np.concatenate([[0], np.cumsum(length)])
    at = np.arange(first[-1]) - np.repeat(first[:-1], length) + np.repeat(terms.first[records], length)
    return Terms(first, terms.term[at], terms.count[at], terms.n_terms)


def tune(terms: Terms, prior: Prior) -> Tuned:
    """Try a grid of gamma and strength, and keep the pair of the highest evidence.

    prior  its model and kind are kept
    """
    sample = draw_sample(terms, SAMPLE_RECORDS)
    share = sample.n_records / max(terms.n_records, 1)
    counted = take_census(sample, prior.model)
    tried = []
    for per_group in RECORDS_PER_GROUP:
        for factor in STRENGTHS:
            strength = factor * DEFAULT_STRENGTH[prior.model]
            guess = replace(prior, gamma=max(terms.n_records / per_group, 1.0), strength=strength)
            scaled = guess.scaled(share)
            work = TermAgglomeration(sample, scaled, Plan(), counted)
            while work.advance():
                pass
            tried.append((guess.gamma, strength, find_evidence(work, sample, scaled, counted)))
    gamma, strength, _ = max(tried, key=lambda found: found[2])
    return Tuned(replace(prior, gamma=gamma, strength=strength), sample.n_records, tried)
