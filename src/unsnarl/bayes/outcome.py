"""What follows from the merges: components, the forest, the evidence."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from unsnarl.bayes.prior import Census, Prior, find_masses
from unsnarl.bayes.recipe import TermAgglomeration
from unsnarl.kernels.arrays import Records
from unsnarl.kernels.bhc.fixed_point import UNITS
from unsnarl.kernels.connected_components import connected_components
from unsnarl.model import Components, Index, OddsForest, Terms


def find_components(terms: Terms, merges: Records) -> Components:
    """Find the records that are connected by common terms, or by merges of records without any.

    Cost: near O(n + m).
    """
    record = np.repeat(np.arange(terms.n_records, dtype=np.int32), np.diff(terms.first))
    first_with = np.zeros(terms.n_terms, dtype=np.int32)
    # Written back to front, what stays is the first record of each term.
    first_with[terms.term[::-1]] = record[::-1]
    left = np.concatenate([first_with[terms.term], merges["left"]])
    right = np.concatenate([record, merges["right"]])
    score = np.zeros(len(left), dtype=np.int32)
    return Components(connected_components(left, right, score, 0, terms.n_records))


def find_order(merges: Records, components: Components) -> NDArray[np.int64]:
    """Give the order of the components: which merges, given in the order made, come first, second ..."""
    return np.argsort(components.component_of[merges["left"]], kind="stable")


def make_forest(merges: Records, components: Components, n_given: int = 0) -> OddsForest:
    """Put the merges, given in the order made, in the order of the components.

    n_given  so many merges, the first, hold at any cut: their log odds are infinite
    """
    component, order = components.component_of[merges["left"]], find_order(merges, components)
    left, right = (np.ascontiguousarray(merges[name][order]) for name in ("left", "right"))
    size = merges["n_records"][order].astype(np.int32)
    log_odds = np.where(order < n_given, np.inf, merges["score"][order] / UNITS)
    return OddsForest(component[order], left, right, log_odds, size, len(components.component_of))


def _sum_log_gammas(values: NDArray[np.float64]) -> float:
    return math.fsum(map(math.lgamma, values.tolist()))


def _sum_leaves(terms: Terms, prior: Prior, census: Census, records: Index) -> float:
    """Add up ln p(x|H1) of some records, all that have terms among them."""
    masses = find_masses(prior, census)
    of_entry = masses[terms.term]
    if prior.model == "bernoulli":
        lacks = math.fsum(np.log(prior.strength / (prior.strength + masses)).tolist())
        return len(records) * lacks + math.fsum(np.log(of_entry / prior.strength).tolist())
    total = float(masses.sum())
    sums = np.concatenate([[0], np.cumsum(terms.count)])
    n_tokens = (sums[terms.first[1:]] - sums[terms.first[:-1]])[records]
    values, n_records = np.unique(n_tokens, return_counts=True)
    of_size = [n * (math.lgamma(total) - math.lgamma(total + t)) for t, n in zip(values, n_records, strict=True) if t]
    return math.fsum(of_size) + _sum_log_gammas(of_entry + terms.count) - _sum_log_gammas(of_entry)


def find_evidence(work: TermAgglomeration, terms: Terms, prior: Prior, census: Census) -> float:
    """Give a lower bound of ln p(D) under the Dirichlet process mixture, from the clusters found so far.

    It is the product of d p(D|T) over the clusters, times Gamma(gamma) / Gamma(gamma + n). Cost: O(m).
    """
    records = work.state.copies
    n_records = len(records)
    odds = work.merges["score"] / UNITS
    grown = np.maximum(odds, 0) + np.log1p(np.exp(-np.abs(odds)))
    edges = math.lgamma(prior.gamma) - math.lgamma(prior.gamma + n_records) + n_records * math.log(prior.gamma)
    return edges + _sum_leaves(terms, prior, census, records) + math.fsum(grown.tolist())


def find_disjoint_odds(terms: Terms, prior: Prior, census: Census) -> float:
    """Give the log odds of two records of typical size that have no term in common."""
    n_terms = np.diff(terms.first)
    records = np.flatnonzero(n_terms > 0)
    if not len(records):
        return -math.inf
    masses = find_masses(prior, census)
    if prior.model == "bernoulli":
        k = float(np.median(n_terms[records]))
        b = prior.strength
        both_lack = math.fsum(np.log1p(masses / (b * (masses + b + 1))).tolist())
        return -math.log(prior.gamma) + both_lack - 2 * k * math.log1p(1 / b)
    sums = np.concatenate([[0], np.cumsum(terms.count)])
    size = float(np.median((sums[terms.first[1:]] - sums[terms.first[:-1]])[records]))
    total = float(masses.sum())
    apart = math.lgamma(total + 2 * size) + math.lgamma(total) - 2 * math.lgamma(total + size)
    return -math.log(prior.gamma) - apart
