"""What people decided, in the tables of a RUN: how often each record is named, and of each event what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.decisions.entries import AT, BY, NAME
from unsnarl.decisions.events import KINDS
from unsnarl.files.session import Columns
from unsnarl.files.tables import Names, TableColumns
from unsnarl.model import Clustering
from unsnarl.report.decided_tables import Decided
from unsnarl.report.effects import Effects, find_effects
from unsnarl.report.ruling import STATUSES, Ruled, Ruling
from unsnarl.report.standoffs import Standoffs
from unsnarl.report.statements import Statements
from unsnarl.report.summary import count_of
from unsnarl.slices import Slices

CHANGED, ALREADY_SO = "changed", "already so"
EFFECTS = ("", CHANGED, ALREADY_SO)
"""What events did; nothing, where they do not apply."""


@dataclass(frozen=True)
class Compared:
    """Hold the answers with decisions and without.

    now, before  clusters with decisions, and without
    blocked      for each event that blocked a merge the best of these; how near the two were is `distance`
    measure      what that is: distance or log_odds
    """

    now: Clustering
    before: Clustering
    blocked: Standoffs
    measure: str


def _place(texts: NDArray[Any], places: NDArray[np.int64], n_rows: int) -> Names:
    """Put some texts into a column that is empty else."""
    said = Slices.of(texts.tolist())
    starts, lengths = np.zeros((2, n_rows), dtype=np.int64)
    starts[places], lengths[places] = said.starts, said.lengths
    return Names(Slices(said.words, starts, lengths), np.arange(n_rows, dtype=np.int32))


def _make_table(ruling: Ruling, effects: Effects, found: Compared, ids: Any) -> TableColumns:
    """Make a row for each event of the log, in its order."""
    assert ruling.log is not None
    said, n_events, places = ruling.log.events.columns, len(ruling.log.events), ruling.applied
    everyone = np.arange(n_events, dtype=np.int32)
    effect, n_records, n_moved = np.zeros((3, n_events), dtype=np.int32)
    effect[places] = np.where(effects.changed, EFFECTS.index(CHANGED), EFFECTS.index(ALREADY_SO))
    n_records[places], n_moved[places] = effects.n_records, effects.n_moved
    distance, blocking = np.full(n_events, np.nan), places[found.blocked.row]
    distance[blocking] = found.blocked.distance
    return {
        "event": Names(said.field(NAME), everyone),
        "kind": Names(Slices.of(KINDS), said.kinds.astype(np.int32)),
        "by": Names(said.field(BY), everyone),
        "at": Names(said.field(AT), everyone),
        "status": Names(Slices.of(STATUSES), ruling.status.astype(np.int32)),
        "effect": Names(Slices.of(EFFECTS), effect),
        "n_records": n_records,
        "n_moved": n_moved,
        "blocked_left": _place(ids[found.blocked.left], blocking, n_events),
        "blocked_right": _place(ids[found.blocked.right], blocking, n_events),
        f"blocked_{found.measure}": distance,
    }


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


def begin_decided(ruled: Ruled | None, n_records: int) -> Decided | None:
    """Give what is known of decisions before anybody has looked what they did: who is named by them."""
    if ruled is None:
        return None
    return Decided(count_named(ruled.said, n_records) if len(ruled.ruling.applied) else {})


def make_decided(ruled: Ruled, ids: Any, found: Compared) -> Decided:
    """Say what decisions did, and which clusters hold several records of one source. Cost: O(n log n)."""
    ruling = ruled.ruling
    decided = begin_decided(ruled, len(ids))
    assert decided is not None
    if ruling.log is not None:
        effects = find_effects(ruled.said, found.now, found.before)
        table = _make_table(ruling, effects, found, ids)
        counts, notes = _describe(ruling, int(effects.changed.sum()), len(found.blocked.row))
        decided = replace(decided, table=table, counts=counts, notes=notes)
    return add_violations(decided, ruled, ids, found.now)


def add_violations(decided: Decided, ruled: Ruled, ids: Any, clustering: Clustering) -> Decided:
    """Add the clusters that hold several records of one source, worst first. Cost: O(n log n)."""
    sources, source_of = ruled.ruling.sources, ruled.source_of
    if sources is None:
        return decided
    held = np.flatnonzero(source_of >= 0)
    places = clustering.cluster_of[held].astype(np.int64) << 32 | source_of[held]
    place, count = np.unique(places, return_counts=True)
    order = np.argsort(-count, kind="stable")[: int((count > 1).sum())]
    cluster, code, count = (place[order] >> 32).astype(np.int32), place[order] & 0xFFFFFFFF, count[order]
    names = np.array([sources.names[i] for i in code.tolist()], dtype=object)
    table = {"cluster_id": Names(ids, cluster), "source": names, "n_records": count.astype(np.int32)}
    counts = {**decided.counts, "one_per": {"n_violations": len(order), "n_records": int(count.sum())}}
    notes = decided.notes
    if len(order):
        shown = zip(cluster.tolist()[:5], names.tolist(), count.tolist(), strict=False)
        said = "".join(f"\n  {ids[i]!r}: {n:,} of {name!r}" for i, name, n in shown)
        what = count_of(len(order), "time")
        notes += (f"{what} a cluster has several records of one source (--one-per){said}",)
    return replace(decided, violations=table, counts=counts, notes=notes)
