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
class _Problem:
    """Hold whole components, their records numbered 0 .. k - 1.

    component_of  int32[k]
    rules         what holds whatever people decide
    forest        the merges under decisions
    """

    pairs: Pairs
    component_of: Index
    rules: Constraints
    forest: Forest

    def pick(self, is_chosen: NDArray[np.bool_]) -> tuple[_Problem, Index]:
        """Take some of the components, so that work on them costs nothing for the others; gives their records too.

        is_chosen  bool[k]  marks their records, which keep their order
        """
        records = np.flatnonzero(is_chosen).astype(np.int32)
        rank = np.zeros(len(is_chosen), dtype=np.int32)
        rank[records] = np.arange(len(records), dtype=np.int32)
        forest, rules, n_records = self.forest, self.rules, len(records)
        kept, made = np.flatnonzero(is_chosen[self.pairs.left]), np.flatnonzero(is_chosen[forest.left])
        linked, told = is_chosen[rules.left], is_chosen[rules.member]
        left, right = (rank[column[kept]] for column in (self.pairs.left, self.pairs.right))
        component, one, other = (rank[column[made]] for column in (forest.component, forest.left, forest.right))
        held = Constraints(
            rank[rules.must_of[records]],
            rank[rules.left[linked]],
            rank[rules.right[linked]],
            rank[rules.member[told]],
            rules.family[told],
        )
        some = _Problem(
            Pairs(left, right, self.pairs.score[kept], n_records),
            rank[self.component_of[records]],
            held,
            Forest(component, one, other, forest.distance[made], forest.size[made], n_records),
        )
        return some, records

    def link(self, threads: int, chosen: Settings, until: float) -> Forest:
        """Link them as if nobody had decided anything, up to a distance at least."""
        link = link_constrained(threads, chosen.linkage, None, until)
        return link(self.pairs, solve.find_components(self.pairs, chosen.threshold), self.rules)


def _compare(given: Input, found: Findings, is_touched: NDArray[np.bool_]) -> tuple[Clustering, NDArray[np.bool_]]:
    """Give the clusters there would be without decisions, and mark the records of components with the same merges.

    is_touched  the records of components that decisions lie in

    Cost: that of linking these, and O(n).
    """
    assert given.ruled is not None
    chosen, cut = found.settings, snap_distance(found.settings.cut)
    whole = _Problem(given.pairs, given.components.component_of, given.ruled.rules, found.forest)
    some, records = whole.pick(is_touched)
    base = some.link(given.threads, chosen, cut)
    before = found.clustering.cluster_of.copy()
    before[records] = records[cut_forest(base, cut).cluster_of]
    is_same = find_same_components(some.forest, base, some.component_of, cut)
    if is_same.any():
        # Few look the same as far as the cut; whether they are needs all their merges.
        few, places = some.pick(is_same)
        is_same[places] = find_same_components(few.forest, few.link(given.threads, chosen, 1.0), few.component_of)
    is_unchanged = ~is_touched
    is_unchanged[records] = is_same
    return Clustering(before), is_unchanged


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
