"""What decisions and rules came to, found out while the first files are being written."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unsnarl import solve
from unsnarl.background import Later
from unsnarl.collector import collector_at_rest
from unsnarl.dendrogram import cut_forest
from unsnarl.model import Clustering, Constraints, Forest, Index, Pairs, snap_distance
from unsnarl.report.blocked import Answer, find_blocked
from unsnarl.report.decided import Compared, begin_decided, make_decided
from unsnarl.report.decided_tables import Decided
from unsnarl.report.effects import find_same_components
from unsnarl.report.findings import Findings, add_decided
from unsnarl.report.intake import Input
from unsnarl.report.linking import link_constrained
from unsnarl.report.reuse import Contents
from unsnarl.report.ruling import find_touched
from unsnarl.report.standoffs import no_standoffs
from unsnarl.report.statements import list_heads
from unsnarl.report.timing import Clock
from unsnarl.settings import Settings


@dataclass(frozen=True)
class _Some:
    """Hold some records, numbered anew in the same order, so that work on them costs nothing for the others.

    records  int32[k]  increasing
    rank     int32[n]  place of each record among them; of others it means nothing
    """

    records: Index
    rank: Index

    @staticmethod
    def of(is_chosen: NDArray[np.bool_]) -> _Some:
        """Take the records that are marked."""
        records = np.flatnonzero(is_chosen).astype(np.int32)
        rank = np.zeros(len(is_chosen), dtype=np.int32)
        rank[records] = np.arange(len(records), dtype=np.int32)
        return _Some(records, rank)

    def take_pairs(self, pairs: Pairs, is_chosen: NDArray[np.bool_]) -> Pairs:
        """Take the pairs of these records, none of which has a pair with another."""
        kept = np.flatnonzero(is_chosen[pairs.left])
        left, right = self.rank[pairs.left[kept]], self.rank[pairs.right[kept]]
        return Pairs(left, right, pairs.score[kept], len(self.records))

    def take_rules(self, under: Constraints, is_chosen: NDArray[np.bool_]) -> Constraints:
        """Take what holds between these records."""
        linked, told = is_chosen[under.left], is_chosen[under.member]
        return Constraints(
            self.rank[under.must_of[self.records]],
            self.rank[under.left[linked]],
            self.rank[under.right[linked]],
            self.rank[under.member[told]],
            under.family[told],
        )

    def put_back(self, forest: Forest) -> Forest:
        """Give merges of these records the numbers that they have among all."""
        component, left, right = (self.records[column] for column in (forest.component, forest.left, forest.right))
        return Forest(component, left, right, forest.distance, forest.size, len(self.rank))


def _link_without(given: Input, chosen: Settings, is_touched: NDArray[np.bool_], until: float) -> Forest:
    """Link some records, whole components, as if nobody had decided anything, up to a distance at least.

    Cost: that of linking them.
    """
    assert given.ruled is not None
    some = _Some.of(is_touched)
    pairs = some.take_pairs(given.pairs, is_touched)
    link = link_constrained(given.threads, chosen.linkage, None, until)
    rules = some.take_rules(given.ruled.rules, is_touched)
    return some.put_back(link(pairs, solve.find_components(pairs, chosen.threshold), rules))


def _compare(given: Input, found: Findings, is_touched: NDArray[np.bool_]) -> tuple[Clustering, NDArray[np.bool_]]:
    """Give the clusters there would be without decisions, and mark the records of components with the same merges.

    is_touched  the records of components that decisions lie in
    """
    components, chosen, cut = given.components, found.settings, snap_distance(found.settings.cut)
    base = _link_without(given, chosen, is_touched, cut)
    now = found.forest
    before = np.where(is_touched, cut_forest(base, cut).cluster_of, found.clustering.cluster_of)
    is_same = find_same_components(now, base, components, is_touched, cut)
    if is_same.any():
        # Few look the same as far as the cut; whether they are needs all their merges.
        is_same = find_same_components(now, _link_without(given, chosen, is_same, 1.0), components, is_same)
    return Clustering(before), is_same | ~is_touched


def weigh_decisions(given: Input, found: Findings) -> tuple[Decided, NDArray[np.bool_] | None]:
    """Find out what decisions did, by linking what they touch once more without them.

    Marks too the records of components that have the merges they would have without; None where there are no decisions.
    Cost: that of linking the components they touch once more, and O(n log n).
    """
    assert given.ruled is not None
    ruled, components, chosen = given.ruled, given.components, found.settings
    same = Compared(found.clustering, found.clustering, no_standoffs(), "distance")
    if not len(ruled.ruling.applied):
        is_unchanged = None if ruled.ruling.log is None else np.ones(len(given.ids), dtype=np.bool_)
        return make_decided(ruled, given.ids, same), is_unchanged
    # The families of decisions have the numbers of their events, those of rules come after them.
    is_touched = find_touched(components, ruled.constraints, len(ruled.ruling.applied))
    before, is_unchanged = _compare(given, found, is_touched)
    must_of = ruled.constraints.must_of
    answer = Answer(found.forest, found.clustering, given.pairs, must_of, chosen.linkage, chosen.cut)
    blocked = find_blocked(answer, list_heads(ruled.said))
    compared = replace(same, before=before, blocked=blocked)
    return make_decided(ruled, given.ids, compared), is_unchanged


def add_hashes(found: Findings, hashes: NDArray[np.object_]) -> Findings:
    """Add to the table of components the hash of what each consists of."""
    return replace(found, component_table={**found.component_table, "content_hash": hashes})


def complete(given: Input, found: Findings, contents: Contents, clock: Clock) -> tuple[Findings, Later[Findings]]:
    """Give what was found, and what it will be once it is known what components consist of and what decisions did."""
    if given.ruled is None:
        return found, Later(lambda: add_hashes(found, contents.keys))

    def weigh() -> Findings:
        with clock.time("weighing decisions"), collector_at_rest():
            decided, is_unchanged = weigh_decisions(given, found)
            hashes = contents.settle(is_unchanged)
        return add_decided(add_hashes(found, hashes), decided)

    return replace(found, decided=begin_decided(given.ruled, len(given.ids))), Later(weigh)
