"""The prior: what is taken for likely before a record has been seen, and the tables that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import UsageError
from unsnarl.kernels.bhc.fixed_point import POWERS, UNITS, write_absent_sums, write_log_sums
from unsnarl.kernels.bhc.state import Weights
from unsnarl.model import Float, Terms

Counts = NDArray[np.int64]

DEFAULT_STRENGTH = {"multinomial": 10.0, "bernoulli": 1.0}
RECORDS_PER_GROUP = 20
"""Without a gamma, one for each so many records: about what left trials with the right number of clusters."""

MAX_TOKENS = 200_000_000
"""With more, sums of logarithms could leave 64 bits."""


@dataclass(frozen=True)
class Prior:
    """Hold the hyper-parameters.

    model     multinomial: tokens of a cluster come from a Dirichlet; bernoulli: each term is there or not, from a Beta
    gamma     concentration of the Dirichlet process, > 0: more makes more clusters
    strength  multinomial: the sum of all beta, in tokens; bernoulli: b of every Beta(a, b), in records
    kind      frequency: a term's share of the prior follows from how common it is; uniform: all terms have the same
    mean      with uniform and bernoulli: the mean of every Beta, or None for the average over terms
    """

    model: str
    gamma: float
    strength: float
    kind: str = "frequency"
    mean: float | None = None

    def scaled(self, factor: float) -> Prior:
        """Give the prior for a sample, or for the whole of one: gamma goes with the number of records."""
        return replace(self, gamma=self.gamma * factor)


@dataclass(frozen=True)
class Census:
    """Count what the prior rests on, over all records.

    n_records       records with terms
    n_with, n_all   int64[V]  records with each term, and its total count
    """

    n_records: int
    n_with: Counts
    n_all: Counts


def take_census(terms: Terms, model: str) -> Census:
    """Count terms; for the Bernoulli model a count above 1 is a 1. Cost: O(m)."""
    n_with = np.bincount(terms.term, minlength=terms.n_terms)
    if model == "bernoulli":
        n_all = n_with
    else:
        n_all = np.zeros(terms.n_terms, dtype=np.int64)
        np.add.at(n_all, terms.term, terms.count)
    return Census(int((np.diff(terms.first) > 0).sum()), n_with, n_all)


def find_masses(prior: Prior, census: Census) -> Float:
    """Give each term its beta (multinomial) or a (bernoulli).

    With `frequency` the mean of the prior is what the records show: beta_t = strength * share of all tokens, and
    a_t = b * m / (1 - m) with m = (records with the term + 1/2) / (records + 1).
    """
    if prior.model == "multinomial":
        if prior.kind == "uniform":
            return np.full(len(census.n_all), prior.strength / max(len(census.n_all), 1))
        return prior.strength * census.n_all / max(int(census.n_all.sum()), 1)
    mean = (census.n_with + 0.5) / (census.n_records + 1)
    if prior.kind == "uniform":
        level = prior.mean if prior.mean is not None else float(mean.sum()) / max(len(mean), 1)
        mean = np.full(len(mean), level)
    return prior.strength * mean / (1.0 - mean)


def _sum_logs(first: float, length: int) -> Counts:
    """Give the logarithms of the rising factorials of `first`, in units: 0 .. length - 1 factors."""
    sums = np.zeros(max(length, 1), dtype=np.int64)
    write_log_sums(first, sums)
    return sums


def _make_levels(masses: Float, most: Counts) -> tuple[Counts, Counts]:
    """Make one table of logarithms for each distinct mass, and say where that of each term begins."""
    values, which = np.unique(masses, return_inverse=True)
    longest = np.zeros(len(values), dtype=np.int64)
    np.maximum.at(longest, which, most)
    starts = np.concatenate([[0], np.cumsum(longest + 1)])
    # Entries of clusters that are gone are added up before they are passed over, and may ask for twice a row.
    levels = np.zeros(int(starts[-1]) + int(longest.max(initial=0)) + 1, dtype=np.int64)
    for value, start, stop in zip(values.tolist(), starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        write_log_sums(value, levels[start:stop])
    return levels, starts[which]


def _sum_absent(masses: Float, strength: float, n_records: int) -> Counts:
    """Give the logarithm of the chance that 0 .. n records lack every term, in units."""
    values, n_terms = np.unique(masses, return_counts=True)
    values, n_terms = values[::-1].copy(), n_terms[::-1].astype(np.int64)
    sums = np.zeros(n_records + 1, dtype=np.int64)
    write_absent_sums(values, n_terms, strength, np.zeros((len(values) + 1, POWERS)), sums)
    return sums


def make_weights(prior: Prior, census: Census, kept: Counts, n_records: int, n_tokens: int) -> Weights:
    """Make the tables of the model.

    census     what the prior rests on; of all records, also where a sample is clustered
    kept       int64[K]  the terms that can be shared, in the order of their new numbers
    n_records, n_tokens  the most a cluster can have

    Cost: one logarithm for each record, token and term.
    """
    if n_tokens > MAX_TOKENS:
        raise UsageError(f"{n_tokens:,} tokens are more than one run can add up ({MAX_TOKENS:,}).")
    masses = find_masses(prior, census)
    levels, row_of = _make_levels(masses[kept], census.n_all[kept])
    factorials = _sum_logs(1.0, n_records)
    by_records = np.concatenate([[0], factorials]) + round(math.log(prior.gamma) * UNITS)
    if prior.model == "bernoulli":
        by_extent = _sum_absent(masses, prior.strength, n_records)
        absent = _sum_logs(prior.strength, n_records + 1)
    else:
        by_extent = -_sum_logs(float(masses.sum()) if prior.kind == "uniform" else prior.strength, n_tokens + 1)
        absent = np.zeros(0, dtype=np.int64)
    most = census.n_all[kept].astype(np.int32)
    return Weights(levels, row_of, most, by_records, by_extent, absent)
