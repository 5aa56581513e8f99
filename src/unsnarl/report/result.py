"""The answer a Python caller gets: frames of their kind, and ways to look at the dendrograms behind them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl import dendrogram
from unsnarl.background import Later
from unsnarl.errors import ResourceError, UsageError
from unsnarl.files.frames import to_native
from unsnarl.files.parts import FrameKind
from unsnarl.files.runs import write_run
from unsnarl.files.session import Session
from unsnarl.files.tables import TableColumns, unpack
from unsnarl.model import Progress
from unsnarl.report.export import format_csv, write_table
from unsnarl.report.findings import Findings
from unsnarl.report.forecast import format_bytes, share_memory
from unsnarl.report.names import say_changes, show_missing
from unsnarl.report.summary import format_summary
from unsnarl.report.timing import Clock
from unsnarl.settings import Settings

MATRIX_LIMIT_BYTES = 1_000_000_000
"""Largest condensed matrix that is made without being asked twice."""


class Result:
    """Hold what a run found: clusters, the dendrograms behind them, and ways to look at both.

    clusters    one row per record: id, cluster_id, cluster_size, component_id, component_size
    merges      one row per merge: component_id, left_id, right_id, distance, size
    components  one row per component of two or more records
    lineage     one row per cluster before and now that share records; None without `previous`
    decisions   one row per event of the log, with what it did; None without `decisions`, or at another cut
    violations  one row per cluster and source of which it has several records; None without `one_per`

    The frames are of the caller's kind: pandas for pandas, Polars for Polars, and so on; for paths
    pandas, Polars or pyarrow, whichever is installed. Records are ordered by id; a cluster, and a
    component, is named by its smallest record id; with `previous` a cluster keeps the id it had.
    `found` holds the arrays behind the frames.
    """

    def __init__(self, found: Findings, kind: FrameKind, rest: Later[Findings] | None = None) -> None:
        self._begun, self._rest = found, rest
        self._kind = kind

    @cached_property
    def found(self) -> Findings:
        """The arrays behind the frames; waits for what is still being found out."""
        return self._begun if self._rest is None else self._rest.wait()

    def __repr__(self) -> str:
        return f"<unsnarl.Result: {self.summary().splitlines()[0]}>"

    @property
    def settings(self) -> Settings:
        """The settings of the run."""
        return self._begun.settings

    def _as_frame(self, table: str) -> Any:
        with Session(self.settings.threads, self.settings.memory_limit) as session:
            return to_native(session, self.found.tables[table], self._kind)

    @cached_property
    def clusters(self) -> Any:
        """One row per record, ordered by id."""
        return self._as_frame("clusters")

    @cached_property
    def merges(self) -> Any:
        """One row per merge below distance 1, by component and then by distance."""
        return self._as_frame("merges")

    @cached_property
    def components(self) -> Any:
        """One row per component of two or more records, ordered by id."""
        return self._as_frame("components")

    @cached_property
    def lineage(self) -> Any:
        """What became of the clusters of the run before, worst first; None where there was none."""
        names = self.found.names
        return None if names is None or names.lineage is None else self._show(names.lineage())

    @cached_property
    def decisions(self) -> Any:
        """What became of each event of the log; None where there was none, or at another cut than that of the run."""
        return self._show_decided("decisions")

    @cached_property
    def violations(self) -> Any:
        """The clusters with several records of one source, worst first; None without `one_per`."""
        return self._show_decided("violations")

    def _show_decided(self, name: str) -> Any:
        decided = self.found.decided
        tables = {} if decided is None else decided.tables()
        return self._show(tables[name][1]) if name in tables else None

    def _show(self, table: TableColumns) -> Any:
        """Give a table as a frame, with what is missing."""
        with Session(self.settings.threads, self.settings.memory_limit) as session:
            return to_native(session, show_missing(unpack(table)), self._kind)

    def at(self, cut: float) -> Result:
        """Cut the same dendrograms at another distance, and give the whole result of that.

        cut  0 .. 1; clusters at this distance or closer are one

        Cost: O(n + number of merges), nothing is linked anew.
        """
        settings = replace(self.settings, cut=cut)  # checks the range
        found = self.found.recut(settings.cut, dendrogram.cut_forest(self.found.forest, settings.cut))
        return Result(found, self._kind)

    def cut(self, cut: float) -> Any:
        """Give the clusters at another cut, as a frame like `clusters`."""
        return self.at(cut).clusters

    def summary(self) -> str:
        """Give the table of component and cluster sizes as text."""
        return "\n".join([*format_summary(self.found.summary()), *self._changes()])

    def _changes(self) -> list[str]:
        """Say what became of the clusters of the run before, where there was one."""
        names = self.found.names
        return [] if names is None or names.changes is None else ["", say_changes(names.changes)]

    def numbers(self) -> dict[str, Any]:
        """Give the numbers of the summary as plain dicts and numbers."""
        return {**self.found.numbers(), **self._change_numbers()}

    def _change_numbers(self) -> dict[str, Any]:
        names = self.found.names
        return {} if names is None or names.changes is None else {"changes": names.changes}

    def write(self, folder: str | os.PathLike[str], force: bool = False, *, progress: Progress | None = None) -> None:
        """Write the RUN: clusters, merges, components and run.json, whole or not at all.

        progress  told when writing begins and ends (default: nobody)

        Raises InputError where the folder exists and `force` is not given.
        """
        with Clock(progress).phase("writing") as spell:
            engine = share_memory(self.settings.memory_limit).writer
            with Session(self.settings.threads, engine) as session:
                # What is counted is written last: that is done meanwhile, or before where memory is short.
                begun = self._begun.begin_run()
                rest = Later(lambda: self.found.finish_run(begun))
                if self.settings.memory_limit is not None:
                    rest.wait()
                write_run(session, folder, replace(begun, rest=rest.wait), force, spell.spent)

    def write_clusters(self, path: str | os.PathLike[str], force: bool = False) -> None:
        """Write the clusters alone to one file, .parquet or .csv by its ending."""
        write_table(os.fspath(path), "clusters", self.found.tables["clusters"], force)

    def format_clusters(self) -> Iterator[str]:
        """Give the clusters as CSV, in blocks of many lines."""
        return format_csv(self.found.tables["clusters"])

    def members(self, component: str | None = None) -> list[str]:
        """Give the record ids of a component, in the order of the leaves of `linkage` and `condensed`.

        component  id of any record in it (default: the largest component)
        """
        texts: list[str] = self.found.ids[self.found.find_members(component)].tolist()
        return texts

    def linkage(self, component: str | None = None) -> NDArray[np.float64]:
        """Give the dendrogram of a component as SciPy's linkage matrix Z.

        component  id of any record in it (default: the largest component)

        Leaf i is `members(component)[i]`. Joins that no pair supports are padded with a distance of
        inf, so that a forest is one tree. Raises UsageError for a component of one record.
        """
        members = self.found.find_members(component)
        if len(members) < 2:
            raise UsageError("A component of one record has no dendrogram.")
        return dendrogram.linkage_matrix(self.found.forest, members)

    def condensed(self, component: str | None = None, limit_bytes: int = MATRIX_LIMIT_BYTES) -> NDArray[np.float64]:
        """Give the condensed distance matrix of a component: 1 - score, and 1 where there is no pair.

        component    id of any record in it (default: the largest component)
        limit_bytes  the largest matrix to make

        Raises ResourceError, which says what the matrix needs, where that is more; UsageError for a
        run read from its folder, which keeps no pairs.
        """
        if self.found.pairs is None:
            raise UsageError("A run read from its folder has no pairs.", hint="Use the result of unsnarl.cluster.")
        members = self.found.find_members(component)
        needed = 8 * (len(members) * (len(members) - 1) // 2)
        if needed > limit_bytes:
            raise ResourceError(
                f"The condensed matrix of {len(members):,} records needs {format_bytes(needed)} ({needed} bytes).",
                hint=f"Pass limit_bytes={needed} to have it all the same; linkage() needs no matrix.",
            )
        return dendrogram.condensed_distances(self.found.pairs, members)

    def condensed_index(self, id_a: str, id_b: str) -> int:
        """Give the position of a pair in the condensed matrix of its component, in either order of the ids.

        Raises UsageError where the two are one record, or in different components.
        """
        return dendrogram.condensed_index(*self.found.find_places(id_a, id_b))
