"""What decisions and rules came to, found out while the first files are being written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from unsnarl import solve
from unsnarl.collector import collector_at_rest
from unsnarl.dendrogram import cut_forest
from unsnarl.model import Clustering, Components, Constraints, Forest, Pairs
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
from unsnarl.report.timing import Clock, Later


@dataclass(frozen=True)
class _Without:
    """Hold what is needed to link some components as if nobody had decided anything.

    link        links components of pairs under constraints
    components  finds the components of pairs at the threshold
    rules       what holds all the same
    """

    link: Callable[[Pairs, Components, Constraints], Forest]
    components: Callable[[Pairs], Components]
    rules: Constraints

    def solve(self, pairs: Pairs, is_touched: NDArray[np.bool_]) -> Forest:
        """Link the pairs of some records. Cost: that of linking them."""
        kept = is_touched[pairs.left]
        some = Pairs(pairs.left[kept], pairs.right[kept], pairs.score[kept], pairs.n_records)
        return self.link(some, self.components(some), self.rules)


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
    link = link_constrained(given.threads, chosen.linkage, None)
    find = partial(solve.find_components, threshold=chosen.threshold)
    is_touched = find_touched(components, ruled.constraints, rules_too=False)
    base = _Without(link, find, ruled.rules).solve(given.pairs, is_touched)
    before = np.where(is_touched, cut_forest(base, chosen.cut).cluster_of, found.clustering.cluster_of)
    must_of = ruled.constraints.must_of
    answer = Answer(found.forest, found.clustering, given.pairs, must_of, chosen.linkage, chosen.cut)
    blocked = find_blocked(answer, list_heads(ruled.said))
    compared = replace(same, before=Clustering(before.astype(np.int32)), blocked=blocked)
    is_unchanged = find_same_components(found.forest, base, components, is_touched) | ~is_touched
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
