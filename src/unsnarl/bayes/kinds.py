"""Records of exactly the same terms are one kind; terms are numbered anew, by falling frequency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsnarl.kernels.arrays import Records, make_records
from unsnarl.kernels.bhc.state import ENTRY
from unsnarl.model import Index, Terms

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Kinds:
    """Hold the kinds, in the order of their smallest records.

    copies      int32[r]  records with terms, kind by kind, increasing inside each
    first_copy  int32[k]  where the copies of each kind begin
    n_copies    int32[k]
    n_terms     int32[k]  distinct terms that other records have too
    n_lonely    int32[k]  distinct terms that no other record has
    n_tokens    int32[k]  sum of all counts
    start       int64[k]  first entry of each kind
    entries     ENTRY[e]  the shared terms of each kind; for the Bernoulli model then (1, number of all terms)
    kept        int64[K]  the old number of each shared term
    n_with      int64[K]  records with each shared term
    """

    copies: Index
    first_copy: Index
    n_copies: Index
    n_terms: Index
    n_lonely: Index
    n_tokens: Index
    start: Counts
    entries: Records
    kept: Counts
    n_with: Counts

    def __len__(self) -> int:
        return len(self.first_copy)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter 64-bit numbers, so that sums of them tell sets apart."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _digest(terms: Terms, count: Index) -> NDArray[np.uint64]:
    """Give each record a number that equal sets of terms share, and others hardly ever do."""
    key = (terms.term.astype(np.uint64) << np.uint64(32)) | count.astype(np.uint64)
    sums: NDArray[np.uint64] = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(_mix(key + np.uint64(1)))])
    return sums[terms.first[1:]] - sums[terms.first[:-1]]


def _is_equal(terms: Terms, count: Index, a: Index, b: Index) -> NDArray[np.bool_]:
    """Say for each pair of records of as many terms whether their terms are the same."""
    length = terms.first[a + 1] - terms.first[a]
    pair = np.repeat(np.arange(len(a)), length)
    step = np.arange(len(pair)) - np.repeat(np.cumsum(length) - length, length)
    left, right = terms.first[a][pair] + step, terms.first[b][pair] + step
    differs = (terms.term[left] != terms.term[right]) | (count[left] != count[right])
    is_equal: NDArray[np.bool_] = np.bincount(pair[differs], minlength=len(a)) == 0
    return is_equal


def group_equal(terms: Terms, count: Index, records: Index) -> Index:
    """Give each record the smallest of those that have exactly its terms.

    Records with the same digest are compared in full; one that differs, which does not happen by chance, stays alone.
    Cost: O(n log n + m).
    """
    length = np.diff(terms.first)[records]
    digest = _digest(terms, count)[records]
    order = np.lexsort((records, digest, length))
    ordered = records[order]
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (np.diff(length[order]) != 0) | (digest[order][1:] != digest[order][:-1])
    leader = ordered[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    leader = np.where(_is_equal(terms, count, ordered, leader), leader, ordered)
    group = np.empty(len(records), dtype=np.int32)
    group[order] = leader
    return group


def _renumber(terms: Terms) -> tuple[Counts, Counts, Index]:
    """Number the terms of two or more records by falling frequency: old numbers, frequencies, and new by old (-1)."""
    n_with = np.bincount(terms.term, minlength=terms.n_terms)
    order = np.argsort(-n_with, kind="stable")
    kept = order[n_with[order] > 1]
    number = np.full(terms.n_terms, -1, dtype=np.int32)
    number[kept] = np.arange(len(kept), dtype=np.int32)
    return kept, n_with[kept], number


def _lay_out(
    terms: Terms, count: Index, leaders: Index, number: Index, with_bars: bool
) -> tuple[Records, Counts, Index]:
    """Write the shared terms of some records, most frequent first; give entries, starts and numbers of terms."""
    length = np.diff(terms.first)[leaders]
    of_kind = np.repeat(np.arange(len(leaders)), length)
    step = np.arange(len(of_kind)) - np.repeat(np.cumsum(length) - length, length)
    at = np.repeat(terms.first[leaders], length) + step
    new = number[terms.term[at]]
    is_shared = new >= 0
    of_kind, new, found = of_kind[is_shared], new[is_shared], count[at][is_shared]
    order = np.lexsort((new, of_kind))
    n_shared = np.bincount(of_kind, minlength=len(leaders))
    room = n_shared + int(with_bars)
    start = np.cumsum(room) - room
    entries = make_records(int(room.sum()), ENTRY)
    place = np.arange(len(order)) + int(with_bars) * of_kind[order]
    entries["term"][place], entries["count"][place] = new[order], found[order]
    if with_bars:
        entries["term"][start + n_shared], entries["count"][start + n_shared] = 1, length
    return entries, start, n_shared.astype(np.int32)


def find_kinds(terms: Terms, model: str, one_by_one: bool, grouped: Index, apart: Index) -> Kinds:
    """Find the kinds among the records that have terms, or must be with others.

    model       for bernoulli a count above 1 is a 1
    one_by_one  True to make each record a kind of its own
    grouped     records that are here even without terms
    apart       records that must be alone in their kind

    Cost: O(n log n + m log m).
    """
    count = np.ones_like(terms.count) if model == "bernoulli" else terms.count
    records = np.union1d(np.flatnonzero(np.diff(terms.first) > 0), grouped).astype(np.int32)
    group = records.copy() if one_by_one else group_equal(terms, count, records)
    if len(apart):
        alone = np.isin(records, apart)
        group = np.where(alone, -1 - records, group)
        # A kind may have lost its smallest record, so its name is found anew.
        _, which = np.unique(group, return_inverse=True)
        smallest = np.full(which.max() + 1, np.iinfo(np.int32).max, dtype=np.int32)
        np.minimum.at(smallest, which, records)
        group = smallest[which]
    order = np.lexsort((records, group))
    leaders, first_copy, n_copies = np.unique(group[order], return_index=True, return_counts=True)
    kept, n_with, number = _renumber(terms)
    entries, start, n_terms = _lay_out(terms, count, leaders, number, model == "bernoulli")
    sums = np.concatenate([[0], np.cumsum(count, dtype=np.int64)])
    n_tokens = (sums[terms.first[1:]] - sums[terms.first[:-1]])[leaders]
    n_lonely = np.diff(terms.first)[leaders] - n_terms
    return Kinds(
        copies=records[order],
        first_copy=first_copy.astype(np.int32),
        n_copies=n_copies.astype(np.int32),
        n_terms=n_terms,
        n_lonely=n_lonely.astype(np.int32),
        n_tokens=n_tokens.astype(np.int32),
        start=start,
        entries=entries,
        kept=kept,
        n_with=n_with,
    )
