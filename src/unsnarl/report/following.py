"""A run that goes on from another: the clusters of the one before, read beside the records of this one."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from unsnarl.errors import InputError
from unsnarl.files.arrow import Column, as_texts
from unsnarl.files.labels import read_retired
from unsnarl.files.parts import first_line
from unsnarl.files.runs import RunFiles, open_run
from unsnarl.files.session import EngineError, Session
from unsnarl.files.tables import IdList
from unsnarl.interning import Dictionary, Ids, hash_texts
from unsnarl.lineage.naming import Before
from unsnarl.model import Clustering
from unsnarl.report.names import ClusterNames, follow, name_by_record

_CONTENT_BYTES = 40


class _Labels:
    """Take the rows of clusters.parquet as they come: where each record stands here, and its cluster there."""

    def __init__(self, ids: Ids) -> None:
        self._records, self._names = Dictionary.of(ids), Dictionary()
        # One empty part, for a run of no records.
        none = np.zeros(0, dtype=np.int32)
        self._place, self._number_of, self._contents = [none], [none], [""]

    def take(self, columns: list[Column]) -> None:
        """Take a batch of id and cluster_id, in the order of ids, and content_id where there is one."""
        n_before = len(self._names)
        number_of = self._names.number(as_texts(columns[1]), adds=True)
        self._place.append(self._records.number(as_texts(columns[0]), adds=False))
        self._number_of.append(number_of)
        if len(columns) > 2:
            # Names that are new have the largest numbers.
            begins = np.unique(number_of, return_index=True)[1]
            n_known = len(begins) - (len(self._names) - n_before)
            each = as_texts(columns[2]).to_bytes().reshape(-1, _CONTENT_BYTES)
            self._contents.append(each[begins[n_known:]].tobytes().decode("ascii"))

    def finish(self, has_contents: bool, retired: frozenset[str]) -> Before:
        """Give all that was taken."""
        names = self._names.unsorted()
        joined = "".join(self._contents)
        contents = np.empty(len(names), dtype=object)
        if has_contents:
            contents[:] = [joined[i : i + _CONTENT_BYTES] for i in range(0, len(joined), _CONTENT_BYTES)]
        return Before(
            number_of=np.concatenate(self._number_of),
            place=np.concatenate(self._place),
            cluster_ids=names[np.arange(len(names), dtype=np.int32)],
            content_ids=contents if has_contents else None,
            retired=retired,
        )


def read_before(session: Session, run: RunFiles, ids: Ids) -> Before:
    """Read the clusters of a RUN, and where its records stand among those of this one.

    ids  of the records of this run

    Raises InputError where the RUN cannot be read. Cost: O(n), a pass over its clusters.
    """
    labels, table = _Labels(ids), run.scan("clusters")
    try:
        has_contents = "content_id" in {name for name, _ in session.describe(table)}
        wanted = "id, cluster_id, content_id" if has_contents else "id, cluster_id"
        session.stream(f"SELECT {wanted} FROM {table}", labels.take)
    except EngineError as error:
        raise InputError(f"{run.path('clusters')} cannot be read: {first_line(error)}") from None
    return labels.finish(has_contents, read_retired(session, run))


def name_clusters(
    ids: IdList, clustering: Clustering, previous: str | os.PathLike[str] | None, has_contents: bool
) -> ClusterNames | None:
    """Name the clusters of a run: after a RUN before, or by their smallest records, with a hash or without.

    ids       of the records of this run
    previous  the RUN it goes on from, as docs/lineage.md has it, or None

    Raises InputError where there is no such RUN, or it cannot be read. Cost: O(n log n).
    """
    if previous is None:
        return name_by_record(ids, clustering, hash_texts) if has_contents else None
    run = open_run(previous)
    known: Any = ids if isinstance(ids, Ids) else Ids.of(ids)
    with Session() as session:
        before = read_before(session, run, known)
    Dictionary.let_go(known)
    return follow(ids, clustering, before, hash_texts)
