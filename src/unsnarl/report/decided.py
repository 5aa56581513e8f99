"""What people decided, in the tables of a RUN: how often each record is named, and of each event what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.dendrogram import cut_forest
from unsnarl.files.session import Columns
from unsnarl.files.tables import Names
from unsnarl.model import Clustering, Components, Constraints, Forest, Pairs
from unsnarl.report.blocked import Answer, find_blocked
from unsnarl.report.decided_tables import Decided, make_decision_table
from unsnarl.report.effects import Effects, find_effects, find_same_components
from unsnarl.report.intake import Input
from unsnarl.report.ruling import Ruling, find_touched
from unsnarl.report.standoffs import Standoffs
from unsnarl.report.statements import Statements, list_heads
from unsnarl.report.summary import count_of

CHANGED, ALREADY_SO = "changed", "already so"


@dataclass(frozen=True)
class Without:
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


def _make_table(ruling: Ruling, effects: Effects | None, blocked: Standoffs | None, ids: Any) -> Columns:
    """Make a row for each event of the log, in its order."""
    assert ruling.log is not None
    events = ruling.log.events
    table = make_decision_table(events, ruling.status)
    if effects is None:
        return table
    place_of = {event.event: place for place, event in enumerate(events)}
    places = np.array([place_of[event.event] for event in ruling.applied], dtype=np.int64)
    table["effect"][places] = np.where(effects.changed, CHANGED, ALREADY_SO)
    table["n_records"][places] = effects.n_records
    table["n_moved"][places] = effects.n_moved
    if blocked is not None:
        places = places[blocked.row]
        table["blocked_left"][places], table["blocked_right"][places] = ids[blocked.left], ids[blocked.right]
        table["blocked_distance"][places] = blocked.distance
    return table


def count_named(said: Statements, n_records: int) -> Columns:
    """Count for each record the applied events that name it, by what they say."""
    columns = {}
    for name, says in (("decided_same", said.ties), ("decided_different", said.separates)):
        records = said.record[says[said.event]]
        columns[name] = np.bincount(records, minlength=n_records).astype(np.int32)
    return columns


def _describe(ruling: Ruling, n_changed: int, n_blocked: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Count what events did, and say it."""
    n_applied = len(ruling.applied)
    did = {"n_changed": n_changed, "n_already_so": n_applied - n_changed, "n_blocked_merges": n_blocked}
    counts = ruling.counts()
    counts["decisions"] = {**counts["decisions"], **did}
    said = f"{count_of(n_applied, 'decision')} applied: {n_changed:,} changed the result, "
    said += f"{n_applied - n_changed:,} were so already; {n_blocked:,} blocked merges"
    return counts, (said, *ruling.notes)


def make_decided(given: Input, answer: Answer, without: Without) -> tuple[Decided, NDArray[np.bool_]]:
    """Find out what decisions did; marks too the records of components that have the merges they would have without.

    given    what came in, decisions among it
    answer   what came out

    Cost: that of linking the components they touch once more, and O(n log n).
    """
    assert given.ruled is not None
    ruling, components, said = given.ruled.ruling, given.components, given.ruled.said
    if not ruling.applied:
        everywhere = np.ones(len(given.ids), dtype=np.bool_)
        counts, notes = _describe(ruling, 0, 0)
        return Decided({}, _make_table(ruling, None, None, given.ids), counts=counts, notes=notes), everywhere
    is_touched = find_touched(components, given.ruled.constraints, rules_too=False)
    base = without.solve(given.pairs, is_touched)
    before = cut_forest(base, answer.cut).cluster_of
    before = np.where(is_touched, before, answer.clustering.cluster_of).astype(np.int32)
    effects = find_effects(said, answer.clustering, Clustering(before))
    blocked = find_blocked(answer, list_heads(said))
    columns, table = count_named(said, len(given.ids)), _make_table(ruling, effects, blocked, given.ids)
    is_unchanged = find_same_components(answer.forest, base, components, is_touched) | ~is_touched
    counts, notes = _describe(ruling, int(effects.changed.sum()), len(blocked.row))
    return Decided(columns, table, counts=counts, notes=notes), is_unchanged


def add_violations(decided: Decided, given: Input, clustering: Clustering) -> Decided:
    """Add the clusters that hold several records of one source, worst first. Cost: O(n log n)."""
    assert given.ruled is not None
    sources, source_of = given.ruled.ruling.sources, given.ruled.source_of
    if sources is None:
        return decided
    held = np.flatnonzero(source_of >= 0)
    places = clustering.cluster_of[held].astype(np.int64) << 32 | source_of[held]
    place, count = np.unique(places, return_counts=True)
    order = np.argsort(-count, kind="stable")[: int((count > 1).sum())]
    cluster, code, count = (place[order] >> 32).astype(np.int32), place[order] & 0xFFFFFFFF, count[order]
    names = np.array([sources.names[i] for i in code.tolist()], dtype=object)
    table = {"cluster_id": Names(given.ids, cluster), "source": names, "n_records": count.astype(np.int32)}
    counts = {**decided.counts, "one_per": {"n_violations": len(order), "n_records": int(count.sum())}}
    notes = decided.notes
    if len(order):
        shown = zip(cluster.tolist()[:5], names.tolist(), count.tolist(), strict=False)
        said = "".join(f"\n  {given.ids[i]!r}: {n:,} of {name!r}" for i, name, n in shown)
        what = count_of(len(order), "time")
        notes += (f"{what} a cluster has several records of one source (--one-per){said}",)
    return replace(decided, violations=table, counts=counts, notes=notes)
