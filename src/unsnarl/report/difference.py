"""Two clusterings compared: what became of each cluster, in tables, in numbers and in lines for a terminal."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.files.frames import to_native
from unsnarl.files.labels import Labelled, find_places, read_any_labels, read_labels
from unsnarl.files.parts import FrameKind
from unsnarl.files.session import Session
from unsnarl.files.tables import unpack
from unsnarl.lineage.changes import CHANGES, UNCHANGED, Lineage, count_changes, trace_changes
from unsnarl.lineage.overlap import ABSENT, find_overlap
from unsnarl.report.export import write_table
from unsnarl.report.findings import Findings
from unsnarl.report.names import describe_changes, make_lineage, show_missing
from unsnarl.report.summary import count_of, format_table

N_WORST = 10
"""Changes that are shown."""

_N_SHOWN = 4
"""Clusters of one side of a change that are named in a line."""

_N_ROWS = 100
"""Rows of a change that are given, those with most records."""


@dataclass(frozen=True)
class Difference:
    """Hold what became of each cluster between two clusterings.

    lineage  the table: change, old_cluster_id, new_cluster_id, n_records, worst first; a frame
    changes  by kind of change: n_changes, n_old_clusters, n_new_clusters, n_records

    traced            the same in numbers
    old_ids, new_ids  what the clusters are called
    n_records         records before, after, in both
    """

    traced: Lineage
    old_ids: NDArray[Any]
    new_ids: NDArray[Any]
    n_records: tuple[int, int, int]

    def __repr__(self) -> str:
        return f"<unsnarl.Difference: {self.lines(0)[0]}>"

    @cached_property
    def changes(self) -> dict[str, dict[str, int]]:
        """Count the changes by kind."""
        return describe_changes(count_changes(self.traced))

    @cached_property
    def lineage(self) -> Any:
        """What became of each cluster, worst first: a pandas, Polars or Arrow frame, whichever is installed."""
        with Session(threads=1) as session:
            table = show_missing(unpack(make_lineage(self.traced, self.old_ids, self.new_ids)))
            return to_native(session, table, FrameKind("path"))

    def is_same(self) -> bool:
        """Say whether both are the same records in the same clusters, whatever these are called."""
        return bool((self.traced.change == UNCHANGED).all())

    def worst(self, n_changes: int = N_WORST) -> list[dict[str, Any]]:
        """Describe the worst changes, each with its clusters on either side and the records of each that are in both.

        n_changes  how many at most; clusters that have not changed are left out
        """
        traced = self.traced
        ends = np.searchsorted(traced.group, np.arange(min(n_changes, len(traced.n_moved)) + 1)).tolist()
        spans = [span for span in itertools.pairwise(ends) if traced.change[span[0]] != UNCHANGED]
        return [self._describe(group, slice(*span)) for group, span in enumerate(spans)]

    def _describe(self, group: int, span: slice) -> dict[str, Any]:
        """Describe one change; of very many rows those with most records."""
        traced = self.traced
        old, new = traced.old[span], traced.new[span]
        rows = [
            {"old_cluster_id": self._name(0, before), "new_cluster_id": self._name(1, after), "n_records": count}
            for before, after, count in zip(
                old[:_N_ROWS].tolist(), new[:_N_ROWS].tolist(), traced.n_records[span][:_N_ROWS].tolist(), strict=True
            )
        ]
        return {
            "change": CHANGES[traced.change[span.start]],
            **{name: int(getattr(traced, name)[group]) for name in ("n_moved", "n_added", "n_removed")},
            **{name: len(np.unique(ids[ids != ABSENT])) for name, ids in (("n_old", old), ("n_new", new))},
            "rows": rows,
        }

    def _name(self, side: int, number: int) -> str | None:
        return None if number == ABSENT else str((self.old_ids, self.new_ids)[side][number])

    def as_dict(self, n_worst: int = N_WORST) -> dict[str, Any]:
        """Give all numbers, and the worst changes."""
        before, after, both = self.n_records
        return {
            "is_same": self.is_same(),
            "n_records_before": before,
            "n_records_after": after,
            "n_records_in_both": both,
            "n_clusters_before": len(self.old_ids),
            "n_clusters_after": len(self.new_ids),
            "n_records_moved": int(self.traced.n_moved.sum()),
            "changes": self.changes,
            "worst": self.worst(n_worst),
        }

    def lines(self, n_worst: int = N_WORST) -> list[str]:
        """Lay the counts out, and the worst changes."""
        before, after, both = self.n_records
        sizes = [
            f"{count_of(n_records, 'record')} in {count_of(len(ids), 'cluster')}"
            for n_records, ids in ((before, self.old_ids), (after, self.new_ids))
        ]
        moved = int(self.traced.n_moved.sum())
        opening = f"{sizes[0]} before, {sizes[1]} after; {both:,} records in both, {moved:,} of them moved"
        rows = [["change", "changes", "clusters before", "after", "records"]]
        rows += [[change, *(f"{n:,}" if n else "." for n in count.values())] for change, count in self.changes.items()]
        lines = [opening, "", *format_table(rows)]
        shown = [_describe(change) for change in self.worst(n_worst)]
        return lines + (["", "worst first:", "", *shown] if shown else [])

    def write(self, path: str | os.PathLike[str], force: bool = False) -> None:
        """Write the lineage to one file, .parquet or .csv by its ending.

        Raises InputError where it exists and `force` is not given.
        """
        table = unpack(make_lineage(self.traced, self.old_ids, self.new_ids))
        write_table(os.fspath(path), "lineage", table, force)


def _name_clusters(rows: Sequence[dict[str, Any]], side: str, n_clusters: int) -> str:
    """Name the clusters of one side of a change, those with most records first."""
    n_records: dict[str, int] = {}
    for row in rows:
        if row[side] is not None:
            n_records[row[side]] = n_records.get(row[side], 0) + row["n_records"]
    first = [f"{name} ({count:,})" for name, count in list(n_records.items())[:_N_SHOWN]]
    more = n_clusters - len(first)
    return " + ".join([*first, *([f"{more:,} more"] if more else [])])


def _describe(change: dict[str, Any]) -> str:
    """Say one change in a line: what kind, how many records, which clusters."""
    kinds = {"moved": change["n_moved"], "added": change["n_added"], "removed": change["n_removed"]}
    amounts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)
    sides = [_name_clusters(change["rows"], f"{side}_cluster_id", change[f"n_{side}"]) for side in ("old", "new")]
    return f"  {change['change']:<10}  {amounts}: {' -> '.join(side for side in sides if side)}"


def _read(session: Session, given: Any, record_id: str | None, cluster_id: str | None) -> Labelled:
    """Read one of the two, which may be a Result."""
    found = getattr(given, "found", None)
    if not isinstance(found, Findings):
        return read_any_labels(session, given, record_id, cluster_id)
    clusters = found.tables["clusters"]
    view = session.register("clusters", {"c0": clusters["id"], "c1": clusters["cluster_id"]})
    return read_labels(session, f"SELECT c0 AS id, c1 AS label FROM {view} ORDER BY id")


def compare(before: Any, after: Any, record_id: str | None, cluster_id: str | None) -> Difference:
    """Compare two clusterings; see `unsnarl.diff`."""
    with Session() as session:
        old, new = (_read(session, given, record_id, cluster_id) for given in (before, after))
        place = find_places(session, old.table, new.table, len(old.number_of))
    overlap = find_overlap(old.number_of, new.number_of, place)
    traced = trace_changes(overlap, old.number_of, new.number_of)
    sizes = (len(old.number_of), len(new.number_of), int((place != ABSENT).sum()))
    return Difference(traced, old.labels, new.labels, sizes)
